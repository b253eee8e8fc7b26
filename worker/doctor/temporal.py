"""What can be seen of Temporal, by calls that a namespace's key may make as well: no operator service is asked."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    PollWorkflowTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import RuntimeProblem
from activities.runtime.settings import Settings
from activities.runtime.temporal import connect
from worker.doctor.clocks import skew
from worker.doctor.finding import Finding, ok, skipped, warning, wrong
from worker.rollout.deployment import describe
from worker.rollout.version import this_version
from worker.search_attributes import missing, remedy
from workflows.showing import SEARCH_ATTRIBUTES

PATIENCE = timedelta(seconds=5)
"""How long each look may take."""

SHORT_RETENTION = timedelta(days=7)
"""Histories of closed runs should be there for so long, for whoever looks into a mishap."""


async def temporal(settings: Settings) -> AsyncIterator[Finding]:
    """Everything about Temporal, as far as it answers."""
    try:
        client = await connect(settings)
    except RuntimeProblem as problem:
        yield wrong("temporal", problem.what, problem.remedy)
        return
    try:
        namespace = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=PATIENCE
        )
    except RPCError as error:
        yield _not_let_in(client, settings, error)
        return
    yield ok("temporal", f"{settings.temporal_address} has the namespace {client.namespace}")
    retention = namespace.config.workflow_execution_retention_ttl.ToTimedelta()
    if retention < SHORT_RETENTION:
        yield warning(
            "retention",
            f"Histories of closed runs are kept for less than {SHORT_RETENTION.days} days. The ledger does not depend "
            "on it; looking into a mishap does.",
            f"temporal operator namespace update --namespace {client.namespace} --retention 90d",
        )
    else:
        yield ok("retention", f"histories of closed runs are kept for {retention.days} days")
    for check in (_search_attributes, _worker, _version, _clock):
        try:
            yield await check(client, settings)
        except RPCError as error:
            yield wrong(
                check.__name__.strip("_").replace("_", " "),
                f"Temporal does not tell: {error.message}.",
                "See what the credentials may do in the namespace.",
            )


def _not_let_in(client: Client, settings: Settings, error: RPCError) -> Finding:
    where = f"Temporal at {settings.temporal_address}"
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return wrong(
                "temporal",
                f"{where} has no namespace {client.namespace}.",
                "Set TEMPORAL_NAMESPACE, or make it: temporal operator namespace create --retention 90d "
                f"{client.namespace}",
            )
        case RPCStatusCode.PERMISSION_DENIED | RPCStatusCode.UNAUTHENTICATED:
            return wrong(
                "temporal",
                f"{where} does not let these credentials into the namespace {client.namespace}.",
                "Look at TEMPORAL_API_KEY, or the TEMPORAL_TLS_ variables, and at what they may do there.",
            )
        case _:
            return wrong("temporal", f"{where} does not answer: {error.message}.", "See that it runs.")


async def _search_attributes(client: Client, _settings: Settings) -> Finding:
    lacking = await missing(client)
    if lacking:
        return wrong(
            "search attributes",
            f"The namespace {client.namespace} lacks {len(lacking)} of {len(SEARCH_ATTRIBUTES)}, or has them with "
            "another type: no worker starts.",
            remedy(client.namespace, lacking),
        )
    return ok("search attributes", f"all {len(SEARCH_ATTRIBUTES)} are there")


async def _described(client: Client, task_queue: str) -> DescribeTaskQueueResponse:
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=PATIENCE,
    )


async def _worker(client: Client, settings: Settings) -> Finding:
    pollers = {poller.identity for poller in (await _described(client, settings.task_queue)).pollers}
    if not pollers:
        return warning(
            "worker",
            f"No worker polls the task queue {settings.task_queue}: acts are not answered, and deadlines fall late.",
            "Start one: `entente worker`, with ENTENTE_TASK_QUEUE as the API has it.",
        )
    return ok("worker", f"{len(pollers)} polled the task queue {settings.task_queue} in the last minutes")


async def _version(client: Client, settings: Settings) -> Finding:
    """Whether the version of the workers that takes what is new is there."""
    if settings.rollout == "off":
        return skipped("version of workers", "ENTENTE_ROLLOUT is off: workers have none")
    here = this_version(settings)
    deployment = await describe(client, here.deployment_name, settings.task_queue)
    current, now = deployment.current, datetime.now(UTC)
    if current is None and not deployment.versions:
        return ok("version of workers", "none was ever there; the first worker's becomes current")
    if current is None or not current.has_workers(now):
        return warning(
            "version of workers",
            f"No version of {deployment.name} is current: new accords wait."
            if current is None
            else f"No worker of the current version {current.build_id} polls: new accords and continued runs wait.",
            "Start its workers, or make a version current whose workers are there: entente rollout status, then "
            "entente rollout current BUILD_ID",
        )
    text = f"{current.build_id} is current"
    draining = [version for version in deployment.versions if version.status == "draining"]
    left = [version.build_id for version in draining if not version.has_workers(now)]
    if left:
        return warning(
            "version of workers",
            f"{text}; {', '.join(left)} drain without workers. The current version's workers take over what is open.",
            "Look again in some minutes; next time, stop workers once `entente rollout drained` says that they can be.",
        )
    return ok("version of workers", text + (f", {len(draining)} drain" if draining else ""))


async def _clock(client: Client, _settings: Settings) -> Finding:
    """Polling a queue that nobody else uses makes the server note when: by its clock."""
    queue, me = f"entente-doctor-{uuid.uuid4().hex}", f"doctor-{uuid.uuid4().hex}"
    before, began = datetime.now(UTC), time.monotonic()
    polling = asyncio.create_task(
        client.workflow_service.poll_workflow_task_queue(
            PollWorkflowTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=queue, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL),
                identity=me,
            ),
            timeout=PATIENCE,
        )
    )
    try:
        while time.monotonic() - began < PATIENCE.total_seconds() / 2:
            for poller in (await _described(client, queue)).pollers:
                if poller.identity == me:
                    there = poller.last_access_time.ToDatetime(tzinfo=UTC)
                    return skew("clock of Temporal", before, time.monotonic() - began, there)
            await asyncio.sleep(0.02)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    return skipped("clock of Temporal", "the server does not note when a queue was polled")
