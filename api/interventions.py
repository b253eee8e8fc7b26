"""What an operator has done to an accord's workflow itself, before it is put on the accord's record.

Both can be done again without harm: the workflow takes its state from the ledger, and the ledger knows what was done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import ResetActivityRequest, UnpauseActivityRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.runtime.accords import run_accord

Intervention = Callable[[Client, str, str], Awaitable[None]]
"""Takes the client, the accord's id, and the task queue."""


async def retry(client: Client, accord: str, _task_queue: str) -> None:
    """Have the workflow's pending activities tried again at once, those included that somebody paused by hand.

    Raises:
        RPCError: the server does not answer. Where nothing is pending, or no workflow runs, nothing is done.
    """
    described = await _described(client, accord)
    for pending in described:
        execution = WorkflowExecution(workflow_id=accord)
        try:
            if pending.paused:
                await client.workflow_service.unpause_activity(
                    UnpauseActivityRequest(
                        namespace=client.namespace,
                        execution=execution,
                        identity=client.identity,
                        id=pending.activity_id,
                        reset_attempts=True,
                    )
                )
            else:
                await client.workflow_service.reset_activity(
                    ResetActivityRequest(
                        namespace=client.namespace,
                        execution=execution,
                        identity=client.identity,
                        id=pending.activity_id,
                    )
                )
        except RPCError as error:
            # It has ended meanwhile.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


async def _described(client: Client, accord: str) -> list[PendingActivityInfo]:
    try:
        found = await client.get_workflow_handle(accord).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []
        raise
    return list(found.raw_description.pending_activities)


async def repair(client: Client, accord: str, task_queue: str) -> None:
    """Start the workflow anew, which takes its state from the ledger; the run that was there, if any, is terminated.

    Raises:
        RPCError: the server does not answer.
    """
    await run_accord(client, accord, task_queue, anew=True)


INTERVENTIONS: Mapping[str, Intervention] = {"retry_accord": retry, "repair_accord": repair}
"""By the act that puts it on record."""
