"""How far each person has read: what came since they last looked at an accord."""

from __future__ import annotations

from typing import Any

import asyncpg

from activities.ledger.database import translated

_ROLE = "Use a login that has the role entente_api"


class Looks:
    """Keeps, in a migrated database, how many entries of an accord somebody had before them."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def look(self, principal: str, accord: str, size: int) -> int | None:
        """Remember that somebody looks at ``size`` entries; returns how many there were the last time, if any.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("keep who looked", _ROLE):
            before: int | None = await self._pool.fetchval(
                "with before as (select size from page_looks where (principal, accord) = ($1, $2)), kept as ("
                "insert into page_looks (principal, accord, size) values ($1, $2, $3) on conflict (principal, accord) "
                "do update set size = excluded.size, looked = now() where page_looks.size < excluded.size) "
                "select size from before",
                principal,
                accord,
                size,
            )
        return before

    async def of(self, principal: str, accords: list[str]) -> dict[str, int]:
        """How many entries of these accords somebody had before them; those never looked at are left out.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up who looked", _ROLE):
            rows = await self._pool.fetch(
                "select accord, size from page_looks where principal = $1 and accord = any($2)",
                principal,
                accords,
            )
        return {row["accord"]: row["size"] for row in rows}
