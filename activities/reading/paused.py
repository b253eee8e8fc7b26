"""Which accords are paused, over all of them, for whoever runs the installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activities.ledger.database import translated, with_role
from workflows.model.commands import Summary

if TYPE_CHECKING:
    import asyncpg

_PAUSED = """
with paused as materialized (
    select accord, updated, summary from accords where guards @> '{not_paused}'
)
select (summary - 'waiting')::text as summary, (select count(*) from paused) as accords
from paused order by updated, accord limit $1
"""
"""Of a paused accord the guard ``not_paused`` blocks the next stage, whoever is appointed there; it is indexed."""


@dataclass(frozen=True, slots=True)
class PausedAccords:
    """The first paused accords, those first whose last entry is oldest; and how many there are in all."""

    items: tuple[Summary, ...]
    accords: int


async def paused_accords(pool: asyncpg.Pool[Any], limit: int) -> PausedAccords:
    """At most ``limit`` of the accords that are paused and have not ended. Their steps are left out.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read", with_role("entente_reader")):
        rows = await pool.fetch(_PAUSED, limit)
    return PausedAccords(
        tuple(Summary.model_validate_json(row["summary"]) for row in rows),
        rows[0]["accords"] if rows else 0,
    )
