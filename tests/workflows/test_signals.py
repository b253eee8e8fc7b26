"""Signals: a monitor's by the API, anybody's by the Temporal UI or command line, and whatever does not read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from tests.simulation.small import bare, digest, small
from tests.workflows.harness import Engine
from workflows.asking import ATTEMPT, SILENCE
from workflows.model.definition import Definition
from workflows.model.state import Accord

REPORT = {
    "condition": "C1",
    "report": "R-1",
    "source": "site visit",
    "observed_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
}


async def verified(engine: Engine, **policy: Any) -> str:
    definition = small()
    definition["conditions"]["C1"]["policy"] |= policy
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    await engine.act(
        accord,
        "aa.contact",
        "submit_evidence",
        condition="C1",
        digest=digest("plan"),
        grade="documented",
        source="file",
    )
    await engine.act(accord, "bb.contact", "verify_condition", condition="C1", evidence=[digest("plan")])
    return accord


async def after(engine: Engine, accord: str, size: int) -> Accord:
    for _ in range(2000):
        state = await engine.state(accord)
        if state.size >= size:
            return state
        await asyncio.sleep(0.03)
    raise AssertionError(f"the accord stays at {state.size} entries")


async def last(engine: Engine, accord: str) -> Any:
    return (await engine.ledger.entries(accord, 0, 1000))[-1].recorded()


async def test_a_monitors_signal_closes_the_gate_where_the_policy_says_so(engine: Engine) -> None:
    accord = await verified(engine, on_change="close")
    size = (await engine.state(accord)).size
    command = engine.command(accord, "watch", "condition_changed", "s1", **REPORT)
    await engine.handle(accord).signal("condition_changed", command)
    state = await after(engine, accord, size + 1)
    assert state.conditions["C1"].questioned
    assert state.conditions["C1"].question_closes

    await engine.handle(accord).signal("condition_changed", command)
    await engine.act(accord, "bb.contact", "confirm_verdict", condition="C1")
    state = await engine.state(accord)
    assert state.size == size + 2
    assert not state.conditions["C1"].questioned


async def test_an_unsigned_signal_is_unattributed_and_only_an_alarm(engine: Engine) -> None:
    accord = await verified(engine, on_change="close")
    size = (await engine.state(accord)).size
    await engine.handle(accord).signal("condition_changed", REPORT)
    state = await after(engine, accord, size + 1)
    assert state.conditions["C1"].questioned
    assert not state.conditions["C1"].question_closes
    assert (await last(engine, accord)).actor.delegate == "unattributed"


async def test_a_forged_signal_is_unattributed(engine: Engine) -> None:
    accord = await verified(engine, on_change="close")
    size = (await engine.state(accord)).size
    command = engine.command(accord, "watch", "condition_changed", "s1", **REPORT)
    forged = command.model_copy(update={"fields": {**command.fields, "report": "R-2"}})
    await engine.handle(accord).signal("condition_changed", forged)
    state = await after(engine, accord, size + 1)
    assert (await last(engine, accord)).actor.delegate == "unattributed"
    assert not state.conditions["C1"].question_closes


async def test_what_a_signal_was_refused_for_is_on_the_record(engine: Engine) -> None:
    accord = await verified(engine)
    size = (await engine.state(accord)).size
    handle = engine.handle(accord)
    broken = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{not json"))
    for name, value in (
        ("condition_changed", broken),
        ("condition_changed", ["a list"]),
        ("condition_changed", {**REPORT, "condition": "C9"}),
        ("condition_changed", {"condition": "C1"}),
        ("verdict_please", {"condition": "C1"}),
    ):
        await handle.signal(name, value)
        state = await after(engine, accord, size + 1)
        recorded = await last(engine, accord)
        assert recorded.type == "signal_refused", name
        assert recorded.facts["event"]["reason"]
        size += 1
        assert state.size == size
    assert not (await engine.state(accord)).conditions["C1"].questioned
    assert (await engine.act(accord, "aa.contact", "issue_invitation")).status == "recorded"


async def test_a_signal_without_arguments(engine: Engine) -> None:
    accord = await verified(engine)
    size = (await engine.state(accord)).size
    await engine.handle(accord).signal("condition_changed")
    state = await after(engine, accord, size + 1)
    assert (await last(engine, accord)).type == "signal_refused"
    assert state.size == size + 1


async def test_the_server_is_told_to_wait_for_signs_of_life(engine: Engine) -> None:
    accord = await engine.open(bare())
    await engine.handle(accord).signal("weather", {"sunny": True})
    scheduled = []
    for _ in range(1200):
        history = await engine.handle(accord).fetch_history()
        scheduled = [
            event.activity_task_scheduled_event_attributes
            for event in history.events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        if scheduled:
            break
        await asyncio.sleep(0.05)
    assert scheduled[0].activity_type.name == "record_signals"
    assert scheduled[0].heartbeat_timeout.ToTimedelta() == SILENCE
    assert timedelta(0) < SILENCE < ATTEMPT
