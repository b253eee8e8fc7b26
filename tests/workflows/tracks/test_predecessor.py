"""A predecessor accord's verdict, carried over as evidence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import condition, pair
from tests.simulation.one_condition import founded
from tests.simulation.play import Play
from tests.simulation.small import digest


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
