"""Which contents there are, who deposited them, and which entries name them.

Whoever names a digest need not have the content: so an entry opens a content to its readers only if the side that acts
in it has shown that it has it, by sending all of it. Else anybody could read what it knows the digest of, by naming it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from activities.files.errors import FileRefused, OtherOffset
from activities.ledger.database import translated
from activities.ledger.postgres import entry_with_facts
from workflows.record.refusals import ActRefused, SignalRefused

_ROLE = "Use a login that has the role entente_api"

PAGE = 200
"""Entries that name a digest, read at a time."""

STRETCH = 20_000
"""Entries of a record that one statement looks through: it has to end in time, however long the record is."""

_NAMING = """
select e.accord, e.position, e.feed, e.bytes, e.leaf, p.salt as facts_salt, p.bytes as facts
from payloads p join entries e on (e.accord, e.position) = (p.accord, p.position)
where p.accord = $1 and p.kind = 'facts' and p.position >= $2 and p.position < $3
    and position($4::bytea in p.bytes) > 0 and e.type <> all ($5::text[])
order by p.position limit $6
"""


@dataclass(frozen=True, slots=True)
class Naming:
    """An entry that names a digest: which side acted, by which act, on which condition (or none)."""

    side: str
    act: str
    condition: str
    position: int


@dataclass(frozen=True, slots=True)
class Content:
    """A content of an accord, with those who deposited it and the entries that name it."""

    accord: str
    digest: str
    size: int
    media_type: str
    object: str
    stored: datetime
    ordinal: int
    deposits: frozenset[str]
    namings: tuple[Naming, ...]

    @property
    def opened_by(self) -> tuple[Naming, ...]:
        """The entries that open it to their readers."""
        return tuple(one for one in self.namings if one.side in self.deposits)


@dataclass(frozen=True, slots=True)
class Upload:
    """A content that comes in parts: how much of it is there."""

    size: int
    media_type: str
    received: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a side has deposited in an accord, or may: how many contents, and their bytes together."""

    count: int
    size: int

    def room_for(self, side: str, size: int, most: Held) -> None:
        """See that one more content of ``size`` bytes is within ``most``.

        Raises:
            FileRefused: ``too_many``.
        """
        if self.count >= most.count or self.size + size > most.size:
            raise FileRefused(
                "too_many",
                f"{side} has deposited {self.count:,} contents of {self.size:,} bytes in this accord; "
                f"at most {most.count:,} of {most.size:,} bytes are kept of one side",
                "deposit elsewhere what is large, or ask the operator for more",
            )


class Register:
    """The register in a migrated database."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def content(self, accord: str, digest: str) -> Content | None:
        """A content, with every entry so far that names it; none where there is none.

        Raises:
            LedgerError: the database cannot be asked, or an entry was altered.
        """
        with translated("look up contents", _ROLE):
            row = await self._pool.fetchrow(
                "select f.*, coalesce(h.size, 0) as entries from files f left join heads h using (accord) "
                "where (f.accord, f.digest) = ($1, $2)",
                accord,
                digest,
            )
            if row is None:
                return None
            if row["looked"] < row["entries"]:
                await self._look(accord, digest, row["looked"], row["entries"])
            deposits = await self._pool.fetch(
                "select side from file_deposits where (accord, digest) = ($1, $2)", accord, digest
            )
            namings = await self._pool.fetch(
                "select side, act, condition, position from file_namings where (accord, digest) = ($1, $2) "
                "order by position",
                accord,
                digest,
            )
        return Content(
            accord=accord,
            digest=digest,
            size=row["size"],
            media_type=row["media_type"],
            object=row["object"],
            stored=row["stored"],
            ordinal=row["ordinal"],
            deposits=frozenset(one["side"] for one in deposits),
            namings=tuple(Naming(*one.values()) for one in namings),
        )

    async def _look(self, accord: str, digest: str, start: int, end: int) -> None:
        """Look for entries that name the digest, and remember them, and how far that was."""
        refusals = [ActRefused.type, SignalRefused.type]
        while start < end:
            stretch = min(start + STRETCH, end)
            rows = await self._pool.fetch(
                _NAMING, accord, start, stretch, f'"{digest}"'.encode(), refusals, PAGE
            )
            start = stretch if len(rows) < PAGE else rows[-1]["position"] + 1
            first: dict[tuple[str, str, str], int] = {}
            for naming in filter(None, map(_naming, rows)):
                first.setdefault((naming.side, naming.act, naming.condition), naming.position)
            for (side, act, condition), position in first.items():
                await self._pool.execute(
                    "insert into file_namings select $1, $2, $3, $4, $5, $6 "
                    "where exists (select from files where (accord, digest) = ($1, $2)) on conflict do nothing",
                    accord, digest, side, act, condition, position,
                )  # fmt: skip
            await self._pool.execute(
                "update files set looked = greatest(looked, $3) where (accord, digest) = ($1, $2)",
                accord,
                digest,
                start,
            )

    async def among(self, accord: str, digests: Sequence[str]) -> list[str]:
        """Which of the digests are those of contents of the accord.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up contents", _ROLE):
            rows = await self._pool.fetch(
                "select digest from files where accord = $1 and digest = any ($2::text[]) order by ordinal",
                accord,
                list(digests),
            )
        return [row["digest"] for row in rows]

    async def listed(self, accord: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Ordinals and digests of an accord's contents beyond an ordinal, in the order in which they came.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("list contents", _ROLE):
            rows = await self._pool.fetch(
                "select ordinal, digest from files where accord = $1 and ordinal > $2 order by ordinal limit $3",
                accord,
                after,
                limit,
            )
        return [(row["ordinal"], row["digest"]) for row in rows]

    async def accords_with(self, digest: str, member: str | None, limit: int) -> list[str]:
        """Accords that have a content and are known to a delegate, or to anybody; the last opened first.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up contents", _ROLE):
            rows = await self._pool.fetch(
                "select accord from files join accords using (accord) where digest = $1 "
                "and ($2::text is null or members @> array[$2]) order by accords.ordinal desc limit $3",
                digest,
                member,
                limit,
            )
        return [row["accord"] for row in rows]

    async def held(self, accord: str, side: str, besides: str) -> Held:
        """What a side has deposited in an accord, and is sending in parts, besides the content of one digest.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("count contents", _ROLE):
            return await _held(self._pool, accord, side, besides)

    async def deposit(
        self,
        accord: str,
        digest: str,
        side: str,
        delegate: str,
        size: int,
        media_type: str,
        name: str,
        most: Held,
    ) -> str:
        """Put on the register that a side has sent a content, which is the object ``name``.

        Returns:
            The object that is the content: another one where it was here already, and ``name`` is not needed.

        Raises:
            FileRefused: ``too_many``; with it the side would have more than ``most``, whatever it sends at once.
            LedgerError: the database cannot be written.
        """
        with translated("register contents", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                await _one_at_a_time(connection, accord, side)
                (await _held(connection, accord, side, digest)).room_for(side, size, most)
                # "Do update" locks a row that is there, so that nobody takes it away meanwhile.
                kept: str = await connection.fetchval(
                    "insert into files (accord, digest, size, media_type, object) values ($1, $2, $3, $4, $5) "
                    "on conflict (accord, digest) do update set looked = files.looked returning object",
                    accord, digest, size, media_type, name,
                )  # fmt: skip
                await connection.execute(
                    "insert into file_deposits (accord, digest, side, delegate) values ($1, $2, $3, $4) "
                    "on conflict do nothing",
                    accord,
                    digest,
                    side,
                    delegate,
                )
        return kept

    async def upload(self, accord: str, digest: str, side: str) -> Upload | None:
        """What a side has sent of a content that comes in parts.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up uploads", _ROLE):
            row = await self._pool.fetchrow(
                "select size, media_type, received, parts from file_uploads "
                "where (accord, digest, side) = ($1, $2, $3)",
                accord,
                digest,
                side,
            )
        return (
            None
            if row is None
            else Upload(row["size"], row["media_type"], row["received"], tuple(row["parts"]))
        )

    async def begin(
        self, accord: str, digest: str, side: str, delegate: str, size: int, media_type: str, most: Held
    ) -> None:
        """Begin an upload in parts, which counts from now on; one that has begun with this size goes on.

        Raises:
            FileRefused: ``other_size``, or ``too_many``: with it the side would have more than ``most``.
            LedgerError: the database cannot be written.
        """
        with translated("begin an upload", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                await _one_at_a_time(connection, accord, side)
                (await _held(connection, accord, side, digest)).room_for(side, size, most)
                known = await connection.fetchval(
                    "insert into file_uploads (accord, digest, side, delegate, size, media_type) "
                    "values ($1, $2, $3, $4, $5, $6) on conflict (accord, digest, side) "
                    "do update set touched = now() returning size",
                    accord, digest, side, delegate, size, media_type,
                )  # fmt: skip
        if known != size:
            raise FileRefused(
                "other_size",
                f"The upload under way is of {known:,} bytes, and this part says {size:,}",
                "send the parts of one content",
            )

    async def add_part(self, accord: str, digest: str, side: str, begins: int, ends: int, name: str) -> None:
        """Put on the register that the object ``name`` has the bytes from ``begins`` to before ``ends``.

        Raises:
            OtherOffset: something else was there first.
            LedgerError: the database cannot be written.
        """
        with translated("register a part", _ROLE):
            done = await self._pool.fetchval(
                "update file_uploads set received = $5, parts = parts || $6::text, touched = now() "
                "where (accord, digest, side) = ($1, $2, $3) and received = $4 returning true",
                accord, digest, side, begins, ends, name,
            )  # fmt: skip
        if not done:
            now = await self.upload(accord, digest, side)
            raise OtherOffset(0 if now is None else now.received)

    async def end_upload(self, accord: str, digest: str, side: str) -> Sequence[str]:
        """Forget an upload; its parts, for whoever deletes them.

        Raises:
            LedgerError: the database cannot be written.
        """
        with translated("end an upload", _ROLE):
            parts = await self._pool.fetchval(
                "delete from file_uploads where (accord, digest, side) = ($1, $2, $3) returning parts",
                accord,
                digest,
                side,
            )
        return parts or ()


async def _one_at_a_time(connection: Any, accord: str, side: str) -> None:
    """Wait until nobody else registers contents of the side, and keep the others waiting until the transaction ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(format('files %s %s', $1::text, $2::text), 0))",
        accord,
        side,
    )


async def _held(connection: Any, accord: str, side: str, besides: str) -> Held:
    row = await connection.fetchrow(
        "select count(*), coalesce(sum(size), 0)::bigint as size from ("
        "select f.size from file_deposits d join files f using (accord, digest) "
        "where d.accord = $1 and d.side = $2 and d.digest <> $3 "
        "union all select u.size from file_uploads u where u.accord = $1 and u.side = $2 and u.digest <> $3"
        ") as all_of_them",
        accord,
        side,
        besides,
    )
    return Held(row["count"], row["size"])


def _naming(row: Any) -> Naming | None:
    """What the entry in a row says; none where no act stands in it."""
    recorded = entry_with_facts(row).recorded()
    act = recorded.facts.get("act")
    if act is None:
        return None
    actor = recorded.actor
    return Naming(
        actor.party or actor.delegate,
        str(act["name"]),
        str(act.get("fields", {}).get("condition", "")),
        recorded.position,
    )
