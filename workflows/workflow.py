"""The Temporal workflow over the model: one run of history after another for each accord.

Every act is an update named as the act; a regular activity verifies and records it; only what the ledger has
confirmed is folded into the state. A run that starts takes its state from the ledger, whatever the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.messages import (
    AccordInput,
    EntriesAnswer,
    EntriesRequest,
    FindAnswer,
    FindRequest,
    LoadRequest,
    StateDigest,
)
from workflows.model.commands import Command, Message, Receipt, RecordAnswer, RecordRequest
from workflows.model.deadlines import Deadline
from workflows.model.decide import OPEN, TICK, UNREADABLE, Decision, decide, many_due, parse
from workflows.model.declare import ACTS, Rejected, sentence
from workflows.model.fold import evolve
from workflows.model.rules import next_deadline, server_time
from workflows.model.state import Accord, state_digest
from workflows.model.summary import current_details, plain, summarize
from workflows.model.values import show_time
from workflows.signals import read_signal, unattributed, unreadable
from workflows.snapshot import Snapshot, unpack

STAGE = SearchAttributeKey.for_keyword("EntenteStage")
PARTIES = SearchAttributeKey.for_keyword_list("EntenteParties")
NEXT_DEADLINE = SearchAttributeKey.for_datetime("EntenteNextDeadline")
BLOCKED_BY = SearchAttributeKey.for_int("EntenteBlockedBy")
VOCABULARY = SearchAttributeKey.for_keyword("EntenteVocabulary")
SEARCH_ATTRIBUTES = (STAGE, PARTIES, NEXT_DEADLINE, BLOCKED_BY, VOCABULARY)
"""What the Temporal UI can filter accords by. Nothing secret is in them."""

UPDATES_PER_RUN = 1000
"""A run continues as new after so many acts; the server ends one for good at 2,000 updates."""

RECORDING = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=0,
    non_retryable_error_types=["Rejected", "CommandIdReused", "NotSigned", "NotDerived", "NotRecordable"],
)
"""Recording is tried until it succeeds: an act that was taken up is neither lost nor half done."""

LONGEST_TIMER = timedelta(days=3650)
"""A deadline that is further away is waited for in stages: the server counts nanoseconds in 64 bits."""

LONGEST_SUMMARY = 380
"""Bytes of an activity's summary; a server may refuse more than 400, and there the workflow would stand still."""

TRY_AGAIN = timedelta(minutes=1)
"""After this long a deadline that could not be recorded is tried again."""

ATTEMPT = timedelta(seconds=10)
"""After this long an attempt is given up, its worker being dead or cut off; the next finds what it committed."""


A = TypeVar("A", bound=Message)


def _rejection(error: Rejected) -> ApplicationError:
    details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
    return ApplicationError(error.message, details, type="Rejected", non_retryable=True)


def _answer(receipt: Receipt) -> Receipt:
    """The receipt, or the refusal that it stands for as the error that an update fails with."""
    if receipt.refusal is None:
        return receipt
    raise ApplicationError(
        f"refused ({receipt.refusal.guard}): {receipt.refusal.reason}",
        receipt.model_dump(mode="json"),
        type="Refused",
        non_retryable=True,
    )


@workflow.defn(name="Accord")
class AccordWorkflow:
    """One accord, from its opening to its closing."""

    @workflow.init
    def __init__(self, start: AccordInput) -> None:
        self._accord = start.accord
        self._continue_after = start.continue_after or UPDATES_PER_RUN
        self._state: Accord | None = None
        self._loaded = False
        self._continuing = False
        self._acts = 0
        self._due: Deadline | None = None
        self._shown: dict[str, Any] = {}
        self._lock = asyncio.Lock()
        for name in (OPEN, *(name for name, act in ACTS.items() if not act.signal)):
            workflow.set_update_handler(name, self._handler(name), validator=self._validator(name))
        # One handler for all names: a named one would stop the accord at a signal with too few arguments.
        workflow.set_dynamic_signal_handler(self._signalled)

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        """Wait for deadlines until the accord is closed; returns its last stage.

        A request to cancel is not heeded: only acts end an accord. (Before it is opened there is none.)

        Raises:
            ApplicationError: ``NotThisAccord``, where the input names another accord than the workflow's id does.
        """
        if start.accord != workflow.info().workflow_id:
            raise ApplicationError(
                f"the workflow {workflow.info().workflow_id} cannot be that of accord {start.accord}",
                type="NotThisAccord",
                non_retryable=True,
            )
        life = asyncio.create_task(self._live(start))
        while True:
            try:
                return await asyncio.shield(life)
            except asyncio.CancelledError:
                nothing = self._loaded and self._state is None and workflow.all_handlers_finished()
                if life.done() or nothing:
                    raise
                workflow.logger.warning("somebody asked to cancel the accord's workflow; it goes on")

    async def _live(self, start: AccordInput) -> str:
        await self._load()
        while True:
            if self._closed() and workflow.all_handlers_finished():
                return summarize(self._present()).stage
            if self._continuation_due():
                # Validators answer "continuing" from here on, so that handlers do come to an end under load.
                self._continuing = True
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(
                    AccordInput(accord=self._accord, continue_after=start.continue_after)
                )
            await self._wait()

    @workflow.query
    def state_digest(self) -> StateDigest:
        """The digest of the state that this run holds, to compare with the fold of the ledger's entries."""
        state = self._state
        return StateDigest() if state is None else StateDigest(size=state.size, digest=state_digest(state))

    async def _wait(self) -> None:
        """Wait until the next deadline has passed and fallen, or until something changes it."""
        due = self._due

        def stirred() -> bool:
            return (
                self._due != due
                or self._continuation_due()
                or (self._closed() and workflow.all_handlers_finished())
            )

        if due is None:
            await workflow.wait_condition(stirred)
            return
        left = server_time(self._present(), due.at) - workflow.now()
        if left > timedelta(0):
            try:
                timeout = min(left, LONGEST_TIMER)
                await workflow.wait_condition(stirred, timeout=timeout, timeout_summary=due.summary())
                return
            except TimeoutError:
                if left > LONGEST_TIMER:
                    return
        try:
            await self._tick(due)
        except ApplicationError as error:
            # A worker of another version, for a while; the accord must not end by it, nor its deadlines stop.
            workflow.logger.warning("the deadline %s could not be recorded: %s", due.summary(), error.message)
            await workflow.sleep(TRY_AGAIN, summary="then the deadline is tried again")

    async def _tick(self, due: Deadline) -> None:
        """Let the deadline fall, and whatever else is due."""
        async with self._lock:
            state = self._present()
            if self._due != due:
                return
            await self._record(self._clocks(state), max(workflow.now(), server_time(state, due.at)))

    def _clocks(self, state: Accord) -> Command:
        return Command(accord=self._accord, id=f"{TICK}/{state.size}", act=TICK, delegate=TICK)

    # Handlers

    def _handler(self, name: str) -> Callable[[Command], Awaitable[Receipt]]:
        async def handle(command: Command) -> Receipt:
            # The act's time is when it is taken up; waiting for the lock must not shift it.
            at = workflow.now()
            self._acts += 1
            await workflow.wait_condition(lambda: self._loaded)
            async with self._lock:
                return await self._record(command, at)

        handle.__name__ = handle.__qualname__ = name
        return handle

    def _validator(self, name: str) -> Callable[[Command], None]:
        def validate(command: Command) -> None:
            if self._continuing:
                raise ApplicationError("the history is being continued; send it again", type="Continuing")
            if (
                command.act != name
                or command.accord != self._accord
                or not command.id.startswith(command.delegate + "/")
            ):
                raise ApplicationError(
                    "act, accord or id of the command are not those of the update",
                    type="NotSigned",
                    non_retryable=True,
                )
            try:
                parse(self._state, command)
            except Rejected as error:
                raise _rejection(error) from None

        validate.__name__ = validate.__qualname__ = f"validate_{name}"
        return validate

    async def _signalled(self, name: str, raws: Sequence[RawValue]) -> None:
        """Take up a signal: signed, as its monitor's; unsigned, as unattributed; unreadable, as refused."""
        at = workflow.now()
        command = read_signal(self._accord, name, raws)
        await workflow.wait_condition(lambda: self._loaded)
        if self._state is None:
            workflow.logger.warning("signal %s came before the accord was opened; dropped", name)
            return
        async with self._lock:
            try:
                parse(self._state, command)
                await self._record(command, at)
            except (Rejected, ApplicationError) as error:
                if isinstance(error, ApplicationError) and error.type == "Refused":
                    return
                if isinstance(error, ApplicationError) and error.type == "CommandIdReused":
                    workflow.logger.warning("signal %s repeats an id with other content", name)
                unsigned = isinstance(error, ApplicationError) and error.type == "NotSigned"
                again = (
                    unattributed(self._accord, name, command.fields)
                    if unsigned
                    else unreadable(self._accord, name, raws, str(error))
                )
                await self._record_quietly(again, at)

    async def _record_quietly(self, command: Command, at: datetime) -> None:
        """Record what came of a signal; nobody waits for the answer."""
        try:
            parse(self._state, command)
            await self._record(command, at)
        except Rejected as error:
            await self._record_quietly(unreadable(self._accord, command.act, [], error.message), at)
        except ApplicationError as error:
            workflow.logger.info("signal on the record: %s", error.message)

    # The way of one act

    async def _record(self, command: Command, at: datetime) -> Receipt:
        """Decide, record, fold; again, if the ledger was ahead. The receipt is the ledger's."""
        reloaded = False
        while True:
            state = self._state
            now = at + timedelta(microseconds=state.clock_offset) if state is not None else at
            overdue = self._due is not None and self._due.at <= now
            if overdue and command.act != TICK and state is not None and many_due(state, now):
                await self._record(self._clocks(state), at)
                continue
            try:
                decision = decide(state, command, now)
            except Rejected as error:
                # What was recorded before the accord went on may no longer be judged at all: the record decides.
                found = await self._find(command)
                if found is None:
                    raise _rejection(error) from None
                return _answer(found)
            request = RecordRequest(
                accord=self._accord,
                expected=0 if state is None else state.size,
                command=command,
                at=now,
                events=decision.events,
            )
            try:
                answer = await self._ask("record", request, RecordAnswer, self._describe(command, decision))
            except ApplicationError as error:
                if error.type != "NotDerived" or reloaded:
                    raise
                # This run's state may not be what is recorded, if somebody gave an activity's result by hand.
                reloaded = True
                await self._load()
                continue
            await self._fold(answer)
            if answer.receipt is not None:
                return _answer(answer.receipt)
            if self._state is state:
                # The ledger has less than this run: a result given by hand, or a backup was restored.
                if reloaded:
                    await workflow.sleep(TRY_AGAIN, summary="then the ledger is asked again")
                reloaded = True
                await self._load()

    async def _ask(
        self, name: str, request: Message, answer: type[A], summary: str, attempt: timedelta = ATTEMPT
    ) -> A:
        """What an activity answers.

        Raises:
            ApplicationError: it failed for good. (An `ActivityError` would end the accord from within a signal.)
        """
        try:
            raw = await workflow.execute_activity(
                name,
                request,
                result_type=RawValue,
                start_to_close_timeout=attempt,
                retry_policy=RECORDING,
                summary=summary,
            )
        except ActivityError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError):
                raise ApplicationError(
                    cause.message, *cause.details, type=cause.type, non_retryable=True
                ) from None
            raise ApplicationError(
                f"recording failed: {cause}", type="NotRecorded", non_retryable=True
            ) from None
        try:
            answered: A = workflow.payload_converter().from_payload(raw.payload, answer)
            return answered
        except (
            Exception
        ) as error:  # Given by hand, it may be anything; the workflow's task must not fail by it.
            raise ApplicationError(
                f"the result of {name} does not read: {type(error).__name__}",
                type="NotRecorded",
                non_retryable=True,
            ) from None

    async def _find(self, command: Command) -> Receipt | None:
        """The receipt of a command that the ledger knows already."""
        request = FindRequest(accord=self._accord, command=command.id, fingerprint=command.fingerprint())
        found = await self._ask("find_receipt", request, FindAnswer, "look whether this was recorded before")
        return found.receipt

    def _describe(self, command: Command, decision: Decision) -> str:
        when = decision.events[-1].time if decision.events else None
        date = f"{when:%Y-%m-%d} · " if when is not None else ""
        if command.act in ACTS:
            text = sentence(ACTS[command.act], command.fields, decision.actor)
        elif command.act == OPEN:
            text = f"{decision.actor.delegate} for {decision.actor.party} opens the accord"
        elif command.act == UNREADABLE:
            text = f"a signal is refused: {command.fields.get('reason')}"
        else:
            text = "deadline: " + ", ".join(draft.type.replace("_", " ") for draft in decision.events)
        if decision.refusal is not None:
            text += f" — refused: {decision.refusal.reason}"
        return plain(date + text, LONGEST_SUMMARY)

    async def _fold(self, answer: RecordAnswer) -> None:
        """Fold what the ledger has confirmed and this run has not seen yet."""
        entries, more = answer.entries, answer.more
        while True:
            for recorded in entries:
                if recorded.position != (0 if self._state is None else self._state.size):
                    continue
                try:
                    self._state = evolve(self._state, recorded)
                except Exception as error:
                    # No entry of this ledger's, or one of a later release's: who folds it next can be another worker.
                    workflow.logger.warning("entry %d cannot be folded: %s", recorded.position, error)
                    await self._load()
                    return
            if not more:
                break
            start = 0 if self._state is None else self._state.size
            page = await self._ask(
                "read_entries",
                EntriesRequest(accord=self._accord, start=start),
                EntriesAnswer,
                "read entries that were recorded meanwhile",
            )
            entries, more = page.entries, page.more
        self._show()

    async def _load(self) -> None:
        """Take the state from the ledger."""
        request, summary = LoadRequest(accord=self._accord), "take the state from the ledger"
        while True:
            try:
                self._state = unpack(
                    await self._ask("load_accord", request, Snapshot, summary, timedelta(minutes=5))
                )
                break
            except (ApplicationError, ValueError) as error:
                # Somebody ended the activity by hand; an accord must not end by that.
                workflow.logger.warning("the accord's state was not loaded: %s", error)
                await workflow.sleep(TRY_AGAIN, summary="then the state is asked for again")
        self._loaded = True
        self._show()

    # What people see in the Temporal UI

    def _show(self) -> None:
        state = self._state
        if state is None:
            return
        self._due = next_deadline(state)
        summary = summarize(state)
        wanted: dict[str, Any] = {
            "stage": summary.stage,
            "parties": list(summary.parties),
            "deadline": self._due and server_time(state, self._due.at),
            "blocked": summary.blocked_by,
            "vocabulary": summary.vocabulary,
        }
        updates: list[SearchAttributeUpdate[Any]] = []
        for key, name in zip(SEARCH_ATTRIBUTES, wanted, strict=True):
            if name not in self._shown or self._shown[name] != wanted[name]:
                value = wanted[name]
                updates.append(key.value_unset() if value is None else key.value_set(value))  # type: ignore[attr-defined]
        if updates:
            workflow.upsert_search_attributes(updates)
        label = plain(summary.title, 900) + (" (illustrative)" if summary.illustrative else "")
        if self._shown.get("label") != label:
            workflow.upsert_memo({"label": label, "opened": show_time(state.opened_at)})
        self._shown = {**wanted, "label": label}
        workflow.set_current_details(current_details(state))

    # Small questions

    def _present(self) -> Accord:
        if self._state is None:
            raise ApplicationError(f"accord {self._accord} is not open", type="NotOpen", non_retryable=True)
        return self._state

    def _closed(self) -> bool:
        return self._state is not None and self._state.closed

    def _continuation_due(self) -> bool:
        info = workflow.info()
        return (
            self._acts >= self._continue_after
            or info.is_continue_as_new_suggested()
            or info.is_target_worker_deployment_version_changed()
        )
