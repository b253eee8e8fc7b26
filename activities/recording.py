"""The activities of an accord's workflow: record what was decided, and read what is recorded.

``record`` is the gate of the ledger. It believes neither the workflow nor whoever reached Temporal: it verifies the
command's signature, decides again on the state that the ledger itself has, and records only if the same events
follow. So nobody can put an entry there that did not follow from a signed act, or a deadline, by the rules.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import Unrecordable, UnsignedCommand
from activities.identity.own_signatures import WrongSignature, verify_own
from activities.identity.signing import CommandVerifier
from activities.ledger.store import Append, Ledger, Outcome
from activities.ledger.writer import BatchWriter
from workflows.messages import EntriesAnswer, EntriesRequest, FindAnswer, FindRequest, LoadRequest
from workflows.model.accord import Accord, evolve
from workflows.model.canonical import canonical
from workflows.model.commands import Command, EventDraft, RecordAnswer, RecordedEvent, RecordRequest
from workflows.model.decide import TICK, UNATTRIBUTED, UNREADABLE, Decision, decide
from workflows.model.declare import ACTS, Rejected, outline
from workflows.model.summary import summarize
from workflows.snapshot import Snapshot, pack
from workflows.tracks.predecessor import CarryOverVerdict, carried_over_holds

PAGE = 500
"""Entries in one answer; the rest is read in pages."""

LARGEST_PAGE = 1024 * 1024
"""Bytes of entries in one answer, or one entry; Temporal takes no payload of more than 2 MiB."""

CACHED = 1000
"""Accords whose folded state is kept in memory."""

AHEAD = timedelta(minutes=5)
"""How far a signed act's time may lie ahead of this machine's clock, unless the accord's clock is simulated.

What nobody signed may not at all: anybody who reaches Temporal could let deadlines fall early by it.
"""

log = structlog.get_logger(__name__)


def _fail(kind: str, message: str, *details: Any) -> ApplicationError:
    return ApplicationError(message, *details, type=kind, non_retryable=True)


class _Held(NamedTuple):
    """A folded state, and the leaf hash of the last entry that it rests on."""

    state: Accord
    leaf: bytes


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
        self._states: OrderedDict[str, _Held] = OrderedDict()

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
        _check_own_signature(state, command)
        decision = self._decide_again(state, request)
        await self._check_predecessor(state, command, decision)
        outcome = await self._append(request, decision)
        if outcome.status == "mismatch":
            raise _fail(
                "CommandIdReused", f"command id {command.id} was used for another command", command.id
            )
        if outcome.status == "conflict":
            return await self._behind(request)
        if outcome.status == "duplicate":
            return await self._beyond(request, "duplicate", outcome)
        receipt = outcome.receipt
        if decision.events and receipt is not None:
            self._keep(_Held(decision.after, bytes.fromhex(receipt.leaf)))
        entries = tuple(
            _recorded(draft, request.expected + i, command) for i, draft in enumerate(decision.events)
        )
        page = _page(entries)
        return RecordAnswer(status="recorded", entries=page, more=len(page) < len(entries), receipt=receipt)

    @activity.defn(name="load_accord")
    async def load_accord(self, request: LoadRequest) -> Snapshot:
        """The accord's state, folded from the ledger; an empty snapshot when there is none."""
        return pack(await self._state(request.accord, None))

    @activity.defn(name="read_entries")
    async def read_entries(self, request: EntriesRequest) -> EntriesAnswer:
        """Recorded events from a position on, a page at a time."""
        entries = await self._ledger.entries(request.accord, request.start, PAGE + 1)
        page = _page(tuple(e.recorded() for e in entries[:PAGE]))
        return EntriesAnswer(entries=page, more=len(page) < len(entries))

    @activity.defn(name="find_receipt")
    async def find_receipt(self, request: FindRequest) -> FindAnswer:
        """The receipt of the very command that was recorded under an id, or none."""
        found = await self._ledger.outcome(request.accord, request.command)
        # Once its free text is erased it cannot be told to be the very one from this alone.
        if found is None or found.salt is None or not found.is_of(request.fingerprint, None):
            return FindAnswer()
        return FindAnswer(receipt=found.receipt)

    def _authenticate(self, request: RecordRequest) -> None:
        """A delegate's command is signed by an API; only the clock and unattributed alarms go without.

        Those have ids of their own, so that nobody who reaches Temporal can use up a delegate's or a later one's.
        """
        command = request.command
        if command.accord != request.accord:
            raise _fail("NotSigned", f"the command is for accord {command.accord}, not for {request.accord}")
        if not command.id.startswith(command.delegate + "/"):
            raise _fail(
                "NotSigned", f"command id {command.id} does not begin with its delegate {command.delegate}"
            )
        if _unsigned(command):
            if command.act == TICK and command.id != f"{TICK}/{request.expected}":
                raise _fail("NotSigned", f"the clock's command at {request.expected} is not {command.id}")
            return
        try:
            self._verifier.verify(command)
        except UnsignedCommand as error:
            raise _fail("NotSigned", str(error)) from None

    def _decide_again(self, state: Accord | None, request: RecordRequest) -> Decision:
        simulated = state is not None and state.definition.clock.mode == "simulated"
        leeway = timedelta(0) if _unsigned(request.command) else AHEAD
        if not simulated and request.at > self._now() + leeway:
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

    async def _check_predecessor(self, state: Accord | None, command: Command, decision: Decision) -> None:
        """What is carried over from a predecessor is on its record, and still holds there.

        This looks at another accord, which the pure model cannot; a command that is refused anyway is not looked up.
        """
        if command.act != CarryOverVerdict.name or state is None or decision.refusal is not None:
            return
        wanted = CarryOverVerdict.model_validate(command.fields)
        named = state.definition.predecessor.accord if state.definition.predecessor else None
        found = await self._ledger.entries(named or "", wanted.position, 1)
        earlier = await self._state(named, None) if named and found else None
        if (
            not found
            or earlier is None
            or not carried_over_holds(wanted, found[0].leaf.hex(), found[0].recorded(), earlier)
        ):
            message = (
                f"Entry {wanted.position} of {named} is no verdict on {wanted.predecessor} that names this evidence, "
                "grade and end, and still holds. Read that accord's record and name the entry as it is."
            )
            details = {"code": "no_such_verdict", "message": message, "errors": []}
            raise _fail("Rejected", message, details)

    async def _append(self, request: RecordRequest, decision: Decision) -> Outcome:
        command = request.command
        try:
            append = Append(
                accord=request.accord,
                expected=request.expected,
                command_id=command.id,
                fingerprint=command.fingerprint(),
                outline=outline(command),
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
        if not found.is_of(request.command.fingerprint(), outline(request.command)):
            raise _fail(
                "CommandIdReused",
                f"command id {request.command.id} was used for another command",
                request.command.id,
            )
        return await self._beyond(
            request, "duplicate", Outcome("duplicate", found.receipt, found.receipt.size)
        )

    async def _beyond(self, request: RecordRequest, status: Any, outcome: Outcome | None) -> RecordAnswer:
        page = await self.read_entries(EntriesRequest(accord=request.accord, start=request.expected))
        receipt = outcome.receipt if outcome is not None else None
        return RecordAnswer(status=status, entries=page.entries, more=page.more, receipt=receipt)

    async def _state(self, accord: str, wanted: int | None) -> Accord | None:
        """The folded state; from memory if it has ``wanted`` entries, else brought up to what the ledger has.

        The last entry that a state in memory rests on is compared then: a backup may have been restored.
        """
        held = self._states.get(accord)
        if held is not None and held.state.size == wanted:
            self._states.move_to_end(accord)
            return held.state
        while True:
            start = 0 if held is None else held.state.size - 1
            entries = await self._ledger.entries(accord, start, PAGE)
            complete = len(entries) < PAGE
            if held is not None:
                if not entries or entries[0].leaf != held.leaf:
                    self._states.pop(accord, None)
                    held = None
                    continue
                entries = entries[1:]
            state = None if held is None else held.state
            for entry in entries:
                state = evolve(state, entry.recorded())
            if state is not None and entries:
                held = _Held(state, entries[-1].leaf)
            if complete:
                break
        if held is None:
            return None
        self._keep(held)
        return held.state

    def _keep(self, held: _Held) -> None:
        accord = held.state.id
        before = self._states.get(accord)
        if before is None or before.state.size < held.state.size:
            self._states[accord] = held
        self._states.move_to_end(accord)
        while len(self._states) > CACHED:
            self._states.popitem(last=False)


def _check_own_signature(state: Accord | None, command: Command) -> None:
    """A delegate's own signature fits, under a key that the record has; whether one is needed the rules judge."""
    if command.own is None:
        return
    if state is None:
        raise _fail("NotSigned", "no key is enrolled before the accord is opened; open it unsigned")
    try:
        verify_own(state, command)
    except WrongSignature as error:
        raise _fail("NotSigned", f"command {command.id}: {error.what}") from None
    except Rejected as error:
        details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
        raise _fail("Rejected", error.message, details) from None


def _unsigned(command: Command) -> bool:
    """Whether it is one of the commands that no delegate stands behind, and that need no signature."""
    if command.act == TICK:
        return command.delegate == TICK
    alarm = command.act in ACTS and ACTS[command.act].signal
    return command.delegate == UNATTRIBUTED and (alarm or command.act == UNREADABLE)


def _page(entries: tuple[RecordedEvent, ...]) -> tuple[RecordedEvent, ...]:
    """As many of the entries, from the first on, as one answer can carry; at least one."""
    size = 0
    for index, entry in enumerate(entries):
        size += len(entry.model_dump_json())
        if size > LARGEST_PAGE and index:
            return entries[:index]
    return entries


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
