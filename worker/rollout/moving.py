"""Getting runs off old versions of the workers, so that those can be stopped.

A run is pinned to the version that began it, and goes over to the current one when it is continued as new. An accord
in which nobody acts would stay for years; a nudge wakes it, and it continues at once. Where no worker of the old
version is left that could do that, the run itself is moved: its history has to replay on newer code, as every released
history does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    SignalWorkflowExecutionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from activities.feeds.starting import NOTICES, WEBHOOK
from activities.runtime.accords import WORKFLOW
from workflows.messages import NUDGE

AT_ONCE = 20
"""Runs that are nudged or moved at the same time."""

NUDGED = (WORKFLOW, WEBHOOK, NOTICES)
"""The workflows that may wait for days, and know a nudge. A comparison of all accords goes over by itself."""

PER_SECOND = 50.0
"""Runs that are nudged or moved in a second: each folds its accord anew, beside the acts that people wait for."""

AGAIN = 300
"""Seconds after which a run that has not gone over is nudged once more."""

PATIENCE = timedelta(seconds=5)


def _on(deployment: str, build_id: str) -> str:
    version = f"{deployment}:{build_id}".replace("\\", "\\\\").replace('"', '\\"')
    return f'TemporalWorkerDeploymentVersion = "{version}" AND ExecutionStatus = "Running"'


async def count_open(client: Client, deployment: str, build_id: str) -> int:
    """How many runs are open on a version, as far as Temporal's listing has them by now.

    Raises:
        RPCError: Temporal does not answer.
    """
    return (await client.count_workflows(_on(deployment, build_id))).count


async def nudge(client: Client, run: WorkflowExecution, build_id: str, turn: int) -> bool:
    """Wake a run; false where it is over. The server takes one nudge of each ``turn`` towards a version."""
    return await _unless_over(
        client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=Execution(workflow_id=run.id, run_id=run.run_id),
                signal_name=NUDGE,
                identity=client.identity,
                request_id=f"{NUDGE}/{build_id}/{turn}",
            ),
            timeout=PATIENCE,
        )
    )


async def move(client: Client, run: WorkflowExecution) -> bool:
    """Have a run go on by the current version's workers, in the middle of its history; false where it is over."""
    return await _override(client, run, VersioningOverride(auto_upgrade=True))


async def settle(client: Client, run: WorkflowExecution) -> bool:
    """Pin a run that was moved to the version that carries it on now; false where it is over."""
    return await _override(client, run, None)


async def _override(client: Client, run: WorkflowExecution, override: VersioningOverride | None) -> bool:
    return await _unless_over(
        client.workflow_service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=client.namespace,
                workflow_execution=Execution(workflow_id=run.id, run_id=run.run_id),
                workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
                update_mask=FieldMask(paths=["versioning_override"]),
                identity=client.identity,
            ),
            timeout=PATIENCE,
        )
    )


async def _unless_over(call: Awaitable[object]) -> bool:
    try:
        await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _each(
    runs: AsyncIterator[WorkflowExecution], work: Callable[[WorkflowExecution], Awaitable[None]]
) -> int:
    """Do ``work`` for each run, some at a time and no faster than ``PER_SECOND``; how many there were."""
    places = asyncio.Semaphore(AT_ONCE)
    count = 0

    async def one(run: WorkflowExecution) -> None:
        async with places:
            await work(run)

    async with asyncio.TaskGroup() as tasks:
        async for run in runs:
            count += 1
            tasks.create_task(one(run))
            await asyncio.sleep(1 / PER_SECOND)
    return count


async def retire(
    client: Client, deployment: str, old: str, current: str, *, stranded: bool, turn: int
) -> int:
    """Get every open run off the version ``old``: by a nudge, or, where it is ``stranded``, by moving it.

    Returns:
        how many runs there were.

    Raises:
        RPCError: Temporal does not answer.
    """

    async def one(run: WorkflowExecution) -> None:
        if stranded:
            await move(client, run)
        if run.workflow_type in NUDGED:
            await nudge(client, run, current, turn)

    return await _each(client.list_workflows(_on(deployment, old)), one)


async def settle_moved(client: Client, deployment: str, current: str) -> int:
    """Pin the runs that were moved and have begun to work on the version ``current``.

    Raises:
        RPCError: Temporal does not answer.
    """

    async def one(run: WorkflowExecution) -> None:
        info = (
            await client.get_workflow_handle(run.id, run_id=run.run_id).describe()
        ).raw_description.workflow_execution_info.versioning_info
        moved = info.versioning_override.auto_upgrade
        pinned = info.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
        if moved and pinned and info.deployment_version.build_id == current:
            await settle(client, run)

    behavior = 'TemporalWorkflowVersioningBehavior = "AutoUpgrade"'
    return await _each(client.list_workflows(f"{_on(deployment, current)} AND {behavior}"), one)
