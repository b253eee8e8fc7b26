"""Beside the worker: figures about the ledger as a whole, read from time to time, for the metrics.

Each worker reads them, so that they are there as long as one runs; whoever adds up takes the greatest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from activities.checkpoints.store import UNCOSIGNED
from activities.errors import LedgerError
from activities.ledger.connections import reading_pool
from activities.ledger.database import translated, with_role
from activities.runtime import metrics
from activities.runtime.settings import Settings
from worker.background.beside import beside
from worker.background.revival import LATE

ROUND = 30.0
"""Seconds between two rounds."""

PATIENCE = 20.0
"""Seconds that one of the statements may take."""

_STAGES = "select stage, count(*) as accords from accords where not ended group by stage"
_OVERDUE = "select count(*) from accords where next_deadline < $1 and not simulated"
_UNCOSIGNED = f"""
select count(*) as accords, min(e.time) as oldest
from ({UNCOSIGNED}) as u join heads h using (accord)
join entries e on (e.accord, e.position) = (u.accord, h.size - 1)
"""  # noqa: S608 - constants

log = structlog.get_logger(__name__)


async def observe(pool: asyncpg.Pool[Any], now: datetime) -> None:
    """Read the figures once.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read figures of the ledger", with_role("entente_reader")):
        stages = await pool.fetch(_STAGES, timeout=PATIENCE)
        overdue = await pool.fetchval(_OVERDUE, now - LATE, timeout=PATIENCE)
        position = await pool.fetchval("select position from feed", timeout=PATIENCE)
        uncosigned = await pool.fetchrow(_UNCOSIGNED, timeout=PATIENCE)
    metrics.ACCORDS.clear()
    for row in stages:
        metrics.ACCORDS.labels(row["stage"]).set(row["accords"])
    metrics.DEADLINES_OVERDUE.set(overdue)
    metrics.FEED_POSITION.set(position)
    oldest = uncosigned["oldest"] if uncosigned else None
    metrics.UNCOSIGNED_ACCORDS.set(uncosigned["accords"] if uncosigned else 0)
    metrics.WITNESS_LAG.set(0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0))
    metrics.OBSERVED.set(time.time())


@asynccontextmanager
async def observing(settings: Settings) -> AsyncIterator[None]:
    """Read the figures every ``ROUND`` while the block runs, where somebody can ask for them."""
    if settings.operations_port is None:
        yield
        return

    async def rounds(pool: asyncpg.Pool[Any]) -> None:
        while True:
            try:
                await observe(pool, datetime.now(UTC))
            except (LedgerError, TimeoutError) as error:
                log.warning(
                    "the figures of the ledger cannot be read", reason=str(error) or "it takes too long"
                )
            except Exception:  # The next round may do better; nobody would notice the end of this task.
                log.exception("reading the figures of the ledger failed")
            await asyncio.sleep(ROUND)

    async with (
        reading_pool(settings.database_dsn(), min_size=0, max_size=1) as pool,
        beside(rounds(pool), "observing"),
    ):
        yield
