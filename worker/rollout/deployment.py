"""The deployment of an installation's workers, as Temporal knows it: its versions, and which one takes what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import TaskQueueType, VersionDrainageStatus, WorkerDeploymentVersionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import RuntimeProblem, SettingsProblem, Unreachable

PATIENCE = timedelta(seconds=10)
"""How long Temporal may take to answer: it tells all its task queues before it does, and takes few calls a second about
one deployment. What it asks to try again is tried again within this time."""

GONE = timedelta(seconds=90)
"""A version whose last poll is so long ago has no worker: a poll lasts a minute at most."""

Status = Literal["inactive", "current", "ramping", "draining", "drained"]

_STATUS: dict[WorkerDeploymentVersionStatus.ValueType, Status] = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the workers.

    ``ever_current`` is whether it takes, or once took, all that is new. ``polled`` is when its last poll began, none
    where no worker of it polled in the last minutes.
    """

    build_id: str
    status: Status
    percentage: float = 0.0
    ever_current: bool = False
    created: datetime | None = None
    drained_by: datetime | None = None
    polled: datetime | None = None

    def has_workers(self, now: datetime) -> bool:
        """Whether a worker of this version polls."""
        return self.polled is not None and now - self.polled < GONE


@dataclass(frozen=True, slots=True)
class Deployment:
    """The versions that Temporal has of a deployment, the newest first."""

    name: str
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version | None:
        """The version that takes what is new; none where no version does, so that workers without one do."""
        return next((each for each in self.versions if each.status == "current"), None)

    def version(self, build_id: str) -> Version | None:
        """The version of this id, if Temporal has it."""
        return next((each for each in self.versions if each.build_id == build_id), None)


def _time(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.seconds else None


async def describe(client: Client, name: str, task_queue: str) -> Deployment:
    """What Temporal has of the deployment; without versions where no worker of it was ever there.

    Raises:
        RPCError: Temporal does not answer.
    """
    try:
        answer = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=name),
            retry=True,
            timeout=PATIENCE,
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Deployment(name, ())
        raise
    polled = await _polled(client, name, task_queue)
    info = answer.worker_deployment_info
    versions = []
    for summary in info.version_summaries:
        build_id = summary.deployment_version.build_id
        status = _STATUS.get(summary.status, "inactive")
        ramping = info.routing_config.ramping_version_percentage if status == "ramping" else 0.0
        drainage = summary.drainage_info
        drained = drainage.status == VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED
        versions.append(
            Version(
                build_id=build_id,
                status=status,
                percentage=round(ramping, 2),
                ever_current=bool(summary.last_current_time.seconds or summary.current_since_time.seconds),
                created=_time(summary.create_time),
                drained_by=_time(drainage.last_changed_time) if drained else None,
                polled=polled.get(build_id),
            )
        )
    versions.sort(key=lambda each: each.created or datetime.min.replace(tzinfo=UTC), reverse=True)
    return Deployment(name, tuple(versions))


async def _polled(client: Client, name: str, task_queue: str) -> dict[str, datetime]:
    """When each version's workers last began to poll for tasks of workflows."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=PATIENCE,
    )
    last: dict[str, datetime] = {}
    for poller in answer.pollers:
        options = poller.deployment_options
        if options.deployment_name == name:
            at = poller.last_access_time.ToDatetime(tzinfo=UTC)
            last[options.build_id] = max(at, last.get(options.build_id, at))
    return last


async def make_current(client: Client, name: str, build_id: str, *, before_it_polls: bool = False) -> None:
    """Have a version take all that is new, and every run that is continued.

    ``before_it_polls`` is for whoever is about to start its only workers.

    Raises:
        RuntimeProblem: no worker of it polls, or Temporal does not do it.
        RPCError: Temporal does not answer.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=name,
        build_id=build_id,
        identity=client.identity,
        allow_no_pollers=before_it_polls,
        ignore_missing_task_queues=before_it_polls,
    )
    async with _explained(name, build_id):
        await client.workflow_service.set_worker_deployment_current_version(
            request, retry=True, timeout=PATIENCE
        )


async def ramp(client: Client, name: str, build_id: str, percentage: float) -> None:
    """Have a version take a share of the accords, chosen by their ids; the current version keeps the others.

    Args:
        client: of Temporal.
        name: of the deployment.
        build_id: of the version.
        percentage: from 0 to 100; 0 ends the ramp.

    Raises:
        RuntimeProblem: no worker of it polls, it is current already, or Temporal does not do it.
        RPCError: Temporal does not answer.
    """
    request = SetWorkerDeploymentRampingVersionRequest(
        namespace=client.namespace,
        deployment_name=name,
        build_id=build_id if percentage else "",
        percentage=percentage,
        identity=client.identity,
    )
    async with _explained(name, build_id):
        await client.workflow_service.set_worker_deployment_ramping_version(
            request, retry=True, timeout=PATIENCE
        )


@asynccontextmanager
async def _explained(name: str, build_id: str) -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        match error.status:
            case RPCStatusCode.NOT_FOUND:
                raise RuntimeProblem(
                    f"Temporal knows no version {build_id} of the workers' deployment {name}.",
                    "Start a worker of it first; `entente rollout status` lists the versions.",
                ) from None
            case RPCStatusCode.FAILED_PRECONDITION | RPCStatusCode.INVALID_ARGUMENT:
                raise RuntimeProblem(
                    f"Temporal does not make version {build_id} of {name} take over: {error.message}.",
                    "See that its workers run and poll; `entente rollout status` lists the versions.",
                ) from None
            case RPCStatusCode.UNIMPLEMENTED:
                raise SettingsProblem(
                    "This Temporal server knows no versions of workers.",
                    "Use a newer one, or set ENTENTE_ROLLOUT=off for all workers.",
                ) from None
            case RPCStatusCode.UNAVAILABLE | RPCStatusCode.DEADLINE_EXCEEDED:
                raise Unreachable(
                    f"Temporal does not answer: {error.message}.", "See that it runs, then try again."
                ) from error
            case _:
                raise
