"""The player notices whatever differs from the play, and tells the audience what happens."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import pytest
from rich.console import Console

from tests.worker.demo.playing import played
from worker.demo.catalog import entry
from worker.demo.memory import Memory
from worker.demo.play import Expect, Placed, Play, Refused, Standing
from worker.demo.player import Player
from worker.demo.show import ForMachines, ForPeople


def _with(play: Play, act: str, **changes: Any) -> Play:
    """The play with its first step of that act changed."""
    index = next(i for i, placed in enumerate(play.steps) if placed.step.act == act)
    placed = play.steps[index]
    changed = Placed(placed.step.model_copy(update=changes), placed.at, placed.play, placed.file, placed.line)
    return dataclasses.replace(play, steps=(*play.steps[:index], changed, *play.steps[index + 1 :]))


@pytest.mark.parametrize(
    ("act", "changes", "said"),
    [
        ("confirm_visit", {"expect": Expect()}, "it was refused, not recorded: condition_satisfied"),
        (
            "accept_invitation",
            {"expect": Expect(refused=Refused(guard="authority"))},
            "it was recorded, not refused",
        ),
        (
            "confirm_visit",
            {"expect": Expect(refused=Refused(guard="authority"))},
            "guard: expected authority, found condition_satisfied",
        ),
        (
            "confirm_visit",
            {"expect": Expect(refused=Refused(guard="condition_satisfied", unmet=("C1",)))},
            "unmet: expected C1, found C1, C2, C3",
        ),
        (
            "accept_invitation",
            {"expect": Expect(recorded=())},
            "events: expected nothing, found invitation_answered",
        ),
        ("accept_invitation", {"stage": "signing"}, "the stage is verification, not signing"),
        ("accept_invitation", {"then": Standing(invitation="declined")}, "expected declined, found accepted"),
        (
            "accept_invitation",
            {"then": Standing(conditions={"C1": "verified"})},
            "C1: expected verified, found agreed",
        ),
        (
            "accept_invitation",
            {"then": Standing(seats={"D9/RU": "held"})},
            "D9/RU: expected held, found None",
        ),
    ],
)
async def test_a_difference_is_noticed_where_it_stands(act: str, changes: dict[str, Any], said: str) -> None:
    play = _with(entry("state-visit/long-stop").read(), act, **changes) if act != "confirm_visit" else None
    play = play or _with(entry("state-visit").read(), act, **changes)
    result, _, moments = await played(play)
    assert not result.went_well
    found = [difference for difference in result.differences if said in difference]
    assert found, result.differences
    assert found[0].startswith("play.yaml:")
    assert [moment.text for moment in moments if moment.kind == "differs"] == result.differences


async def test_the_end_is_compared_too() -> None:
    play = entry("state-visit/long-stop").read()
    wrong = dataclasses.replace(play, ends=Standing(refusals=99, terminated=False))
    result, _, _ = await played(wrong)
    assert len(result.differences) == 2
    assert all(one.startswith("at the end: ") for one in result.differences)


async def test_a_dry_run_that_differs_from_what_then_happens_is_noticed() -> None:
    class Unfaithful(Memory):
        async def dry_run(self, by: str, act: str, fields: Any) -> Any:
            outcome = await super().dry_run(by, act, fields)
            return dataclasses.replace(outcome, events=outcome.events[:-1])

    play = entry("state-visit/venue-changed").read()
    result = await Player(play, Unfaithful()).play()
    assert any(
        "the dry run said recorded: verdict_revoked; what happened is" in one for one in result.differences
    )


async def test_people_see_refusals_in_words_with_guard_and_who_could_meet_it() -> None:
    play = entry("state-visit").read()
    console = Console(file=io.StringIO(), width=118, highlight=False)
    show = ForPeople(console, play)
    show.begin(play.name)
    result = await Player(play, Memory(), show.hear).play()
    show.end(result, 1.0)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.count("✗ REFUSED") == result.refusals
    assert "REFUSED ru.protocol for RU confirms the visit" in shown
    assert "C3 (Venue and security readiness)" in shown
    assert "ru.security could, by 2027-03-20" in shown
    assert "[ Verification of conditions ]" in shown
    assert "13 days pass" in shown
    assert "ILLUSTRATIVE" in shown
    assert "Everything went as the play says" in shown
    assert "\x1b" not in shown


async def test_people_see_what_differs() -> None:
    play = _with(entry("state-visit/long-stop").read(), "accept_invitation", stage="signing")
    console = Console(file=io.StringIO(), width=118)
    show = ForPeople(console, play)
    show.end(await Player(play, Memory(), show.hear).play(), 1.0)
    assert isinstance(console.file, io.StringIO)
    assert "DIFFERS from the play" in console.file.getvalue()
    assert "✗ 1 difference" in console.file.getvalue()


async def test_machines_get_a_line_for_each_moment(capsys: pytest.CaptureFixture[str]) -> None:
    play = entry("jv-closing/approval-annulled").read()
    show = ForMachines(play)
    show.begin(play.name)
    show.end(await Player(play, Memory(), show.hear).play(), 0.5)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"event": "play", "play": play.name}
    dry_run = next(line for line in lines if line["event"] == "dry_run")
    assert dry_run["outcome"]["reopens"] == ["K2", "K6"]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["as_expected"] is True
    assert lines[-1]["acts"] == sum(line["event"] in ("began", "act", "signal") for line in lines)
