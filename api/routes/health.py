"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

from fastapi import APIRouter, FastAPI, Response
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from activities.errors import SchemaMismatch
from activities.ledger.migrate import pending_of
from activities.runtime.operations import PATIENCE, Checks, tried
from api.answers.telling import Live, Ready
from api.backend import Backend
from api.calls import Parts
from api.routing import CheckedRoute

router = APIRouter(route_class=CheckedRoute, tags=["health"])


@router.get("/livez", operation_id="livez", summary="Does the process live?", response_model=Live)
async def livez() -> Live:
    """Always, while it answers; whether it can do its work is told by /readyz."""
    return Live()


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Can it do its work?",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Not ready; it recovers by itself"}},
)
async def readyz(parts: Parts, response: Response) -> Ready:
    """Whether database, Temporal and the database's schema are as they have to be."""
    database, schema, temporal = await asyncio.gather(
        *(tried(CHECKS[name](parts)) for name in ("database", "migrations", "temporal"))
    )
    ready = database == schema == temporal == "ok"
    response.status_code = 200 if ready else 503
    response.headers["Cache-Control"] = "no-store"
    return Ready(
        status="ready" if ready else "not ready", database=database, temporal=temporal, migrations=schema
    )


async def _database(parts: Backend) -> str:
    await parts.pool.fetchval("select 1")
    return "ok"


async def _schema(parts: Backend) -> str:
    try:
        async with parts.pool.acquire() as connection:
            waiting = await pending_of(connection)
    except SchemaMismatch as error:
        return error.what
    return f"lacks {', '.join(waiting)}: run entente migrate" if waiting else "ok"


async def _temporal(parts: Backend) -> str:
    client = await parts.temporal.client()
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=timedelta(seconds=PATIENCE)
    )
    return "ok"


CHECKS: Mapping[str, Callable[[Backend], Awaitable[str]]] = {
    "database": _database,
    "migrations": _schema,
    "temporal": _temporal,
}


def checks(app: FastAPI) -> Checks:
    """The same checks for the operators' port."""

    async def ask(check: Callable[[Backend], Awaitable[str]]) -> str:
        parts: Backend | None = getattr(app.state, "backend", None)
        return "starts" if parts is None else await check(parts)

    return {name: partial(ask, check) for name, check in CHECKS.items()}
