"""Whoever reaches Temporal, or restores an old backup, makes no fact, undoes none, and ends no accord."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import ActivityFailureError, Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.tlog.merkle import Frontier
from tests.simulation.small import bare, digest, small
from tests.workflows.harness import Engine, running_engine
from workflows.messages import AccordInput, RecordAnswer, RecordRequest
from workflows.model.commands import TICK, UNATTRIBUTED, Command, Message, Receipt
from workflows.model.definition import Definition
from workflows.model.rules import stage
from workflows.workflow import AccordWorkflow


async def founded(engine: Engine, **changes: Any) -> str:
    definition = bare(**changes)
    accord = await engine.open(definition)
    for party in ("aa", "bb"):
        await engine.act(
            accord,
            f"{party}.contact",
            "adopt_definition",
            digest=Definition.model_validate(definition).digest(),
        )
    return accord


async def said(engine: Engine, accord: str, words: str) -> Receipt:
    return await engine.act(accord, "aa.contact", "record_statement", digest=digest(words))


async def status(engine: Engine, accord: str) -> WorkflowExecutionStatus | None:
    return (await engine.handle(accord).describe()).status


async def ask(engine: Engine, activity: str, request: Message, answer: type[Any]) -> Any:
    """Run an activity by itself, as anybody can who reaches Temporal."""
    return await engine.client.execute_activity(
        activity,
        request,
        id=uuid.uuid4().hex,
        task_queue=engine.settings.task_queue,
        start_to_close_timeout=timedelta(seconds=10),
        schedule_to_close_timeout=timedelta(seconds=10),
        result_type=answer,
    )


async def refusal_of(engine: Engine, request: RecordRequest) -> ApplicationError:
    with pytest.raises(ActivityFailureError) as failed:
        await ask(engine, "record", request, RecordAnswer)
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


@asynccontextmanager
async def stuck(
    engine: Engine, accord: str, lock: str = "select from heads where accord = $1 for update"
) -> AsyncIterator[None]:
    """The accord cannot be recorded in during the block, nor be read where ``lock`` says so."""
    connection = await asyncpg.connect(engine.settings.database_dsn())
    try:
        async with connection.transaction():
            await connection.execute(lock, *([accord] if "$1" in lock else []))
            yield
    finally:
        await connection.close()


async def pending_activity(engine: Engine, accord: str, name: str) -> Any:
    """A hand on the accord's activity that is under way, as the command line's `activity complete` has."""
    for _ in range(3000):
        described = await engine.handle(accord).describe()
        for one in described.raw_description.pending_activities:
            if one.activity_type.name == name:
                return engine.client.get_async_activity_handle(
                    workflow_id=accord, run_id=described.run_id, activity_id=one.activity_id
                )
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} was not begun")


async def test_a_request_to_cancel_ends_no_accord(engine: Engine) -> None:
    definition = small()
    definition["conditions"]["C1"]["due"] = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    accord = await engine.open(definition, continue_after=6)
    await engine.found(accord, Definition.model_validate(definition).digest())
    first = (await engine.handle(accord).describe()).run_id
    await engine.handle(accord).cancel()
    await said(engine, accord, "after")
    assert await status(engine, accord) is WorkflowExecutionStatus.RUNNING
    for _ in range(600):
        state = await engine.state(accord)
        if state.conditions["C1"].overdue:
            break
        await asyncio.sleep(0.1)
    assert state.conditions["C1"].overdue
    for words in ("once", "twice", "thrice"):
        await engine.persist(engine.command(accord, "aa.contact", "record_statement", digest=digest(words)))
    assert (await engine.handle(accord).describe()).run_id != first
    assert (await engine.state(accord)).statements == 4


async def test_what_was_started_and_never_opened_can_be_cancelled(engine: Engine) -> None:
    accord = f"never-{uuid.uuid4().hex}"
    started = await engine.client.start_workflow(
        "Accord", AccordInput(accord=accord), id=accord, task_queue=engine.settings.task_queue
    )
    for _ in range(1200):
        if (await started.describe()).history_length >= 10:
            break
        await asyncio.sleep(0.05)
    await started.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(started.result(), 60)
    assert await status(engine, accord) is WorkflowExecutionStatus.CANCELED


async def test_a_workflow_that_was_started_for_another_accord_ends(engine: Engine) -> None:
    accord = await founded(engine)
    await engine.handle(accord).terminate("to put another in its place")
    usurper = await engine.client.start_workflow(
        "Accord", AccordInput(accord="another"), id=accord, task_queue=engine.settings.task_queue
    )
    with pytest.raises(WorkflowFailureError):
        await usurper.result()
    command = engine.command(accord, "aa.contact", "record_statement", digest=digest("said"))
    receipt: Receipt = await engine.client.execute_update_with_start_workflow(
        command.act,
        command,
        id=command.update_id(),
        result_type=Receipt,
        start_workflow_operation=engine.start_operation(accord),
    )
    assert receipt.status == "recorded"


async def test_a_reset_undoes_nothing(engine: Engine) -> None:
    accord = await founded(engine)
    receipts = [await said(engine, accord, f"{index}") for index in range(6)]
    history = await engine.handle(accord).fetch_history()
    tasks = [
        one.event_id for one in history.events if one.HasField("workflow_task_completed_event_attributes")
    ]
    await engine.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=engine.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=accord),
            workflow_task_finish_event_id=tasks[len(tasks) // 2],
            reason="to undo what was said",
            request_id=uuid.uuid4().hex,
        )
    )
    after = await said(engine, accord, "after")
    assert after.position == receipts[-1].position + 1
    status = await engine.handle(accord).query(AccordWorkflow.status)
    assert status.size == (await engine.state(accord)).size


async def test_the_clocks_commands_are_the_clocks_alone(engine: Engine) -> None:
    """Nobody signs them; so they take no id of a delegate's or of a later one, and come no minute early."""
    definition = small()
    due = datetime.now(UTC) + timedelta(minutes=3)
    definition["conditions"]["C1"]["due"] = due.isoformat()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    state = await engine.state(accord)

    def forged(delegate: str, key: str, act: str = TICK, **fields: Any) -> RecordRequest:
        at = due + timedelta(seconds=1)
        command = Command(accord=accord, id=key, act=act, delegate=delegate, fields=fields)
        return RecordRequest(command=command, at=at)

    report = {
        "condition": "C1",
        "report": "R-1",
        "source": "nowhere",
        "observed_at": "2026-01-01T00:00:00Z",
    }
    for request in (
        forged("aa.contact", "aa.contact/mine"),
        forged(TICK, "aa.contact/mine"),
        forged(UNATTRIBUTED, "aa.contact/mine", "condition_changed", **report),
    ):
        assert (await refusal_of(engine, request)).type == "NotSigned"
    assert (await refusal_of(engine, forged(TICK, f"{TICK}/{state.size}"))).type == "AheadOfClock"
    # Another position than the record's: nothing falls, and no later tick's id is used up.
    past = RecordRequest(
        command=Command(accord=accord, id=f"{TICK}/{state.size + 7}", act=TICK, delegate=TICK),
        at=datetime.now(UTC) - timedelta(seconds=1),
    )
    assert (await ask(engine, "record", past, RecordAnswer)).receipt is None
    assert (await engine.state(accord)) == state
    assert (await engine.act(accord, "aa.contact", "record_statement", "mine", digest=digest("x"))).position


async def test_a_line_of_the_minutes_that_cannot_be_written_fails_no_act_and_ends_no_accord(
    database_url: str, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a worker is so busy that the local activity for it runs out of time."""

    @activity.defn(name="minute")
    async def minute() -> None:
        raise ApplicationError("no time", non_retryable=True)

    def without_minutes(*args: Any, activities: Sequence[Any], **options: Any) -> Worker:
        kept = [each for each in activities if each.__name__ != "minute"]
        return Worker(*args, activities=[*kept, minute], **options)

    monkeypatch.setattr("worker.main.Worker", without_minutes)
    async with running_engine(database_url, temporal_client) as busy:
        accord = await founded(busy)
        size = (await busy.state(accord)).size
        await busy.handle(accord).signal("unheard_of", "text")
        for _ in range(1200):
            if (await busy.state(accord)).size > size:
                break
            await asyncio.sleep(0.05)
        assert (await said(busy, accord, "after")).position == size + 1
        assert await status(busy, accord) is WorkflowExecutionStatus.RUNNING


async def test_signals_that_came_before_the_end_are_on_the_record(engine: Engine) -> None:
    accord = await engine.open(small())
    await engine.act(accord, "bb.contact", "decline_definition")
    async with stuck(engine, accord):
        for number in range(60):
            await engine.handle(accord).signal("unheard_of", f"text {number}")
        await pending_activity(engine, accord, "record_signals")
        closing = asyncio.create_task(engine.act(accord, "aa.contact", "close_accord"))
        await asyncio.sleep(0.2)
    await closing
    assert await asyncio.wait_for(engine.handle(accord).result(), 30) == "terminated"
    entries = [entry.entry() for entry in await engine.ledger.entries(accord, 0, 200)]
    assert [entry.type for entry in entries].count("signal_refused") == 60
    [closed] = [entry.position for entry in entries if entry.type == "accord_closed"]
    assert closed < entries[-1].position


async def roll_back(engine: Engine, accord: str, size: int) -> None:
    """The database as a backup has it that was made when the accord had ``size`` entries."""
    connection = await asyncpg.connect(engine.settings.database_dsn())
    try:
        async with connection.transaction():
            for table in ("entries", "payloads", "commands"):
                await connection.execute(f"alter table {table} disable trigger user")
            await connection.execute(
                "delete from commands where accord = $1 and (receipt->>'position')::bigint >= $2",
                accord,
                size,
            )
            for table in ("payloads", "entries"):
                await connection.execute(
                    f"delete from {table} where accord = $1 and position >= $2",
                    accord,
                    size,
                )
            leaves = await connection.fetch(
                "select leaf from entries where accord = $1 order by position", accord
            )
            frontier, nodes = Frontier().extend([row["leaf"] for row in leaves])
            await connection.execute("delete from merkle_nodes where accord = $1", accord)
            await connection.executemany(
                "insert into merkle_nodes (accord, level, index, hash) values ($1, $2, $3, $4)",
                [(accord, node.level, node.index, node.hash) for node in nodes if node.level > 0],
            )
            await connection.execute(
                "update heads set size = $2, root = $3, frontier = $4 where accord = $1",
                accord,
                frontier.size,
                frontier.root(),
                frontier.encoded(),
            )
            for table in ("entries", "payloads", "commands"):
                await connection.execute(f"alter table {table} enable trigger user")
    finally:
        await connection.close()


async def test_after_an_older_backup_the_accord_goes_on_from_the_ledger(engine: Engine) -> None:
    accord = await founded(engine)
    kept = [await said(engine, accord, f"{index}") for index in range(2)]
    for index in range(3):
        await said(engine, accord, f"lost-{index}")
    await roll_back(engine, accord, kept[-1].position + 1)
    after = await asyncio.wait_for(said(engine, accord, "after"), 60)
    assert after.position == kept[-1].position + 1
    state = await engine.state(accord)
    assert state.statements == 3
    status = await engine.handle(accord).query(AccordWorkflow.status)
    assert (status.size, status.stage) == (state.size, stage(state))


async def test_a_thousand_deadlines_at_once(engine: Engine) -> None:
    """They fall in portions, before an act that comes after them; nothing takes so long that it counts as stuck."""
    definition = small()
    due = datetime.now(UTC) + timedelta(seconds=10)
    template = {**definition["conditions"]["C1"], "due": due.isoformat()}
    definition["conditions"] = {f"C{index}": template for index in range(1000)}
    accord = await engine.open(definition)
    named = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await engine.act(accord, f"{party}.contact", "adopt_definition", digest=named)
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 0.01)
    receipt = await asyncio.wait_for(
        engine.persist(engine.command(accord, "aa.contact", "record_statement", digest=digest("after"))), 30
    )
    entries = [entry.entry() for entry in await engine.ledger.entries(accord, 0, 2000)]
    overdue = [entry.position for entry in entries if entry.type == "condition_overdue"]
    assert len(overdue) == 1000
    assert max(overdue) < receipt.position
    assert {entry.time for entry in entries if entry.type == "condition_overdue"} == {due}
