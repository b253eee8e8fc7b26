"""Whose a delegate's id is. In one installation it belongs to whoever claimed it first, in whichever accord.

A contact claims its own id, and those that a definition names for its party, by adopting that; and whom it appoints. A
proposal claims nothing. What was claimed by a contact, or by one whom that contact claimed, belongs to the same side;
another side's contact cannot propose or adopt a definition that names it for its own party, nor appoint it. Claims are
taken in the transaction that records the act (:mod:`activities.ledger.claiming`); here they are looked up.
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

    async def taken(
        self, contact: str, delegates: Collection[str], apart: Collection[str] = ()
    ) -> dict[str, str]:
        """Those of the ids that another side claimed, and who did; nothing is claimed.

        The contact's own is among them where it is of the side of one of ``apart``, the contacts of other parties: in
        one accord a side stands behind one party.

        Raises:
            LedgerError: the database cannot be asked.
        """
        claims = await self.of({contact, *delegates, *apart})
        mine = claims.get(contact, contact)
        taken = {one: by for one in delegates if (by := claims.get(one, mine)) != mine}
        if mine in {claims.get(other, other) for other in apart}:
            taken[contact] = mine
        return taken
