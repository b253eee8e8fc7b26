"""Reading accords: their state now, and as it was, folded from the ledger by the model's own ``evolve``.

Nothing here needs a live workflow. States as they are now come from the cache (:mod:`activities.reading.states`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from activities.ledger.store import Ledger, StoredEntry
from activities.reading.states import States
from workflows.errors import EntenteError
from workflows.model.fold import evolve
from workflows.model.state import Accord

PAGE = 200
"""Entries read and folded at a time, between which other states that are folded get their turn."""

Page = list[StoredEntry]
Folding = tuple[Accord | None, int]
"""The state so far, and how many entries of the page were within what was asked for."""
Fold = Callable[[Accord | None, Page, int | datetime], Folding]
Beside = Callable[[Fold, Accord | None, Page, int | datetime], Awaitable[Folding]]


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


async def at_once(fold: Fold, state: Accord | None, page: Page, moment: int | datetime) -> Folding:
    """Fold in the event loop itself."""
    return fold(state, page, moment)


class Reader:
    """The states of the accords of ``ledger``, now and as they were; ``states`` is the cache to share.

    A state as it was is folded from the beginning, which for a long record takes seconds: by ``beside``, which a
    server lets work beside its event loop.
    """

    def __init__(self, ledger: Ledger, states: States | None = None, *, beside: Beside = at_once) -> None:
        self._ledger = ledger
        self._beside = beside
        self.states = States(ledger) if states is None else states

    async def state(self, accord: str) -> Accord | None:
        """The state after all entries, or none where there is no such accord.

        Raises:
            LedgerError: the ledger cannot be read, or an entry was altered.
        """
        folded = await self.states.get(accord)
        return None if folded is None else folded.state

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
            state, wanted = await self._beside(_folded, state, page, moment)
            if state is None:
                first = page[0].entry()
                if isinstance(moment, int):
                    raise BeyondRecord(moment, 0)
                raise BeforeOpening(first.time)
            if wanted < len(page) or len(page) < PAGE:
                break
        if isinstance(moment, int) and (state is None or state.size <= moment):
            raise BeyondRecord(moment, 0 if state is None else state.size)
        return state


def _is_within(entry: StoredEntry, moment: int | datetime) -> bool:
    return entry.position <= moment if isinstance(moment, int) else entry.entry().time <= moment


def _folded(state: Accord | None, page: Page, moment: int | datetime) -> Folding:
    wanted = [entry for entry in page if _is_within(entry, moment)]
    for entry in wanted:
        state = evolve(state, entry.recorded())
    return state, len(wanted)
