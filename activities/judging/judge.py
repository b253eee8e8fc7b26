"""The one judgement of an act: on the state that the ledger has, appended only if the ledger still has that state then.

The recorder believes neither the workflow nor whoever reached Temporal. So nobody can put an entry on a record that did
not follow from a signed act, or a deadline, by the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.exceptions import ApplicationError

from activities.errors import Locked, Unrecordable
from activities.identity.signing import CommandVerifier
from activities.judging.authentication import attributed, authenticate, check_own_signature
from activities.judging.claiming import claim_of, claimed_elsewhere
from activities.judging.counts import count, count_appended
from activities.judging.failures import failure, rejection, reused
from activities.judging.lookups import check_particulars, check_predecessor
from activities.ledger.store import Append, Claim, Ledger
from activities.ledger.writer import BatchWriter
from activities.reading.minutes import minute_of
from activities.reading.signals import id_taken, overflowed, unattributed, unreadable
from activities.reading.standing import standing_of
from activities.reading.states import Folded, States, following
from activities.runtime.metrics import DEADLINE_LATENESS, SIGNALS
from activities.tlog.merkle import Frontier
from workflows.messages import FailureKind, RawSignal, RecordAnswer, SignalsRequest
from workflows.model.canonical import canonical
from workflows.model.commands import TICK, UNATTRIBUTED, Command, Receipt
from workflows.model.decide import Decision, Memory, decide, many_due
from workflows.model.declare import Rejected, outline
from workflows.model.repeats import Refusals, unless_recorded
from workflows.model.rules import next_deadline
from workflows.model.state import Accord
from workflows.model.summary import summarize

AHEAD = timedelta(minutes=5)
"""How far a signed act's time may lie ahead of this machine's clock, unless the accord's clock is simulated.

What nobody signed may not at all: anybody who reaches Temporal could let deadlines fall early by it.
"""

log = structlog.get_logger(__name__)


class Judge:
    """Judges commands on the ledger's own states, and records what follows.

    Args:
        ledger: what it reads, and appends signals to.
        writer: what it appends acts to.
        states: the states as they were last folded.
        verifier: whom it believes that a delegate gave a command.
        now: this machine's clock.
    """

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

    async def record(self, command: Command, at: datetime) -> RecordAnswer:
        """Judge on the state at hand and append; where the ledger has another state by now, judge again on that.

        Raises:
            ApplicationError: one of :data:`workflows.messages.FINAL`, or what may be tried again.
            Unavailable: the ledger cannot be reached.
        """
        authenticate(self._verifier, command)
        return await self._recorded(command, at)

    async def record_signals(self, request: SignalsRequest) -> RecordAnswer:
        """Judge signals in their order, and record them in one transaction where nothing comes between; each once."""
        commands: dict[str, tuple[Command, RawSignal]] = {}
        for signal in request.signals:
            command = attributed(self._verifier, request.accord, signal)
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
        state, memory = (held.state, held.memory) if held is not None else (None, Memory())
        now = at if state is None else at + timedelta(microseconds=state.clock_offset)
        self._check_clock(state, command, now)
        if command.act == TICK and (state is None or command.id != f"{TICK}/{state.size}"):
            return await self._nothing_due(command)
        if state is not None and command.act != TICK and many_due(state, now, memory):
            # So many deadlines have passed that they fall in parts; the act comes after all of them.
            tick = Command(accord=state.id, id=f"{TICK}/{state.size}", act=TICK, delegate=TICK)
            await self._recorded(tick, at)
            return None
        try:
            check_own_signature(state, command)
            decision = decide(state, command, now, memory)
            if decision.sought is not None:
                earlier = await self._ledger.refused(command.accord, decision.sought)
                decision = unless_recorded(decision, state, earlier)
            await check_predecessor(self._ledger, self._states, state, command, decision)
            await check_particulars(self._ledger, command, decision)
        except Rejected as error:
            # What was recorded before the accord went on may no longer be judged at all: the record decides.
            known = await self._known(command)
            if known is None:
                raise rejection(error) from None
            count(command, "repeated")
            return RecordAnswer(receipt=known, standing=standing_of(await self.present(command.accord)))
        if not decision.events and decision.repeats is None:
            return await self._nothing_due(command)
        frontier = None if held is None else held.frontier
        append = appended_as(state, command, decision, frontier, claim_of(state, command, decision))
        outcome = await self._writer.record(append)
        if outcome.status == "mismatch":
            raise reused(command)
        if outcome.status == "conflict":
            return None
        if outcome.status == "claimed":
            known = await self._known(command)
            if known is None:
                raise rejection(claimed_elsewhere(dict(outcome.taken)))
            # Recorded before the claim was another's.
            count(command, "repeated")
            return RecordAnswer(receipt=known, standing=standing_of(await self.present(command.accord)))
        if outcome.status == "duplicate":
            count(command, "repeated")
            present = await self.present(command.accord)
            return RecordAnswer(receipt=outcome.receipt, standing=standing_of(present))
        count_appended(command, decision)
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
            folded = await self._states.get(accord)
            if folded is None:
                return
            state, memory = folded.state, folded.memory
            appends, kept, decisions, refusals, begun = [], [], [], Refusals(), state.size
            for command, signal in signals:
                now = signal.at + timedelta(microseconds=state.clock_offset)
                self._check_clock(state, command, now)
                command, decision = _judge_signal(state, command, signal, now, memory)
                # What was refused in a state that only this batch has come to cannot be on the record yet.
                if decision.sought is not None and state.version < begun:
                    earlier = await self._ledger.refused(accord, decision.sought)
                    decision = unless_recorded(decision, state, earlier)
                decision = refusals.settle(state, decision)
                appends.append(appended_as(state, command, decision))
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
                    count_appended(command, decision)
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
        return RecordAnswer(receipt=known, standing=standing_of(await self.present(command.accord)))

    async def present(self, accord: str) -> Accord | None:
        """The accord's state by the record, or none where it was never opened."""
        folded = await self._states.get(accord)
        return folded.state if folded is not None else None

    async def _known(self, command: Command) -> Receipt | None:
        """The receipt of the very command that the ledger has under this id.

        Raises:
            ApplicationError: ``CommandIdReused``.
        """
        known = await self._ledger.outcome(command.accord, command.id)
        if known is None:
            return None
        if not known.is_of(command.fingerprint(), outline(command)):
            raise reused(command)
        return known.receipt


def appended_as(
    state: Accord | None,
    command: Command,
    decision: Decision,
    frontier: Frontier | None = None,
    claim: Claim | None = None,
) -> Append:
    """What the ledger is to record of a decision on ``state``, which was folded from the entries of ``frontier``.

    ``claim`` is what is to be claimed with it.

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
            claim=claim,
        )
    except Unrecordable as error:
        raise failure(FailureKind.NOT_RECORDABLE, str(error)) from None


def _judge_signal(
    state: Accord, command: Command, signal: RawSignal, now: datetime, memory: Memory
) -> tuple[Command, Decision]:
    """What follows from a signal's command; of one that is no act, the command that says so on the record."""
    try:
        check_own_signature(state, command)
        return command, decide(state, command, now, memory)
    except (Rejected, ApplicationError) as error:
        # A delegate's own signature that does not fit makes it nobody's; whatever else is wrong is a reason.
        if isinstance(error, ApplicationError):
            command = unattributed(state.id, signal, command.fields)
        else:
            command = unreadable(state.id, signal, error.message)
    try:
        return command, decide(state, command, now, memory)
    except Rejected as error:
        command = unreadable(state.id, signal, error.message)
        return command, decide(state, command, now, memory)
