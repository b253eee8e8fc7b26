"""A worker that kills itself with SIGKILL right after it has committed a statement. Run as a program by a test."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

from temporalio.worker import Worker

from activities.identity.signing import CommandVerifier
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Append, Outcome
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.recording import Recorder
from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from workflows.workflow import AccordWorkflow


class Dies(PostgresLedger):
    """Commits, and is gone."""

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().record(appends)
        if any(append.act == "record_statement" for append in appends):
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes


async def main() -> None:
    settings = read_settings()
    client = await connect(settings)
    async with Dies.connect(settings.database_dsn()) as ledger, BatchWriter(ledger) as writer:
        verifier = CommandVerifier(settings.command_public_keys)
        recorder = Recorder(ledger, writer, States(ledger), verifier)
        worker = Worker(
            client, task_queue=settings.task_queue, workflows=[AccordWorkflow], activities=recorder.activities
        )
        await asyncio.wait_for(worker.run(), 120)


if __name__ == "__main__":
    asyncio.run(main())
