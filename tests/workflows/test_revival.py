"""A deadline falls although the accord's workflow is gone, and nobody acts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowExecutionStatus

from tests.simulation.small import small
from tests.workflows.harness import Engine
from worker.background.revival import take_up
from workflows.model.definition import Definition


async def founded(engine: Engine, due: datetime, clock: str = "real") -> str:
    definition = small(clock=clock)
    definition["conditions"]["C1"]["due"] = due.isoformat()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    await engine.handle(accord).terminate("as if Temporal had lost it")
    return accord


async def test_a_deadline_falls_although_the_workflow_is_gone(engine: Engine) -> None:
    due = datetime.now(UTC) + timedelta(seconds=2)
    late = await founded(engine, due)
    pending = await founded(engine, due + timedelta(days=1))
    simulated = await founded(engine, due, "simulated")
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 0.2)

    queue = engine.settings.task_queue
    assert await take_up(engine.client, engine.ledger, queue, timedelta(minutes=1)) == 0
    assert await take_up(engine.client, engine.ledger, queue, timedelta(0)) == 1

    for _ in range(1200):
        state = await engine.state(late)
        if state.conditions["C1"].overdue:
            break
        await asyncio.sleep(0.05)
    assert state.conditions["C1"].overdue
    assert state.time == due
    assert await take_up(engine.client, engine.ledger, queue, timedelta(0)) == 0
    for accord in (pending, simulated):
        described = await engine.handle(accord).describe()
        assert described.status is WorkflowExecutionStatus.TERMINATED
