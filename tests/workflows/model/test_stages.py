"""The ladder that people see, and what blocks its next rung, on the ordinary way."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import pair, trio
from tests.simulation.play import Play
from workflows.model.rules import GATES, LADDER, blocking, gate, stage
from workflows.tracks.signing.release import release_digest


@pytest.mark.parametrize(
    ("place", "rung", "blocked"),
    [
        ("founded", "invitation", {"invitation_accepted"}),
        ("accepted", "verification", {"condition_satisfied", "understanding_effective"}),
        ("texts", "verification", {"condition_satisfied", "understanding_effective"}),
        ("verified", "drafting", {"understanding_effective"}),
        ("understood", "visit", {"visit_confirmed"}),
        ("confirmed", "visit", {"arrived"}),
        ("arrived", "signing", {"seat_held", "release_agreed"}),
        ("signed", "signing", {"release_agreed"}),
        ("released", "concluded", {"ratified", "in_force", "registered", "condition_satisfied"}),
    ],
)
def test_each_rung_and_what_blocks_the_next(place: str, rung: str, blocked: set[str]) -> None:
    play = Play(trio()).go(place)
    assert stage(play.state) == rung
    assert {check.guard for check in blocking(play.state)} == blocked
    assert all(not check.met and check.reason and check.remedy for check in blocking(play.state))


def test_when_all_is_agreed_the_registrars_release_is_owed() -> None:
    play = Play(pair()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    (owed,) = blocking(play.state)
    assert (owed.guard, owed.met, owed.who) == ("released", False, ("registrar",))
    play.do("registrar", "release_signatures")
    assert blocking(play.state) == ()


def test_before_founding_adoption_is_owed() -> None:
    assert [check.guard for check in blocking(Play(pair()).state)] == ["founded"]


def test_the_rungs_come_in_order_on_the_ordinary_way() -> None:
    play = Play(trio()).go("released")
    reached = list(dict.fromkeys(stage(decision.after) for _, _, decision in play.decisions))
    assert reached == list(LADDER)


@pytest.mark.parametrize("name", GATES)
def test_every_gate_opens_on_the_ordinary_way(name: str) -> None:
    play = Play(pair()).go("released")
    assert any(all(check.met for check in gate(d.after, name)) for _, _, d in play.decisions)
    assert not all(check.met for check in gate(Play(pair()).state, name)), "and is closed at first"


def test_there_is_no_other_gate() -> None:
    with pytest.raises(KeyError):
        list(gate(Play(pair()).state, "heaven"))
