"""What the workflow sandbox costs: the CPU time of a worker for one act, with it and without it, in turn.

    python -m tests.benchmarks.sandbox [--acts 100] [--turns 4]

One process holds the worker and the caller; CPU time rather than time passed, so that other load matters little. Prints
a table; asserts nothing. What came of it: ``deploy/docs/decisions/0008-sandbox.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.identity.signing import CommandSigner, CommandVerifier
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.recording import Recorder
from activities.runtime.settings import read_settings
from activities.runtime.temporal import PASSED_THROUGH, EntentePlugin, connect
from tests.conftest import with_database
from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine
from worker.stack.postgres import Postgres
from worker.stack.temporal import Temporal
from workflows.model.definition import Definition
from workflows.workflow import AccordWorkflow


def runners() -> dict[str, WorkflowRunner]:
    sandboxed = SandboxedWorkflowRunner()
    restrictions = sandboxed.restrictions.with_passthrough_modules(*PASSED_THROUGH)
    return {
        "with the sandbox": SandboxedWorkflowRunner(restrictions=restrictions),
        "without it": UnsandboxedWorkflowRunner(),
    }


async def acts(engine: Engine, accord: str, count: int) -> float:
    """Seconds of CPU time of this process for one of ``count`` acts in a row."""
    begun = time.process_time()
    for index in range(count):
        await engine.persist(
            engine.command(accord, "aa.contact", "record_statement", digest=digest(f"{index}"))
        )
    return (time.process_time() - begun) / count


async def replays(engine: Engine, accord: str, runner: WorkflowRunner, count: int) -> float:
    """Seconds of CPU time of this process for one replay of the accord's last run."""
    history = await engine.handle(accord).fetch_history()
    replayer = Replayer(workflows=[AccordWorkflow], plugins=[EntentePlugin()], workflow_runner=runner)
    begun = time.process_time()
    for _ in range(count):
        await replayer.replay_workflow(history)
    return (time.process_time() - begun) / count


async def measure(url: str, address: str, count: int, turns: int) -> None:
    client = await connect(read_settings(), target=address)
    signer = CommandSigner(Ed25519PrivateKey.generate())
    taken: dict[str, list[float]] = {}
    replayed: dict[str, list[float]] = {}
    async with PostgresLedger.connect(url) as ledger, BatchWriter(ledger) as writer:
        recorder = Recorder(ledger, writer, States(ledger), CommandVerifier([signer.public_key]))
        for _ in range(turns):
            for name, runner in runners().items():
                queue = uuid.uuid4().hex
                worker = Worker(
                    client,
                    task_queue=queue,
                    workflows=[AccordWorkflow],
                    activities=recorder.activities,
                    workflow_runner=runner,
                )
                async with worker:
                    settings = read_settings(task_queue=queue)
                    engine = Engine(client, settings, signer, ledger)
                    accord = await engine.open(bare())
                    named = Definition.model_validate(bare()).digest()
                    for party in ("aa", "bb"):
                        await engine.act(accord, f"{party}.contact", "adopt_definition", digest=named)
                    await acts(engine, accord, 10)
                    taken.setdefault(name, []).append(await acts(engine, accord, count))
                    replayed.setdefault(name, []).append(await replays(engine, accord, runner, 3))
    table = Table(
        "", "one act, ms CPU", "one replay of a run, ms CPU", title=f"{turns} turns of {count} acts"
    )
    for name, values in taken.items():
        medians = statistics.median(values), statistics.median(replayed[name])
        table.add_row(name, *(f"{value * 1000:.1f}" for value in medians))
    Console(width=100).print(table)


async def run(count: int, turns: int) -> None:
    with tempfile.TemporaryDirectory(prefix="entente-sandbox-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        postgres = Postgres(state, port=0, durable=False)
        temporal = Temporal(state, port=0, ui_port=None, durable=False)
        await postgres.start()
        try:
            await temporal.start()
            connection = await asyncpg.connect(postgres.url("postgres"))
            await connection.execute("create database sandbox")
            await connection.close()
            url = with_database(postgres.url("postgres"), "sandbox")
            await migrate(url)
            await measure(url, temporal.address, count, turns)
        finally:
            await temporal.stop()
            await postgres.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--acts", type=int, default=100)
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    asyncio.run(run(given.acts, given.turns))


if __name__ == "__main__":
    main()
