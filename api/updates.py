"""Commands on their way to an accord's workflow: as an update that is waited for, or as a signal that is not.

What Temporal answers is told apart here: decided, nothing decided yet, no workflow there, or a problem. The outcome
itself is read from the ledger, since a result in Temporal can be given by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.runtime.accords import run_accord, start_operation
from api.problems import Problem, of_rejected, reused, unavailable
from workflows.messages import FailureKind
from workflows.model.commands import Command

_AGAIN = (
    RPCStatusCode.ABORTED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    # The workflow's last task failed, as on a worker whose code cannot go on with its history.
    RPCStatusCode.FAILED_PRECONDITION,
)

RUN_ENDED = "AcceptedUpdateCompletedWorkflow"
"""The server's own type of failure, where a run ended while an update was under way."""

log = structlog.get_logger(__name__)


class NothingDecided(Exception):
    """The same command is to be sent again."""


class NoWorkflow(Exception):
    """No workflow runs for the accord."""


class Updates:
    """Sends signed commands to the workflows of accords on ``task_queue``."""

    def __init__(self, client: Callable[[], Awaitable[Client]], task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def execute(self, signed: Command, update: str, *, start: bool) -> None:
        """Send a command under the update id ``update``, and return once it is decided; a refusal is a decision.

        Raises:
            NothingDecided: the history is being continued, or the server asks to try again.
            NoWorkflow: none runs, and none was to be started.
            Problem: the command cannot be recorded.
            RPCError, Unreachable: Temporal does not answer.
        """
        client = await self._client()
        try:
            if start:
                await self._with_start(client, signed, update)
            else:
                await client.get_workflow_handle(signed.accord).execute_update(signed.act, signed, id=update)
        except WorkflowUpdateFailedError as error:
            _meant(signed, error.cause)
        except RPCTimeoutOrCancelledError:
            # The SDK turns the cancellation by our deadline into this.
            raise TimeoutError from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # Where it was to be started, somebody ended at once what was begun.
                raise (NothingDecided if start else NoWorkflow) from None
            if error.status in _AGAIN:
                log.info("temporal asks to try again", accord=signed.accord, status=error.status.name)
                raise NothingDecided from None
            raise

    async def _with_start(self, client: Client, signed: Command, update: str) -> None:
        operation = start_operation(signed.accord, self._task_queue)
        # The SDK reports a failed start in a future as well, and complains if nobody looks at that.
        begun = asyncio.ensure_future(operation.workflow_handle())
        begun.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await client.execute_update_with_start_workflow(
                signed.act, signed, start_workflow_operation=operation, id=update
            )
        finally:
            begun.cancel()

    async def signal(self, signed: Command) -> None:
        """Pass a command on as a signal; where no workflow runs, one is started from the ledger.

        Raises:
            RPCError, Unreachable: Temporal does not answer.
        """
        client = await self._client()
        try:
            await client.get_workflow_handle(signed.accord).signal(signed.act, signed)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await run_accord(client, signed.accord, self._task_queue, signal=signed)


def _meant(command: Command, cause: BaseException) -> None:
    """What an update's failure means: returns for a refusal, which is an outcome; all else is raised."""
    if not isinstance(cause, ApplicationError):
        # Such as: the run ended while the update was under way.
        log.warning("an update did not complete", accord=command.accord, act=command.act, cause=repr(cause))
        raise NothingDecided from cause
    if cause.type in (FailureKind.CONTINUING, RUN_ENDED):
        raise NothingDecided
    details = cause.details[0] if cause.details else None
    match cause.type:
        case FailureKind.REFUSED:
            return
        case FailureKind.REJECTED if isinstance(details, dict):
            raise of_rejected(command.accord, details["code"], details["message"], details.get("errors", ()))
        case FailureKind.COMMAND_ID_REUSED:
            raise reused(command.id.partition("/")[2])
        case FailureKind.NOT_RECORDABLE:
            raise Problem("malformed", cause.message)
        case FailureKind.NOT_SIGNED:
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
