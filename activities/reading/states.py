"""The one cache of folded states, shared by whoever records and whoever reads.

A state, the Merkle frontier over the entries that it is folded from, and its weight stand together in a
:class:`Folded`. The frontier is the fence: :meth:`States.get` reads, in one round trip, the accord's head and the
entries beyond the cached size, extends the cached frontier by their leaves, and requires that it becomes the head's.
So a state is used only where the ledger extends, entry for entry, what it rests on; after a backup was restored it is
dropped and folded anew.

How to use it::

    folded = await states.get(accord)                       # the state that the ledger has now, or None
    folded, known = await states.look_up(accord, command)   # and the outcome of a command id, in the same round trip
    folded = states.cached(accord)                          # no round trip: may be behind; a compare-and-set tells
    states.keep(following(folded, after, frontier, events)) # what was just recorded: the outcome has the frontier
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType

from activities.errors import Malformed
from activities.ledger.store import Known, Ledger, Standing, StoredEntry
from activities.tlog.merkle import Frontier
from workflows.model.canonical import canonical
from workflows.model.commands import EventDraft
from workflows.model.decide import Memory
from workflows.model.fold import evolve
from workflows.model.state import Accord

PAGE = 1000
"""Entries read at once; only a state that is further behind than this takes more than one round trip."""

SLICE = 0.005
"""Seconds for which entries are folded before others on the event loop get their turn."""

MOST_BYTES = 256 * 1024 * 1024
"""What the cached states may weigh together."""

BYTES_FOR_EACH_BYTE_OF_FACTS = 8
"""The most that a state was seen to grow by one byte of facts: what is presumed until it is weighed again."""

_NO_PART = (type, ModuleType, FunctionType, BuiltinFunctionType)


def weigh(state: object) -> int:
    """The bytes of memory that ``state`` and all that it refers to take, without classes and functions."""
    seen: set[int] = set()
    waiting = [state]
    total = 0
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, _NO_PART):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        waiting.extend(gc.get_referents(each))
    return total


@dataclass(frozen=True, slots=True)
class Folded:
    """A state, and the Merkle frontier (size, root) of the entries that it is folded from.

    ``weighed`` is the memory that the state took when it was last weighed, ``since`` what is presumed to have come
    on top. It is weighed again once that has doubled, so that weighing costs no more than folding did.
    """

    state: Accord
    frontier: Frontier
    weighed: int = 0
    since: int = 0
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)
    """What whoever decides on the accord keeps for it: handed on from state to state."""

    @property
    def weight(self) -> int:
        """The bytes of memory that it takes; rather too many than too few."""
        return self.weighed + self.since


def following(
    before: Folded | None, after: Accord, frontier: Frontier, events: Sequence[EventDraft]
) -> Folded:
    """What stands after ``events`` were recorded on ``before``: the state then, and the tree as the outcome has it."""
    grown = sum(len(canonical(event.facts)) for event in events)
    return _grown(before, after, frontier, grown)


def _grown(before: Folded | None, after: Accord, frontier: Frontier, facts: int) -> Folded:
    weighed, since = (0, 0) if before is None else (before.weighed, before.since)
    since += facts * BYTES_FOR_EACH_BYTE_OF_FACTS
    memory = Memory() if before is None else before.memory
    if since >= weighed:
        weighed, since = weigh((after, memory)), 0
    return Folded(after, frontier, weighed, since, memory)


class States:
    """Folded states of the accords of ``ledger`` that were asked for last, of at most ``most_bytes`` together."""

    def __init__(self, ledger: Ledger, *, most_bytes: int = MOST_BYTES) -> None:
        if most_bytes < 0:
            raise ValueError("most_bytes is not negative")
        self._ledger = ledger
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: OrderedDict[str, Folded] = OrderedDict()
        self._folding: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @property
    def held_bytes(self) -> int:
        """What the cached states weigh."""
        return self._bytes

    def cached(self, accord: str) -> Folded | None:
        """What is in memory, without asking the ledger, which may be ahead of it, or never have had it.

        Good for an append with compare-and-set on its frontier: that fails where it is not what the ledger has.
        """
        return self._held.get(accord)

    def keep(self, folded: Folded) -> None:
        """Hold what was just recorded or folded, unless more of the same accord is held already."""
        accord = folded.state.id
        if folded.weight > self._most_bytes:
            # It must not push out all the others for nothing.
            self._drop(accord)
            return
        held = self._held.get(accord)
        if held is None or held.frontier.size <= folded.frontier.size:
            self._drop(accord)
            self._held[accord] = folded
            self._bytes += folded.weight
        self._held.move_to_end(accord)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._held)))

    async def get(self, accord: str) -> Folded | None:
        """The state after all entries of the ledger, or none where there is no such accord.

        Raises:
            LedgerError: the ledger cannot be read, or an entry was altered.
        """
        return (await self.look_up(accord, None))[0]

    async def look_up(self, accord: str, command_id: str | None) -> tuple[Folded | None, Known | None]:
        """The state after all entries, and the outcome of a command if it has one, in one round trip.

        Raises:
            LedgerError: the ledger cannot be read, or an entry was altered.
        """
        if accord not in self._held:
            # One who reads from the beginning is enough; the others then read what is beyond it.
            async with self._lock(accord):
                if accord not in self._held:
                    return await self._fold(accord, None, command_id)
        base = self._held.get(accord)
        standing = await self._read(accord, base, command_id)
        if base is not None and not _extends(base, standing):
            # A restored backup. Others may have noticed, and folded what there is now.
            async with self._lock(accord):
                if self._held.get(accord) is base:
                    self._drop(accord)
            return await self.look_up(accord, command_id)
        if base is not None and not standing.entries:
            self.keep(base)
            return base, standing.known
        async with self._lock(accord):
            # Who held the lock before may have folded the same entries.
            held = self._held.get(accord)
            if held is not None and _extends(held, standing):
                base = held
            return await self._fold(accord, base, command_id, standing)

    def _lock(self, accord: str) -> asyncio.Lock:
        lock = self._folding.get(accord)
        if lock is None:
            lock = self._folding[accord] = asyncio.Lock()
        return lock

    def _drop(self, accord: str) -> None:
        held = self._held.pop(accord, None)
        if held is not None:
            self._bytes -= held.weight

    async def _read(self, accord: str, base: Folded | None, command_id: str | None) -> Standing:
        start = 0 if base is None else base.frontier.size
        return await self._ledger.standing(accord, start, PAGE, command_id)

    async def _fold(
        self, accord: str, base: Folded | None, command_id: str | None, standing: Standing | None = None
    ) -> tuple[Folded | None, Known | None]:
        """Fold what the ledger has beyond ``base``, of which ``standing`` is the first page if it was read."""
        if standing is None:
            standing = await self._read(accord, base, command_id)
        known, folded = standing.known, base
        while standing.head is not None:
            start = 0 if folded is None else folded.frontier.size
            page = [entry for entry in standing.entries if entry.position >= start]
            if page and page[0].position == start:
                folded = await _advanced(folded, page)
            if folded is not None and folded.frontier == standing.head.frontier:
                self.keep(folded)
                return folded, known
            if not page or folded is None or folded.frontier.size >= standing.head.size:
                # Either the ledger does not extend what was cached, or it contradicts itself.
                if base is None:
                    raise _contradicts(accord)
                self._drop(accord)
                return await self._fold(accord, None, command_id)
            standing = await self._read(accord, folded, None)
        self._drop(accord)
        return None, known


def _extends(folded: Folded, standing: Standing) -> bool:
    """Whether the ledger, as it was read from some size up to that of ``folded``, extends ``folded``.

    Where a page did not reach the head this is not known yet; what is folded last is compared with the head then.
    """
    if standing.head is None or standing.head.size < folded.frontier.size:
        return False
    beyond = [entry for entry in standing.entries if entry.position >= folded.frontier.size]
    reaches = folded.frontier.size + len(beyond)
    if reaches < standing.head.size:
        return bool(beyond)
    frontier, _ = folded.frontier.extend(entry.leaf for entry in beyond)
    return frontier == standing.head.frontier


async def _advanced(base: Folded | None, entries: Sequence[StoredEntry]) -> Folded:
    """``base`` with ``entries`` folded. Nothing of it is kept where one was altered."""
    state = None if base is None else base.state
    frontier = Frontier() if base is None else base.frontier
    facts = 0
    turn = time.monotonic() + SLICE
    for entry in entries:
        state = evolve(state, entry.recorded())
        frontier, _ = frontier.append(entry.leaf)
        facts += 0 if entry.facts is None else len(entry.facts.content)
        if time.monotonic() > turn:
            await asyncio.sleep(0)
            turn = time.monotonic() + SLICE
    assert state is not None  # noqa: S101 - only called with entries
    return _grown(base, state, frontier, facts)


def _contradicts(accord: str) -> Malformed:
    return Malformed(
        f"the entries of {accord!r} do not lead to the Merkle tree that the ledger has for it",
        "Verify the accord's last bundle against the database, and find out who altered which",
    )
