"""Beside the worker: whether it can do its work, for ``/readyz`` on the operators' port."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.errors import SchemaMismatch
from activities.ledger.migrate import pending
from activities.runtime.operations import PATIENCE, Checks
from activities.runtime.settings import Settings
from worker.background.rollout import Rollout


def checks(settings: Settings, client: Client, worker: Worker, rollout: Rollout) -> Checks:
    """What a worker needs: the database with this release's schema, Temporal, a place for its version, and to poll."""

    async def database() -> str:
        try:
            waiting = await pending(settings.database_dsn())
        except SchemaMismatch as error:
            return error.what
        return f"lacks {', '.join(waiting)}: run entente migrate" if waiting else "ok"

    async def temporal() -> str:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=timedelta(seconds=PATIENCE)
        )
        return "ok"

    async def polling() -> str:
        return "ok" if worker.is_running and not worker.is_shutdown else "does not poll its task queue"

    return {"database": database, "temporal": temporal, "worker": polling, "version": rollout.ready}
