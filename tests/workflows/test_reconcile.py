"""Differences between ledger, read model and workflows are put there on purpose: each is reported, and repaired."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment

from activities.ledger.connections import writing_pool
from activities.reconciling import Reconciler
from activities.runtime.metrics import REGISTRY
from activities.tlog.merkle import Frontier
from tests.simulation.small import bare, small
from tests.workflows.harness import Engine, record_past_the_workflow
from worker.background.reconciling import schedule_id, schedule_reconciling
from workflows.messages import Status
from workflows.model.definition import Definition
from workflows.model.summary import summarize
from workflows.reconcile import DifferenceKind, PageReport, PageRequest, ReconcileInput, ReconcileWorkflow

PAUSES = (0.1, 0.5)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(engine: Engine) -> AsyncIterator[asyncpg.Pool]:
    async with writing_pool(engine.settings.database_dsn()) as opened:
        yield opened


async def opened(engine: Engine, *, clock: str = "real") -> str:
    """An accord with a deadline that is far away."""
    definition = small(clock=clock)
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    return accord


async def compared(engine: Engine, pool: asyncpg.Pool, accord: str) -> list[tuple[DifferenceKind, bool]]:
    reconciler = Reconciler(engine.client, pool, engine.settings.task_queue, pauses=PAUSES)
    return [(each.kind, each.repaired) for each in await reconciler.compare(accord)]


async def unguarded(pool: asyncpg.Pool, statement: str, *arguments: object) -> None:
    """As somebody who owns the tables could."""
    async with pool.acquire() as connection, connection.transaction():
        for table in ("entries", "payloads", "commands"):
            await connection.execute(f"alter table {table} disable trigger user")
        await connection.execute(statement, *arguments)


async def test_where_all_agree_there_is_no_difference(engine: Engine, pool: asyncpg.Pool) -> None:
    assert await compared(engine, pool, await opened(engine)) == []
    assert await compared(engine, pool, await engine.open(bare())) == []


@pytest.mark.parametrize(
    "damage",
    [
        "delete from accords where accord = $1",
        "update accords set stage = 'signing' where accord = $1",
        "update accords set next_deadline = null where accord = $1",
        """update accords set summary = jsonb_set(summary, '{blocked_by}', '77') where accord = $1""",
        """update accords set position = 3, summary = jsonb_set(summary, '{position}', '3') where accord = $1""",
        """update accords set position = 999, summary = jsonb_set(summary, '{position}', '999') where accord = $1""",
    ],
)
async def test_the_read_model_is_written_anew(engine: Engine, pool: asyncpg.Pool, damage: str) -> None:
    accord = await opened(engine)
    before = await pool.fetchrow("select * from accords where accord = $1", accord)
    await pool.execute(damage, accord)
    assert await compared(engine, pool, accord) == [(DifferenceKind.READ_MODEL, True)]
    assert await compared(engine, pool, accord) == []
    after = await pool.fetchrow("select * from accords where accord = $1", accord)
    assert before is not None
    assert after is not None
    # A row that was deleted stands at another place of the list; all else is as it was.
    assert {**dict(before), "ordinal": 0} == {**dict(after), "ordinal": 0}
    assert await engine.ledger.summary(accord) == summarize(await engine.state(accord))


async def test_a_workflow_that_is_gone_is_started_where_something_falls_due(
    engine: Engine, pool: asyncpg.Pool
) -> None:
    accord, simulated = await opened(engine), await opened(engine, clock="simulated")
    nothing_due = await engine.open(bare())
    for each in (accord, simulated, nothing_due):
        await engine.handle(each).terminate("as if Temporal had lost it")
    assert await compared(engine, pool, accord) == [(DifferenceKind.NO_WORKFLOW, True)]
    assert await compared(engine, pool, simulated) == []
    described = await engine.handle(accord).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    assert await compared(engine, pool, accord) == []
    assert (await engine.act(accord, "aa.contact", "record_statement", digest="sha256:" + "1" * 64)).size
    if (await engine.state(nothing_due)).size:
        assert await compared(engine, pool, nothing_due) == []


async def test_a_workflow_that_is_behind_asks_the_record_again(engine: Engine, pool: asyncpg.Pool) -> None:
    accord = await opened(engine)
    status = await engine.handle(accord).query("status", result_type=Status)
    # What another writer records past the workflow, which nobody tells of it.
    other = (await record_past_the_workflow(engine, accord)).standing.size
    before = (await engine.handle(accord).describe()).run_id
    assert other == status.size + 1
    assert await compared(engine, pool, accord) == [(DifferenceKind.WORKFLOW_BEHIND, True)]
    status = await engine.handle(accord).query("status", result_type=Status)
    assert status.size == other
    # It was told to look: its run goes on, and with it whatever waits in it.
    assert (await engine.handle(accord).describe()).run_id == before
    assert await compared(engine, pool, accord) == []


async def test_a_workflow_that_stays_behind_is_started_anew(
    engine: Engine, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    accord = await opened(engine)
    other = (await record_past_the_workflow(engine, accord)).standing.size
    before = (await engine.handle(accord).describe()).run_id

    async def unheard(client: Client, accord: str) -> None:
        """It does not look."""

    monkeypatch.setattr("activities.reconciling.look_again", unheard)
    assert await compared(engine, pool, accord) == [(DifferenceKind.WORKFLOW_BEHIND, True)]
    assert (await engine.handle(accord).describe()).run_id != before
    for _ in range(1200):
        status = await engine.handle(accord).query("status", result_type=Status)
        if status.size == other:
            break
        await asyncio.sleep(0.05)
    assert status.size == other


async def test_a_workflow_that_knows_more_than_the_ledger_is_only_reported(
    engine: Engine, pool: asyncpg.Pool
) -> None:
    """As after a database was put back to an older state: nobody here can know which of the two is right."""
    accord = await opened(engine)
    page = await engine.ledger.entries(accord)
    head = page[-2]
    frontier, _ = Frontier().extend(entry.leaf for entry in page[:-1])
    await unguarded(pool, "delete from payloads where accord = $1 and position > $2", accord, head.position)
    await unguarded(pool, "delete from entries where accord = $1 and position > $2", accord, head.position)
    await pool.execute(
        "update heads set size = $2, root = $3, frontier = $4 where accord = $1",
        accord,
        frontier.size,
        frontier.root(),
        frontier.encoded(),
    )
    found = await compared(engine, pool, accord)
    assert found == [(DifferenceKind.READ_MODEL, True), (DifferenceKind.WORKFLOW_AHEAD, False)]


async def test_a_record_that_was_altered_is_only_reported(engine: Engine, pool: asyncpg.Pool) -> None:
    accord = await opened(engine)
    await unguarded(
        pool,
        "update payloads set bytes = bytes || '\\x20'::bytea where accord = $1 and position = 2 and kind = 'facts'",
        accord,
    )
    assert await compared(engine, pool, accord) == [(DifferenceKind.RECORD, False)]


async def test_a_row_of_no_accord_is_only_reported(engine: Engine, pool: asyncpg.Pool) -> None:
    accord = f"nowhere-{uuid.uuid4().hex}"
    await pool.execute(
        "insert into accords (accord, stage, parties, members, position, ended, summary) "
        "values ($1, 'signing', '{}', '{}', 1, false, '{}')",
        accord,
    )
    assert await compared(engine, pool, accord) == [(DifferenceKind.NO_RECORD, False)]


async def test_acts_that_go_on_meanwhile_are_no_difference(engine: Engine, pool: asyncpg.Pool) -> None:
    accord = await opened(engine)
    stop = asyncio.Event()

    async def act() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await engine.persist(
                engine.command(accord, "aa.contact", "record_statement", digest=f"sha256:{number:064x}")
            )
        return number

    acting = asyncio.create_task(act())
    try:
        for _ in range(10):
            assert await compared(engine, pool, accord) == []
    finally:
        stop.set()
    assert await acting


async def test_pages_go_through_all_accords(engine: Engine, pool: asyncpg.Pool) -> None:
    accords = sorted([await engine.open(bare()) for _ in range(5)])
    await pool.execute("update accords set stage = 'signing' where accord = $1", accords[3])
    reconciler = Reconciler(engine.client, pool, engine.settings.task_queue, page=2, pauses=PAUSES)
    labels = {"kind": "read_model", "repaired": "yes"}
    before = REGISTRY.get_sample_value("entente_differences_total", labels) or 0
    after: str | None = ""
    pages: list[PageReport] = []
    while after is not None:
        pages.append(await ActivityEnvironment().run(reconciler.reconcile_page, PageRequest(after=after)))
        after = pages[-1].last
    assert [page.accords for page in pages] == [2, 2, 1]
    assert [each.accord for page in pages for each in page.differences] == [accords[3]]
    assert REGISTRY.get_sample_value("entente_differences_total", labels) == before + 1


async def test_the_workflow_reports_what_a_schedule_has_compared(
    engine: Engine, pool: asyncpg.Pool, temporal_client: Client
) -> None:
    accord = await opened(engine)
    await pool.execute("update accords set stage = 'signing' where accord = $1", accord)
    queue = engine.settings.task_queue
    await schedule_reconciling(temporal_client, queue)
    # Whoever comes second leaves it as it is.
    await schedule_reconciling(temporal_client, queue)
    handle = temporal_client.get_schedule_handle(schedule_id(queue))
    try:
        await handle.trigger()
        for _ in range(300):
            described = await handle.describe()
            if described.info.recent_actions:
                break
            await asyncio.sleep(0.1)
        started = described.info.recent_actions[-1].action
        run = temporal_client.get_workflow_handle_for(
            ReconcileWorkflow.run,
            started.workflow_id,  # type: ignore[union-attr]
        )
        report = await asyncio.wait_for(run.result(), 90)
    finally:
        await handle.delete()
    assert (report.differences, report.repaired) == (1, 1)
    assert report.accords >= 1
    assert [(each.accord, each.kind) for each in report.shown] == [(accord, DifferenceKind.READ_MODEL)]
    assert (await engine.ledger.summary(accord)) == summarize(await engine.state(accord))


async def test_a_run_hands_on_what_it_has_found(engine: Engine) -> None:
    """What was found before the history was continued is in the report."""
    report = await engine.client.execute_workflow(
        ReconcileWorkflow.run,
        ReconcileInput(accords=7, differences=3, repaired=2),
        id=f"reconcile:{uuid.uuid4().hex}",
        task_queue=engine.settings.task_queue,
        execution_timeout=timedelta(minutes=1),
    )
    assert (report.accords, report.differences, report.repaired) == (7, 3, 2)
