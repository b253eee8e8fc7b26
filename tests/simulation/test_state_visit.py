"""The state visit, played by decide and evolve alone: the whole way, and every other path of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.words.rules import judged
from tests.words.scenarios import of_scenario
from tests.worker.demo.playing import played
from worker.demo.catalog import Entry, entries, entry
from worker.demo.memory import Memory
from workflows.model.rules import LADDER

PLAYS = [one for one in entries() if one.name.startswith("state-visit")]


@pytest.mark.parametrize("one", PLAYS, ids=lambda one: one.name)
async def test_everything_goes_as_the_play_says_and_is_said_well(one: Entry) -> None:
    play = one.read()
    result, backend, moments = await played(play)
    assert result.differences == []
    sentences = list(of_scenario(one, play, result, backend, moments))
    assert len(sentences) > 100
    assert judged(sentences, play.definition.vocabulary) == []


async def test_it_climbs_the_ladder_and_goes_back_once_when_the_monitor_reports() -> None:
    result, _, _ = await played(entry("state-visit").read())
    climbed = list(LADDER)
    climbed[climbed.index("visit") :] = ["visit", "verification", "visit", "signing", "concluded"]
    assert result.stages == climbed


@pytest.mark.parametrize("begins", ["before", "after"])
async def test_it_plays_whether_its_time_is_still_to_come_or_past(begins: str) -> None:
    """Where the accord's time begins in the future its clock is moved there; where it is past, it starts there."""
    play = entry("state-visit").read()
    assert play.definition.clock.begins is not None
    distance = timedelta(days=400)
    now = play.definition.clock.begins + (-distance if begins == "before" else distance)
    result, backend, _ = await played(play, Memory(now))
    assert result.differences == []
    assert backend.log[0].time == min(now, play.definition.clock.begins)
    assert backend.log[1].time == datetime(2027, 1, 11, 7, 10, tzinfo=UTC)


async def test_every_refusal_is_on_the_record_with_its_guard() -> None:
    result, backend, moments = await played(entry("state-visit").read())
    refused = [moment.outcome for moment in moments if moment.outcome and moment.outcome.status == "refused"]
    entered = [one for one in backend.log if one.type == "act_refused"]
    assert len(refused) == len(entered) == result.refusals == 18
    for outcome, one in zip(refused, entered, strict=True):
        assert outcome.position == one.position
        assert one.facts["event"]["refusal"]["guard"] == outcome.guard


async def test_the_record_shows_invitation_meetings_and_documents_in_order() -> None:
    _, backend, _ = await played(entry("state-visit").read())
    types = [one.type for one in backend.log]
    milestones = [
        "accord_opened",
        "definition_adopted",
        "invitation_issued",
        "invitation_received",
        "invitation_answered",
        "condition_verified",
        "concordance_certified",
        "understanding_effective",
        "visit_confirmed",
        "visit_arrived",
        "minutes_recorded",
        "signature_held",
        "signatures_released",
        "document_in_force",
        "visit_ended",
    ]
    positions = [types.index(one) for one in milestones]
    assert positions == sorted(positions)
    times = [one.time for one in backend.log]
    assert times == sorted(times)


async def test_a_recorded_speech_leaves_everything_as_it_stood() -> None:
    _, _, moments = await played(entry("state-visit").read())
    speech = next(moment for moment in moments if moment.by == "venue.monitor")
    assert speech.outcome is not None
    assert speech.outcome.events == ("statement_recorded",)
    assert speech.changed == ()


async def test_every_verdict_names_its_evidence_and_its_policy() -> None:
    _, backend, _ = await played(entry("state-visit").read())
    verdicts = [one.facts["event"] for one in backend.log if one.type == "condition_verified"]
    assert [one["condition"] for one in verdicts] == ["C1", "C2", "C4", "C3", "C5", "C6", "C7", "C8", "C9"]
    assert all(one["evidence"] and one["policy"].startswith("sha256:") for one in verdicts)
    assert [one["condition"] for one in verdicts if one["valid_until"]] == ["C4", "C3", "C8"]


async def test_deadlines_fall_dated_when_they_were_due() -> None:
    """Nobody does anything from January to July; each reminder bears the date at which it was due."""
    play = entry("state-visit/long-talks").read()
    _, backend, _ = await played(play)
    assert backend.state is not None
    overdue = {one.facts["event"]["condition"]: one for one in backend.log if one.type == "condition_overdue"}
    assert set(overdue) == set(play.definition.conditions)
    assert all(one.time == play.definition.conditions[code].due for code, one in overdue.items())
    assert all(one.actor.delegate == "clock" for one in overdue.values())


async def test_the_second_accord_names_the_first() -> None:
    result, backend, _ = await played(entry("state-visit/withdrawn").read())
    assert backend.state is not None
    assert backend.state.definition.predecessor is not None
    assert backend.state.definition.predecessor.accord == result.accords[0]
    assert result.accords[1] == backend.state.id
