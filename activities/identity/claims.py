"""Whose a delegate's id is. In one installation it belongs to whoever claimed it first, in whichever accord.

A contact claims its own id, and those that a definition names for its party, by adopting that; and whom it appoints. A
proposal claims nothing. What was claimed by a contact, or by one whom that contact claimed, belongs to the same side;
another side's contact cannot propose or adopt a definition that names it for its own party, nor appoint it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import asyncpg

from activities.ledger.database import translated

_ROLE = "Use a login that has the role entente_api"


class Claims:
    """The claims that a migrated database keeps."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def of(self, delegates: Collection[str]) -> dict[str, str]:
        """Who claimed each of these ids; those that nobody claimed are left out.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up claims", _ROLE):
            rows = await self._pool.fetch(
                "select delegate, claimed_by from delegate_claims where delegate = any($1::text[])",
                sorted(delegates),
            )
        return {row["delegate"]: row["claimed_by"] for row in rows}

    async def taken(self, contact: str, delegates: Collection[str]) -> dict[str, str]:
        """Those of the ids that another side claimed, and who did; nothing is claimed.

        Raises:
            LedgerError: the database cannot be asked.
        """
        claims = await self.of({contact, *delegates})
        mine = claims.get(contact, contact)
        return {one: by for one, by in claims.items() if by != mine}

    async def claim(self, accord: str, contact: str, delegates: Collection[str]) -> dict[str, str]:
        """Claim the ids for the contact's side, and its own id; all of them, or none where another side has one.

        Returns:
            Those that another side claimed, and who did.

        Raises:
            LedgerError: the database cannot be asked.
        """
        insert = (
            "insert into delegate_claims (delegate, claimed_by, accord) "
            "select one, $2, $3 from unnest($1::text[]) one order by one on conflict do nothing"
        )
        with translated("keep claims", _ROLE):
            async with self._pool.acquire() as connection:
                attempt = connection.transaction()
                await attempt.start()
                try:
                    await connection.execute(insert, [contact], contact, accord)
                    mine = await connection.fetchval(
                        "select claimed_by from delegate_claims where delegate = $1", contact
                    )
                    await connection.execute(insert, sorted(delegates), mine, accord)
                    rows = await connection.fetch(
                        "select delegate, claimed_by from delegate_claims "
                        "where delegate = any($1::text[]) and claimed_by <> $2",
                        sorted(delegates),
                        mine,
                    )
                except BaseException:
                    await attempt.rollback()
                    raise
                if rows:
                    await attempt.rollback()
                else:
                    await attempt.commit()
        return {row["delegate"]: row["claimed_by"] for row in rows}
