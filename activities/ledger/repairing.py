"""Putting the read model right: its row for an accord is written anew from the fold of the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from activities.ledger.database import translated, with_role
from workflows.model.commands import Summary

# With the head locked nobody can append meanwhile, so the row is that of the record as it is when this commits.
_LOCK = "select size from heads where accord = $1 for update"

_WRITE = """
insert into accords (accord, stage, parties, members, position, next_deadline, ended, summary)
select s.accord, s.stage, s.parties, s.members, s.position, s.next_deadline, s.ended, $1::jsonb
from jsonb_to_record($1::jsonb) as s (
    accord text, stage text, parties text[], members text[], position bigint,
    next_deadline timestamptz, ended boolean
)
on conflict on constraint accords_pkey do update set
    stage = excluded.stage, parties = excluded.parties, members = excluded.members,
    position = excluded.position, next_deadline = excluded.next_deadline, ended = excluded.ended,
    summary = excluded.summary
"""

# Written by triggers as the row changes; what differs although the row says the same is put right here.
_UNLIST = "delete from waiting where accord = $1"
_LIST = """
insert into waiting (accord, key, who, kind, due, sure)
select a.accord, w.key, w.who, w.kind, w.due, surely_seen(a.summary, w.who)
from accords a, lateral waiting_of(a.summary) as w where a.accord = $1
"""

# Also those that one of the two has and the other lacks.
_ACCORDS = """
select accord from (
    (select accord from heads where accord > $1 order by accord limit $2)
    union
    (select accord from accords where accord > $1 order by accord limit $2)
) as either order by accord limit $2
"""

_SAME = """
with listed as (select key, who, kind, due from waiting where accord = $1)
select a.stage = s.stage and a.parties = s.parties and a.members = s.members and a.position = s.position
    and a.next_deadline is not distinct from s.next_deadline and a.ended = s.ended
    and not exists (
        (table listed except select * from waiting_of(a.summary))
        union all (select * from waiting_of(a.summary) except table listed)
    )
    and not exists (
        select from waiting w where w.accord = $1 and w.sure and not surely_seen(a.summary, w.who)
    ) as same
from accords a, jsonb_to_record(a.summary) as s (
    stage text, parties text[], members text[], position bigint, next_deadline timestamptz, ended boolean
) where a.accord = $1
"""


async def accords_after(pool: asyncpg.Pool[Any], after: str, limit: int) -> Sequence[str]:
    """Accords of record and read model with ids above ``after``, in the order of their bytes.

    Raises:
        LedgerError: the database cannot be read.
    """
    with translated("read", with_role("entente_reader")):
        return [row["accord"] for row in await pool.fetch(_ACCORDS, after, limit)]


async def columns_fit(pool: asyncpg.Pool[Any], accord: str) -> bool:
    """Whether what lists are filtered by, columns and steps waited for, says what the read model's summary says.

    Raises:
        LedgerError: the database cannot be read.
    """
    with translated("read", with_role("entente_reader")):
        return bool(await pool.fetchval(_SAME, accord))


async def repair_summary(pool: asyncpg.Pool[Any], summary: Summary) -> bool:
    """Write the read model's row anew; false where the record has another size by now, and nothing was written.

    Raises:
        LedgerError: the database cannot be written.
    """
    with translated("repair the read model", with_role("entente_writer")):
        async with pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_LOCK, summary.accord) != summary.position:
                return False
            await connection.execute(_WRITE, summary.model_dump_json())
            await connection.execute(_UNLIST, summary.accord)
            await connection.execute(_LIST, summary.accord)
            return True
