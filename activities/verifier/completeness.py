"""Completeness: the outcomes of commands beside the entries that they caused, each receipt checked, nothing missing."""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterator
from typing import Any

from activities.bundle.format import BundledCommand
from activities.ledger.entry import time_text
from activities.verifier.findings import Finding
from activities.verifier.groups import Group
from activities.verifier.refusals import RecordedRefusal, Refusals, is_refusal, refusal_in, refusal_of
from workflows.model.commands import TICK, UNATTRIBUTED

Repeat = Callable[[BundledCommand, RecordedRefusal | None], None]
"""Is given each command without entries, while the record stands at the size of its receipt."""


class Completeness:
    """Walks through the outcomes of the commands beside the groups of entries, and misses what is missing."""

    def __init__(
        self,
        finding: Finding,
        accord: str,
        commands: Iterator[BundledCommand] | None,
        refusals: Refusals,
        repeat: Repeat,
        alone: Callable[[BundledCommand], None],
    ) -> None:
        self._finding = finding
        self._accord = accord
        self._commands = commands
        self._refusals = refusals
        self._repeat = repeat
        self._alone = alone
        self._gave_up = False
        self._ahead: BundledCommand | None = None
        self._order = (0, False)
        self._seen = array("Q")
        if commands is None:
            self._finding.lack("the outcomes of commands are withheld")
        else:
            self._next()

    @property
    def gave_up(self) -> bool:
        """Whether entries are absent."""
        return self._gave_up

    def take(self, group: Group, root: str) -> BundledCommand | None:
        """The outcome of the group's command, checked against it; ``root`` is the hexadecimal root after it."""
        self._finding.checked += 1
        self._see(group.command)
        if self._commands is None or self._gave_up:
            return None
        while self._ahead is not None and self._ahead.receipt.size < group.end:
            self._stray(self._ahead)
            self._next()
        found = self._ahead
        if found is None or not found.receipt.events or found.receipt.size != group.end:
            self._finding.fail(
                f"entry {group.first}: the outcome of its command {group.command!r} is missing"
            )
            return None
        self._next()
        problem = _differs(self._accord, group, found, root)
        if problem is not None:
            self._finding.fail(f"entry {group.first}: {problem}")
        return found

    def _stray(self, command: BundledCommand) -> None:
        self._see(command.id)
        self._finding.fail(
            f"the command {command.id[:80]!r} has a receipt at size {command.receipt.size}, where no command's entries "
            "end"
        )
        self._alone(command)

    def repeats(self, size: int, root: str) -> None:
        """Check those commands that caused nothing while the record stood at ``size``, with the root ``root``."""
        while (
            not self._gave_up
            and self._ahead is not None
            and not self._ahead.receipt.events
            and self._ahead.receipt.size == size
        ):
            command = self._ahead
            self._finding.checked += 1
            self._see(command.id)
            refused = self._refusals.at(command.receipt.position)
            problem = self._no_repeat(command, refused, size, root)
            if problem is not None:
                self._finding.fail(f"the command {command.id[:80]!r}, which caused no entry: {problem}")
            self._repeat(command, refused)
            self._next()

    def give_up(self) -> None:
        """Entries are absent: which commands they belong to cannot be told."""
        self._finding.lack("entries are withheld")
        self._gave_up = True

    def finish(self, size: int) -> None:
        """What is left after the last entry; commands that come twice."""
        while self._ahead is not None:
            if not self._gave_up:
                self._finding.fail(
                    f"the command {self._ahead.id[:80]!r} has a receipt at size {self._ahead.receipt.size}, and its "
                    f"entries are missing: the record ends at {size}, or they were taken out"
                )
            self._alone(self._ahead)
            self._next()
        ordered = sorted(self._seen)
        for one, other in itertools.pairwise(ordered):
            if one == other:
                self._finding.fail("two commands of the record have the same id")

    def _next(self) -> None:
        self._ahead = None if self._commands is None else next(self._commands, None)
        if self._ahead is not None:
            receipt = self._ahead.receipt
            order = (receipt.size, not receipt.events)
            if order < self._order:
                self._finding.fail(f"the outcome of {self._ahead.id[:80]!r} stands out of order")
            self._order = order

    def _no_repeat(
        self, command: BundledCommand, refused: RecordedRefusal | None, size: int, root: str
    ) -> str | None:
        """Why a command without entries is not a refusal that was given before."""
        receipt = command.receipt
        if refused is None:
            return "it points at no refusal on the record"
        said = (receipt.accord, receipt.command, receipt.status, receipt.first_position, receipt.size)
        if said != (self._accord, command.id, "refused", receipt.position, size):
            return "its receipt is of another command, or of another size of the record"
        if (receipt.leaf, receipt.root) != (refused.leaf, root):
            return "its receipt names another leaf or root than the record has"
        if receipt.refusal is None:
            return "its receipt does not say why"
        recorded = None if refused.event is None else refusal_in(refused.type, refused.event)
        if recorded is not None and receipt.refusal != recorded:
            # What the caller was told the second time can be other words on the same matter: no entry has them.
            self._finding.note("what some callers were told of repeated refusals is bound to nothing")
        return None

    def _see(self, command: str) -> None:
        # Eight bytes for each, so that a million take eight megabytes.
        self._seen.append(int.from_bytes(hashlib.sha256(command.encode()).digest()[:8], "big"))


def _differs(accord: str, group: Group, command: BundledCommand, root: str) -> str | None:
    """How the receipt differs from what the record says, in any of its fields that no other question is about."""
    last, receipt = group.told[-1], command.receipt
    said: tuple[Any, ...] = (
        command.id,
        receipt.command,
        receipt.first_position,
        receipt.position,
        receipt.size,
    )
    there: tuple[Any, ...] = (group.command, group.command, group.first, last.entry.position, group.end)
    if said != there or receipt.accord != accord:
        return f"the receipt beside it is of other entries: {said} for {there}"
    if receipt.events != tuple(told.entry.type for told in group.told):
        return f"its receipt names other events: {', '.join(receipt.events[:5])}"
    if (receipt.leaf, receipt.root) != (last.leaf.hex(), root):
        return "its receipt names another leaf or root than the record has"
    if receipt.time != last.entry.time:
        return f"its receipt names another time than {time_text(last.entry.time)}"
    if receipt.status != (
        "refused" if any(is_refusal(told.entry.type) for told in group.told) else "recorded"
    ):
        return f"its receipt says {receipt.status!r}, and the entries say otherwise"
    act = _act(group)
    if act is not None and receipt.act != act:
        return f"its receipt is of the act {receipt.act[:60]!r}, and the entries tell of {act[:60]!r}"
    if any(told.facts is None for told in group.told):
        return None
    return (
        None
        if receipt.refusal == refusal_of(group)
        else "its receipt tells the refusal otherwise than the entry"
    )


def _act(group: Group) -> str | None:
    """The act of which the entries tell; none where they do not, or where they are of a signal that was refused."""
    told = group.act_entry
    if told is not None:
        return str((told.act or {}).get("name"))
    by = group.command.partition("/")[0]
    if by == TICK:
        return TICK
    return None if by == UNATTRIBUTED else ""


__all__ = ["Completeness", "Repeat"]
