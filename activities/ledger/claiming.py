"""Claims of delegates' ids, taken in the transaction that records the act which claims."""

from __future__ import annotations

from typing import Any

from activities.ledger.store import Claim


async def take(connection: Any, accord: str, claim: Claim) -> tuple[tuple[str, str], ...]:
    """Claim ids in the transaction of ``connection``; those that another side has, with who claimed them.

    Where it returns any, the transaction is to be undone. Whoever claims one of them at the same moment is waited for.
    """
    rows = await connection.fetch(
        "select delegate, claimed_by from claim_delegates($1, $2, $3, $4, $5) order by delegate",
        claim.contact,
        sorted(set(claim.delegates)),
        sorted(set(claim.apart)),
        sorted(set(claim.officers)),
        accord,
    )
    return tuple((row["delegate"], row["claimed_by"]) for row in rows)
