"""What Temporal keeps of an accord: the histories of its runs. An erasure has to reach them too.

A history that is going on cannot be deleted. Once an erasure is recorded the run continues as new; what it was is a
closed one then, and is deleted like all other closed ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHistory,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.runtime.codec import KEY_ID, is_sealed

PATIENCE = timedelta(seconds=10)
_PAUSE = 0.5


async def open_history(client: Client, accord: str) -> WorkflowHistory | None:
    """The history of the accord's open run so far, as it is stored; none where no run is open.

    Raises:
        RPCError: Temporal does not answer.
    """
    described = await _described(client, accord)
    if described is None or described.status is not WorkflowExecutionStatus.RUNNING:
        return None
    try:
        return await client.get_workflow_handle(accord, run_id=described.run_id).fetch_history()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def did(history: WorkflowHistory, act: str) -> bool:
    """Whether an update of this name succeeded in the history."""
    asked = set()
    for event in history.events:
        admitted = event.workflow_execution_update_admitted_event_attributes.request
        if admitted.input.name == act:
            # After a reset the name of what is done anew stands here alone.
            asked.add(admitted.meta.update_id)
        accepted = event.workflow_execution_update_accepted_event_attributes
        if accepted.accepted_request.input.name == act:
            asked.add(accepted.protocol_instance_id)
        completed = event.workflow_execution_update_completed_event_attributes
        if completed.meta.update_id in asked and completed.outcome.HasField("success"):
            return True
    return False


async def continued_since(client: Client, accord: str, act: str, patience: float) -> bool:
    """Wait until no open run has done ``act``; whether that came within ``patience`` seconds.

    Raises:
        RPCError: Temporal does not answer.
    """
    deadline = time.monotonic() + patience
    while True:
        history = await open_history(client, accord)
        if history is None or not did(history, act):
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_PAUSE)


async def delete_closed_runs(client: Client, accord: str) -> int:
    """Have Temporal delete the histories of all the accord's closed runs; how many there were.

    It does so a little later: a run that has just closed is there for up to a minute.

    Raises:
        RPCError: Temporal does not answer, or does not let this be done.
    """
    deleted: set[str] = set()
    quoted = accord.replace("\\", "\\\\").replace('"', '\\"')
    async for run in client.list_workflows(f'WorkflowId = "{quoted}" AND ExecutionStatus != "Running"'):
        await _delete(client, accord, run.run_id, deleted)
    # What has just closed is not listed yet; each run knows the one before it.
    latest = await _described(client, accord)
    run_id = latest.run_id if latest is not None else ""
    if latest is not None and latest.status is WorkflowExecutionStatus.RUNNING:
        run_id = await _run_before(client, accord, run_id)
    while run_id and run_id not in deleted:
        before = await _run_before(client, accord, run_id)
        await _delete(client, accord, run_id, deleted)
        run_id = before
    return len(deleted)


async def _described(client: Client, accord: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(accord).describe(rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _run_before(client: Client, accord: str, run_id: str) -> str:
    """The run that was continued by this one; nothing where there is none, or this one is gone."""
    try:
        async for event in client.get_workflow_handle(accord, run_id=run_id).fetch_history_events(
            page_size=1
        ):
            return event.workflow_execution_started_event_attributes.continued_execution_run_id
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return ""


async def _delete(client: Client, accord: str, run_id: str, deleted: set[str]) -> None:
    if run_id in deleted:
        return
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=accord, run_id=run_id),
    )
    try:
        await client.workflow_service.delete_workflow_execution(request, timeout=PATIENCE)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return
    deleted.add(run_id)


def key_ids(history: WorkflowHistory) -> set[str]:
    """The ids of all data keys that reading the history needs."""
    return {
        payload.metadata[KEY_ID].decode(errors="replace")
        for event in history.events
        for payload in payloads_in(event)
        if is_sealed(payload)
    }


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload in a message of Temporal's API, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in _messages(value):
            yield from payloads_in(each)


def _messages(value: Any) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif hasattr(value, "values"):
        yield from (each for each in value.values() if isinstance(each, Message))
    else:
        yield from (each for each in value if isinstance(each, Message))
