"""Beside the worker: whoever waits for entries outside is told that there are some.

Telling is a signal to a workflow that Temporal keeps. One that was lost is made up for in the next look around, since
the database says how far each has got; one too many does nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.feeds.following import AWAY, Announcements, feed_position
from activities.feeds.starting import tell_person, tell_webhook
from activities.ledger.connections import reading_pool
from activities.ledger.database import translated, with_role
from activities.runtime.settings import Settings
from worker.background.beside import beside

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
_PEOPLE = """
select distinct s.principal from notice_settings s join waiting w on w.who = s.principal
where s.confirmed is not null and s.mode = 'at_once'
    and w.accord in (select accord from entries where feed > $1 and feed <= $2)
"""
_NOT_TOLD = """
select s.principal from notice_settings s where s.confirmed is not null and s.mode = 'at_once' and exists (
    select from waiting w where w.who = s.principal and not exists (
        select from notices_told t where (t.principal, t.accord, t.key) = (s.principal, w.accord, w.key)
    )
)
"""
_DAILY = "select principal from notice_settings where confirmed is not null and mode = 'daily'"
_BEHIND = "select id from webhooks where active and failures = 0 and position < $1"

log = structlog.get_logger(__name__)


async def _names(pool: asyncpg.Pool[Any], query: str, *arguments: int) -> list[str]:
    with translated("read", with_role("entente_writer")):
        return [row[0] for row in await pool.fetch(query, *arguments)]


async def tell(
    pool: asyncpg.Pool[Any], client: Client, settings: Settings, after: int | None, end: int
) -> None:
    """Tell whom entries beyond ``after`` concern, or where it is none everybody who is behind.

    Raises:
        LedgerError, RPCError: the database or Temporal does not answer.
    """
    queue = settings.task_queue
    for name in await (_names(pool, _BEHIND, end) if after is None else _names(pool, _CONCERNED, after, end)):
        await tell_webhook(client, name, queue)
    if settings.smtp_url is None:
        return
    for name in await (_names(pool, _NOT_TOLD) if after is None else _names(pool, _PEOPLE, after, end)):
        await tell_person(client, name, queue)
    if after is None:
        for name in await _names(pool, _DAILY):
            await tell_person(client, name, queue, news=False)


@asynccontextmanager
async def telling(settings: Settings, client: Client) -> AsyncIterator[None]:
    """Tell webhooks and people of new entries while the block runs."""

    async def rounds(pool: asyncpg.Pool[Any]) -> None:
        position, around = 0, 0.0
        async with Announcements(settings.database_dsn()) as announced:
            while not announced.broken:
                end = await feed_position(pool)
                if time.monotonic() >= around:
                    await tell(pool, client, settings, None, end)
                    around = time.monotonic() + AROUND
                elif end > position:
                    await tell(pool, client, settings, position, end)
                position = end
                await announced.wait(LOOK)

    async def forever() -> None:
        async with reading_pool(settings.database_dsn(), min_size=0, max_size=1) as pool:
            while True:
                try:
                    await rounds(pool)
                except (*AWAY, RPCError) as error:
                    log.warning("nobody can be told of new entries at the moment", reason=str(error)[:300])
                except Exception:  # The next round may do better; nobody would notice the end of this task.
                    log.exception("telling of new entries failed")
                await asyncio.sleep(PAUSE)

    async with beside(forever(), "telling"):
        yield
