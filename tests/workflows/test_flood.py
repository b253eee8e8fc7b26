"""Thousands of signals at one accord: acts go on, no run ends, and every signal is on the record or counted there."""

from __future__ import annotations

import asyncio
import re

import pytest
from temporalio.client import WorkflowExecutionStatus

from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine
from workflows.model.definition import Definition

DEADLINE = 10.0
"""The API's own, in seconds: an act that takes longer would be answered with 503 there."""


@pytest.mark.parametrize("count", [3_000, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
async def test_a_flood_of_signals_while_people_act(engine: Engine, count: int) -> None:
    definition = bare()
    accord = await engine.open(definition)
    named = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await engine.act(accord, f"{party}.contact", "adopt_definition", digest=named)
    handle = engine.handle(accord)
    first_run = (await handle.describe()).run_id

    async def sender(part: int) -> None:
        for index in range(part, count, 20):
            await handle.signal("weather", {"station": index})

    async def person(delegate: str) -> int:
        done = 0
        while not flood.done():
            command = engine.command(accord, delegate, "record_statement", digest=digest(f"{delegate}{done}"))
            await asyncio.wait_for(engine.persist(command), DEADLINE)
            done += 1
        return done

    flood = asyncio.ensure_future(asyncio.gather(*(sender(part) for part in range(20))))
    acts = await asyncio.gather(person("aa.contact"), person("bb.contact"))
    await flood
    assert min(acts) > 0

    for _ in range(600):
        if (await handle.query("status"))["waiting_signals"] == 0:
            break
        await asyncio.sleep(0.1)
    entries = [entry.recorded() for entry in await engine.ledger.entries(accord, 0, 100_000)]
    refused = [entry.facts["event"] for entry in entries if entry.type == "signal_refused"]
    counted = [re.match(r"(\d+) further signals?", each["reason"]) for each in refused]
    single = sum(1 for each in counted if each is None)
    assert single + sum(int(each[1]) for each in counted if each is not None) == count
    assert sum(entry.type == "statement_recorded" for entry in entries) == sum(acts)

    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    last = None
    async for run in engine.client.list_workflows(f'WorkflowId = "{accord}"'):
        assert run.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
        last = run.id
    assert last is not None
    assert (await handle.describe()).run_id != first_run
