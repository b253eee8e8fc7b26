"""Hold a history against the ledger: each update and its entries, each answer, and what only one of the two has.

Temporal's history is no record: whoever has its database, or may give results by hand, can put anything there. It shows
what the workflow was told; the ledger shows what is so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from activities.audit.history import History, Signals, Update
from activities.audit.record import Recorded
from activities.errors import UnsignedCommand
from activities.identity.signing import CommandVerifier
from activities.reading.signals import (
    FOR_ANOTHER,
    id_taken,
    overflowed,
    read_signal,
    unattributed,
    unreadable,
)
from workflows.messages import RawSignal
from workflows.model.commands import TICK, UNATTRIBUTED, Command, Receipt
from workflows.model.declare import outline


class Verdict(StrEnum):
    """What comes of an audit of one item."""

    AGREES = "agrees"
    """The ledger has it, as the history says."""
    LEFT_NO_TRACE = "left_no_trace"
    """The history says that nothing was recorded, and nothing was."""
    UNDER_WAY = "under_way"
    """The history does not say yet how it ended."""
    FORGED = "forged"
    """The history says what the ledger does not: somebody made it up, or the ledger was put back."""
    EXTRA = "extra"
    """The ledger has it, within what this run recorded, and the history says nothing of it."""


EXIT_FORGED = 30
EXIT_EXTRA = 31


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was compared. ``event`` is its number in the history; none for what the ledger alone has."""

    verdict: Verdict
    kind: Literal["update", "answer", "signal", "entry"]
    event: int | None
    command: str
    positions: tuple[int, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of holding a history against the ledger."""

    accord: str
    events: int
    items: tuple[Item, ...]

    def count(self, verdict: Verdict) -> int:
        """How many items there are of a verdict."""
        return sum(item.verdict is verdict for item in self.items)

    @property
    def exit_code(self) -> int:
        """0 where they agree; a forgery weighs more than an extra."""
        if self.count(Verdict.FORGED):
            return EXIT_FORGED
        return EXIT_EXTRA if self.count(Verdict.EXTRA) else 0


def audit(history: History, recorded: Recorded) -> Audit:
    """Compare one run's history with the ledger."""
    return Audit(history.accord, history.events, tuple(_Comparison(history, recorded).items()))


class _Comparison:
    def __init__(self, history: History, recorded: Recorded) -> None:
        self._history = history
        self._recorded = recorded
        self._verifier = CommandVerifier(recorded.keys)
        self._positions: dict[str, list[int]] = {}
        for position, entry in enumerate(recorded.entries):
            if entry is not None:
                self._positions.setdefault(entry.command, []).append(position)
        self._not_taken_up: dict[str, list[str]] = {}
        for identity, known in recorded.outcomes.items():
            digest = recorded.refused.get(known.receipt.position)
            if digest is not None and identity.startswith(f"{UNATTRIBUTED}/"):
                self._not_taken_up.setdefault(digest, []).append(identity)
        self._told: set[str] = set()

    def items(self) -> Iterator[Item]:
        for update in self._history.updates:
            yield self._update(update)
        for answer in self._history.answers:
            problem = self._receipt(answer.receipt)
            if not problem:
                self._told.add(answer.receipt.command)
            yield self._item(
                Verdict.FORGED if problem else Verdict.AGREES,
                "answer",
                answer.event,
                answer.receipt.command,
                problem or f"{answer.receipt.act} is recorded as the workflow was told",
            )
        for signals in self._history.signals:
            yield from self._signals(signals)
        yield from self._extras()

    def _item(
        self,
        verdict: Verdict,
        kind: Literal["update", "answer", "signal"],
        event: int,
        command: str,
        what: str,
    ) -> Item:
        return Item(verdict, kind, event, command, tuple(self._positions.get(command, ())), what)

    def _update(self, update: Update) -> Item:
        command = update.command
        if command is None:
            verdict = Verdict.FORGED if update.receipt is not None else Verdict.LEFT_NO_TRACE
            return self._item(verdict, "update", update.event, update.name, update.unread)
        verdict, what = self._judged(update, command)
        if verdict is Verdict.AGREES:
            self._told.add(command.id)
        return self._item(verdict, "update", update.event, command.id, f"{update.name} {what}")

    def _judged(self, update: Update, command: Command) -> tuple[Verdict, str]:
        known = self._recorded.outcomes.get(command.id)
        if update.receipt is not None:
            if update.receipt.command != command.id:
                return Verdict.FORGED, f"was answered with the receipt of {update.receipt.command}"
            problem = (
                self._unsigned(command) or self._receipt(update.receipt) or self._other(command, update.name)
            )
            if problem:
                return Verdict.FORGED, problem
            said = "is refused" if update.receipt.refusal is not None else "is done"
            return Verdict.AGREES, f"{said}, and so the ledger has it"
        if known is None:
            if not update.ended:
                return Verdict.UNDER_WAY, "was accepted, and has no outcome yet"
            return Verdict.LEFT_NO_TRACE, f"failed ({update.failure}), and the ledger knows nothing of it"
        if not update.ended:
            return (
                Verdict.AGREES,
                "was accepted; its outcome, which the history does not have yet, is in the ledger",
            )
        return Verdict.AGREES, f"failed ({update.failure}) here; the ledger has an outcome under its id"

    def _unsigned(self, command: Command) -> str | None:
        try:
            self._verifier.verify(command)
        except UnsignedCommand as error:
            return f"is said to be done, and no trusted key signed it: {error}"
        return None

    def _receipt(self, receipt: Receipt) -> str | None:
        """Why a receipt is not the ledger's; none where it is."""
        known = self._recorded.outcomes.get(receipt.command)
        if known is None:
            return f"is answered with a receipt for position {receipt.position}, and the ledger has no such command"
        if known.receipt != receipt:
            return (
                f"is answered with a receipt for position {receipt.position} and root {receipt.root[:16]}…; "
                f"the ledger's is for {known.receipt.position} and {known.receipt.root[:16]}…"
            )
        return None

    def _other(self, command: Command, name: str) -> str | None:
        """Why the ledger's command is not the one in the history; none where it is."""
        known = self._recorded.outcomes.get(command.id)
        if command.accord != self._recorded.accord or command.act != name:
            return f"carries a command for {command.act} on {command.accord}"
        if known is not None and not known.is_of(command.fingerprint(), outline(command)):
            return "carries another command than the ledger has under its id"
        return None

    def _signals(self, signals: Signals) -> Iterator[Item]:
        """Each signal under an id that the recorder may have given it, and the count of those that overflowed."""
        accord = self._history.accord
        # For what other reason it was not taken up only the record says; it keeps the signal's digest.
        wanted = [
            (raw.name, [*_ids(accord, raw), *self._not_taken_up.get(raw.digest, ())])
            for raw in signals.request.signals
        ]
        if signals.request.overflow is not None:
            wanted.append(("overflow", [overflowed(accord, signals.request.overflow).id]))
        for name, ids in wanted:
            found = [each for each in ids if each in self._recorded.outcomes]
            self._told.update(found)
            if found:
                verdict, what = Verdict.AGREES, f"the signal {name} is on the record"
            elif signals.recorded:
                verdict, what = Verdict.FORGED, f"the signal {name} is said to be recorded, and is not"
            else:
                verdict, what = Verdict.UNDER_WAY, f"the signal {name} waits to be recorded"
            yield self._item(verdict, "signal", signals.event, (found or ids)[0], what)

    def _extras(self) -> Iterator[Item]:
        """What stands between the first and the last entry of this run, and is in nothing that the history tells.

        Deadlines are never extra: the recorder lets them fall before any act, and the rules say which and when.
        """
        mine = [at for command in self._told for at in self._positions.get(command, ())]
        for position in range(min(mine, default=0), max(mine, default=-1) + 1):
            entry = self._recorded.entries[position]
            if entry is None or entry.command in self._told or entry.command.startswith(f"{TICK}/"):
                continue
            what = f"{entry.type} of {entry.time.isoformat()} stands on the record"
            yield Item(Verdict.EXTRA, "entry", None, entry.command, (position,), what)


def _ids(accord: str, raw: RawSignal) -> list[str]:
    """Under what ids a signal can be on the record: as its monitor's, as nobody's, or as one that is not taken up."""
    command = read_signal(accord, raw)
    if command.delegate == UNATTRIBUTED:
        return [command.id]
    return [
        command.id,
        unattributed(accord, raw, command.fields).id,
        unreadable(accord, raw, FOR_ANOTHER).id,
        unreadable(accord, raw, id_taken(command)).id,
    ]
