"""The activities of an accord's workflow: record what was decided, and read what is recorded.

``record`` is the gate of the ledger. It believes neither the workflow nor whoever reached Temporal: it verifies the
command's signature, decides again on the state that the ledger itself has, and records only if the same events
follow. So nobody can put an entry there that did not follow from a signed act, or a deadline, by the rules.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.ledger.errors import Unrecordable
from activities.ledger.store import Append, Ledger, Outcome
from activities.ledger.writer import BatchWriter
from activities.runtime.errors import UnsignedCommand
from activities.runtime.signing import CommandVerifier
from workflows.accord import Accord, evolve
from workflows.accord_workflow import EntriesAnswer, EntriesRequest, FindAnswer, FindRequest, LoadRequest
from workflows.acts import ACTS, Rejected
from workflows.canonical import canonical
from workflows.decider import SYSTEM, UNATTRIBUTED, Decision, decide
from workflows.messages import Command, EventDraft, RecordAnswer, RecordedEvent, RecordRequest
from workflows.snapshot import Snapshot, pack
from workflows.summary import summarize

PAGE = 500
"""Entries in one answer; the rest is read in pages."""

CACHED = 1000
"""Accords whose folded state is kept in memory."""

AHEAD = timedelta(minutes=5)
"""How far an act's time may lie ahead of this machine's clock, unless the accord's clock is simulated."""

log = structlog.get_logger(__name__)


def _fail(kind: str, message: str, *details: Any) -> ApplicationError:
    return ApplicationError(message, *details, type=kind, non_retryable=True)


class Recorder:
    """The activities that record and read accords. One for each worker; ``ledger`` is what it reads and writes."""

    def __init__(
        self,
        ledger: Ledger,
        writer: BatchWriter,
        verifier: CommandVerifier,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._verifier = verifier
        self._now = now
        self._states: OrderedDict[str, Accord] = OrderedDict()

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.record, self.load_accord, self.read_entries, self.find_receipt)

    @activity.defn(name="record")
    async def record(self, request: RecordRequest) -> RecordAnswer:
        """Verify, decide again, and record; answers with what the workflow has to fold.

        Raises:
            ApplicationError: not to be retried: ``NotSigned``, ``CommandIdReused``, ``Rejected``, ``NotDerived``
                (the events do not follow from the command), ``NotRecordable``. All else is retried.
        """
        command = request.command
        self._authenticate(request)
        state = await self._state(request.accord, request.expected)
        if (0 if state is None else state.size) != request.expected:
            return await self._behind(request)
        decision = self._decide_again(state, request)
        outcome = await self._append(request, decision)
        if outcome.status == "mismatch":
            raise _fail(
                "CommandIdReused", f"command id {command.id} was used for another command", command.id
            )
        if outcome.status == "conflict":
            return await self._behind(request)
        if outcome.status == "duplicate":
            return await self._beyond(request, "duplicate", outcome)
        self._keep(decision.after)
        entries = tuple(
            _recorded(draft, request.expected + i, command) for i, draft in enumerate(decision.events)
        )
        return RecordAnswer(status="recorded", entries=entries, receipt=outcome.receipt)

    @activity.defn(name="load_accord")
    async def load_accord(self, request: LoadRequest) -> Snapshot:
        """The accord's state, folded from the ledger; an empty snapshot when there is none."""
        return pack(await self._state(request.accord, None))

    @activity.defn(name="read_entries")
    async def read_entries(self, request: EntriesRequest) -> EntriesAnswer:
        """Recorded events from a position on, a page at a time."""
        entries = await self._ledger.entries(request.accord, request.start, PAGE + 1)
        return EntriesAnswer(entries=tuple(e.recorded() for e in entries[:PAGE]), more=len(entries) > PAGE)

    @activity.defn(name="find_receipt")
    async def find_receipt(self, request: FindRequest) -> FindAnswer:
        """The receipt of the very command that was recorded under an id, or none."""
        found = await self._ledger.outcome(request.accord, request.command)
        if found is None or found[0] != request.fingerprint:
            return FindAnswer()
        return FindAnswer(receipt=found[1])

    def _authenticate(self, request: RecordRequest) -> None:
        """A delegate's command is signed by an API; only the clock and unattributed alarms go without."""
        command = request.command
        if command.accord != request.accord:
            raise _fail("NotSigned", f"the command is for accord {command.accord}, not for {request.accord}")
        if command.act in SYSTEM:
            return
        if command.delegate == UNATTRIBUTED and command.act in ACTS and ACTS[command.act].signal:
            return
        if not command.id.startswith(command.delegate + "/"):
            raise _fail(
                "NotSigned", f"command id {command.id} does not begin with its delegate {command.delegate}"
            )
        try:
            self._verifier.verify(command)
        except UnsignedCommand as error:
            raise _fail("NotSigned", str(error)) from None

    def _decide_again(self, state: Accord | None, request: RecordRequest) -> Decision:
        simulated = state is not None and state.definition.clock.mode == "simulated"
        if not simulated and request.at > self._now() + AHEAD:
            # Retried, so that it passes by itself once this machine's clock has caught up.
            raise ApplicationError(
                f"{request.at.isoformat()} lies ahead of this machine's clock", type="AheadOfClock"
            )
        try:
            decision = decide(state, request.command, request.at)
        except Rejected as error:
            details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
            raise _fail("Rejected", error.message, details) from None
        if decision.events != request.events:
            raise _fail(
                "NotDerived",
                f"the events given do not follow from {request.command.act} on the recorded state of {request.accord}",
            )
        return decision

    async def _append(self, request: RecordRequest, decision: Decision) -> Outcome:
        command = request.command
        try:
            append = Append(
                accord=request.accord,
                expected=request.expected,
                command_id=command.id,
                fingerprint=command.fingerprint(),
                act=command.act,
                at=decision.after.time,
                events=decision.events,
                summary=summarize(decision.after),
                version=decision.after.version,
                signed=canonical({**command.signed_part(), "signature": command.signature}),
                refusal=decision.refusal,
                repeats=decision.repeats,
            )
            return await self._writer.record(append)
        except Unrecordable as error:
            raise _fail("NotRecordable", str(error)) from None

    async def _behind(self, request: RecordRequest) -> RecordAnswer:
        """The ledger is ahead of the workflow: the outcome, if the command has one, else a conflict."""
        found = await self._ledger.outcome(request.accord, request.command.id)
        if found is None:
            return await self._beyond(request, "conflict", None)
        fingerprint, receipt = found
        if fingerprint != request.command.fingerprint():
            raise _fail(
                "CommandIdReused",
                f"command id {request.command.id} was used for another command",
                request.command.id,
            )
        return await self._beyond(request, "duplicate", Outcome("duplicate", receipt, receipt.size))

    async def _beyond(self, request: RecordRequest, status: Any, outcome: Outcome | None) -> RecordAnswer:
        page = await self.read_entries(EntriesRequest(accord=request.accord, start=request.expected))
        receipt = outcome.receipt if outcome is not None else None
        return RecordAnswer(status=status, entries=page.entries, more=page.more, receipt=receipt)

    async def _state(self, accord: str, wanted: int | None) -> Accord | None:
        """The folded state; from memory if it has ``wanted`` entries, else brought up to what the ledger has."""
        state = self._states.get(accord)
        if state is not None and state.size == wanted:
            self._states.move_to_end(accord)
            return state
        while True:
            entries = await self._ledger.entries(accord, 0 if state is None else state.size, PAGE)
            for entry in entries:
                state = evolve(state, entry.recorded())
            if len(entries) < PAGE:
                break
        if state is not None:
            self._keep(state)
        return state

    def _keep(self, state: Accord) -> None:
        held = self._states.get(state.id)
        if held is None or held.size < state.size:
            self._states[state.id] = state
        self._states.move_to_end(state.id)
        while len(self._states) > CACHED:
            self._states.popitem(last=False)


def _recorded(draft: EventDraft, position: int, command: Command) -> RecordedEvent:
    return RecordedEvent(
        position=position,
        type=draft.type,
        version=draft.version,
        time=draft.time,
        facts=draft.facts,
        actor=draft.actor,
        command=command.id,
    )
