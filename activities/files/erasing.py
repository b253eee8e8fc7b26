"""Taking contents away: those that the record says are erased, and those that nothing names for days.

As with particulars, the entry comes first. A deletion that was cut short is found again: it is whatever the record says
is erased, and is still there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog

from activities.files.register import Register
from activities.files.store import Store, long_ago
from activities.ledger.database import translated
from activities.ledger.store import Ledger
from workflows.record.erasure import ContentsErased

_ROLE = "Use a login that has the role entente_eraser, or that of a worker"

HALF_WRITTEN = timedelta(days=1)
"""After so long what no row names is left over from a process that was killed."""

PAGE = 500

log = structlog.get_logger(__name__)


class Erasing:
    """Deletes contents, first from the register and then from the store."""

    def __init__(self, pool: asyncpg.Pool[Any], store: Store) -> None:
        self._pool = pool
        self._store = store
        self._register = Register(pool)

    async def erase(self, accord: str, digest: str) -> bool:
        """Delete a content of an accord, and what was sent of it in parts; whether there was anything.

        Raises:
            LedgerError: the register cannot be written.
            StoreUnavailable: the store cannot delete it; what is left there is swept up later.
        """
        with translated("delete contents", _ROLE):
            rows = await self._pool.fetch(
                "with gone as (delete from files where (accord, digest) = ($1, $2) returning array[object] as names), "
                "parts as (delete from file_uploads where (accord, digest) = ($1, $2) returning parts as names) "
                "select names from gone union all select names from parts",
                accord,
                digest,
            )
        await self._store.delete(*(name for row in rows for name in row["names"]))
        return bool(rows)

    async def finish(self, ledger: Ledger, accord: str) -> list[str]:
        """Delete what the record of an accord says is erased and is still there; returns those digests.

        Raises:
            LedgerError: the ledger or the register cannot be used, or an entry was altered.
            StoreUnavailable: the store cannot delete them.
        """
        digests: set[str] = set()
        for entry in await ledger.entries_of(accord, (ContentsErased.type,)):
            digests.update(ContentsErased.model_validate(entry.recorded().facts["event"]).digests)
        return [digest for digest in sorted(digests) if await self.erase(accord, digest)]

    async def sweep(self, unnamed: timedelta) -> int:
        """Delete contents that no entry names and uploads that nobody goes on with for so long, and what was left over.

        Returns:
            How many contents and uploads.

        Raises:
            LedgerError: the register cannot be used.
            StoreUnavailable: the store does not answer.
        """
        before = long_ago(unnamed)
        swept = await self._sweep_uploads(before) + await self._sweep_contents(before)
        await self._sweep_store(long_ago(max(HALF_WRITTEN, unnamed)))
        if swept:
            log.info("contents that nothing names are taken away", count=swept)
        return swept

    async def _sweep_uploads(self, before: datetime) -> int:
        with translated("delete uploads", _ROLE):
            rows = await self._pool.fetch(
                "delete from file_uploads where touched < $1 returning parts", before
            )
        await self._store.delete(*(name for row in rows for name in row["parts"]))
        return len(rows)

    async def _sweep_contents(self, before: datetime) -> int:
        swept, after = 0, 0
        while True:
            with translated("look for contents that nothing names", _ROLE):
                rows = await self._pool.fetch(
                    "select ordinal, accord, digest from files f where stored < $1 and ordinal > $2 and not exists ("
                    "select from file_namings n join file_deposits d using (accord, digest, side) "
                    "where (n.accord, n.digest) = (f.accord, f.digest)) order by ordinal limit $3",
                    before,
                    after,
                    PAGE,
                )
            for row in rows:
                # What is at hand may be older than the record.
                content = await self._register.content(row["accord"], row["digest"])
                if content is not None and not content.opened_by:
                    swept += await self.erase(row["accord"], row["digest"])
            if len(rows) < PAGE:
                return swept
            after = rows[-1]["ordinal"]

    async def _sweep_store(self, before: datetime) -> None:
        await self._store.tidy(before)
        names: list[str] = []
        async for name in self._store.names(before):
            names.append(name)
            if len(names) == PAGE:
                await self._delete_unknown(names)
                names = []
        await self._delete_unknown(names)

    async def _delete_unknown(self, names: list[str]) -> None:
        with translated("look for what is left over", _ROLE):
            rows = await self._pool.fetch(
                "select name from unnest($1::text[]) name where not exists (select from files where object = name) "
                "and not exists (select from file_uploads where name = any (parts))",
                names,
            )
        await self._store.delete(*(row["name"] for row in rows))
