"""The one place where a worker's parts are put together: ledger, recorder, workflow, and how they stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.errors import SettingsProblem
from activities.feeds.delivering import Delivering
from activities.feeds.mail import Mail
from activities.feeds.notices import Noticing
from activities.identity.signing import CommandVerifier
from activities.ledger.connections import reading_pool, writing_pool
from activities.ledger.migrate import pending
from activities.ledger.payload_keys import own_codec
from activities.ledger.postgres import PostgresLedger
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.reconciling import Reconciler
from activities.recording import Recorder
from activities.runtime.operations import Operations, serving_operations
from activities.runtime.reaching import Reaching, parse_networks
from activities.runtime.settings import Settings
from activities.runtime.temporal import connect
from worker.background.finality import collecting_cosignatures
from worker.background.observing import observing
from worker.background.readiness import checks
from worker.background.reconciling import schedule_reconciling
from worker.background.revival import reviving
from worker.background.rollout import rolling_out
from worker.background.stamping import stamping
from worker.background.sweeping import sweeping
from worker.background.telling import telling
from worker.rollout.version import deployed
from worker.search_attributes import check_search_attributes
from workflows.notices import NoticesWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.webhooks import WebhookWorkflow
from workflows.workflow import AccordWorkflow

GRACE = timedelta(seconds=10)
"""Time that activities get to finish when a worker stops; what is not finished is retried elsewhere."""

ACTIVITIES_AT_ONCE = 200
"""Acts that one worker records at the same time; they share the batches of one writer."""

TASKS_AT_ONCE = 10
"""Workflow tasks that one worker has under way. After a restart every accord is replayed before it goes on: all at once
they would share one processor, and none would be through before the server gives its task to somebody else."""

RECONCILING = 3
"""Connections of its own for the comparison of everything with everything: recording must not wait for it."""

DELIVERING = 3
"""Connections for what is sent out: nobody records on them."""

STICKY = timedelta(seconds=2)
"""After this long what was meant for a worker that has the accord at hand goes to any: below the API's deadline."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def accord_worker(
    settings: Settings, client: Client, deployment: WorkerDeploymentConfig | None = None
) -> AsyncIterator[Worker]:
    """A worker on ``settings.task_queue``, not yet running, with its connections; closes them at the end.

    ``deployment`` is its version; without one, it gets work only where no version is current.

    Raises:
        SettingsProblem: no trusted key, no database, a schema that was not migrated, or no usable mail server.
    """
    verifier = CommandVerifier(settings.command_public_keys)
    smtp_url = None if settings.smtp_url is None else settings.smtp_url.get_secret_value()
    mail = Mail.of(smtp_url, settings.mail_from)
    dsn = settings.database_dsn()
    waiting = await pending(dsn)
    if waiting:
        raise SettingsProblem(
            f"The ledger's schema lacks {', '.join(waiting)}.", "Run `entente migrate` first."
        )
    async with (
        PostgresLedger.connect(dsn) as ledger,
        BatchWriter(ledger) as writer,
        writing_pool(dsn, max_size=RECONCILING) as reconciling,
        reading_pool(dsn, min_size=0, max_size=DELIVERING) as delivering,
        aclosing(
            Reaching(parse_networks(settings.webhook_networks), setting="ENTENTE_WEBHOOK_NETWORKS")
        ) as reaching,
    ):
        states = States(ledger)
        recorder = Recorder(ledger, writer, states, verifier)
        deliverer = Delivering(delivering, states, reaching, settings.log_origin)
        reconciler = Reconciler(client, reconciling, settings.task_queue)
        noticing = Noticing(delivering, mail, settings.public_url)
        yield Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[AccordWorkflow, ReconcileWorkflow, WebhookWorkflow, NoticesWorkflow],
            activities=[
                *recorder.activities,
                *reconciler.activities,
                *deliverer.activities,
                *noticing.activities,
            ],
            max_concurrent_workflow_tasks=TASKS_AT_ONCE,
            max_concurrent_activities=ACTIVITIES_AT_ONCE,
            max_concurrent_local_activities=ACTIVITIES_AT_ONCE,
            sticky_queue_schedule_to_start_timeout=STICKY,
            deployment_config=deployment,
            graceful_shutdown_timeout=GRACE,
        )


async def run_worker(settings: Settings, core_metrics: str | None = None) -> None:
    """Run until cancelled; then hand over to another version that is current, finish what is under way, and stop.

    ``core_metrics`` is where Temporal's core serves its metrics, if it does.

    Raises:
        SettingsProblem: something that the worker needs is not set up.
        Unreachable: Temporal does not answer.
    """
    async with own_codec(settings) as codec:
        client = await connect(settings, codec=codec)
        await check_search_attributes(client)
        await schedule_reconciling(client, settings.task_queue)
        await _serve(settings, client, core_metrics)


async def _serve(settings: Settings, client: Client, core_metrics: str | None) -> None:
    deployment = deployed(settings)
    async with (
        accord_worker(settings, client, deployment) as worker,
        collecting_cosignatures(settings),
        stamping(settings),
        reviving(settings, client),
        rolling_out(settings, client) as rollout,
        telling(settings, client),
        observing(settings),
        sweeping(settings),
        serving_operations(settings, Operations(checks(settings, client, worker, rollout), core_metrics)),
    ):
        # What is loaded by now is here to stay: a full collection need not go through all of it, which takes long.
        gc.collect()
        gc.freeze()
        log.info(
            "worker ready",
            task_queue=settings.task_queue,
            namespace=client.namespace,
            build_id=deployment.version.build_id if deployment else "none",
        )
        running = asyncio.create_task(worker.run())
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Told to stop a second time, it waits for nobody.
            with contextlib.suppress(asyncio.CancelledError):
                await rollout.hand_over()
            await worker.shutdown()
            await running
            raise
