"""Operation in the pages: whether the installation works, and an accord's pausing, resuming, retrying and repairing."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Request, Response

from activities.errors import LedgerError
from activities.runtime.operations import tried
from api.answers.lists import OperationView
from api.backend import Backend
from api.calls import AccordId, Parts
from api.pages.accords import ON_PAGE, accord_page, shown
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Visitor
from api.problems import Problem
from api.routes.health import CHECKS
from api.routes.operation import operation_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

log = structlog.get_logger(__name__)


def _operators(session: Visitor) -> None:
    if session.identity.kind != "operator":
        raise Problem("forbidden", "This page is the operator's. Sign in with an operator's key.")


@router.get("/operation")
async def operation(request: Request, parts: Parts, session: Visitor) -> Response:
    """What the installation needs, and whether it is there; what stands still; what waits in this process."""
    _operators(session)
    said, still = await asyncio.gather(
        asyncio.gather(*(tried(check(parts)) for check in CHECKS.values())), _still(parts)
    )
    return page(
        request,
        "operation.html",
        checks=dict(zip(CHECKS, said, strict=True)),
        still=still,
        queue=parts.queue.figures(),
        streams=parts.streams.open,
    )


async def _still(parts: Backend) -> OperationView | None:
    """What stands still; none where the database cannot tell: the page says so, and what else it knows."""
    try:
        return await operation_of(parts)
    except LedgerError as error:
        log.warning("what stands still cannot be read", reason=str(error))
        return None


@router.get("/accords/{accord}/operation")
async def of_accord(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """An accord as its operator sees it: whether it is paused, and what the operator may do. None of it is a fact."""
    _operators(session)
    one = await shown(request, parts, session, accord)
    return accord_page(
        request, "accord_operation.html", one, "operation", actions=one.offers(ON_PAGE["operation"])
    )
