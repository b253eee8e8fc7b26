"""What was recorded once can be read for ever: every event type in every version, and whole plays, still fold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.corpus import FOLDER, PLAYS, ending, folded, name_of
from tests.compatibility.plays import ALL
from tests.simulation.definitions import pair
from tests.simulation.play import Play
from workflows.model.attested import state_digest
from workflows.model.commands import RecordedEvent
from workflows.model.declared import EVENTS
from workflows.model.fold import evolve
from workflows.model.upcasting import UPCASTERS, UnknownEvent, read_event

EXAMPLES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_no_event_type_lacks_an_example_in_any_version() -> None:
    wanted = {name_of(name, v) for name, cls in EVENTS.items() for v in range(1, cls.version + 1)}
    assert wanted - {path.name for path in EXAMPLES} == set(), (
        "add a play to tests/compatibility/plays.py, and write: python -m tests.compatibility.corpus"
    )


def test_every_old_version_can_be_raised_to_the_next() -> None:
    assert {(name, v) for name, cls in EVENTS.items() for v in range(1, cls.version)} == set(UPCASTERS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_reads(path: Path) -> None:
    recorded = RecordedEvent.model_validate(load(path))
    assert path.name == name_of(recorded.type, recorded.version)
    happened = read_event(recorded)
    assert type(happened) is EVENTS[recorded.type]
    if recorded.version == EVENTS[recorded.type].version:
        assert happened.facts() == recorded.facts["event"], "its facts are all that there is to it"


@pytest.mark.parametrize("path", sorted(PLAYS.glob("*.json")), ids=lambda path: path.stem)
def test_each_play_folds_to_its_end(path: Path) -> None:
    recorded = load(path)
    state = folded(recorded["log"])
    assert ending(state) == recorded["ends"]


@pytest.mark.parametrize("name", ALL)
def test_each_play_can_still_be_played(name: str) -> None:
    play = ALL[name]()
    recorded = load(PLAYS / f"{name}.json")
    assert ending(play.state)["stage"] == recorded["ends"]["stage"]


# What cannot be read


def broken(**changes: Any) -> RecordedEvent:
    return Play(pair()).log[0].model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "accord_opened version 2, which this release does not know"),
        ({"version": 0}, "accord_opened version 0, which this release does not know"),
        ({"type": "accord_blessed"}, "accord_blessed version 1, which this release does not know"),
        ({"facts": {}}, "has no facts under 'event'"),
        ({"facts": {"event": [1]}}, "has no facts under 'event'"),
        ({"facts": {"event": {"accord": "x"}}}, "does not read"),
        ({"facts": {"event": {"also": 1}}}, "does not read"),
    ],
)
def test_what_this_release_does_not_know_is_said_clearly(changes: dict, words: str) -> None:
    with pytest.raises(UnknownEvent, match=words) as error:
        evolve(None, broken(**changes))
    assert "entry 0" in str(error.value)


def test_an_older_version_is_read_as_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(pair()).go("founded")
    before = play.state
    play.do("aa.protocol", "issue_invitation")
    new = play.log[-1]
    monkeypatch.setattr(EVENTS[new.type], "version", 2)
    monkeypatch.setitem(
        UPCASTERS, (new.type, 1), lambda facts: {"valid_until": facts.get("until", facts.get("valid_until"))}
    )
    old = new.model_copy(update={"facts": {**new.facts, "event": {"until": None}}})
    assert state_digest(evolve(before, old)) == state_digest(play.state)
    assert old.facts["event"] == {"until": None}, "the record itself is never rewritten"
