"""A ledger in memory: for tests of what stands on a ledger, and for trying things out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.ledger.settle import CommandKey, repeated_places, seal_events, settle
from activities.ledger.store import (
    Append,
    Head,
    Known,
    Outcome,
    Standing,
    StoredCommand,
    StoredEntry,
)
from activities.tlog.merkle import Coordinate, Frontier
from workflows.model.commands import Summary


@dataclass(slots=True)
class _Accord:
    ordinal: int
    summary: Summary
    frontier: Frontier = field(default_factory=Frontier)
    entries: list[StoredEntry] = field(default_factory=list)
    nodes: dict[Coordinate, bytes] = field(default_factory=dict)


class MemoryLedger:
    """A :class:`~activities.ledger.store.Ledger` that is gone when the process ends.

    It belongs to one event loop, and never waits in a write, which is what makes its writes atomic.
    """

    def __init__(self) -> None:
        self._accords: dict[str, _Accord] = {}
        self._commands: dict[CommandKey, StoredCommand] = {}
        self._feed: list[tuple[str, int]] = []
        self._marks: dict[tuple[str, str], int] = {}
        self._claims: dict[str, str] = {}

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        """See :meth:`activities.ledger.store.Ledger.record`."""
        if any(append.claim is not None for append in appends):
            return [outcome for append in appends for outcome in self._claiming(append)]
        return self._record(appends)

    def _claiming(self, append: Append) -> list[Outcome]:
        claim = append.claim
        if claim is None:
            return self._record([append])
        side = self._claims.get(claim.contact, claim.contact)
        taken = {one: by for one in claim.delegates if (by := self._claims.get(one, side)) != side}
        if side in {self._claims.get(other, other) for other in claim.apart}:
            taken[claim.contact] = side
        if taken:
            return [Outcome("claimed", None, append.expected, taken=tuple(sorted(taken.items())))]
        outcomes = self._record([append])
        if outcomes[0].status == "appended":
            self._claims.update(dict.fromkeys((claim.contact, *claim.delegates), side))
        return outcomes

    def _record(self, appends: Sequence[Append]) -> list[Outcome]:
        batch = [(append, seal_events(append)) for append in appends]
        keys = {(append.accord, append.command_id) for append in appends}
        done = settle(
            batch,
            frontiers={name: accord.frontier for name, accord in self._accords.items()},
            known={key: self._commands[key].known() for key in keys & self._commands.keys()},
            leaves={
                (accord, position): self._accords[accord].entries[position].leaf
                for accord, position in repeated_places(appends)
                if accord in self._accords and 0 <= position < len(self._accords[accord].entries)
            },
        )
        for name, last in done.summaries.items():
            summary = last.summary
            accord = self._accords.setdefault(name, _Accord(len(self._accords) + 1, summary))
            accord.summary = summary
            accord.frontier = done.frontiers[name]
            accord.nodes.update(((node.level, node.index), node.hash) for node in done.nodes[name])
        for sealed in done.entries:
            name, position = sealed.entry.accord, sealed.entry.position
            self._feed.append((name, position))
            self._accords[name].entries.append(
                StoredEntry(
                    accord=name,
                    position=position,
                    feed=len(self._feed),
                    content=sealed.content,
                    leaf=sealed.leaf,
                    facts=sealed.facts,
                    particulars=sealed.particulars,
                )
            )
        self._commands.update(done.commands)
        for (name, position), mark in done.marks.items():
            self._marks.setdefault((name, mark), position)
        return done.outcomes

    async def refused(self, accord: str, mark: str) -> int | None:
        """See :meth:`activities.ledger.store.Ledger.refused`."""
        return self._marks.get((accord, mark))

    async def outcome(self, accord: str, command_id: str) -> Known | None:
        """See :meth:`activities.ledger.store.Ledger.outcome`."""
        command = self._commands.get((accord, command_id))
        return None if command is None else command.known()

    async def standing(
        self, accord: str, start: int = 0, limit: int = 1000, command_id: str | None = None
    ) -> Standing:
        """See :meth:`activities.ledger.store.Ledger.standing`."""
        entries = [replace(entry, particulars=None) for entry in await self.entries(accord, start, limit)]
        known = None if command_id is None else await self.outcome(accord, command_id)
        return Standing(await self.head(accord), tuple(entries), known)

    async def commands(self, accord: str, after: str = "", limit: int = 1000) -> list[StoredCommand]:
        """See :meth:`activities.ledger.store.Ledger.commands`."""
        own = [command for (name, _), command in self._commands.items() if name == accord]
        return sorted((command for command in own if command.id > after), key=lambda command: command.id)[
            :limit
        ]

    async def commands_in_order(self, accord: str, up_to: int) -> AsyncGenerator[StoredCommand, None]:
        """See :meth:`activities.ledger.store.Ledger.commands_in_order`."""
        own = [command for (name, _), command in self._commands.items() if name == accord]
        for command in sorted(own, key=lambda command: command.order):
            if command.receipt.size <= up_to:
                yield command

    async def entries(self, accord: str, start: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.entries`."""
        found = self._accords.get(accord)
        return [] if found is None else found.entries[max(start, 0) :][:limit]

    async def entries_of(self, accord: str, types: Sequence[str]) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.entries_of`."""
        found = self._accords.get(accord)
        return [] if found is None else [one for one in found.entries if one.entry().type in types]

    async def head(self, accord: str) -> Head | None:
        """See :meth:`activities.ledger.store.Ledger.head`."""
        found = self._accords.get(accord)
        return None if found is None else Head(accord, found.frontier)

    async def nodes(self, accord: str, wanted: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        """See :meth:`activities.ledger.store.Ledger.nodes`."""
        found = self._accords.get(accord)
        return {} if found is None else {node: found.nodes[node] for node in wanted if node in found.nodes}

    async def summary(self, accord: str) -> Summary | None:
        """See :meth:`activities.ledger.store.Ledger.summary`."""
        found = self._accords.get(accord)
        return None if found is None else found.summary

    async def feed(self, after: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """See :meth:`activities.ledger.store.Ledger.feed`."""
        places = self._feed[max(after, 0) :][:limit]
        return [self._accords[accord].entries[position] for accord, position in places]

    async def feed_position(self) -> int:
        """See :meth:`activities.ledger.store.Ledger.feed_position`."""
        return len(self._feed)

    async def erase(self, accord: str, position: int) -> bool:
        """See :meth:`activities.ledger.store.Ledger.erase`."""
        found = self._accords.get(accord)
        if found is None or not 0 <= position < len(found.entries):
            return False
        entry = found.entries[position]
        found.entries[position] = replace(entry, particulars=None)
        # A repeated refusal has no entry of its own: its receipt names the one that stands for it.
        erased = [
            (key, command)
            for key, command in self._commands.items()
            if key[0] == accord
            and (key[1] == entry.entry().command or command.receipt.position == position)
            and command.signed is not None
        ]
        for key, command in erased:
            self._commands[key] = replace(command, signed=None, salt=None)
        return entry.particulars is not None or bool(erased)
