"""The schedule by which ledger, read model and workflows are compared. Temporal keeps it; each worker sees to it."""

from __future__ import annotations

from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError

from activities.runtime.codec import NO_ACCORDS
from workflows.reconcile import ReconcileInput, ReconcileWorkflow

EVERY = timedelta(hours=1)
"""How often everything is compared. Who wants another time changes the schedule in Temporal; it is not put back."""

CATCH_UP = timedelta(minutes=10)
"""A comparison that was due while Temporal was away is made up for within this time; later the next one does."""

log = structlog.get_logger(__name__)


def schedule_id(task_queue: str) -> str:
    """The id of the schedule, and of the workflows that it starts, of the installation with this task queue."""
    return f"{NO_ACCORDS}{task_queue}"


async def schedule_reconciling(client: Client, task_queue: str) -> None:
    """Make the schedule, if there is none. A worker works without it too, so that it is only said where it fails."""
    name = schedule_id(task_queue)
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileWorkflow.run,
            ReconcileInput(),
            id=name,
            task_queue=task_queue,
            static_summary="Ledger, read model and workflows are compared",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        # One that takes longer than the interval is not overtaken by the next.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        log.warning(
            "the comparison of ledger and workflows is not scheduled", schedule=name, reason=str(error)
        )
        return
    log.info("the comparison of ledger and workflows is scheduled", schedule=name, every=str(EVERY))
