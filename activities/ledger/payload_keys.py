"""The data keys of payloads, in Postgres: each wrapped by the installation's key, renewed and destroyed by accord.

What wraps them is :class:`activities.ledger.installation.InstallationKey`.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.errors import Unavailable
from activities.ledger.connections import reading_pool
from activities.ledger.database import translated, with_role
from activities.ledger.installation import KEY_BYTES, InstallationKey, UnknownSecret
from activities.runtime.codec import DataKey, EncryptingCodec, Undecryptable
from activities.runtime.settings import Settings

FRESH = 10.0
"""Seconds for which a process encrypts with a data key without asking whether there is a newer one."""

CONNECTIONS = 2
"""Connections that a process without a pool of its own opens for data keys."""

PATIENCE = 3.0
"""Seconds that making such a connection, or a statement on it, may take."""

MOST_HELD = 10_000
"""Data keys that one process holds in memory."""


_NEWEST = """
select id, subject, wrapped, wrapped_by from payload_keys
where subject = $1 and wrapped is not null order by generation desc limit 1
"""
_OF = "select id, subject, wrapped, wrapped_by from payload_keys where id = $1"
_ADD = """
insert into payload_keys (id, subject, generation, wrapped, wrapped_by)
select $1, $2, coalesce(max(generation), 0) + 1, $3, $4 from payload_keys where subject = $2
on conflict (subject, generation) do nothing
"""
_ADD_FIRST = """
insert into payload_keys (id, subject, generation, wrapped, wrapped_by)
select $1, $2, coalesce(max(generation), 0) + 1, $3, $4 from payload_keys where subject = $2
having count(wrapped) = 0
on conflict (subject, generation) do nothing
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A data key without the key itself."""

    id: str
    generation: int
    created: datetime
    destroyed: datetime | None


class PayloadKeys:
    """The data keys of an installation; see :class:`activities.runtime.codec.DataKeys`.

    Args:
        pool: of the database.
        installation: what wraps them.
        passed: the clock, in seconds, that ``FRESH`` goes by.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        installation: InstallationKey,
        *,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._installation = installation
        self._passed = passed
        self._keys: OrderedDict[str, DataKey] = OrderedDict()
        self._newest: OrderedDict[str, tuple[DataKey, float]] = OrderedDict()

    async def newest(self, subject: str) -> DataKey:
        """The key that ``subject``'s payloads are encrypted with now; made, if there is none.

        While the database does not answer, the one that was used last: what waits for the database waits in Temporal.

        Raises:
            LedgerError: the database does not answer, and none was used yet.
        """
        held = self._newest.get(subject)
        if held is not None and self._passed() - held[1] < FRESH:
            return held[0]
        asked = self._passed()
        try:
            key = await self._read_newest(subject)
        except (Unavailable, TimeoutError):
            if held is None:
                raise
            log.warning(
                "the database does not tell the newest data key; the last one is used", accord=subject
            )
            return held[0]
        self._newest[subject] = (key, asked)
        self._newest.move_to_end(subject)
        while len(self._newest) > MOST_HELD:
            self._newest.popitem(last=False)
        return key

    async def of(self, key_id: str) -> DataKey:
        """The key of this id.

        Raises:
            Undecryptable: there is none, or it is destroyed.
            LedgerError: the database does not answer.
        """
        held = self._keys.get(key_id)
        if held is not None:
            self._keys.move_to_end(key_id)
            return held
        with translated("read the keys of payloads", with_role("entente_writer")):
            row = await self._pool.fetchrow(_OF, key_id)
        if row is None or row["wrapped"] is None:
            why = "is unknown" if row is None else f"of {row['subject']} is destroyed"
            raise Undecryptable(
                f"the data key {key_id[:40]} {why}",
                "If it is destroyed, what it encrypted was erased on purpose; repair the accord, and a new run starts",
            )
        return self._hold(row)

    async def renew(self, subject: str) -> DataKey:
        """A new key for ``subject``; every process encrypts with it after ``FRESH`` seconds.

        Raises:
            LedgerError: the database does not answer.
        """
        self._newest.pop(subject, None)
        await self._add(subject, _ADD)
        return await self._read_newest(subject)

    async def keys_of(self, subject: str) -> list[KeyRow]:
        """All keys of ``subject``, the newest first.

        Raises:
            LedgerError: the database does not answer.
        """
        with translated("read the keys of payloads", with_role("entente_eraser")):
            rows = await self._pool.fetch(
                "select id, generation, created, destroyed from payload_keys where subject = $1 "
                "order by generation desc",
                subject,
            )
        return [KeyRow(row["id"], row["generation"], row["created"], row["destroyed"]) for row in rows]

    async def destroy(self, key_ids: Sequence[str]) -> int:
        """Destroy keys for good; how many were there. What they encrypted can be read by nobody any more.

        Raises:
            LedgerError: the database does not answer.
        """
        with translated("destroy keys of payloads", with_role("entente_eraser")):
            done = await self._pool.execute(
                "update payload_keys set wrapped = null, wrapped_by = null, destroyed = now() "
                "where id = any($1) and wrapped is not null",
                list(key_ids),
            )
        for key_id in key_ids:
            self._keys.pop(key_id, None)
        return int(done.rpartition(" ")[2])

    async def rewrap(self) -> int:
        """Wrap all data keys by the installation's newest secret; how many were wrapped by another.

        Raises:
            LedgerError: the database does not answer, or the login may not.
            SettingsProblem: the secret that wrapped one is not in the file.
        """
        count = 0
        owner = "Use the login that owns the database"
        while True:
            with translated("wrap keys of payloads", owner):
                rows = await self._pool.fetch(
                    "select id, subject, wrapped, wrapped_by from payload_keys "
                    "where wrapped_by <> $1 order by id limit 500",
                    self._installation.id,
                )
            if not rows:
                return count
            changes = []
            for row in rows:
                plain = self._installation.unwrap(*row.values())
                wrapped = self._installation.wrap(row["id"], row["subject"], plain)
                changes.append((row["id"], wrapped, self._installation.id, row["wrapped"]))
            with translated("wrap keys of payloads", owner):
                # Of one that was destroyed meanwhile nothing comes back.
                await self._pool.executemany(
                    "update payload_keys set wrapped = $2, wrapped_by = $3 where id = $1 and wrapped = $4",
                    changes,
                )
            count += len(rows)

    async def _read_newest(self, subject: str) -> DataKey:
        while True:
            with translated("read the keys of payloads", with_role("entente_writer")):
                row = await self._pool.fetchrow(_NEWEST, subject)
            if row is not None:
                return self._hold(row)
            await self._add(subject, _ADD_FIRST)

    async def _add(self, subject: str, statement: str) -> None:
        """Add a key, unless somebody else does so at the same time."""
        key_id = secrets.token_hex(16)
        wrapped = self._installation.wrap(key_id, subject, secrets.token_bytes(KEY_BYTES))
        with translated("add keys of payloads", with_role("entente_writer")):
            await self._pool.execute(statement, key_id, subject, wrapped, self._installation.id)

    def _hold(self, row: asyncpg.Record) -> DataKey:
        key_id, subject = row["id"], row["subject"]
        held = self._keys.get(key_id)
        if held is None:
            held = DataKey(key_id, subject, AESGCM(self._unwrapped(*row.values())))
            self._keys[key_id] = held
            while len(self._keys) > MOST_HELD:
                self._keys.popitem(last=False)
        return held

    def _unwrapped(self, key_id: str, subject: str, wrapped: bytes, wrapped_by: str) -> bytes:
        try:
            return self._installation.unwrap(key_id, subject, wrapped, wrapped_by)
        except UnknownSecret:
            # Another process may have begun to wrap by a secret that came into the file since this one read it.
            self._installation = self._installation.read_again()
            return self._installation.unwrap(key_id, subject, wrapped, wrapped_by)


async def has_keys(pool: asyncpg.Pool[Any], subject: str) -> bool:
    """Whether payloads of ``subject`` may be encrypted.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read the keys of payloads", with_role("entente_eraser")):
        return bool(
            await pool.fetchval(
                "select exists (select from payload_keys where subject = $1 and destroyed is null)", subject
            )
        )


def payload_codec(settings: Settings, pool: asyncpg.Pool[Any]) -> EncryptingCodec | None:
    """What encrypts payloads by these settings, with data keys over ``pool``; none where they go in plain.

    Raises:
        SettingsProblem: the installation's key cannot be read.
    """
    if settings.payload_key_file is None:
        return None
    return EncryptingCodec(PayloadKeys(pool, InstallationKey.load(settings.payload_key_file)))


@asynccontextmanager
async def own_codec(settings: Settings) -> AsyncIterator[EncryptingCodec | None]:
    """The same, over connections of its own; closes them at the end.

    Raises:
        SettingsProblem: the installation's key cannot be read, or there is no database.
    """
    if settings.payload_key_file is None:
        yield None
        return
    async with reading_pool(
        settings.database_dsn(), min_size=0, max_size=CONNECTIONS, timeout=PATIENCE, command_timeout=PATIENCE
    ) as pool:
        yield payload_codec(settings, pool)
