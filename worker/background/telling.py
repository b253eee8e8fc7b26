"""Beside the worker: whoever waits for entries outside is told that there are some.

Telling is a signal to a workflow that Temporal keeps. One that was lost is made up for in the next look around, since
the database says how far each has got; one too many does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.feeds.following import AWAY, Announcements, feed_position
from activities.feeds.starting import tell_webhook
from activities.ledger.connections import reading_pool
from activities.ledger.database import translated, with_role
from activities.runtime.settings import Settings

LOOK = 2.0
"""Seconds after which the feed is looked at, announced or not."""

AROUND = 60.0
"""Seconds after which everybody who is behind is told again."""

PAUSE = 5.0
"""Seconds after a failure."""

_CONCERNED = """
select distinct w.id from (
    select distinct accord from entries where feed > $1 and feed <= $2
) as e join accords a on a.accord = e.accord
join webhooks w on w.active and (w.accord is null or w.accord = e.accord)
    and (w.reads_all or a.members @> array[w.principal])
"""
_BEHIND = "select id from webhooks where active and failures = 0 and position < $1"

log = structlog.get_logger(__name__)


async def concerned(pool: asyncpg.Pool[Any], after: int, end: int) -> list[str]:
    """The webhooks for which entries beyond ``after`` and up to ``end`` may be.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read", with_role("entente_writer")):
        return [row["id"] for row in await pool.fetch(_CONCERNED, after, end)]


async def behind(pool: asyncpg.Pool[Any], end: int) -> list[str]:
    """The webhooks that are not at ``end`` and did not fail.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read", with_role("entente_writer")):
        return [row["id"] for row in await pool.fetch(_BEHIND, end)]


@asynccontextmanager
async def telling(settings: Settings, client: Client) -> AsyncIterator[None]:
    """Tell webhooks of new entries while the block runs."""

    async def rounds(pool: asyncpg.Pool[Any]) -> None:
        position, around = 0, 0.0
        async with Announcements(settings.database_dsn()) as announced:
            while not announced.broken:
                end = await feed_position(pool)
                if time.monotonic() >= around:
                    names = await behind(pool, end)
                    around = time.monotonic() + AROUND
                else:
                    names = await concerned(pool, position, end) if end > position else []
                for name in names:
                    await tell_webhook(client, name, settings.task_queue)
                position = end
                await announced.wait(LOOK)

    async def forever() -> None:
        async with reading_pool(settings.database_dsn(), min_size=0, max_size=1) as pool:
            while True:
                try:
                    await rounds(pool)
                except (*AWAY, RPCError) as error:
                    log.warning("webhooks cannot be told of new entries", reason=str(error)[:300])
                except Exception:  # The next round may do better; nobody would notice the end of this task.
                    log.exception("telling webhooks of new entries failed")
                await asyncio.sleep(PAUSE)

    task = asyncio.create_task(forever(), name="telling")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
