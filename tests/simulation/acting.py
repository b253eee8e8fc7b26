"""A play over the pure model: acts, refusals, and time that passes, with the log kept as the ledger would keep it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from workflows.model.commands import OPEN, TICK, UNATTRIBUTED, Command, OwnSignature, RecordedEvent, Refusal
from workflows.model.decide import Decision, decide
from workflows.model.declare import Rejected
from workflows.model.fold import evolve
from workflows.model.repeats import Refusals, unless_recorded
from workflows.model.rules import gate, next_deadline, stage
from workflows.model.state import Accord
from workflows.tracks.conditions.state import satisfied
from workflows.tracks.documents.state import document_digest

START = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
"""When plays begin; the definitions' dates are set against it."""


class Acting:
    """One accord. Every act is decided, recorded through JSON and folded; what is decided has to equal the fold."""

    def __init__(self, definition: dict[str, Any], by: str = "aa.contact", at: datetime = START) -> None:
        self.now = at
        self.log: list[RecordedEvent] = []
        self.decisions: list[tuple[Command, datetime, Decision]] = []
        self._state: Accord | None = None
        self._commands = 0
        self.refusals = Refusals()
        self._take(self.command(by, OPEN, {"definition": definition}))

    @property
    def state(self) -> Accord:
        assert self._state is not None
        return self._state

    # Acting

    def command(self, by: str, act: str, fields: dict[str, Any]) -> Command:
        self._commands += 1
        return Command(accord="accord-1", id=f"{by}/{self._commands}", act=act, fields=fields, delegate=by)

    def _take(self, command: Command) -> Decision:
        decision = self.refusals.settle(self._state, decide(self._state, command, self.now))
        self.decisions.append((command, self.now, decision))
        for draft in decision.events:
            recorded = draft.recorded(len(self.log), command.id)
            recorded = RecordedEvent.model_validate_json(recorded.model_dump_json())
            self.log.append(recorded)
            self._state = evolve(self._state, recorded)
        return decision

    def attempt(self, by: str, act: str, /, **fields: Any) -> Decision:
        """Ask for an act; recorded or refused."""
        return self._take(self.command(by, act, fields))

    def do(self, by: str, act: str, /, **fields: Any) -> tuple[str, ...]:
        """Ask for an act that has to be recorded; the types of the events that follow."""
        decision = self.attempt(by, act, **fields)
        assert decision.refusal is None, f"{by} {act} {fields}: {decision.refusal}"
        assert decision.after == self.state
        return tuple(draft.type for draft in decision.events)

    def do_signed(self, by: str, key: str, act: str, /, **fields: Any) -> None:
        """Ask for an act that the delegate signs with its own key; whether the signature fits is not judged here."""
        own = OwnSignature(key=key, signature=base64.b64encode(bytes(64)).decode())
        decision = self._take(self.command(by, act, fields).model_copy(update={"own": own}))
        assert decision.refusal is None, f"{by} {act} {fields}: {decision.refusal}"

    def refused(self, by: str, act: str, /, **fields: Any) -> Refusal:
        """Ask for an act that has to be refused; the refusal."""
        decision = self.attempt(by, act, **fields)
        assert decision.refusal is not None, f"{by} {act} {fields} was not refused"
        return decision.refusal

    def guard(self, by: str, act: str, /, **fields: Any) -> str:
        """The name of the guard that refuses the act."""
        return self.refused(by, act, **fields).guard

    def rejected(self, by: str, act: str, /, **fields: Any) -> str:
        """Ask for what is no act at all; the rejection's code. It leaves no trace."""
        size = len(self.log)
        try:
            self.attempt(by, act, **fields)
        except Rejected as error:
            assert len(self.log) == size
            return error.code
        raise AssertionError(f"{by} {act} {fields} was not rejected")

    def signal(self, act: str, /, **fields: Any) -> Decision:
        """A signal that nobody signed."""
        return self._take(self.command(UNATTRIBUTED, act, fields))

    def preview(self, by: str, act: str, /, **fields: Any) -> Decision:
        """Decide, and fold nothing."""
        decision = decide(self._state, self.command(by, act, fields), self.now)
        return unless_recorded(decision, self._state, self.refusals.known(decision.sought))

    # Time

    def pass_time(self, days: float = 0, hours: float = 0) -> tuple[str, ...]:
        """Let time pass and every deadline in it fall, as the timer does; the types of the events."""
        return self.until(self.now + timedelta(days=days, hours=hours))

    def until(self, at: datetime | str) -> tuple[str, ...]:
        """Let time pass until ``at``."""
        end = datetime.fromisoformat(at) if isinstance(at, str) else at
        assert end >= self.now, "time does not run backwards"
        before = len(self.log)
        while (due := next_deadline(self.state)) is not None and due.at <= end:
            self.now = max(due.at, self.now)
            self._take(self.command(TICK, TICK, {}))
        self.now = end
        return self.types(before)

    # Looking

    def types(self, start: int = 0) -> tuple[str, ...]:
        return tuple(event.type for event in self.log[start:])

    def last(self, type_: str) -> RecordedEvent:
        return next(event for event in reversed(self.log) if event.type == type_)

    def fact(self, type_: str, name: str) -> Any:
        """A fact of the last event of a type."""
        return self.last(type_).facts["event"][name]

    @property
    def stage(self) -> str:
        return stage(self.state)

    def status(self, condition: str) -> str:
        return self.state.conditions[condition].status

    def satisfied(self, condition: str) -> bool:
        return satisfied(self.state, condition)

    def document(self, code: str) -> str:
        found = document_digest(self.state, code)
        assert found is not None, f"{code} lacks a text"
        return found

    def held(self, code: str) -> list[str]:
        """The seats of a document that hold a signature."""
        return [name for name, seat in self.state.documents[code].seats.items() if seat.signature]

    def open_gate(self, name: str) -> bool:
        return all(check.met for check in gate(self.state, name))

    def unmet(self, name: str) -> list[tuple[str, str | None]]:
        """What is unmet at a gate: guard and subject."""
        return [(check.guard, check.subject) for check in gate(self.state, name) if not check.met]
