"""What papers are made from: the record up to a moment, folded, with what binds a paper to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities.ledger.store import Ledger, StoredEntry
from activities.reading.accords import BeforeOpening, BeyondRecord
from activities.reading.minutes import entry_says
from activities.tlog.merkle import Frontier
from workflows.model.attested import state_digest
from workflows.model.commands import RecordedEvent
from workflows.model.fold import evolve
from workflows.model.state import Accord
from workflows.record.refusals import ActRefused, SignalRefused
from workflows.tracks.founding.appointments import AppointDelegate

PAGE = 200
"""Entries that are read and folded at a time."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the record: what it says, and its facts."""

    position: int
    time: datetime
    type: str
    says: str
    delegate: str
    party: str | None
    refused: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a paper rests on: the record's last entry then, by its leaf, and the Merkle root over all entries so far.

    ``leaf`` and ``root`` are lower-case hexadecimal (RFC 6962); ``state`` is the digest of the folded state.
    """

    accord: str
    position: int
    leaf: str
    root: str
    state: str
    time: datetime

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.position + 1


@dataclass(frozen=True, slots=True)
class OutsideTime:
    """What an authority's token (RFC 3161) says: the first ``size`` entries existed before ``time``.

    ``authority`` is the name in its certificate (RFC 4514), ``digest`` that of the token.
    """

    authority: str
    size: int
    time: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class LogKeys:
    """By what the record can be verified: the log's keys, the witnesses' policy and times from outside, as the
    installation tells them.
    """

    keys: tuple[str, ...] = ()
    policy: str = ""
    commands: tuple[str, ...] = ()
    times: tuple[OutsideTime, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The record up to a moment. ``persons`` are names by delegate, as far as the reader may see them."""

    state: Accord
    lines: tuple[Line, ...]
    bound: Bound
    persons: Mapping[str, str] = field(default_factory=dict)
    log: LogKeys = LogKeys()


@dataclass(frozen=True, slots=True)
class _Folding:
    state: Accord | None = None
    frontier: Frontier = field(default_factory=Frontier)
    leaf: bytes = b""
    lines: tuple[Line, ...] = ()
    persons: Mapping[str, str] = field(default_factory=dict)


MayRead = Callable[[RecordedEvent], bool]
"""Whether the reader may see the names in an entry."""

Fold = Callable[[_Folding, list[StoredEntry], int | datetime | None, MayRead], _Folding]
Beside = Callable[[Fold, _Folding, list[StoredEntry], int | datetime | None, MayRead], Awaitable[_Folding]]


async def _at_once(
    fold: Fold, so_far: _Folding, page: list[StoredEntry], moment: int | datetime | None, may_read: MayRead
) -> _Folding:
    return fold(so_far, page, moment, may_read)


async def read_source(
    ledger: Ledger,
    accord: str,
    moment: int | datetime | None = None,
    *,
    may_read: MayRead = lambda _: True,
    beside: Beside = _at_once,
    log: LogKeys | None = None,
) -> Source | None:
    """The record of an accord up to a position or a time, by default all of it; none where there is no such accord.

    Raises:
        BeyondRecord: there is no entry at that position.
        BeforeOpening: the accord was opened after that time.
        LedgerError: the ledger cannot be read, or an entry was altered.
    """
    so_far = _Folding()
    while True:
        page = await ledger.entries(accord, so_far.frontier.size, PAGE)
        if not page and so_far.state is None:
            return None
        before = so_far.frontier.size
        so_far = await beside(_fold, so_far, page, moment, may_read)
        if so_far.state is None:
            raise BeforeOpening(page[0].entry().time)
        if len(page) < PAGE or so_far.frontier.size < before + len(page):
            break
    state, size = so_far.state, so_far.frontier.size
    if state is None or (isinstance(moment, int) and size <= moment):
        raise BeyondRecord(moment if isinstance(moment, int) else 0, size)
    bound = Bound(
        accord,
        size - 1,
        so_far.leaf.hex(),
        so_far.frontier.root().hex(),
        state_digest(state),
        so_far.lines[-1].time,
    )
    return Source(state, so_far.lines, bound, so_far.persons, log or LogKeys())


def _fold(
    so_far: _Folding, page: list[StoredEntry], moment: int | datetime | None, may_read: MayRead
) -> _Folding:
    state, frontier, leaf = so_far.state, so_far.frontier, so_far.leaf
    lines, persons = list(so_far.lines), dict(so_far.persons)
    for stored in page:
        told = stored.recorded()
        if _beyond(told, moment):
            break
        state, leaf = evolve(state, told), stored.leaf
        frontier, _ = frontier.append(leaf)
        lines.append(line_of(told, state.definition.vocabulary))
        persons |= _person(stored, told, may_read)
    return _Folding(state, frontier, leaf, tuple(lines), persons)


def _beyond(told: RecordedEvent, moment: int | datetime | None) -> bool:
    return told.position > moment if isinstance(moment, int) else moment is not None and told.time > moment


def line_of(told: RecordedEvent, vocabulary: str) -> Line:
    """The line for an entry, in the words of a vocabulary."""
    return Line(
        told.position,
        told.time,
        told.type,
        entry_says(told, vocabulary),
        told.actor.delegate,
        told.actor.behalf or told.actor.party,
        told.type in (ActRefused.type, SignalRefused.type),
        told.facts,
    )


def _person(stored: StoredEntry, told: RecordedEvent, may_read: MayRead) -> dict[str, str]:
    """The name that an appointment gives its delegate, where the reader may see it and it was not erased."""
    act = told.facts.get("act")
    if act is None or act["name"] != AppointDelegate.name or stored.particulars is None or not may_read(told):
        return {}
    stored.particulars.verify(stored.entry().particulars)
    name = stored.particulars.value().get("act", {}).get("person")
    delegate = told.facts.get("event", {}).get("delegate")
    return {str(delegate): str(name)} if name and delegate else {}
