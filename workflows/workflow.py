"""The workflow of an accord: the sequence of acts, reports and deadlines, and the ladder that they climb.

It judges nothing. Every act is an update named as the act; the recorder (``activities/recording.py``) judges it on the
ledger's own state and answers with a receipt and with where the accord now stands, as data. So no rule of the domain
can change which commands this code gives to Temporal, and any rule can change while histories are open.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError

from workflows.asking import ask, insist
from workflows.messages import (
    LOOK_AGAIN,
    NUDGE,
    AccordInput,
    FailureKind,
    RecordAnswer,
    RecordRequest,
    Standing,
    StandingRequest,
    Status,
)
from workflows.model.commands import Command, Receipt
from workflows.registry import TICK, Rejected, update_acts, well_formed
from workflows.showing import attribute_updates, headline
from workflows.signals import SignalQueue

LONGEST_TIMER = timedelta(days=3650)
"""A deadline that is further away is waited for in stages: the server counts nanoseconds in 64 bits."""

TRY_AGAIN = timedelta(minutes=1)
"""After this long what was ended by hand is tried again."""

UNOPENED = timedelta(hours=1)
"""A workflow in which no accord is opened for so long ends."""

MINUTES = 50
"""Lines of the minutes that the query of that name gives."""


@workflow.defn(name="Accord")
class AccordWorkflow:
    """One accord, from its opening to its closing."""

    @workflow.init
    def __init__(self, start: AccordInput) -> None:
        self._accord = start.accord
        self._continue_after = start.continue_after
        self._standing = Standing()
        self._stands = False
        self._doubted = False
        self._erased_before: int | None = None
        self._continuing = False
        self._acts = 0
        self._signals = SignalQueue(start)
        self._minutes = deque(start.minutes, maxlen=MINUTES)
        self._attributes: dict[str, Any] = {}
        self._label = ""
        self._turn = asyncio.Lock()
        for name in update_acts():
            workflow.set_update_handler(name, self._handler(name), validator=self._validator(name))
        # One handler for all names: a named one would stop the accord at a signal with too few arguments.
        workflow.set_dynamic_signal_handler(self._signalled)
        # After a reset this run is younger than the record: it asks again where the accord stands.
        workflow.register_random_seed_callback(lambda _: self._doubt())

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        """Climb the ladder until the accord is closed; returns its last stage.

        A request to cancel is not heeded: only acts end an accord. (Before it is opened there is none.)

        Raises:
            ApplicationError: ``NotThisAccord``, where the input names another accord than the workflow's id does.
        """
        if start.accord != workflow.info().workflow_id:
            raise ApplicationError(
                f"the workflow {workflow.info().workflow_id} cannot be that of accord {start.accord}",
                type=FailureKind.NOT_THIS_ACCORD,
                non_retryable=True,
            )
        life = asyncio.create_task(self._climb(start))
        while True:
            try:
                return await asyncio.shield(life)
            except asyncio.CancelledError:
                nothing = self._stands and not self._standing.size and workflow.all_handlers_finished()
                if life.done() or nothing:
                    raise
                workflow.logger.warning("somebody asked to cancel the accord's workflow; it goes on")

    async def _climb(self, start: AccordInput) -> str:
        """The ladder. Which rung the accord is on, the record says; it may send it back, or past several."""
        await self._stand()
        if not await self._opened():
            return "never opened"
        while not self._over():
            await self._on("invitation", start)
            await self._on("verification", start)
            await self._on("drafting", start)
            await self._on("visit", start)
            await self._on("signing", start)
            await self._on("concluded", start)
            await self._on("terminated", start)
            await self._on(self._standing.stage, start)
        return self._standing.stage

    async def _on(self, rung: str, start: AccordInput) -> None:
        """While the accord is on ``rung``: take up acts (their handlers do), reports, and the next deadline."""
        while self._standing.stage == rung and not self._over():
            if self._doubted:
                await self._stand()
            elif self._continuation_due():
                await self._continue(start)
            elif self._signals:
                await self._record_signals()
            else:
                await self._next_deadline()

    # The sequence: one thing at a time

    async def _stand(self) -> None:
        """Ask the ledger where the accord stands: when a run starts, whatever the reason, and after a reset."""
        self._doubted = False
        while True:
            request, what = StandingRequest(accord=self._accord), "where the accord stands"
            try:
                # In turn: an answer that is older than an act's must not come after it.
                async with self._turn:
                    self._show(await ask("read_standing", request, Standing, what))
                break
            except ApplicationError as error:
                # Somebody ended the activity by hand; an accord must not end by that.
                workflow.logger.warning("the record did not say where the accord stands: %s", error.message)
                await self._pause("then the record is asked again")
        self._stands = True

    async def _opened(self) -> bool:
        """Whether an accord is opened here, before too long."""
        while not self._standing.size:
            try:
                await workflow.wait_condition(
                    lambda: self._standing.size > 0 or self._doubted, timeout=UNOPENED
                )
            except TimeoutError:
                await workflow.wait_condition(workflow.all_handlers_finished)
                break
            if self._doubted:
                await self._stand()
        return self._standing.size > 0

    async def _next_deadline(self) -> None:
        """Wait until the next deadline has passed, and let it fall; or until something stirs before."""
        due = self._standing.deadline

        def stirred() -> bool:
            return bool(
                self._standing.deadline != due
                or self._doubted
                or self._signals
                or self._continuation_due()
                or self._over()
            )

        if due is None:
            await workflow.wait_condition(stirred)
            return
        left = due.at - workflow.now()
        if left > timedelta(0):
            try:
                timeout = min(left, LONGEST_TIMER)
                await workflow.wait_condition(stirred, timeout=timeout, timeout_summary=due.summary)
                return
            except TimeoutError:
                if left > LONGEST_TIMER:
                    return
        async with self._turn:
            if self._standing.deadline != due:
                return
            identity = f"{TICK}/{self._standing.size}"
            clock = Command(accord=self._accord, id=identity, act=TICK, delegate=TICK)
            try:
                await self._record(RecordRequest(command=clock, at=max(workflow.now(), due.at)), due.summary)
            except ApplicationError as error:
                workflow.logger.warning("the deadline %s was not recorded: %s", due.summary, error.message)
        if self._standing.deadline == due:
            # Ended by hand, or the record does not see it as due: not at once again, and not for ever.
            await self._pause("then the deadline is tried again")

    async def _record_signals(self) -> None:
        """Put signals on the record, some at a time; nobody waits for the answer.

        By a regular activity, never a local one: what a local one did stays done where the workflow's task fails, and
        the task is made anew after more signals have come. A signal could be recorded, and counted as overflowed too.
        """
        async with self._turn:
            request = self._signals.batch()
            count = len(request.signals) + (request.overflow.count if request.overflow else 0)
            try:
                what = f"{count} signal{'' if count == 1 else 's'}"
                answer = await insist("record_signals", request, RecordAnswer, what, self._doubt)
            except ApplicationError as error:
                # Ended by hand: they stay in the queue.
                workflow.logger.warning("signals were not recorded: %s", error.message)
                answer = None
            if answer is not None:
                self._signals.recorded(request)
                self._show(answer.standing)
                await self._minute(answer.minute)
        if answer is None:
            await self._pause("then the signals are tried again")

    async def _pause(self, then: str) -> None:
        """Wait a little, while acts go on, before what did not come about is tried again."""
        size = self._standing.size
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._standing.size != size, timeout=TRY_AGAIN, timeout_summary=then
            )

    async def _continue(self, start: AccordInput) -> None:
        """Continue as new, once every act that was taken up has its answer; signals that wait go along."""
        # Validators answer "continuing" from here on, so that handlers do come to an end under load.
        self._continuing = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        signals, overflow = self._signals.handed_on
        workflow.continue_as_new(
            AccordInput(
                accord=self._accord,
                continue_after=start.continue_after,
                signals=signals,
                overflow=overflow,
                # After an erasure nothing that was said before goes along.
                minutes=() if self._erased_since() else tuple(self._minutes)[-10:],
            ),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
        )

    # Acts

    def _handler(self, name: str) -> Callable[[Command], Awaitable[Receipt]]:
        async def handle(command: Command) -> Receipt:
            # The act's time is when it is taken up; waiting for its turn must not shift it.
            at = workflow.now()
            self._acts += 1
            await workflow.wait_condition(lambda: self._stands)
            async with self._turn:
                receipt = await self._record(RecordRequest(command=command, at=at), self._headline(command))
            if receipt is None:
                raise ApplicationError(
                    f"{command.id} has no receipt", type=FailureKind.NOT_RECORDED, non_retryable=True
                )
            if receipt.refusal is None:
                return receipt
            raise ApplicationError(
                f"✗ REFUSED ({receipt.refusal.guard}): {receipt.refusal.reason}",
                receipt.model_dump(mode="json"),
                type=FailureKind.REFUSED,
                non_retryable=True,
            )

        handle.__name__ = handle.__qualname__ = name
        return handle

    def _headline(self, command: Command) -> str:
        shown = self._standing.shown if self._stands else None
        return headline(command, shown.vocabulary if shown is not None else "")

    def _validator(self, name: str) -> Callable[[Command], None]:
        """Refuses what is malformed before it leaves a trace in the history. Not run when a history is replayed."""

        def validate(command: Command) -> None:
            if self._continuing:
                raise ApplicationError(
                    "the history is being continued; send it again", type=FailureKind.CONTINUING
                )
            if (
                command.act != name
                or command.accord != self._accord
                or not command.id.startswith(command.delegate + "/")
            ):
                raise ApplicationError(
                    "act, accord or id of the command are not those of the update",
                    type=FailureKind.NOT_SIGNED,
                    non_retryable=True,
                )
            try:
                well_formed(command)
            except Rejected as error:
                details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
                raise ApplicationError(
                    error.message, details, type=FailureKind.REJECTED, non_retryable=True
                ) from None

        validate.__name__ = validate.__qualname__ = f"validate_{name}"
        return validate

    async def _record(self, request: RecordRequest, what: str) -> Receipt | None:
        """Have a command judged and recorded, and show what the record says then; called by whose turn it is."""
        self._minutes.append(what)
        answer = await ask("record", request, RecordAnswer, what, self._doubt)
        self._show(answer.standing)
        await self._minute(answer.minute)
        return answer.receipt

    # Reports

    def _signalled(self, name: str, raws: Sequence[RawValue]) -> None:
        """Keep a signal until it is recorded. Any name, any argument: the recorder reads it, not the workflow.

        Two alone say nothing that is recorded. By a nudge's task the run learns of another version of the workers.
        """
        if name == LOOK_AGAIN:
            self._doubt()
        elif name != NUDGE:
            self._signals.take(name, raws, workflow.now())

    async def _minute(self, line: str) -> None:
        """Put a line of the minutes into the history: what followed from an act is known only once it is recorded."""
        if not line:
            return
        self._minutes.append(line)
        # It adorns what is recorded by now: that it cannot be done must fail no act, and end no accord.
        with contextlib.suppress(FailureError):
            await workflow.execute_local_activity(
                "minute", schedule_to_close_timeout=timedelta(minutes=1), summary=line
            )

    # What people see in the Temporal UI

    def _show(self, standing: Standing) -> None:
        self._standing = standing
        if self._erased_before is None:
            self._erased_before = standing.erased
        shown = standing.shown
        if shown is None:
            return
        wanted, updates = attribute_updates(self._attributes, standing, shown)
        if updates:
            workflow.upsert_search_attributes(updates)
        if self._label != shown.label:
            workflow.upsert_memo({"label": shown.label, "opened": shown.opened})
        self._attributes, self._label = wanted, shown.label
        workflow.set_current_details(shown.details)

    @workflow.query
    def status(self) -> Status:
        """Where the accord stands, as this run was last told by the record."""
        shown = self._standing.shown
        return Status(
            accord=self._accord,
            size=self._standing.size,
            stage=self._standing.stage,
            next_deadline=self._standing.deadline,
            blocked_by=shown.blocked_by if shown else 0,
            waiting_signals=self._signals.length,
        )

    @workflow.query
    def why(self) -> list[str]:
        """What blocks the next stage, and who could meet it."""
        return list(self._standing.shown.missing) if self._standing.shown else []

    @workflow.query
    def minutes(self) -> list[str]:
        """The last acts, deadlines and signals, a line each."""
        return list(self._minutes)

    # Small questions

    def _doubt(self) -> None:
        self._doubted = True

    def _over(self) -> bool:
        # What came before the end goes on the record too, as not taken up: nobody would ever learn of it otherwise.
        return self._standing.closed and not self._signals and workflow.all_handlers_finished()

    def _erased_since(self) -> bool:
        """Whether particulars were erased that this run's history holds."""
        return self._erased_before is not None and self._standing.erased > self._erased_before

    def _continuation_due(self) -> bool:
        info = workflow.info()
        return (
            self._erased_since()
            or self._acts >= (self._continue_after or self._standing.acts_per_run)
            or self._signals.taken >= self._standing.signals_per_run
            or info.is_continue_as_new_suggested()
            or info.is_target_worker_deployment_version_changed()
        )
