"""Exactly once, from end to end: one entry and one and the same receipt, however often a command is sent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.identity.signing import CommandVerifier
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Append, Outcome
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.recording import Recorder
from activities.runtime.temporal import connect
from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine, failure_of
from worker.main import accord_worker
from workflows.model.attested import state_digest
from workflows.model.commands import Command, Receipt
from workflows.model.definition import Definition
from workflows.model.fold import evolve
from workflows.workflow import AccordWorkflow


async def founded(engine: Engine, **options: Any) -> str:
    definition = bare()
    accord = await engine.open(definition, **options)
    named = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await engine.persist(engine.command(accord, f"{party}.contact", "adopt_definition", digest=named))
    return accord


def statement(engine: Engine, accord: str, key: str, words: str = "said") -> Command:
    return engine.command(accord, "aa.contact", "record_statement", key, digest=digest(words))


async def entries_of(engine: Engine, command: Command) -> list[str]:
    """The types of the entries that a command caused."""
    stored = await engine.ledger.entries(command.accord, 0, 100_000)
    return [entry.entry().type for entry in stored if entry.entry().command == command.id]


async def test_the_same_act_sent_twice(engine: Engine) -> None:
    accord = await founded(engine)
    command = statement(engine, accord, "k1")
    assert await engine.send(command) == await engine.send(command)
    assert await entries_of(engine, command) == ["statement_recorded"]


async def test_the_same_act_sent_twice_at_the_same_time(engine: Engine) -> None:
    accord = await founded(engine)
    command = statement(engine, accord, "k1")
    receipts = await asyncio.gather(*(engine.send(command) for _ in range(6)))
    assert all(receipt == receipts[0] for receipt in receipts)
    assert await entries_of(engine, command) == ["statement_recorded"]


async def test_the_same_id_with_other_content_is_an_error(engine: Engine) -> None:
    accord = await founded(engine)
    await engine.send(statement(engine, accord, "k1"))
    error = await failure_of(engine.send(statement(engine, accord, "k1", "something else")))
    assert error.type == "CommandIdReused"

    both = [statement(engine, accord, "k2", words) for words in ("this", "that")]
    outcomes = await asyncio.gather(*(engine.send(command) for command in both), return_exceptions=True)
    assert sorted(isinstance(outcome, Receipt) for outcome in outcomes) == [False, True]
    assert await entries_of(engine, both[0]) == ["statement_recorded"]


async def test_the_same_act_after_the_history_was_continued(engine: Engine) -> None:
    accord = await founded(engine, continue_after=4)
    first_run = (await engine.handle(accord).describe()).run_id
    command = statement(engine, accord, "k1")
    receipt = await engine.persist(command)
    refused = engine.command(accord, "bb.contact", "issue_invitation", "r1")
    refusal = Receipt.model_validate((await failure_of(engine.persist(refused))).details[0])
    for index in range(6):
        await engine.persist(statement(engine, accord, f"more-{index}"))

    assert (await engine.handle(accord).describe()).run_id != first_run
    assert await engine.persist(command) == receipt
    assert Receipt.model_validate((await failure_of(engine.persist(refused))).details[0]) == refusal
    assert await entries_of(engine, command) == ["statement_recorded"]
    assert await entries_of(engine, refused) == ["act_refused"]


async def test_the_same_act_after_the_accord_has_ended(engine: Engine) -> None:
    accord = await founded(engine)
    command = statement(engine, accord, "k1")
    receipt = await engine.send(command)
    for party in ("aa", "bb"):
        await engine.act(accord, f"{party}.contact", "agree_termination")
    await engine.act(accord, "aa.contact", "close_accord")
    assert await engine.handle(accord).result() == "terminated"

    # A run that is started for an accord that ended takes its state from the ledger, answers, and ends again.
    again: Receipt = await engine.client.execute_update_with_start_workflow(
        command.act,
        command,
        id=command.update_id(),
        result_type=Receipt,
        start_workflow_operation=engine.start_operation(accord),
    )
    assert again == receipt
    assert await engine.handle(accord).result() == "terminated"
    assert await entries_of(engine, command) == ["statement_recorded"]


class CrashesOnce(PostgresLedger):
    """Commits, then fails as if the connection broke before the answer came."""

    crashed = 0

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().record(appends)
        if CrashesOnce.crashed < 2 and any(append.act == "record_statement" for append in appends):
            CrashesOnce.crashed += 1
            raise ConnectionResetError("the answer was lost")
        return outcomes


async def test_an_activity_that_crashed_after_its_commit(
    engine: Engine, database_url: str, temporal_client: Client
) -> None:
    CrashesOnce.crashed = 0
    accord = await founded(engine)
    queue = engine.settings.task_queue + "-crash"
    async with (
        CrashesOnce.connect(database_url) as ledger,
        BatchWriter(ledger) as writer,
        Worker(
            temporal_client,
            task_queue=queue,
            workflows=[AccordWorkflow],
            activities=Recorder(
                ledger, writer, States(ledger), CommandVerifier([engine.signer.public_key])
            ).activities,
        ),
    ):
        await engine.handle(accord).terminate("move to the queue of the crashing worker")
        engine.settings = engine.settings.model_copy(update={"task_queue": queue})
        command = statement(engine, accord, "k1")
        receipt: Receipt = await temporal_client.execute_update_with_start_workflow(
            command.act,
            command,
            id=command.update_id(),
            result_type=Receipt,
            start_workflow_operation=engine.start_operation(accord),
        )
        assert CrashesOnce.crashed > 0
        assert receipt.status == "recorded"
        assert await entries_of(engine, command) == ["statement_recorded"]
        assert await engine.send(command) == receipt


async def test_two_workers_record_one_entry_each(engine: Engine, temporal_address: str) -> None:
    other_client = await connect(engine.settings, target=temporal_address)
    async with accord_worker(engine.settings, other_client) as second, second:
        accord = await founded(engine)
        commands = [statement(engine, accord, f"k{index}") for index in range(20)]
        # The server takes ten updates of one workflow at once; the API keeps to fewer, and so does this.
        turn = asyncio.Semaphore(8)

        async def send(command: Command) -> Receipt:
            async with turn:
                return await engine.send(command)

        sent = await asyncio.gather(*(send(command) for command in (*commands, *commands)))
        assert sent[:20] == sent[20:]
        state = await engine.state(accord)
        assert state.statements == 20


async def test_a_worker_killed_between_commit_and_completion(engine: Engine, tmp_path: Path) -> None:
    """The worker is a process of its own, and kills itself right after the commit."""
    accord = await founded(engine)
    queue = engine.settings.task_queue + "-killed"
    environment = {
        **os.environ,
        "DATABASE_URL": engine.settings.database_dsn(),
        "ENTENTE_TASK_QUEUE": queue,
        "ENTENTE_COMMAND_PUBLIC_KEYS": engine.signer.public_key,
        "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
    }
    with (tmp_path / "killed.log").open("wb") as log:
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.workflows.dies_after_commit", env=environment, stdout=log, stderr=log
        )
        await engine.handle(accord).terminate("move to the queue of the worker that will die")
        command = statement(engine, accord, "k1")
        before = engine.settings
        engine.settings = before.model_copy(update={"task_queue": queue})
        sending = asyncio.create_task(
            engine.client.execute_update_with_start_workflow(
                command.act,
                command,
                id=command.update_id(),
                result_type=Receipt,
                start_workflow_operation=engine.start_operation(accord),
            )
        )
        assert await asyncio.wait_for(killed.wait(), 60) == -signal.SIGKILL, (
            tmp_path / "killed.log"
        ).read_text()
    assert await entries_of(engine, command) == ["statement_recorded"]
    assert not sending.done()
    async with accord_worker(engine.settings, engine.client) as next_worker, next_worker:
        receipt = await asyncio.wait_for(sending, 60)
        assert await entries_of(engine, command) == ["statement_recorded"]
        stored = await engine.ledger.outcome(accord, command.id)
        assert stored is not None
        assert stored.receipt == receipt


async def test_eight_callers_who_never_pause_and_several_continuations(engine: Engine) -> None:
    accord = await founded(engine, continue_after=40)
    first_run = (await engine.handle(accord).describe()).run_id

    async def caller(number: int) -> list[Receipt]:
        return [
            await engine.persist(statement(engine, accord, f"{number}-{index}", f"{number}-{index}"))
            for index in range(30)
        ]

    receipts = [receipt for each in await asyncio.gather(*(caller(n) for n in range(8))) for receipt in each]

    assert all(receipt.status == "recorded" for receipt in receipts)
    assert len({receipt.position for receipt in receipts}) == 240
    state = await engine.state(accord)
    assert state.statements == 240
    assert await runs_of(engine, accord, first_run) >= 5


async def runs_of(engine: Engine, accord: str, first_run: str) -> int:
    """How many runs the accord has had, counted by following each one's continuation."""
    count, run = 1, first_run
    while count < 100:
        history = await engine.client.get_workflow_handle(accord, run_id=run).fetch_history()
        last = history.events[-1]
        if not last.HasField("workflow_execution_continued_as_new_event_attributes"):
            return count
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        count += 1
    raise AssertionError("more than 100 runs")


async def test_a_lost_temporal_store(engine: Engine) -> None:
    """Terminated behind our back, an accord goes on from the ledger as if nothing had been."""
    accord = await founded(engine)
    await engine.send(statement(engine, accord, "k1"))
    before = await engine.state(accord)
    await engine.handle(accord).terminate("the store is lost")
    command = statement(engine, accord, "k2")
    receipt: Receipt = await engine.client.execute_update_with_start_workflow(
        command.act,
        command,
        id=command.update_id(),
        result_type=Receipt,
        start_workflow_operation=engine.start_operation(accord),
    )
    assert receipt.position == before.size
    state = None
    for entry in await engine.ledger.entries(accord):
        state = evolve(state, entry.recorded())
    assert state is not None
    assert state_digest(state) == state_digest(await engine.state(accord))
