"""Erasing particulars: what the record says is erased is deleted, salts and signed commands included.

The entry is recorded first, and only what an entry says is deleted. So nothing disappears unannounced, and a deletion
that was cut short is found and finished by the next run: it is whatever the record says is erased and is still there.
"""

from __future__ import annotations

from activities.ledger.store import Ledger
from workflows.record.erasure import ParticularsErased


async def erased_by_record(ledger: Ledger, accord: str) -> list[int]:
    """The positions whose particulars the record of an accord says are erased, ascending.

    Raises:
        LedgerError: the ledger cannot be read, or an entry was altered.
    """
    found: set[int] = set()
    for entry in await ledger.entries_of(accord, (ParticularsErased.type,)):
        found.update(ParticularsErased.model_validate(entry.recorded().facts["event"]).positions)
    return sorted(found)


async def finish_erasing(reading: Ledger, erasing: Ledger, accord: str) -> list[int]:
    """Delete what the record says is erased and is still there; returns those positions.

    Safe to repeat and to interrupt. ``reading`` and ``erasing`` may be one ledger; in earnest the login that erases
    (role ``entente_eraser``) can do nothing else.

    Raises:
        LedgerError: the ledger cannot be read or written, or an entry was altered.
    """
    return [at for at in await erased_by_record(reading, accord) if await erasing.erase(accord, at)]
