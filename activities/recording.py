"""The activities of an accord's workflow: judge and record commands and signals, and tell where an accord stands.

The recorder is the one judge. It believes neither the workflow nor whoever reached Temporal: it verifies a command's
signature, decides on the state that the ledger itself has, and appends what follows only if the ledger still has that
state then. So nobody can put an entry there that did not follow from a signed act, or a deadline, by the rules.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import Locked, Unavailable, Unrecordable, UnsignedCommand
from activities.identity.own_signatures import WrongSignature, verify_own
from activities.identity.signing import CommandVerifier
from activities.ledger.store import Append, Ledger
from activities.ledger.writer import BatchWriter
from activities.reading.minutes import minute_of
from activities.reading.signals import (
    FOR_ANOTHER,
    id_taken,
    overflowed,
    read_signal,
    unattributed,
    unreadable,
)
from activities.reading.standing import standing_of
from activities.reading.states import Folded, States, following
from activities.runtime.alive import alive
from activities.runtime.logs import logged
from activities.runtime.metrics import ACT_SECONDS, ACTS, DEADLINE_LATENESS, REFUSALS, SIGNALS, bounded
from activities.tlog.merkle import Frontier
from workflows.messages import (
    FailureKind,
    RawSignal,
    RecordAnswer,
    RecordRequest,
    SignalsRequest,
    Standing,
    StandingRequest,
)
from workflows.model.canonical import canonical
from workflows.model.commands import OPEN, SYSTEM, TICK, UNATTRIBUTED, Command, Receipt
from workflows.model.decide import Decision, decide, many_due
from workflows.model.declare import Rejected, outline
from workflows.model.declared import ACTS as DECLARED
from workflows.model.repeats import Refusals, unless_recorded
from workflows.model.rules import next_deadline
from workflows.model.state import Accord
from workflows.model.summary import summarize
from workflows.record.erasure import EraseParticulars
from workflows.tracks.predecessor import CarryOverVerdict, carried_over_holds

AHEAD = timedelta(minutes=5)
"""How far a signed act's time may lie ahead of this machine's clock, unless the accord's clock is simulated.

What nobody signed may not at all: anybody who reaches Temporal could let deadlines fall early by it.
"""

log = structlog.get_logger(__name__)


def _failure(kind: FailureKind, message: str, *details: Any) -> ApplicationError:
    return ApplicationError(
        message, *details, type=kind, non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )


def _rejection(error: Rejected) -> ApplicationError:
    details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
    return _failure(FailureKind.REJECTED, error.message, details)


@asynccontextmanager
async def _in_brief() -> AsyncIterator[None]:
    """Give signs of life, and say what the ledger's trouble is in one line.

    A chain of causes is too long for a pending activity to show.

    Raises:
        ApplicationError: ``Unavailable``, which is tried again.
    """
    try:
        async with alive():
            yield
    except Unavailable as error:
        raise ApplicationError(
            str(error), type=FailureKind.UNAVAILABLE, category=ApplicationErrorCategory.BENIGN
        ) from None


@contextmanager
def _counted(command: Command) -> Iterator[None]:
    """Say in every line of the log which act this is about, and count an act that comes to no outcome."""
    with logged(accord=command.accord, act=command.act, command=command.id), ACT_SECONDS.time():
        try:
            yield
        except ApplicationError as error:
            _count(command, "rejected" if error.non_retryable else "failed")
            raise
        except Exception:
            _count(command, "failed")
            raise


_KNOWN = frozenset({*DECLARED, OPEN, *SYSTEM})
"""The acts that are counted by name."""


def _count(command: Command, outcome: str, guard: str | None = None) -> None:
    ACTS.labels(bounded(command.act, _KNOWN), outcome).inc()
    if guard is not None:
        REFUSALS.labels(guard).inc()


def _count_appended(command: Command, decision: Decision) -> None:
    refusal = decision.refusal
    _count(command, "recorded" if refusal is None else "refused", None if refusal is None else refusal.guard)


def _reused(command: Command) -> ApplicationError:
    return _failure(
        FailureKind.COMMAND_ID_REUSED, f"command id {command.id} was used for another command", command.id
    )


class Recorder:
    """The activities that record accords and tell of them. One for each worker; ``ledger`` is what it writes to."""

    def __init__(
        self,
        ledger: Ledger,
        writer: BatchWriter,
        states: States,
        verifier: CommandVerifier,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._states = states
        self._verifier = verifier
        self._now = now

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.record, self.record_signals, self.read_standing, self.minute)

    @activity.defn(name="record")
    async def record(self, request: RecordRequest) -> RecordAnswer:
        """Verify a command, judge it, and record what follows; its first outcome, if the ledger knows the command.

        Raises:
            ApplicationError: one of :data:`workflows.messages.FINAL`, never to be tried again. All else is tried again.
        """
        with _counted(request.command):
            self._authenticate(request.command)
            async with _in_brief():
                return await self._recorded(request.command, request.at)

    @activity.defn(name="record_signals")
    async def record_signals(self, request: SignalsRequest) -> RecordAnswer:
        """Record signals in their order, in one transaction where nothing comes between; each once."""
        with logged(accord=request.accord, act="signals"):
            async with _in_brief():
                return await self._recorded_signals(request)

    async def _recorded_signals(self, request: SignalsRequest) -> RecordAnswer:
        commands: dict[str, tuple[Command, RawSignal]] = {}
        for signal in request.signals:
            command = self._attributed(request.accord, signal)
            commands.setdefault(command.id, (command, signal))
        before = await self._states.get(request.accord)
        if before is None:
            log.warning("signals came before the accord was opened; dropped", accord=request.accord)
            return RecordAnswer(standing=standing_of(None))
        await self._record_together(request.accord, list(commands.values()))
        if request.overflow is not None:
            await self._recorded(overflowed(request.accord, request.overflow), request.overflow.last)
            SIGNALS.labels("counted").inc(request.overflow.count)
        after = await self._states.get(request.accord)
        state = after.state if after is not None else before.state
        count = len(request.signals) + (request.overflow.count if request.overflow else 0)
        entries = state.size - before.state.size
        at = request.signals[-1].at if request.signals else state.time
        line = f"{at:%Y-%m-%d} · {count} signal{'' if count == 1 else 's'} → {entries} new on the record"
        return RecordAnswer(standing=standing_of(state), minute=line)

    @activity.defn(name="read_standing")
    async def read_standing(self, request: StandingRequest) -> Standing:
        """Where the accord stands by the record."""
        async with _in_brief():
            return standing_of(await self._present(request.accord))

    @activity.defn(name="minute")
    async def minute(self) -> None:
        """Nothing: its summary is a line of the minutes, which stands in the history by this."""

    # Who stands behind a command

    def _authenticate(self, command: Command) -> None:
        """A delegate's command is signed by an API; only the clock goes without, under ids of its own.

        Raises:
            ApplicationError: ``NotSigned``.
        """
        if not command.id.startswith(command.delegate + "/"):
            raise _failure(
                FailureKind.NOT_SIGNED,
                f"command id {command.id} does not begin with its delegate {command.delegate}",
            )
        if command.act == TICK and command.delegate == TICK:
            if command != Command(accord=command.accord, id=command.id, act=TICK, delegate=TICK):
                # It is kept beside the record, where a verifier asks what binds it.
                raise _failure(FailureKind.NOT_SIGNED, "the clock's command says nothing but its id")
            return
        try:
            self._verifier.verify(command)
        except UnsignedCommand as error:
            raise _failure(FailureKind.NOT_SIGNED, f"unverified: {error}") from None

    def _attributed(self, accord: str, signal: RawSignal) -> Command:
        """The command of a signal: its monitor's, if a trusted key signed it for this accord; else nobody's."""
        command = read_signal(accord, signal)
        if command.delegate == UNATTRIBUTED:
            return command
        if command.accord != accord or command.act != signal.name:
            return unreadable(accord, signal, FOR_ANOTHER)
        try:
            self._authenticate(command)
        except ApplicationError:
            return unattributed(accord, signal, command.fields)
        return command

    # The way of one command

    async def _recorded(self, command: Command, at: datetime) -> RecordAnswer:
        """Judge on the state at hand and append; where the ledger has another state by now, judge again on that."""
        # The clock's command names the size of the record, which a state at hand may be behind.
        held = None if command.act == TICK else self._states.cached(command.accord)
        if held is None:
            held = await self._states.get(command.accord)
        while True:
            answer = await self._try(held, command, at)
            if answer is not None:
                return answer
            held = await self._states.get(command.accord)

    async def _try(self, held: Folded | None, command: Command, at: datetime) -> RecordAnswer | None:
        """The answer, or none where the ledger does not have the state ``held`` any more."""
        state = held.state if held is not None else None
        now = at if state is None else at + timedelta(microseconds=state.clock_offset)
        self._check_clock(state, command, now)
        if command.act == TICK and (state is None or command.id != f"{TICK}/{state.size}"):
            return await self._nothing_due(command)
        if state is not None and command.act != TICK and many_due(state, now):
            # So many deadlines have passed that they fall in parts; the act comes after all of them.
            tick = Command(accord=state.id, id=f"{TICK}/{state.size}", act=TICK, delegate=TICK)
            await self._recorded(tick, at)
            return None
        try:
            _check_own_signature(state, command)
            decision = decide(state, command, now)
            if decision.sought is not None:
                earlier = await self._ledger.refused(command.accord, decision.sought)
                decision = unless_recorded(decision, state, earlier)
            await self._check_predecessor(state, command, decision)
            await self._check_particulars(command, decision)
        except Rejected as error:
            # What was recorded before the accord went on may no longer be judged at all: the record decides.
            known = await self._known(command)
            if known is None:
                raise _rejection(error) from None
            _count(command, "repeated")
            return RecordAnswer(receipt=known, standing=standing_of(await self._present(command.accord)))
        if not decision.events and decision.repeats is None:
            return await self._nothing_due(command)
        append = _append(state, command, decision, None if held is None else held.frontier)
        outcome = await self._writer.record(append)
        if outcome.status == "mismatch":
            raise _reused(command)
        if outcome.status == "conflict":
            return None
        if outcome.status == "duplicate":
            _count(command, "repeated")
            present = await self._present(command.accord)
            return RecordAnswer(receipt=outcome.receipt, standing=standing_of(present))
        _count_appended(command, decision)
        self._observe_lateness(state, command)
        if decision.events and outcome.frontier is not None:
            self._states.keep(following(held, decision.after, outcome.frontier, decision.events))
        return RecordAnswer(
            receipt=outcome.receipt,
            standing=standing_of(decision.after, append.summary),
            minute=minute_of(state, command, decision),
        )

    async def _record_together(self, accord: str, signals: list[tuple[Command, RawSignal]]) -> None:
        """Judge signals one after the other, and append them at once; what the ledger knows already is passed over."""
        while signals:
            state = await self._present(accord)
            if state is None:
                return
            appends, kept, decisions, refusals, begun = [], [], [], Refusals(), state.size
            for command, signal in signals:
                now = signal.at + timedelta(microseconds=state.clock_offset)
                self._check_clock(state, command, now)
                command, decision = _judge_signal(state, command, signal, now)
                # What was refused in a state that only this batch has come to cannot be on the record yet.
                if decision.sought is not None and state.version < begun:
                    earlier = await self._ledger.refused(accord, decision.sought)
                    decision = unless_recorded(decision, state, earlier)
                decision = refusals.settle(state, decision)
                appends.append(_append(state, command, decision))
                kept.append((command, signal))
                decisions.append(decision)
                state = decision.after
            outcomes = await self._ledger.record(appends)
            if any(outcome.status == "locked" for outcome in outcomes):
                raise Locked(
                    f"another session holds the lock of accord {accord}",
                    "The signals wait, and are tried again",
                )
            signals = []
            for (command, signal), decision, outcome in zip(kept, decisions, outcomes, strict=True):
                if outcome.status == "appended":
                    _count_appended(command, decision)
                    SIGNALS.labels("whole" if signal.whole else "digest").inc()
                if outcome.status == "mismatch":
                    log.warning(
                        "a signal repeats an id with other content", accord=accord, command=command.id
                    )
                    again = unreadable(accord, signal, id_taken(command))
                    signals.append((again, signal))
                elif outcome.status == "conflict":
                    signals.append((command, signal))

    def _observe_lateness(self, state: Accord | None, command: Command) -> None:
        """How late the deadline was that has just been recorded, by this machine's clock."""
        due = next_deadline(state) if state is not None and command.act == TICK else None
        if state is not None and due is not None and state.definition.clock.mode != "simulated":
            DEADLINE_LATENESS.observe(max((self._now() - due.at).total_seconds(), 0.0))

    def _check_clock(self, state: Accord | None, command: Command, now: datetime) -> None:
        """Nothing happens before its time.

        Raises:
            ApplicationError: ``AheadOfClock``; tried again, so that it passes once this machine's clock has caught up.
        """
        simulated = state is not None and state.definition.clock.mode == "simulated"
        leeway = timedelta(0) if command.delegate in (TICK, UNATTRIBUTED) else AHEAD
        if not simulated and now > self._now() + leeway:
            raise ApplicationError(
                f"{now.isoformat()} lies ahead of this machine's clock", type=FailureKind.AHEAD_OF_CLOCK
            )

    async def _nothing_due(self, command: Command) -> RecordAnswer:
        """The clock's command changes nothing: where the accord stands, and what the ledger has under its id."""
        known = await self._known(command)
        return RecordAnswer(receipt=known, standing=standing_of(await self._present(command.accord)))

    async def _present(self, accord: str) -> Accord | None:
        found = await self._states.get(accord)
        return found.state if found is not None else None

    async def _known(self, command: Command) -> Receipt | None:
        """The receipt of the very command that the ledger has under this id.

        Raises:
            ApplicationError: ``CommandIdReused``.
        """
        known = await self._ledger.outcome(command.accord, command.id)
        if known is None:
            return None
        if not known.is_of(command.fingerprint(), outline(command)):
            raise _reused(command)
        return known.receipt

    async def _check_predecessor(self, state: Accord | None, command: Command, decision: Decision) -> None:
        """What is carried over from a predecessor is on its record, and still holds there.

        This looks at another accord, which the pure model cannot; a command that is refused anyway is not looked up.

        Raises:
            Rejected: ``no_such_verdict``.
        """
        if command.act != CarryOverVerdict.name or state is None or decision.refusal is not None:
            return
        wanted = CarryOverVerdict.model_validate(command.fields)
        named = state.definition.predecessor.accord if state.definition.predecessor else None
        entries = await self._ledger.entries(named or "", wanted.position, 1)
        earlier = await self._present(named) if named and entries else None
        if (
            not entries
            or earlier is None
            or not carried_over_holds(wanted, entries[0].leaf.hex(), entries[0].recorded(), earlier)
        ):
            raise Rejected(
                "no_such_verdict",
                f"Entry {wanted.position} of {named} is no verdict on {wanted.predecessor} that names this evidence, "
                "grade and end, and still holds. Read that accord's record and name the entry as it is.",
            )

    async def _check_particulars(self, command: Command, decision: Decision) -> None:
        """What is to be erased is there: else whoever erases could take away a signed act that names nobody.

        The state knows nothing of particulars; the ledger does.

        Raises:
            Rejected: ``no_particulars``.
        """
        if command.act != EraseParticulars.name or decision.refusal is not None:
            return
        bare = []
        for position in EraseParticulars.model_validate(command.fields).positions:
            [entry] = await self._ledger.entries(command.accord, position, 1)
            if entry.particulars is None or entry.particulars.value() == {}:
                bare.append(position)
        if bare:
            raise Rejected(
                "no_particulars",
                f"There are no names and no free text in the entries {', '.join(map(str, bare[:10]))}. Leave them out: "
                "facts are never erased.",
            )


def _append(
    state: Accord | None, command: Command, decision: Decision, frontier: Frontier | None = None
) -> Append:
    """What the ledger is to record of a decision on ``state``, which was folded from the entries of ``frontier``.

    Raises:
        ApplicationError: ``NotRecordable``.
    """
    try:
        return Append(
            accord=command.accord,
            expected=0 if state is None else state.size,
            command_id=command.id,
            fingerprint=command.fingerprint(),
            outline=outline(command),
            act=command.act,
            at=decision.after.time,
            events=decision.events,
            summary=summarize(decision.after),
            version=decision.after.version,
            signed=None
            if decision.unheard
            else canonical({**command.signed_part(), "signature": command.signature}),
            refusal=decision.refusal,
            repeats=decision.repeats,
            mark=decision.mark,
            frontier=frontier,
        )
    except Unrecordable as error:
        raise _failure(FailureKind.NOT_RECORDABLE, str(error)) from None


def _judge_signal(
    state: Accord, command: Command, signal: RawSignal, now: datetime
) -> tuple[Command, Decision]:
    """What follows from a signal's command; of one that is no act, the command that says so on the record."""
    try:
        _check_own_signature(state, command)
        return command, decide(state, command, now)
    except (Rejected, ApplicationError) as error:
        # A delegate's own signature that does not fit makes it nobody's; whatever else is wrong is a reason.
        if isinstance(error, ApplicationError):
            command = unattributed(state.id, signal, command.fields)
        else:
            command = unreadable(state.id, signal, error.message)
    try:
        return command, decide(state, command, now)
    except Rejected as error:
        command = unreadable(state.id, signal, error.message)
        return command, decide(state, command, now)


def _check_own_signature(state: Accord | None, command: Command) -> None:
    """A delegate's own signature fits, under a key that the record has; whether one is needed the rules judge.

    Raises:
        Rejected: the key is not one that the record has.
        ApplicationError: ``NotSigned``.
    """
    if command.own is None:
        return
    if state is None:
        raise _failure(
            FailureKind.NOT_SIGNED, "no key is enrolled before the accord is opened; open it unsigned"
        )
    try:
        verify_own(state, command)
    except WrongSignature as error:
        raise _failure(FailureKind.NOT_SIGNED, f"command {command.id}: {error}") from None
