"""Beside the worker: accords whose deadline has passed while no workflow ran are taken up again, from the ledger.

A workflow is gone where somebody terminated it, or Temporal lost its store. The next act starts another; but a
deadline has to fall although nobody acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import LedgerError
from activities.ledger.postgres import PostgresLedger
from activities.runtime.accords import run_accord
from activities.runtime.settings import Settings
from worker.background.beside import beside

ROUND = timedelta(minutes=1)
"""How often the ledger is looked through."""

LATE = timedelta(seconds=30)
"""A deadline is late when it is not on the record so long after it was due."""

AT_ONCE = 200
"""The most accords that one round takes up."""

log = structlog.get_logger(__name__)


async def take_up(client: Client, ledger: PostgresLedger, task_queue: str, late: timedelta = LATE) -> int:
    """See to it that a workflow runs for every accord with a late deadline; how many there were.

    Raises:
        LedgerError, RPCError: the ledger or Temporal does not answer.
    """
    overdue = await ledger.overdue(datetime.now(UTC) - late, AT_ONCE)
    for accord in overdue:
        # Nothing comes of it where one runs.
        await run_accord(client, accord, task_queue)
    return len(overdue)


@asynccontextmanager
async def reviving(settings: Settings, client: Client) -> AsyncIterator[None]:
    """Take up accords with late deadlines, at once and then every ``ROUND``, while the block runs."""

    async def rounds(ledger: PostgresLedger) -> None:
        while True:
            try:
                found = await take_up(client, ledger, settings.task_queue)
                if found:
                    log.warning("deadlines are late; their accords are taken up", accords=found)
            except (LedgerError, RPCError) as error:
                log.warning("could not look for late deadlines", reason=str(error))
            except (
                Exception
            ):  # Whatever it was, the next round may do better; without rounds nobody would notice.
                log.exception("looking for late deadlines failed")
            await asyncio.sleep(ROUND.total_seconds())

    async with (
        PostgresLedger.connect(settings.database_dsn(), min_size=0, max_size=1) as ledger,
        beside(rounds(ledger), "revival"),
    ):
        yield
