"""The one place that knows how an accord's workflow is started: its name, its id, its queue, and what if one runs.

The workflow's id is the accord's. Whoever starts one does so without asking first: where one runs, that one stays;
where one has ended, another takes its state from the ledger.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypedDict

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from workflows.messages import LOOK_AGAIN, AccordInput
from workflows.model.commands import Command

WORKFLOW = "Accord"
"""The workflow's name on the task queue."""


TASK_TIMEOUT = timedelta(seconds=5)
"""After this long the server gives a workflow's task to another worker. A task of this workflow takes milliseconds, and
about two seconds where the database does not answer."""


class _Options(TypedDict):
    id: str
    task_timeout: timedelta
    task_queue: str
    id_conflict_policy: WorkflowIDConflictPolicy
    id_reuse_policy: WorkflowIDReusePolicy


def _options(accord: str, task_queue: str, conflict: WorkflowIDConflictPolicy) -> _Options:
    return {
        "id": accord,
        "task_timeout": TASK_TIMEOUT,
        "task_queue": task_queue,
        "id_conflict_policy": conflict,
        "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    }


async def run_accord(
    client: Client, accord: str, task_queue: str, *, anew: bool = False, signal: Command | None = None
) -> None:
    """See to it that a workflow runs for the accord.

    Args:
        client: of Temporal.
        accord: the accord's id.
        task_queue: of the workers that carry accords on.
        anew: terminate the run that is there, if any, and start another.
        signal: a signed command to pass on to the run, started for it or not; the signal is named as its act.

    Raises:
        RPCError: the server does not answer.
    """
    conflict = WorkflowIDConflictPolicy.TERMINATE_EXISTING if anew else WorkflowIDConflictPolicy.USE_EXISTING
    await client.start_workflow(
        WORKFLOW,
        AccordInput(accord=accord),
        start_signal=None if signal is None else signal.act,
        start_signal_args=[] if signal is None else [signal],
        **_options(accord, task_queue, conflict),
    )


async def look_again(client: Client, accord: str) -> None:
    """Have the accord's workflow ask the record where the accord stands; nothing where none runs.

    Raises:
        RPCError: the server does not answer.
    """
    try:
        await client.get_workflow_handle(accord).signal(LOOK_AGAIN)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def start_operation(
    accord: str, task_queue: str, *, continue_after: int | None = None
) -> WithStartWorkflowOperation[Any, Any]:
    """The start that an update is sent with. ``continue_after`` is a test's hook, as in :class:`AccordInput`."""
    return WithStartWorkflowOperation(
        WORKFLOW,
        AccordInput(accord=accord, continue_after=continue_after),
        **_options(accord, task_queue, WorkflowIDConflictPolicy.USE_EXISTING),
    )
