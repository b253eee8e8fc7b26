"""Sending commands: sign, look in the ledger first, then ask the accord's workflow, and say what came of it.

Whatever is asked twice under one idempotency key gets one outcome. The ledger knows it for good; Temporal's own
memory of update ids ends with each run.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import unicodedata
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.identity.keys import Identities, KeyReused
from activities.identity.own_signatures import GivenSignature, WrongSignature, verify_own
from activities.identity.signing import CommandSigner
from activities.ledger.store import Ledger
from activities.reading.accords import Reader
from activities.runtime.settings import Settings
from api.clock import Clocks
from api.interventions import INTERVENTIONS
from api.problems import Problem, not_found, of_refusal, of_rejected, of_rejection, unavailable
from workflows.messages import AccordInput
from workflows.model.authority import known
from workflows.model.canonical import digest_of
from workflows.model.commands import OPEN, Command, Receipt
from workflows.model.decide import Decision, decide, parse
from workflows.model.declare import Rejected, outline, parse_act
from workflows.model.declared import ACTS
from workflows.model.definition import Definition
from workflows.model.state import Accord
from workflows.workflow import AccordWorkflow

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
"""Seconds between two attempts while a history is being continued, or the server asks to slow down."""

NOT_SIGNED = GivenSignature()
"""No signature of the delegate's own."""

OPENING = "accords"
"""The scope in which idempotency keys of openings are kept."""

_AGAIN = (
    RPCStatusCode.ABORTED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    # The workflow's last task failed, as on a worker whose code cannot go on with its history.
    RPCStatusCode.FAILED_PRECONDITION,
)

log = structlog.get_logger(__name__)


def accord_id(title: str, delegate: str, key: str) -> str:
    """The id of the accord that ``delegate`` opens under the idempotency key ``key``; the same for every retry.

    The title as ASCII words of at most 40 characters, then ten characters of a digest (50 bits).
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:41].strip("-")[:40].strip("-") or "accord"
    digest = hashlib.sha256(f"{delegate}/{key}".encode()).digest()
    return f"{slug}-{base64.b32encode(digest).decode().lower()[:10]}"


def opening(definition: Definition, delegate: str, key: str) -> Command:
    """The command that opens an accord. A definition in JSON and the same in YAML make the same command."""
    return Command(
        accord=accord_id(definition.title, delegate, key),
        id=f"{delegate}/{key}",
        act=OPEN,
        fields={"definition": definition.as_facts()},
        delegate=delegate,
    )


def judge_opening(definition: Definition, delegate: str, key: str, now: datetime) -> Decision:
    """What would follow from opening an accord.

    Raises:
        Problem: the delegate is no contact in the definition, or it is too large.
    """
    command = opening(definition, delegate, key)
    try:
        return decide(None, command, now)
    except Rejected as error:
        raise of_rejection(command.accord, error) from None


class _Again(Exception):
    """Nothing was decided; the same command is to be sent again."""


class _Gone(Exception):
    """No workflow runs for the accord."""


class Commands:
    """Sends what delegates ask for. One for each API process."""

    def __init__(
        self,
        settings: Settings,
        signer: CommandSigner,
        ledger: Ledger,
        reader: Reader,
        identities: Identities,
        clocks: Clocks,
        client: Callable[[], Awaitable[Client]],
    ) -> None:
        self._task_queue = settings.task_queue
        self._signer = signer
        self._ledger = ledger
        self._reader = reader
        self._identities = identities
        self._clocks = clocks
        self._client = client

    async def open(self, definition: Definition, delegate: str, key: str, now: datetime) -> Receipt:
        """Open an accord; returns once its opening entry is recorded.

        Raises:
            Problem: the delegate is no contact in the definition, or the key was used for another one.
            RPCError, Unreachable, LedgerError: something does not answer; the same request can be sent again.
        """
        judge_opening(definition, delegate, key, now)
        command = opening(definition, delegate, key)
        try:
            await self._identities.reserve(delegate, OPENING, key, digest_of(command.fields))
        except KeyReused:
            raise reused(key) from None
        known = await self._known(command)
        return known or await self._deliver(command, start=True)

    async def act(
        self,
        accord: str,
        act: str,
        fields: dict[str, Any],
        delegate: str,
        key: str,
        check: Callable[[Accord], None] = lambda _: None,
        signed: GivenSignature = NOT_SIGNED,
    ) -> Receipt:
        """Do an act; returns its receipt once it is recorded. ``check`` may refuse the state before it is sent.

        Raises:
            Problem: refused, rejected, no such accord for this delegate, or the key was used for another command.
            RPCError, Unreachable, LedgerError: something does not answer; the same request can be sent again.
        """
        command = Command(accord=accord, id=f"{delegate}/{key}", act=act, fields=fields, delegate=delegate)
        known = await self._known(command)
        if known is not None:
            return known
        state = await self._judged(command)
        check(state)
        command = _with_own(state, command, signed)
        if state.closed:
            if ACTS[act].after_closing:
                return await self._deliver(command, start=True)
            raise await self._over(state, command)
        intervention = INTERVENTIONS.get(act)
        if intervention is not None and await self._allowed(state, command):
            time = (await self._clocks.present(state)).time
            await intervention(await self._client(), accord, self._task_queue)
            await self._clocks.restore(state, time)
        try:
            return await self._deliver(command, start=False)
        except _Gone:
            pass
        state = await self._judged(command)
        if state.closed:
            raise await self._over(state, command)
        log.warning("no workflow runs for an open accord; starting one from the ledger", accord=accord)
        return await self._deliver(command, start=True)

    async def signal(
        self,
        accord: str,
        act: str,
        fields: dict[str, Any],
        delegate: str,
        key: str,
        own: GivenSignature = NOT_SIGNED,
    ) -> Receipt | None:
        """Pass a signal on, for which nobody waits; the receipt only where it is recorded already.

        Raises:
            Problem: malformed, no such accord for this delegate, or the key was used for another command.
            RPCError, Unreachable, LedgerError: something does not answer; the same request can be sent again.
        """
        command = Command(accord=accord, id=f"{delegate}/{key}", act=act, fields=fields, delegate=delegate)
        found = await self._ledger.outcome(accord, command.id)
        if found is not None:
            if not found.is_of(command.fingerprint(), outline(command)):
                raise reused(key)
            return found.receipt
        state = await self._judged(command)
        command = _with_own(state, command, own)
        if state.closed:
            raise await self._over(state, command)
        signed, client = self._signer.sign(command), await self._client()
        try:
            await client.get_workflow_handle(accord).signal(act, signed)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await client.start_workflow(
                AccordWorkflow.run,
                AccordInput(accord=accord),
                id=accord,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal=act,
                start_signal_args=[signed],
            )
        return None

    async def _known(self, command: Command) -> Receipt | None:
        """The outcome that the ledger has for the command; a refusal is raised as it was."""
        found = await self._ledger.outcome(command.accord, command.id)
        if found is None:
            return None
        if not found.is_of(command.fingerprint(), outline(command)):
            raise reused(command.id.partition("/")[2])
        return _answered(found.receipt)

    async def _judged(self, command: Command) -> Accord:
        """The accord's state, if the delegate is known in it and the command is an act at all."""
        state = await self._reader.state(command.accord)
        if state is None or known(state, command.delegate) is None:
            raise not_found(command.accord)
        try:
            parse(state, command)
        except Rejected as error:
            raise of_rejection(command.accord, error) from None
        return state

    async def _allowed(self, state: Accord, command: Command) -> bool:
        """Whether the act would be recorded as done, by the state that is known here."""
        present = await self._clocks.present(state)
        try:
            decision = await asyncio.to_thread(decide, state, command, present.time)
        except Rejected:
            return False
        return decision.refusal is None

    async def _over(self, state: Accord, command: Command) -> Problem:
        """The refusal of an act on an accord that is closed: no workflow is left to record it."""
        present = await self._clocks.present(state)
        refusal = decide(state, command, present.time).refusal
        if refusal is None:
            raise AssertionError(f"{command.act} is not refused on the closed accord {state.id}")
        return of_refusal(refusal, act=command.act, accord=state.id)

    async def _deliver(self, command: Command, *, start: bool) -> Receipt:
        """Send until it is decided; the caller's deadline bounds it. The outcome is the one that the ledger has.

        Temporal keeps what came of an update id, also what was given by hand or failed for a reason that is gone by
        now; so what the ledger does not know is sent once more, under another.
        """
        signed = self._signer.sign(command)
        update, pause = signed.update_id(), FIRST_PAUSE
        fresh = True
        while True:
            try:
                await self._send(signed, update, start=start)
            except _Again:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            except Problem as problem:
                if not fresh or problem.code == "idempotency_key_reused":
                    raise
            else:
                known = await self._known(command)
                if known is not None:
                    return known
                log.error("a receipt is not the ledger's", accord=command.accord, command=command.id)
                if not fresh:
                    raise unavailable(
                        "The accords' engine says that this is done, and the ledger does not have it. Tell whoever "
                        "runs this, with the request id: somebody may give results in Temporal by hand."
                    )
            fresh = False
            update = f"{signed.update_id()}~{uuid.uuid4().hex[:12]}"

    async def _send(self, signed: Command, update: str, *, start: bool) -> Receipt:
        client = await self._client()
        try:
            if start:
                operation = WithStartWorkflowOperation(
                    AccordWorkflow.run,
                    AccordInput(accord=signed.accord),
                    id=signed.accord,
                    task_queue=self._task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                )
                # The SDK reports a failed start in a future as well, and complains if nobody looks at that.
                begun = asyncio.ensure_future(operation.workflow_handle())
                begun.add_done_callback(lambda task: task.cancelled() or task.exception())
                try:
                    opened: Receipt = await client.execute_update_with_start_workflow(
                        signed.act,
                        signed,
                        start_workflow_operation=operation,
                        id=update,
                        result_type=Receipt,
                    )
                    return opened
                finally:
                    begun.cancel()
            handle = client.get_workflow_handle(signed.accord)
            receipt: Receipt = await handle.execute_update(signed.act, signed, id=update, result_type=Receipt)
            return receipt
        except WorkflowUpdateFailedError as error:
            return _failed(signed, error.cause)
        except RPCTimeoutOrCancelledError:
            # The SDK turns the cancellation by our deadline into this.
            raise TimeoutError from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # Where it was to be started, somebody ended at once what was begun.
                raise (_Again if start else _Gone) from None
            if error.status in _AGAIN:
                log.info("temporal asks to try again", accord=signed.accord, status=error.status.name)
                raise _Again from None
            raise


def _with_own(state: Accord, command: Command, signed: GivenSignature) -> Command:
    """The command with the delegate's own signature, if the request carries one that fits.

    Raises:
        Problem: ``own_signature_wrong``; nothing is recorded.
    """
    if not signed:
        return command
    wanted = parse_act(command.act, command.fields)
    try:
        command = command.model_copy(update={"own": signed.on(wanted)})
        verify_own(state, command)
    except ValidationError:
        said = "Entente-Key, Entente-Signature or Entente-Salt is not written as it has to be"
    except WrongSignature as error:
        said = error.what
    else:
        return command
    raise Problem(
        "own_signature_wrong",
        f"The act is not taken, and leaves no trace: {said}. Sign the act as deploy/docs/signed-acts.md says, with the "
        "id under which it is sent; the state of the accord lists the keys.",
    )


def _answered(receipt: Receipt) -> Receipt:
    if receipt.refusal is not None:
        raise of_refusal(receipt.refusal, act=receipt.act, accord=receipt.accord, receipt=receipt)
    return receipt


def reused(key: str) -> Problem:
    """The problem that an idempotency key was used for another request."""
    return Problem(
        "idempotency_key_reused",
        f"The Idempotency-Key {key!r} was used for another request. Send a new request under a new key; "
        "to learn what became of the first, send exactly that again.",
    )


def _failed(command: Command, cause: BaseException) -> Receipt:
    """What an update's failure means: a refusal is an outcome, and so has a receipt; all else is raised."""
    if not isinstance(cause, ApplicationError):
        # Such as: the run ended while the update was under way.
        log.warning("an update did not complete", accord=command.accord, act=command.act, cause=repr(cause))
        raise _Again from cause
    details = cause.details[0] if cause.details else None
    match cause.type:
        case "Refused":
            return Receipt.model_validate(details)
        case "Rejected" if isinstance(details, dict):
            raise of_rejected(command.accord, details["code"], details["message"], details.get("errors", ()))
        case "Continuing":
            raise _Again
        case "AcceptedUpdateCompletedWorkflow":
            raise _Again
        case "CommandIdReused":
            raise reused(command.id.partition("/")[2])
        case "NotOpen":
            raise not_found(command.accord)
        case "NotRecordable":
            raise Problem("malformed", cause.message)
        case "NotSigned":
            log.error("the worker does not trust this API's signature", reason=cause.message)
            raise unavailable(
                "The worker does not trust the key by which this API signs. Whoever runs it has to add the API's "
                "public key to ENTENTE_COMMAND_PUBLIC_KEYS of the workers."
            )
        case _:
            log.error(
                "an update failed",
                accord=command.accord,
                act=command.act,
                type=cause.type,
                reason=cause.message,
            )
            raise Problem(
                "internal",
                "The act could not be carried out. Tell whoever runs this; the same request, sent again, tells "
                "what became of it.",
            )
