"""Whose a delegate's id is. In one installation it belongs to whoever claimed it first, in whichever accord.

A contact claims its own id, and those that a definition names for its party, by adopting that; and whom it appoints. A
proposal claims nothing. What was claimed by a contact, or by one whom that contact claimed, belongs to the same side;
another side's contact cannot propose or adopt a definition that names it for its own party, nor appoint it. Claims are
taken in the transaction that records the act (:mod:`activities.ledger.claiming`); here they are looked up.

A claim says who may name an id. It gives no power over the credentials of who held a key of that id before: that person
the operator knows, and whoever names the id first need not. Such a contact takes itself back by its own first act.
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

    async def speaks_for(self, contact: str, delegate: str) -> bool:
        """Whether a contact's side says who a delegate is: it has claimed an id of which nobody held a key before.

        Raises:
            LedgerError: the database cannot be asked.
        """
        claims = await self.of((contact, delegate))
        side = claims.get(contact)
        return side is not None and claims.get(delegate) == side and not await self.held_before(delegate)

    async def held_before(self, delegate: str) -> bool:
        """Whether somebody held a key of the id before another's side claimed it, and the operator confirmed nothing.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("look up claims", _ROLE):
            return bool(await self._pool.fetchval("select holds_earlier_key($1)", delegate))

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
        if mine != contact and await self.held_before(contact):
            mine = claims[contact] = contact
        taken = {one: by for one in delegates if (by := claims.get(one, mine)) != mine}
        if mine in {claims.get(other, other) for other in apart}:
            taken[contact] = mine
        return taken


async def give_claim(connection: Any, delegate: str, contact: str) -> str | None:
    """Say whose an id is, by whoever owns the database: the claim is right then, whoever held a key before.

    Returns:
        Whose it was; none where nobody had claimed it, and nothing is done.

    Raises:
        LedgerError: the database cannot be written.
    """
    with translated("correct claims", "Use the login that owns the database"):
        was: str | None = await connection.fetchval(
            "update delegate_claims c set claimed_by = $2, confirmed = now() from delegate_claims old "
            "where c.delegate = $1 and old.delegate = $1 returning old.claimed_by",
            delegate,
            contact,
        )
    return was
