"""The ledger in Postgres: what is read of it. How it is appended to stands in :mod:`activities.ledger.appending`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from activities.ledger.appending import Appender, known_of
from activities.ledger.connections import reading_pool, writing_pool
from activities.ledger.database import translated, with_role
from activities.ledger.entry import Payload
from activities.ledger.store import (
    Append,
    Head,
    Known,
    Outcome,
    Standing,
    StoredCommand,
    StoredEntry,
)
from activities.tlog.merkle import Coordinate, Frontier
from workflows.model.commands import Receipt, Summary

_COLUMNS = """
select e.accord, e.position, e.feed, e.bytes, e.leaf,
    f.salt as facts_salt, f.bytes as facts, p.salt as particulars_salt, p.bytes as particulars
"""
_PAYLOADS = """
left join payloads f on (f.accord, f.position, f.kind) = (e.accord, e.position, 'facts')
left join payloads p on (p.accord, p.position, p.kind) = (e.accord, e.position, 'particulars')
"""
SELECT_ENTRIES = f"{_COLUMNS} from entries e {_PAYLOADS}"
"""Entries with their payloads, as :func:`stored_entry` reads them."""

# The page is cut before its payloads are looked up: else the planner counts on looking up those of all that follows,
# and lets several processes begin with that.
_ENTRIES = f"""
{_COLUMNS} from (select * from entries where accord = $1 and position >= $2 order by position limit $3) e
{_PAYLOADS} order by e.position
"""  # noqa: S608 - constants
_ENTRIES_OF = f"{SELECT_ENTRIES} where e.accord = $1 and e.type = any($2) order by e.position"
_FEED = f"""
{_COLUMNS} from (select * from entries where feed > $1 order by feed limit $2) e
{_PAYLOADS} order by e.feed
"""  # noqa: S608 - constants

# One statement, so that all of it is of one moment; the first row is the head's and the command's.
_STANDING = """
select -1::bigint as position, h.size, h.frontier, null::bigint as feed, null::bytea as bytes, null::bytea as leaf,
    null::bytea as facts_salt, null::bytea as facts,
    c.fingerprint, c.salt, c.outline, c.receipt::text as receipt
from (values ($1::text, $4::text)) as asked (accord, id)
left join heads h on h.accord = asked.accord
left join commands c on (c.accord, c.id) = (asked.accord, asked.id)
union all
select e.position, null, null, e.feed, e.bytes, e.leaf, f.salt, f.bytes, null, null, null, null
from (select * from entries where accord = $1 and position >= $2 order by position limit $3) e
left join payloads f on (f.accord, f.position, f.kind) = (e.accord, e.position, 'facts')
"""

_NODES = """
select n.level, n.index, n.hash
from unnest($2::smallint[], $3::bigint[]) as wanted (level, index)
join merkle_nodes n on (n.accord, n.level, n.index) = ($1, wanted.level, wanted.index)
union all
select 0, e.position, e.leaf
from unnest($2::smallint[], $3::bigint[]) as wanted (level, index)
join entries e on (e.accord, e.position) = ($1, wanted.index) where wanted.level = 0
"""

_COMMANDS_IN_ORDER = """
select id, fingerprint, salt, outline, receipt::text as receipt, signed from commands
where accord = $1 and (receipt->>'size')::bigint <= $2
order by (receipt->>'size')::bigint, receipt->'events' = '[]'::jsonb, id
"""


class PostgresLedger:
    """A :class:`~activities.ledger.store.Ledger` over pools of connections to a migrated database.

    ``writing`` is the one to append on (:func:`activities.ledger.connections.writing_pool`); without it, ``pool`` is.
    The login needs the role ``entente_writer`` to record, ``entente_reader`` to read, and
    ``entente_eraser`` to erase; the owner of the tables has all three.
    """

    def __init__(self, pool: asyncpg.Pool[Any], writing: asyncpg.Pool[Any] | None = None) -> None:
        self.pool = self._pool = pool
        self._appender = Appender(pool if writing is None else writing)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, dsn: str, *, min_size: int = 1, max_size: int = 4
    ) -> AsyncIterator[PostgresLedger]:
        """A ledger over pools of its own, one to append on and one for all else, which are closed at the end."""
        async with (
            reading_pool(dsn, min_size=min_size, max_size=max_size) as reading,
            writing_pool(dsn) as writing,
        ):
            yield cls(reading, writing)

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        """See :meth:`activities.ledger.store.Ledger.record`.

        After a lost connection it is unknown whether the batch was recorded; recording it again is safe.
        """
        return await self._appender.record(appends)

    async def refused(self, accord: str, mark: str) -> int | None:
        """See :meth:`activities.ledger.store.Ledger.refused`."""
        row = await self._row(
            "select position from entries where accord = $1 and mark = $2 order by position limit 1",
            accord,
            mark,
        )
        return None if row is None else int(row["position"])

    async def outcome(self, accord: str, command_id: str) -> Known | None:
        """See :meth:`activities.ledger.store.Ledger.outcome`."""
        row = await self._row(
            "select fingerprint, salt, outline, receipt::text as receipt from commands where (accord, id) = ($1, $2)",
            accord,
            command_id,
        )
        return None if row is None else known_of(row)

    async def standing(
        self, accord: str, start: int = 0, limit: int = 1000, command_id: str | None = None
    ) -> Standing:
        """See :meth:`activities.ledger.store.Ledger.standing`."""
        rows = await self._rows(_STANDING, accord, start, limit, command_id)
        [first] = [row for row in rows if row["position"] < 0]
        beyond = sorted((row for row in rows if row["position"] >= 0), key=lambda row: row["position"])
        return Standing(
            None
            if first["size"] is None
            else Head(accord, Frontier.decoded(first["size"], first["frontier"])),
            tuple(
                StoredEntry(
                    accord=accord,
                    position=row["position"],
                    feed=row["feed"],
                    content=row["bytes"],
                    leaf=row["leaf"],
                    facts=_payload(row["facts_salt"], row["facts"]),
                    particulars=None,
                )
                for row in beyond
            ),
            None if first["fingerprint"] is None else known_of(first),
        )

    async def commands(self, accord: str, after: str = "", limit: int = 1000) -> list[StoredCommand]:
        """See :meth:`activities.ledger.store.Ledger.commands`."""
        rows = await self._rows(
            "select id, fingerprint, salt, outline, receipt::text as receipt, signed from commands "
            "where accord = $1 and id > $2 order by id limit $3",
            accord,
            after,
            limit,
        )
        return [_command(row) for row in rows]

    async def commands_in_order(self, accord: str, up_to: int) -> AsyncGenerator[StoredCommand, None]:
        """See :meth:`activities.ledger.store.Ledger.commands_in_order`."""
        with translated("read", with_role("entente_reader")):
            # The database sorts, on its disk where it has to; the cursor brings a page at a time.
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                async for row in connection.cursor(_COMMANDS_IN_ORDER, accord, up_to, prefetch=500):
                    yield _command(row)

    async def entries(self, accord: str, start: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.entries`."""
        return [stored_entry(row) for row in await self._rows(_ENTRIES, accord, start, limit)]

    async def entries_of(self, accord: str, types: Sequence[str]) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.entries_of`."""
        return [stored_entry(row) for row in await self._rows(_ENTRIES_OF, accord, list(types))]

    async def head(self, accord: str) -> Head | None:
        """See :meth:`activities.ledger.store.Ledger.head`."""
        row = await self._row("select size, frontier from heads where accord = $1", accord)
        return None if row is None else Head(accord, Frontier.decoded(row["size"], row["frontier"]))

    async def nodes(self, accord: str, wanted: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        """See :meth:`activities.ledger.store.Ledger.nodes`."""
        levels = [level for level, _ in wanted]
        rows = await self._rows(_NODES, accord, levels, [index for _, index in wanted])
        return {(row["level"], row["index"]): row["hash"] for row in rows}

    async def summary(self, accord: str) -> Summary | None:
        """See :meth:`activities.ledger.store.Ledger.summary`."""
        found = await self._row("select summary::text as summary from accords where accord = $1", accord)
        return None if found is None else Summary.model_validate_json(found["summary"])

    async def overdue(self, before: datetime, limit: int = 100) -> list[str]:
        """Accords on a real clock whose next deadline was before a time and is not on the record.

        In no order, so that some which cannot be helped do not stand before the others for ever.
        """
        rows = await self._rows(
            "select accord from accords where next_deadline < $1 and not simulated "
            "order by random() limit $2",
            before,
            limit,
        )
        return [row["accord"] for row in rows]

    async def feed(self, after: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.feed`."""
        return [stored_entry(row) for row in await self._rows(_FEED, after, limit)]

    async def feed_position(self) -> int:
        """See :meth:`activities.ledger.store.Ledger.feed_position`."""
        [row] = await self._rows("select position from feed")
        position: int = row["position"]
        return position

    async def erase(self, accord: str, position: int) -> bool:
        """See :meth:`activities.ledger.store.Ledger.erase`."""
        with translated("erase", with_role("entente_eraser")):
            async with self._pool.acquire() as connection, connection.transaction():
                payload = await connection.execute(
                    "delete from payloads where (accord, position, kind) = ($1, $2, 'particulars')",
                    accord,
                    position,
                )
                command = await connection.execute(
                    # A repeated refusal has no entry of its own: its receipt names the one that stands for it.
                    "update commands c set signed = null, salt = null from entries e "
                    "where (e.accord, e.position) = ($1, $2) and c.accord = e.accord "
                    "and (c.id = e.command or (c.receipt->>'position')::bigint = e.position) "
                    "and c.signed is not null",
                    accord,
                    position,
                )
        return (payload, command) != ("DELETE 0", "UPDATE 0")

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with translated("read", with_role("entente_reader")):
            return await self._pool.fetch(query, *arguments)

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        rows = await self._rows(query, *arguments)
        return rows[0] if rows else None


def _payload(salt: bytes | None, content: bytes | None) -> Payload | None:
    return None if salt is None or content is None else Payload(salt, content)


def _command(row: asyncpg.Record) -> StoredCommand:
    receipt = Receipt.model_validate_json(row["receipt"])
    return StoredCommand(row["id"], row["fingerprint"], row["salt"], receipt, row["signed"], row["outline"])


def stored_entry(row: asyncpg.Record) -> StoredEntry:
    """An entry from a row of ``SELECT_ENTRIES``."""
    return _entry(row, _payload(row["particulars_salt"], row["particulars"]))


def entry_with_facts(row: asyncpg.Record) -> StoredEntry:
    """An entry without its particulars, from a row of ``entries`` with the columns ``facts_salt`` and ``facts``."""
    return _entry(row, None)


def _entry(row: asyncpg.Record, particulars: Payload | None) -> StoredEntry:
    return StoredEntry(
        accord=row["accord"],
        position=row["position"],
        feed=row["feed"],
        content=row["bytes"],
        leaf=row["leaf"],
        facts=_payload(row["facts_salt"], row["facts"]),
        particulars=particulars,
    )
