"""What the record comes to is attested only if it is right, by a digest that later releases arrive at as well."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields

import pytest
from pydantic import TypeAdapter

from tests.compatibility.corpus import PLAYS, folded
from tests.simulation.definitions import pair
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model import attested
from workflows.model.attested import state_digest
from workflows.model.state import Accord

PINNED = {
    "declined": "sha256:20c9a4404e62adeb729e4277877d1b03893d9f9c6d46aa84f917c5a7d155205b",
    "about_the_log": "sha256:cd25fe9000f3dbcd3b0a311f9fa849ea8da9d3422cb7ef1b93d83937b7713228",
}
"""What recorded plays came to when they were recorded. No later release may come to anything else."""


def test_it_is_recorded_if_it_is_right_and_changes_nothing() -> None:
    play = Play(pair()).go("founded")
    version, named = play.state.version, state_digest(play.state)
    right = {"position": play.state.version, "digest": named}
    assert play.do("bb.protocol", "attest_state", **right) == ("state_attested",)
    assert play.state.version == version
    play.refused("aa.protocol", "release_signatures")
    play.do("aa.protocol", "record_statement", digest=digest("said"))
    assert play.do("aa.protocol", "attest_state", **right) == ("state_attested",), (
        "the state is still that one"
    )
    play.do("aa.protocol", "issue_invitation")
    assert play.guard("aa.protocol", "attest_state", **right) == "version_is_present"
    play.do("aa.protocol", "attest_state", position=play.state.version, digest=state_digest(play.state))


def test_a_wrong_one_is_refused_and_not_told_the_right_one() -> None:
    play = Play(pair())
    right = state_digest(play.state)
    refusal = play.refused("bb.contact", "attest_state", position=0, digest=digest("other"))
    assert refusal.guard == "digest_is_the_states"
    assert right not in refusal.model_dump_json()


def test_time_that_passes_does_not_make_a_right_one_wrong() -> None:
    play = Play(pair()).go("founded")
    named = {"position": play.state.version, "digest": state_digest(play.state)}
    play.pass_time(hours=1)
    assert play.do("aa.protocol", "attest_state", **named) == ("state_attested",)


@pytest.mark.parametrize("name", PINNED)
def test_recorded_plays_come_to_the_digest_of_their_time(name: str) -> None:
    log = json.loads((PLAYS / f"{name}.json").read_text(encoding="utf-8"))["log"]
    assert state_digest(folded(log)) == PINNED[name]


def test_a_release_that_knows_more_comes_to_the_same_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(pair()).go("verified")
    before = state_digest(play.state)

    @dataclass(frozen=True, slots=True)
    class Later(Accord):
        also: tuple[str, ...] = ()
        noted: dict[str, int] = field(default_factory=dict)

    monkeypatch.setattr(attested, "STATE", TypeAdapter(Later))
    later = Later(**{each.name: getattr(play.state, each.name) for each in fields(play.state)})
    assert state_digest(later) == before
    assert (
        state_digest(
            Later(**{each.name: getattr(later, each.name) for each in fields(later)} | {"also": ("x",)})
        )
        != before
    )


def test_whatever_changes_the_state_shows_in_the_digest() -> None:
    play = Play(pair()).go("founded")
    seen = {state_digest(play.state)}
    play.invite()
    seen.add(state_digest(play.state))
    play.submit("C1")
    seen.add(state_digest(play.state))
    assert len(seen) == 3
