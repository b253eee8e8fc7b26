"""A play's backend that is the pure model in memory: no server, no waiting. What the tests play against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from worker.demo.backend import DocumentView, Guard, Outcome, VerdictEntry, View
from workflows.model import rules
from workflows.model.attested import state_digest
from workflows.model.commands import OPEN, TICK, Command, RecordedEvent
from workflows.model.decide import Decision, decide
from workflows.model.declare import Rejected
from workflows.model.definition import Definition
from workflows.model.fold import evolve
from workflows.model.repeats import Refusals, unless_recorded
from workflows.model.rules import blocking, next_deadline, stage
from workflows.model.state import Accord
from workflows.tracks.conditions.state import satisfied
from workflows.tracks.documents.state import document_digest, document_status
from workflows.tracks.signing.release import release_digest
from workflows.tracks.understanding import suspended_by


class Memory:
    """Accords in memory, on a clock that only moves when it is told to.

    ``now`` is when the first accord is opened; by default, when its definition says that its time begins.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.state: Accord | None = None
        self.log: list[RecordedEvent] = []
        self._opened_at = now
        self._now: datetime | None = None
        self._accords = 0
        self._commands = 0
        self._refusals = Refusals()

    async def open(self, definition: Definition, by: str) -> Outcome:
        """Open an accord; its log begins."""
        at = self._opened_at or definition.clock.begins
        if at is None:
            raise ValueError("the definition does not say when its time begins; give now")
        self._accords += 1
        self.state, self.log, self._now = None, [], at
        command = self._command(by, OPEN, {"definition": definition.as_facts()}, f"accord-{self._accords}")
        decision = decide(None, command, at)
        self._refusals = Refusals()
        self._record(command, decision)
        self._now = self._open.time
        return self._outcome(decision)

    async def move_to(self, at: datetime) -> None:
        """Pass every deadline up to ``at``, as the workflow's timer does."""
        while (due := next_deadline(self._open)) is not None and due.at <= at:
            command = self._command(TICK, TICK, {})
            self._record(command, decide(self.state, command, max(due.at, self._time)))
        self._now = max(at, self._time)

    async def act(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Decide, and fold what was decided."""
        command = self._command(by, act, dict(fields))
        try:
            decision = self._refusals.settle(self.state, decide(self.state, command, self._time))
        except Rejected as error:
            return Outcome("rejected", stage(self._open), guard=error.code, reason=error.message)
        self._record(command, decision)
        return self._outcome(decision)

    async def dry_run(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Decide, and fold nothing."""
        before = self._open
        try:
            decision = decide(before, self._command(by, act, dict(fields)), self._time)
            decision = unless_recorded(decision, before, self._refusals.known(decision.sought))
        except Rejected as error:
            return Outcome("rejected", stage(before), guard=error.code, reason=error.message)
        return self._outcome(decision, reopened(before, decision.after))

    async def signal(self, by: str, signal: str, fields: Mapping[str, Any]) -> None:
        """A signed signal is judged as an act is."""
        await self.act(by, signal, fields)

    async def why(self, by: str, gate: str) -> tuple[Guard, ...]:  # noqa: ARG002 - who asks makes no difference here
        """The model's own guards."""
        return tuple(
            Guard(check.guard, check.met, check.reason, check.who, check.by, check.subject)
            for check in rules.gate(self._open, gate)
        )

    async def look(self) -> View:
        """How the state stands."""
        a = self._open
        return View(
            accord=a.id,
            stage=stage(a),
            time=self._time,
            size=a.size,
            definition_digest=(a.amendment.digest() if a.amendment else a.definition_digest),
            understanding_digest=a.understanding.pending or a.understanding.digest,
            release_digest=release_digest(a) if a.founded else None,
            invitation=a.invitation.status,
            visit=a.visit.status,
            understanding=understanding_words(a),
            conditions=_statuses(a),
            questioned=tuple(code for code, condition in a.conditions.items() if condition.questioned),
            satisfied=tuple(code for code in a.conditions if satisfied(a, code)),
            documents={code: _document(a, code) for code in a.definition.documents},
            blocking=tuple(check.as_unmet() for check in blocking(a)) if not a.ended else (),
            terminated=a.terminated is not None,
            closed=a.closed,
        )

    async def verdicts(self) -> Mapping[str, VerdictEntry]:
        """Those in the log. In memory nothing is hashed: an entry's leaf is its position."""
        return {
            one.facts["event"]["condition"]: VerdictEntry(
                one.position, f"{one.position:064x}", one.facts["event"]["valid_until"]
            )
            for one in self.log
            if one.type == "condition_verified"
        }

    @property
    def _open(self) -> Accord:
        if self.state is None:
            raise ValueError("no accord is open")
        return self.state

    @property
    def _time(self) -> datetime:
        assert self._now is not None  # noqa: S101 - set when an accord is opened
        return self._now

    def _command(self, by: str, act: str, fields: dict[str, Any], accord: str | None = None) -> Command:
        self._commands += 1
        return Command(
            accord=accord or self._open.id, id=f"{by}/{self._commands}", act=act, fields=fields, delegate=by
        )

    def _record(self, command: Command, decision: Decision) -> None:
        for draft in decision.events:
            recorded = draft.recorded(len(self.log), command.id)
            self.log.append(recorded)
            self.state = evolve(self.state, recorded)
        if self.state is not None and state_digest(self.state) != state_digest(decision.after):
            raise AssertionError(f"what {command.act} was decided to lead to is not what its entries fold to")

    def _outcome(self, decision: Decision, reopens: tuple[str, ...] | None = None) -> Outcome:
        events = tuple(draft.type for draft in decision.events)
        refusal = decision.refusal
        now = stage(decision.after)
        if refusal is None:
            return Outcome("recorded", now, events, decision.after.size - 1, reopens=reopens)
        position = decision.repeats if decision.repeats is not None else decision.after.size - 1
        return Outcome(
            "refused",
            now,
            events,
            position,
            refusal.guard,
            refusal.reason,
            refusal.remedy,
            refusal.unmet,
            reopens,
        )


def understanding_words(a: Accord) -> str:
    """The understanding's status, with ``suspended``, which is derived."""
    status = a.understanding.status
    return "suspended" if status == "effective" and suspended_by(a) else status


def _statuses(a: Accord) -> dict[str, str]:
    """Each condition's status; until the definition is adopted they are only proposed."""
    return {code: a.conditions[code].status if a.founded else "proposed" for code in a.definition.conditions}


def _document(a: Accord, code: str) -> DocumentView:
    if not a.founded:
        return DocumentView("proposed", None, dict.fromkeys(a.definition.documents[code].seats, "open"))
    document = a.documents[code]
    status, digest = document_status(a, code), document_digest(a, code)
    seats = {
        name: seat.signature.status if seat.signature else "open" for name, seat in document.seats.items()
    }
    return DocumentView(status, digest, seats)


def reopened(before: Accord, after: Accord) -> tuple[str, ...]:
    """The conditions that are satisfied before and would not be after, sorted."""
    had = {code for code in before.conditions if satisfied(before, code)}
    return tuple(sorted(code for code in had if not satisfied(after, code)))
