"""Signed checkpoints, cosignatures and policies in Postgres (``0003_checkpoints.sql``).

A checkpoint is kept once for each accord and size, with the log's signatures as they were made first: what is
handed out for that size has the same bytes for ever, also after a key was replaced. Cosignatures stand beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from activities.ledger.database import translated, with_role
from activities.tlog.checkpoint import Checkpoint, parse_text
from activities.tlog.note import Note, Signature
from activities.tlog.note import parse as parse_note

_SELECT = """
select c.size, c.note, g.witness, g.key_id, g.signature
from checkpoints c left join cosignatures g on (g.accord, g.size) = (c.accord, c.size)
where c.accord = $1
"""

_AT = f"{_SELECT} and c.size = $2 order by g.received"
_LATEST = f"{_SELECT} and c.size = (select max(size) from checkpoints where accord = $1) order by g.received"  # noqa: S608 - constants
_BETWEEN = f"{_SELECT} and c.size > $2 and c.size <= $3 order by c.size, g.received"
_COSIGNED = f"{_SELECT} and c.size >= $2 and g.witness is not null order by c.size, g.received"
_LAST_COSIGNED = f"""
{_SELECT} and c.size in (
    select distinct size from cosignatures where accord = $1 and size > $2 order by size desc limit $3
) order by c.size desc, g.received
"""  # noqa: S608 - constants

_WITNESSES = r"""
regexp_matches(
    convert_from(coalesce(p.recorded, p.content), 'LATIN1'),
    '^[ \t]*witness[ \t]+[^ \t\n]+[ \t]+([^ \t\n+]+)\+([0-9a-fA-F]{8})\+[^ \t\n]+[ \t]+[^ \t\n]', 'ng'
) as w(key)
"""
"""The witnesses of a policy that have an address: the name and the key id of each, the bytes of the name as Latin-1."""

_BY_IT = (
    "convert_to(g.witness, 'UTF8') = convert_to(w.key[1], 'LATIN1') and g.key_id = decode(w.key[2], 'hex')"
)

UNCOSIGNED = f"""
select p.accord from witness_policies p join heads h using (accord)
where exists (
    select from {_WITNESSES}
    where not exists (select from cosignatures g where (g.accord, g.size) = (h.accord, h.size) and {_BY_IT})
)
"""  # noqa: S608 - constants
"""The accords whose whole record lacks a cosignature of a witness with an address."""

_LAGGING = f"""
with lagging as (
    select u.accord, h.size, e.time, count(*) over () as accords
    from ({UNCOSIGNED}) as u join heads h using (accord)
    join entries e on (e.accord, e.position) = (u.accord, h.size - 1)
    order by e.time, u.accord limit $1
)
select l.accord, l.size, l.accords, convert_to(w.key[1], 'LATIN1') as witness, lower(w.key[2]) as key_id,
    coalesce(c.size, 0) as cosigned, f.time as since
from lagging l join witness_policies p using (accord) cross join lateral {_WITNESSES}
left join lateral (select max(g.size) as size from cosignatures g where g.accord = l.accord and {_BY_IT}) c on true
join entries f on (f.accord, f.position) = (l.accord, coalesce(c.size, 0))
order by l.time, l.accord, since, witness, key_id
"""  # noqa: S608 - constants

_UNWITNESSED = f"""
{UNCOSIGNED} and p.accord > $1
union
select e.accord from entries e left join witness_policies p using (accord)
where e.type = 'witness_policy_changed' and e.accord > $1 and e.position > coalesce(p.position, -1)
order by accord limit $2
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint that the log signed: its note with the log's own signatures, and the cosignatures on it."""

    note: Note
    cosignatures: tuple[Signature, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return parse_text(self.note.text)

    def cosigned(self) -> Note:
        """The note with all signatures, the log's first."""
        return self.note.with_signatures(self.cosignatures)


@dataclass(frozen=True, slots=True)
class WitnessLag:
    """A witness of an accord's policy that has not cosigned all of the record.

    Of ``size`` entries it has cosigned the first ``cosigned``; ``since`` is the time, by the accord's clock, of the
    first that it has not. ``key_id`` is the hexadecimal id of its key.
    """

    accord: str
    witness: str
    key_id: str
    size: int
    cosigned: int
    since: datetime


class CheckpointStore:
    """Keeps checkpoints; over the same database, and with the same roles, as the ledger itself."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def at(self, accord: str, size: int) -> StoredCheckpoint | None:
        """The checkpoint of an accord at ``size`` entries, if one was signed."""
        found = _checkpoints(await self._rows(_AT, accord, size))
        return found[0] if found else None

    async def latest(self, accord: str) -> StoredCheckpoint | None:
        """The largest checkpoint that was signed."""
        found = _checkpoints(await self._rows(_LATEST, accord))
        return found[0] if found else None

    async def pages(self, accord: str, up_to: int, page: int = 500) -> AsyncIterator[StoredCheckpoint]:
        """All checkpoints up to a size, the smallest first; ``page`` of them are read at a time."""
        after = -1
        while True:
            sizes = await self._rows(
                "select size from checkpoints where accord = $1 and size > $2 and size <= $3 order by size limit $4",
                accord,
                after,
                up_to,
                page,
            )
            if not sizes:
                return
            last = sizes[-1]["size"]
            for found in _checkpoints(await self._rows(_BETWEEN, accord, after, last)):
                yield found
            after = last

    async def cosigned_from(self, accord: str, size: int) -> list[StoredCheckpoint]:
        """The checkpoints of at least ``size`` entries that have a cosignature, the smallest first."""
        return _checkpoints(await self._rows(_COSIGNED, accord, size))

    async def last_cosigned(self, accord: str, above: int, limit: int) -> list[StoredCheckpoint]:
        """The largest checkpoints of more than ``above`` entries that have a cosignature, the largest first."""
        return _checkpoints(await self._rows(_LAST_COSIGNED, accord, above, limit))

    async def keep(self, accord: str, checkpoint: Checkpoint, note: Note) -> StoredCheckpoint:
        """Keep a checkpoint unless there is one for its size; returns the one that is kept from now on."""
        with translated("record checkpoints", with_role("entente_writer")):
            await self._pool.execute(
                "insert into checkpoints (accord, size, root, note) values ($1, $2, $3, $4) on conflict do nothing",
                accord,
                checkpoint.size,
                checkpoint.root,
                note.encoded(),
            )
        kept = await self.at(accord, checkpoint.size)
        assert kept is not None  # noqa: S101 - nothing deletes checkpoints
        return kept

    async def add_cosignatures(self, accord: str, size: int, signatures: Iterable[Signature]) -> None:
        """Keep verified cosignatures of the checkpoint at ``size``; a witness's first one stays."""
        with translated("record cosignatures", with_role("entente_writer")):
            await self._pool.executemany(
                "insert into cosignatures (accord, size, witness, key_id, signature) values ($1, $2, $3, $4, $5) "
                "on conflict do nothing",
                [(accord, size, each.name, each.key_id, each.content) for each in signatures],
            )

    async def policy(self, accord: str) -> bytes | None:
        """The policy file that was set outside the record, if there is one."""
        rows = await self._rows("select content from witness_policies where accord = $1", accord)
        return rows[0]["content"] if rows else None

    async def set_policy(self, accord: str, content: bytes) -> None:
        """Put a policy file in the place of the accord's present one."""
        with translated("set policies", with_role("entente_writer")):
            await self._pool.execute(
                "insert into witness_policies (accord, content) values ($1, $2) "
                "on conflict (accord) do update set content = excluded.content, changed = now()",
                accord,
                content,
            )

    async def mirror_policy(self, accord: str, content: bytes, position: int) -> None:
        """Keep the policy that the entry at ``position`` has put in force, unless a later one is there."""
        with translated("set policies", with_role("entente_writer")):
            await self._pool.execute(
                "insert into witness_policies (accord, recorded, position) values ($1, $2, $3) on conflict (accord) "
                "do update set recorded = excluded.recorded, position = excluded.position, changed = now() "
                "where coalesce(witness_policies.position, -1) < excluded.position",
                accord,
                content,
                position,
            )

    async def unwitnessed(self, after: str = "", limit: int = 100) -> list[str]:
        """Accords above ``after`` whose whole record lacks a cosignature of a witness with an address, by id."""
        return [row["accord"] for row in await self._rows(_UNWITNESSED, after, limit)]

    async def lagging(self, accords: int) -> tuple[list[WitnessLag], int]:
        """The witnesses that lag, of at most so many accords; and how many accords there are of which one does.

        An accord stands the earlier, the older its last entry is.
        """
        rows = await self._rows(_LAGGING, accords)
        lags = [
            WitnessLag(
                row["accord"],
                row["witness"].decode(errors="replace"),
                row["key_id"],
                row["size"],
                row["cosigned"],
                row["since"],
            )
            for row in rows
        ]
        return lags, rows[0]["accords"] if rows else 0

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with translated("read checkpoints", with_role("entente_reader")):
            return await self._pool.fetch(query, *arguments)


def _checkpoints(rows: Iterable[asyncpg.Record]) -> list[StoredCheckpoint]:
    found: dict[int, tuple[bytes, list[Signature]]] = {}
    for row in rows:
        _, signatures = found.setdefault(row["size"], (row["note"], []))
        if row["witness"] is not None:
            signatures.append(Signature(row["witness"], row["key_id"], row["signature"]))
    return [StoredCheckpoint(parse_note(note), tuple(signatures)) for note, signatures in found.values()]
