"""Tokens of time over checkpoints, in Postgres (``0080_timestamps.sql``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import asyncpg

from activities.ledger.database import translated, with_role
from activities.tlog.note import encode_base64

_UNSTAMPED = """
select p.accord, c.size, c.cosigned, c.since
from witness_policies p cross join lateral (
    select g.size, count(*) as cosigned, max(g.received) as since from cosignatures g where g.accord = p.accord
    group by g.size order by g.size desc limit 1
) c
where p.accord > $2 and not exists (
    select from timestamps t where (t.accord, t.authority) = (p.accord, $1) and t.size >= c.size
)
order by p.accord limit $3
"""


_AROUND = """
select size, authority, token, received from timestamps t where accord = $1 and size = any(array[
    (select max(size) from timestamps b where (b.accord, b.authority) = (t.accord, t.authority) and b.size < $2),
    (select min(size) from timestamps b where (b.accord, b.authority) = (t.accord, t.authority) and b.size >= $2)
])
order by authority, size
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token (DER) over the checkpoint at ``size``; of which address, and when it came by the database's clock."""

    size: int
    authority: str
    token: bytes
    received: datetime


@dataclass(frozen=True, slots=True)
class Unstamped:
    """An accord whose last cosigned checkpoint, at ``size`` with so many cosignatures, an authority has not stamped.

    ``since`` is when the last of them came, by the database's clock.
    """

    accord: str
    size: int
    cosigned: int
    since: datetime


class TimestampStore:
    """Keeps tokens of time; over the same database, and with the same roles, as the checkpoints."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def keep(self, accord: str, size: int, authority: str, token: bytes) -> None:
        """Keep a token that was held against what was asked; an authority's first one for a size stays."""
        with translated("record timestamps", with_role("entente_writer")):
            await self._pool.execute(
                "insert into timestamps (accord, size, authority, token) values ($1, $2, $3, $4) "
                "on conflict do nothing",
                accord,
                size,
                authority,
                token,
            )

    async def latest(self, accord: str, limit: int) -> list[Stamp]:
        """The tokens over the accord's largest stamped checkpoints, the largest first."""
        rows = await self._rows(
            "select size, authority, token, received from timestamps where accord = $1 "
            "order by size desc, authority limit $2",
            accord,
            limit,
        )
        return [Stamp(**row) for row in rows]

    async def around(self, accord: str, size: int) -> list[Stamp]:
        """Of each authority its last token over fewer than ``size`` entries, and its first over as many or more.

        Once there is one over as many, later tokens change nothing of it.
        """
        rows = await self._rows(_AROUND, accord, size)
        return [Stamp(**row) for row in rows]

    async def stamped(self, accord: str, authority: str) -> int:
        """The largest size that an authority has stamped; 0 where there is none."""
        rows = await self._rows(
            "select max(size) as size from timestamps where (accord, authority) = ($1, $2)", accord, authority
        )
        return rows[0]["size"] or 0

    async def any(self, accord: str, up_to: int) -> bool:
        """Whether there is a token over a checkpoint of at most so many entries."""
        return bool(
            await self._rows(
                "select true from timestamps where accord = $1 and size <= $2 limit 1", accord, up_to
            )
        )

    async def pages(self, accord: str, up_to: int, page: int = 100) -> AsyncIterator[tuple[int, bytes]]:
        """All tokens up to a size, in the order of a bundle: by size, then by the token's base64."""
        after = 0
        while True:
            rows = await self._rows(
                "select size, token from timestamps where accord = $1 and size in ("
                "select distinct size from timestamps where accord = $1 and size > $2 and size <= $3 "
                "order by size limit $4) order by size",
                accord,
                after,
                up_to,
                page,
            )
            if not rows:
                return
            for size, tokens in groupby(rows, key=lambda row: row["size"]):
                for token in sorted({one["token"] for one in tokens}, key=encode_base64):
                    yield size, token
                after = size

    async def unstamped(self, authority: str, after: str = "", limit: int = 100) -> list[Unstamped]:
        """Accords above ``after`` whose last cosigned checkpoint an authority has not stamped, by id."""
        return [Unstamped(**row) for row in await self._rows(_UNSTAMPED, authority, after, limit)]

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with translated("read timestamps", with_role("entente_reader")):
            return await self._pool.fetch(query, *arguments)
