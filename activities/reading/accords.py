"""Reading accords: their state now, and as it was, folded from the ledger by the model's own ``evolve``.

Nothing here needs a live workflow. A folded state is kept in memory and brought up to date by the entries beyond
it; the last entry that it rests on is compared each time, so that a restored backup does not leave a state behind
that the ledger no longer supports.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from activities.ledger.store import Ledger, StoredEntry
from workflows.errors import EntenteError
from workflows.model.accord import Accord, evolve

PAGE = 200
"""Entries read and folded before other requests get their turn."""

CACHED = 500
"""Accords whose folded state is kept in memory."""


class BeyondRecord(EntenteError):
    """A position was asked for that the record does not have; ``size`` is the number of its entries."""

    def __init__(self, position: int, size: int) -> None:
        super().__init__(
            f"the record has no entry {position}; it ends at {size - 1}", "Ask for an earlier position"
        )
        self.size = size


class BeforeOpening(EntenteError):
    """A time was asked for at which the accord did not exist yet; ``opened`` is when it began to."""

    def __init__(self, opened: datetime) -> None:
        super().__init__(f"the accord was opened at {opened.isoformat()}", "Ask for a later time")
        self.opened = opened


@dataclass(slots=True)
class _Held:
    """A folded state with the leaf hash of its last entry. The lock lets one reader at a time advance it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    state: Accord | None = None
    leaf: bytes = b""


class Reader:
    """Folds accords from ``ledger``; keeps the states of the ``cached`` ones that were read last."""

    def __init__(self, ledger: Ledger, *, cached: int = CACHED) -> None:
        if cached < 1:
            raise ValueError("cached is at least 1")
        self._ledger = ledger
        self._cached = cached
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def state(self, accord: str) -> Accord | None:
        """The state after all entries, or none where there is no such accord.

        Raises:
            LedgerError: the ledger cannot be read, or an entry was altered.
        """
        held = self._held.get(accord) or _Held()
        async with held.lock:
            await self._advance(accord, held)
            state = held.state
        if state is None:
            # What does not exist must not push out what does.
            self._held.pop(accord, None)
            return None
        self._held[accord] = held
        self._held.move_to_end(accord)
        while len(self._held) > self._cached:
            self._held.popitem(last=False)
        return state

    async def _advance(self, accord: str, held: _Held) -> None:
        while True:
            start = 0 if held.state is None else held.state.size - 1
            page = await self._ledger.entries(accord, start, PAGE)
            if held.state is not None:
                if not page or page[0].leaf != held.leaf:
                    held.state, held.leaf = None, b""
                    continue
                page = page[1:]
            if not page:
                return
            # Folded aside, and put in place whole: an altered entry must not leave half a page behind.
            held.state, held.leaf = _folded(held.state, page), page[-1].leaf
            if len(page) < PAGE - 1:
                return
            await asyncio.sleep(0)

    async def state_as_of(self, accord: str, moment: int | datetime) -> Accord | None:
        """The state after the entry at a position, or after every entry up to and including a time.

        Raises:
            BeyondRecord: there is no entry at that position.
            BeforeOpening: the accord was opened after that time.
            LedgerError: the ledger cannot be read, or an entry was altered.
        """
        state: Accord | None = None
        while True:
            page = await self._ledger.entries(accord, 0 if state is None else state.size, PAGE)
            if not page and state is None:
                return None
            wanted = [entry for entry in page if _is_within(entry, moment)]
            if wanted:
                state = _folded(state, wanted)
            elif state is None:
                first = page[0].entry()
                if isinstance(moment, int):
                    raise BeyondRecord(moment, 0)
                raise BeforeOpening(first.time)
            if len(wanted) < len(page) or len(page) < PAGE:
                break
            await asyncio.sleep(0)
        if isinstance(moment, int) and (state is None or state.size <= moment):
            raise BeyondRecord(moment, 0 if state is None else state.size)
        return state


def _is_within(entry: StoredEntry, moment: int | datetime) -> bool:
    return entry.position <= moment if isinstance(moment, int) else entry.entry().time <= moment


def _folded(state: Accord | None, entries: list[StoredEntry]) -> Accord:
    for entry in entries:
        state = evolve(state, entry.recorded())
    assert state is not None  # noqa: S101 - only called with entries
    return state
