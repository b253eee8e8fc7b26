"""Pausing, retrying and repairing over the API: done to the engine, on the record, and by operators alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import PauseActivityRequest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.api.conftest import Api, problem
from tests.api.test_acting import founded
from tests.api.test_clock import now_in, simulated
from tests.simulation.small import bare, digest
from workflows.messages import Status

WHY = {"reason": "The engine stood still"}


async def events(api: Api, accord: str) -> list[str]:
    said = (await api.get(f"/accords/{accord}/events")).json()
    return [one["type"] for one in said["items"]]


async def test_a_pause_refuses_acts_shows_why_and_ends(api: Api) -> None:
    accord = await founded(api, bare())
    await api.done(accord, "pause_accord", "operator", **WHY)
    refused = await api.act(accord, "issue_invitation", "aa.contact")
    assert problem(refused, 409, "refused")["guard"] == "not_paused"
    said = (await api.get(f"/accords/{accord}")).json()
    assert said["paused"] is True
    assert said["pause"]["reason"] == WHY["reason"]
    assert said["blocking"][0]["guard"] == "not_paused"
    await api.done(accord, "resume_accord", "operator")
    assert (await api.get(f"/accords/{accord}")).json()["pause"] is None
    await api.done(accord, "issue_invitation", "aa.contact")


async def test_a_repaired_accord_goes_on_from_the_ledger_once_for_each_request(
    api: Api, temporal_client: Client, key: str
) -> None:
    accord = await founded(api, bare())
    before = await temporal_client.get_workflow_handle(accord).describe()
    first = await api.act(accord, "repair_accord", "operator", key=key, **WHY)
    assert first.json()["events"] == ["intervention_recorded"]
    after = await temporal_client.get_workflow_handle(accord).describe()
    assert after.run_id != before.run_id
    old = await temporal_client.get_workflow_handle(accord, run_id=before.run_id).describe()
    assert old.status is WorkflowExecutionStatus.TERMINATED

    again = await api.act(accord, "repair_accord", "operator", key=key, **WHY)
    assert again.json() == first.json()
    assert (await temporal_client.get_workflow_handle(accord).describe()).run_id == after.run_id

    await api.done(accord, "issue_invitation", "aa.contact")
    run = await temporal_client.get_workflow_handle(accord).query("status", result_type=Status)
    assert run.size == (await api.get(f"/accords/{accord}")).json()["size"]
    assert (await events(api, accord)).count("intervention_recorded") == 1


async def test_what_ran_is_lost_and_a_repair_takes_it_up(api: Api, temporal_client: Client) -> None:
    accord = await founded(api, bare())
    await temporal_client.get_workflow_handle(accord).terminate("as if Temporal had lost it")
    await api.done(accord, "repair_accord", "operator", **WHY)
    await api.done(accord, "issue_invitation", "aa.contact")


@pytest.mark.parametrize("by", ["aa.contact", "registrar"])
async def test_who_may_not_intervene_touches_nothing(api: Api, temporal_client: Client, by: str) -> None:
    accord = await founded(api, bare())
    before = await temporal_client.get_workflow_handle(accord).describe()
    refused = problem(await api.act(accord, "repair_accord", by, **WHY), 409, "refused")
    assert refused["guard"] == "authority"
    assert (await temporal_client.get_workflow_handle(accord).describe()).run_id == before.run_id
    problem(await api.act(accord, "repair_accord", "auditor", **WHY), 403, "forbidden")


async def test_what_hangs_is_tried_again_at_once(
    api: Api, temporal_client: Client, database_url: str
) -> None:
    accord = await founded(api, bare())
    waiting = await _stuck(api, temporal_client, database_url, accord)
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await api.done(accord, "retry_accord", "operator", **WHY)
    assert (await waiting)["events"] == ["statement_recorded"]
    said = await events(api, accord)
    assert said[-2:] == ["statement_recorded", "intervention_recorded"]


async def _stuck(
    api: Api, temporal_client: Client, database_url: str, accord: str
) -> asyncio.Task[dict[str, Any]]:
    """An act whose recording failed, since a table was away, and was then paused by hand in Temporal."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE feed RENAME TO feed_away")
    try:
        waiting = asyncio.create_task(api.done(accord, "record_statement", "aa.contact", digest=digest("x")))
        handle = temporal_client.get_workflow_handle(accord)
        for _ in range(1200):
            pending = (await handle.describe()).raw_description.pending_activities
            if pending and pending[0].attempt > 1:
                break
            await asyncio.sleep(0.05)
        await temporal_client.workflow_service.pause_activity(
            PauseActivityRequest(
                namespace=temporal_client.namespace,
                execution=WorkflowExecution(workflow_id=accord),
                id=pending[0].activity_id,
            )
        )
    finally:
        await connection.execute("ALTER TABLE feed_away RENAME TO feed")
        await connection.close()
    return waiting


async def test_a_simulated_clock_goes_on_after_a_repair(api: Api) -> None:
    accord = await founded(api, simulated())
    began = await now_in(api, accord)
    for days in (20, 40):
        later = began + timedelta(days=days)
        moved = await api.post(f"/accords/{accord}/clock", "operator", json={"to": later.isoformat()})
        assert moved.status_code == 200, moved.text
        await api.done(accord, "repair_accord", "operator", **WHY)
        assert await now_in(api, accord) >= later, "an accord's time never runs back"
    assert (await api.get(f"/accords/{accord}")).json()["conditions"]["C1"]["overdue"] is True
