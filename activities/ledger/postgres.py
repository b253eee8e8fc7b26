"""The ledger in Postgres.

A batch is one transaction of a few set-wise statements: lock the heads of its accords, look up what it
touches, settle it (:mod:`activities.ledger.settle`), write one ``INSERT … SELECT FROM unnest`` for each
table. The feed's counter row is updated last, so that batches of different accords wait for one another for
the commit alone; its lock makes the feed's order that of the commits, hence gap-free for every reader.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from activities.ledger.database import translated, with_role
from activities.ledger.entry import Payload, SealedEntry
from activities.ledger.errors import Unavailable
from activities.ledger.settle import CommandKey, Settlement, repeated_places, seal_events, settle
from activities.ledger.store import (
    FEED_CHANNEL,
    Append,
    Head,
    Known,
    Outcome,
    Standing,
    StoredCommand,
    StoredEntry,
    SummaryPage,
    parse_cursor,
)
from activities.tlog.merkle import Coordinate, Frontier
from workflows.model.commands import Receipt, Summary

ATTEMPTS = 5
"""How often a batch is tried when Postgres aborts it for a deadlock or a serialization failure."""

_FIRST_PAUSE = 0.01
_RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]

_OPEN_HEADS = """
insert into heads (accord, size, root, frontier)
select accord, 0, sha256(''), '' from unnest($1::text[]) as opened (accord) order by accord collate "C"
on conflict do nothing
"""

# A statement of its own, so that it sees what the holder of a lock committed; sorted, so that batches which
# share accords wait for one another instead of deadlocking.
_LOCK_HEADS = """
select accord, size, frontier from heads where accord = any($1::text[]) order by accord for update
"""

_KNOWN_COMMANDS = """
select c.accord, c.id, c.fingerprint, c.salt, c.outline, c.receipt::text as receipt
from unnest($1::text[], $2::text[]) as wanted (accord, id) join commands c using (accord, id)
"""

_LEAVES = """
select e.accord, e.position, e.leaf
from unnest($1::text[], $2::bigint[]) as wanted (accord, position) join entries e using (accord, position)
"""

_INSERT_PAYLOADS = """
insert into payloads (accord, position, kind, salt, bytes)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[])
"""

_INSERT_NODES = """
insert into merkle_nodes (accord, level, index, hash)
select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bytea[])
"""

_UPDATE_HEADS = """
update heads h set size = n.size, root = n.root, frontier = n.frontier
from unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[]) as n (accord, size, root, frontier)
where h.accord = n.accord
"""

_INSERT_COMMANDS = """
insert into commands (accord, id, fingerprint, salt, outline, receipt, signed)
select accord, id, fingerprint, salt, outline, receipt::jsonb, signed
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bytea[])
    as n (accord, id, fingerprint, salt, outline, receipt, signed)
"""

_UPSERT_ACCORDS = """
insert into accords (accord, stage, parties, members, position, next_deadline, ended, summary)
select s.accord, s.stage, s.parties, s.members, s.position, s.next_deadline, s.ended, n.summary
from (select summary::jsonb from unnest($1::text[]) as t (summary)) as n,
    jsonb_to_record(n.summary) as s (
        accord text, stage text, parties text[], members text[], position bigint,
        next_deadline timestamptz, ended boolean
    )
on conflict (accord) do update set
    stage = excluded.stage, parties = excluded.parties, members = excluded.members,
    position = excluded.position, next_deadline = excluded.next_deadline, ended = excluded.ended,
    summary = excluded.summary
"""

_INSERT_ENTRIES = """
with counter as (
    update feed set position = position + cardinality($1::text[]) returning position
), inserted as (
    insert into entries (accord, position, feed, type, time, command, bytes, leaf)
    select n.accord, n.position, counter.position - cardinality($1::text[]) + n.ordinal,
        n.type, n.time, n.command, n.bytes, n.leaf
    from counter, unnest(
        $1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bytea[], $7::bytea[]
    ) with ordinality as n (accord, position, type, time, command, bytes, leaf, ordinal)
)
select pg_notify($8, position::text) from counter
"""

_SELECT_ENTRIES = """
select e.accord, e.position, e.feed, e.bytes, e.leaf,
    f.salt as facts_salt, f.bytes as facts, p.salt as particulars_salt, p.bytes as particulars
from entries e
left join payloads f on (f.accord, f.position, f.kind) = (e.accord, e.position, 'facts')
left join payloads p on (p.accord, p.position, p.kind) = (e.accord, e.position, 'particulars')
"""

_ENTRIES = f"{_SELECT_ENTRIES} where e.accord = $1 and e.position >= $2 order by e.position limit $3"
_ENTRIES_OF = f"{_SELECT_ENTRIES} where e.accord = $1 and e.type = any($2) order by e.position"
_FEED = f"{_SELECT_ENTRIES} where e.feed > $1 order by e.feed limit $2"

# One statement, so that all of it is of one moment; the first row is the head's and the command's.
_STANDING = """
select -1::bigint as position, h.size, h.frontier, null::bigint as feed, null::bytea as bytes, null::bytea as leaf,
    null::bytea as facts_salt, null::bytea as facts,
    c.fingerprint, c.salt, c.outline, c.receipt::text as receipt
from (values ($1::text, $4::text)) as asked (accord, id)
left join heads h on h.accord = asked.accord
left join commands c on (c.accord, c.id) = (asked.accord, asked.id)
union all
(select e.position, null, null, e.feed, e.bytes, e.leaf, f.salt, f.bytes, null, null, null, null
from entries e left join payloads f on (f.accord, f.position, f.kind) = (e.accord, e.position, 'facts')
where e.accord = $1 and e.position >= $2 order by e.position limit $3)
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

_SUMMARIES = """
select ordinal, summary::text as summary from accords
where ($1::text is null or members @> array[$1]) and ($2::text is null or stage = $2)
    and ($3::text is null or parties @> array[$3]) and ($4::bigint is null or ordinal < $4)
order by ordinal desc limit $5
"""


class PostgresLedger:
    """A :class:`~activities.ledger.store.Ledger` over a pool of connections to a migrated database.

    The pool's login needs the role ``entente_writer`` to record, ``entente_reader`` to read, and
    ``entente_eraser`` to erase; the owner of the tables has all three.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, dsn: str, *, min_size: int = 1, max_size: int = 4
    ) -> AsyncIterator[PostgresLedger]:
        """A ledger over a pool of its own, which is closed at the end."""
        async with asyncpg.create_pool(dsn, min_size=min_size, max_size=max_size) as pool:
            yield cls(pool)

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        """See :meth:`activities.ledger.store.Ledger.record`.

        After a lost connection it is unknown whether the batch was recorded; recording it again is safe.
        """
        if not appends:
            return []
        batch = [(append, seal_events(append)) for append in appends]
        attempt, pause = 1, _FIRST_PAUSE
        while True:
            try:
                return await self._record(batch)
            except _RETRIED as error:
                if attempt == ATTEMPTS:
                    raise Unavailable(
                        f"the database aborted the batch {ATTEMPTS} times: {error}",
                        "Try again later; a command is recorded once under its id",
                    ) from error
            # Two that were aborted because of one another must not meet again at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret depends on it
            attempt, pause = attempt + 1, pause * 2

    async def _record(self, batch: Sequence[tuple[Append, tuple[SealedEntry, ...]]]) -> list[Outcome]:
        appends = [append for append, _ in batch]
        with translated("record", with_role("entente_writer")):
            async with self._pool.acquire() as connection, connection.transaction():
                opened = {append.accord for append in appends if append.events and append.expected == 0}
                if opened:
                    await connection.execute(_OPEN_HEADS, list(opened))
                done = settle(
                    batch,
                    frontiers=await _lock_heads(connection, {append.accord for append in appends}),
                    known=await _known_commands(connection, appends),
                    leaves=await _leaves(connection, repeated_places(appends)),
                )
                await write_settlement(connection, done)
        return done.outcomes

    async def outcome(self, accord: str, command_id: str) -> Known | None:
        """See :meth:`activities.ledger.store.Ledger.outcome`."""
        row = await self._row(
            "select fingerprint, salt, outline, receipt::text as receipt from commands where (accord, id) = ($1, $2)",
            accord,
            command_id,
        )
        return None if row is None else _known(row)

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
            None if first["fingerprint"] is None else _known(first),
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
        return [_entry(row) for row in await self._rows(_ENTRIES, accord, start, limit)]

    async def entries_of(self, accord: str, types: Sequence[str]) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.entries_of`."""
        return [_entry(row) for row in await self._rows(_ENTRIES_OF, accord, list(types))]

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

    async def summaries(
        self,
        *,
        member: str | None = None,
        stage: str | None = None,
        party: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> SummaryPage:
        """See :meth:`activities.ledger.store.Ledger.summaries`."""
        rows = await self._rows(_SUMMARIES, member, stage, party, parse_cursor(after), limit + 1)
        page = rows[:limit]
        return SummaryPage(
            tuple(Summary.model_validate_json(row["summary"]) for row in page),
            str(page[-1]["ordinal"]) if page and len(rows) > limit else None,
        )

    async def overdue(self, before: datetime, limit: int = 100) -> list[str]:
        """Accords on a real clock whose next deadline was before a time and is not on the record.

        In no order, so that some which cannot be helped do not stand before the others for ever.
        """
        rows = await self._rows(
            "select accord from accords where next_deadline < $1 and not (summary->>'simulated')::boolean "
            "order by random() limit $2",
            before,
            limit,
        )
        return [row["accord"] for row in rows]

    async def feed(self, after: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.feed`."""
        return [_entry(row) for row in await self._rows(_FEED, after, limit)]

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


def _known(row: asyncpg.Record) -> Known:
    receipt = Receipt.model_validate_json(row["receipt"])
    return Known(row["fingerprint"], row["salt"], row["outline"], receipt)


def _entry(row: asyncpg.Record) -> StoredEntry:
    return StoredEntry(
        accord=row["accord"],
        position=row["position"],
        feed=row["feed"],
        content=row["bytes"],
        leaf=row["leaf"],
        facts=_payload(row["facts_salt"], row["facts"]),
        particulars=_payload(row["particulars_salt"], row["particulars"]),
    )


async def _lock_heads(connection: Connection, accords: Iterable[str]) -> dict[str, Frontier]:
    rows = await connection.fetch(_LOCK_HEADS, list(accords))
    return {row["accord"]: Frontier.decoded(row["size"], row["frontier"]) for row in rows}


async def _known_commands(connection: Connection, appends: Sequence[Append]) -> dict[CommandKey, Known]:
    wanted = list({(append.accord, append.command_id) for append in appends})
    rows = await connection.fetch(_KNOWN_COMMANDS, *_columns(wanted, 2))
    return {(row["accord"], row["id"]): _known(row) for row in rows}


async def _leaves(connection: Connection, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    if not places:
        return {}
    rows = await connection.fetch(_LEAVES, *_columns(list(set(places)), 2))
    return {(row["accord"], row["position"]): row["leaf"] for row in rows}


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as the columns that ``unnest`` takes."""
    return [[row[at] for row in rows] for at in range(width)]


async def write_settlement(connection: Connection, done: Settlement) -> None:
    """Write what was settled, a statement for each table, in the transaction that holds the heads' locks."""
    if done.commands:
        rows = [
            (
                accord,
                one.id,
                one.fingerprint,
                one.salt,
                one.outline,
                one.receipt.model_dump_json(),
                one.signed,
            )
            for (accord, _), one in done.commands.items()
        ]
        await connection.execute(_INSERT_COMMANDS, *_columns(rows, 7))
    if not done.entries:
        return
    payloads = [
        (sealed.entry.accord, sealed.entry.position, kind, payload.salt, payload.content)
        for sealed in done.entries
        for kind, payload in (("facts", sealed.facts), ("particulars", sealed.particulars))
    ]
    await connection.execute(_INSERT_PAYLOADS, *_columns(payloads, 5))
    nodes = [
        (accord, node.level, node.index, node.hash)
        for accord, completed in done.nodes.items()
        for node in completed
        if node.level > 0
    ]
    if nodes:
        await connection.execute(_INSERT_NODES, *_columns(nodes, 4))
    heads = [
        (accord, frontier.size, frontier.root(), frontier.encoded())
        for accord, frontier in done.frontiers.items()
    ]
    await connection.execute(_UPDATE_HEADS, *_columns(heads, 4))
    await connection.execute(
        _UPSERT_ACCORDS, [summary.model_dump_json() for summary in done.summaries.values()]
    )
    entries = [
        (
            sealed.entry.accord,
            sealed.entry.position,
            sealed.entry.type,
            sealed.entry.time,
            sealed.entry.command,
            sealed.content,
            sealed.leaf,
        )
        for sealed in done.entries
    ]
    await connection.execute(_INSERT_ENTRIES, *_columns(entries, 7), FEED_CHANNEL)
