"""A predecessor accord's verdict, carried over as evidence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import condition, pair
from tests.simulation.one_condition import founded
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.commands import RecordedEvent
from workflows.tracks.predecessor import CarryOverVerdict, as_real, carried_over_holds


def carried(**fields: Any) -> dict[str, Any]:
    return {
        "condition": "C1",
        "predecessor": "P1",
        "position": 7,
        "leaf": "a" * 64,
        "digest": digest("verdict"),
        "grade": "documented",
        "valid_until": "2030-03-01T00:00:00Z",
        **fields,
    }


def test_a_predecessors_verdict_is_evidence_and_no_verdict_on_it_holds_longer() -> None:
    terms = condition("AA", "bb.verifier", valid_for="P300D")
    play = Play(pair(conditions={"C1": terms}, predecessor={"title": "Earlier", "accord": "accord-0"})).go(
        "founded"
    )
    play.do("aa.obligor", "carry_over_verdict", **carried())
    assert not play.satisfied("C1"), "it is evidence here, which this accord's own verifiers judge"
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[digest("verdict")])
    assert play.satisfied("C1")
    assert play.until("2030-03-01T00:00:00Z") == ("verdict_lapsed",)
    assert play.guard("aa.obligor", "carry_over_verdict", **carried()) == "still_fresh"
    play.do("aa.obligor", "carry_over_verdict", **carried(valid_until=None))


@pytest.mark.parametrize(
    ("by", "fields", "guard"),
    [
        ("aa.obligor", {}, "predecessor_named"),
        ("bb.obligor", {}, "is_obligor"),
        ("aa.obligor", {"condition": "C9"}, "condition_known"),
    ],
)
def test_a_verdict_is_carried_over_by_the_obligor_from_the_predecessor_that_is_named(
    by: str, fields: dict, guard: str
) -> None:
    assert founded().guard(by, "carry_over_verdict", **carried(**fields)) == guard


def test_evidence_that_has_ended_meanwhile_carries_no_verdict() -> None:
    play = Play(pair(predecessor={"title": "Earlier", "accord": "accord-0"})).go("founded")
    play.do("aa.obligor", "carry_over_verdict", **carried())
    play.until("2030-03-01T00:00:00Z")
    named = {"condition": "C1", "evidence": [digest("verdict")]}
    assert play.guard("bb.verifier", "verify_condition", **named) == "validity_ahead"


def earlier_verdict(**terms: Any) -> tuple[Play, CarryOverVerdict, RecordedEvent]:
    """A predecessor's play with a verdict on C1, what would carry it over, and its entry."""
    play = founded(**terms).verify("C1")
    entry = play.last("condition_verified")
    fields = {
        "predecessor": "C1",
        "position": entry.position,
        "digest": play.state.conditions["C1"].evidence[0].digest,
        "grade": "inspected",
        "valid_until": None,
    }
    return play, CarryOverVerdict.model_validate(carried(**fields)), entry


def test_an_earlier_verdict_that_another_one_followed_is_not_carried_over() -> None:
    """On a clock that stands still both have the same time; the one that stands is told by its position."""
    play, wanted, entry = earlier_verdict()
    assert carried_over_holds(wanted, "a" * 64, entry, play.state)
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    play.do(
        "aa.obligor",
        "submit_evidence",
        condition="C1",
        digest=wanted.digest,
        grade="inspected",
        source="Again",
    )
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[wanted.digest])
    assert play.last("condition_verified").time == entry.time
    assert not carried_over_holds(wanted, "a" * 64, entry, play.state)


def test_a_verdict_whose_gate_a_report_has_closed_is_not_carried_over() -> None:
    play, wanted, entry = earlier_verdict(on_change="close")
    play.do(
        "watch",
        "condition_changed",
        condition="C1",
        report="R1",
        source="Sensor",
        observed_at=play.now.isoformat(),
    )
    assert not carried_over_holds(wanted, "a" * 64, entry, play.state)
    play.do("bb.verifier", "confirm_verdict", condition="C1")
    assert carried_over_holds(wanted, "a" * 64, entry, play.state)


@pytest.mark.parametrize(
    ("now", "then", "real"),
    [
        ({}, {}, True),
        ({"illustrative": False}, {}, False),
        ({"illustrative": False}, {"illustrative": False, "clock": "simulated"}, False),
        ({"clock": "simulated"}, {"illustrative": False}, True),
    ],
)
def test_what_was_found_in_a_demonstration_shows_nothing_in_earnest(
    now: dict, then: dict, real: bool
) -> None:
    assert as_real(Play(pair(**now)).state, Play(pair(**then)).state) is real
