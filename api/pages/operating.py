"""Operation in the pages: whether the installation works, and an accord's pausing, resuming, retrying and repairing."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from activities.runtime.operations import tried
from api.calls import AccordId, Parts
from api.pages.accords import ON_PAGE, accord_page, shown
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Visitor
from api.problems import Problem
from api.routes.health import CHECKS

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _operators(session: Visitor) -> None:
    if session.identity.kind != "operator":
        raise Problem("forbidden", "This page is the operator's. Sign in with an operator's key.")


@router.get("/operation")
async def operation(request: Request, parts: Parts, session: Visitor) -> Response:
    """What the installation needs, and whether it is there; what waits in this process."""
    _operators(session)
    said = await asyncio.gather(*(tried(check(parts)) for check in CHECKS.values()))
    return page(
        request,
        "operation.html",
        checks=dict(zip(CHECKS, said, strict=True)),
        queue=parts.queue.figures(),
        streams=parts.streams.open,
    )


@router.get("/accords/{accord}/operation")
async def of_accord(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """An accord as its operator sees it: whether it is paused, and what the operator may do. None of it is a fact."""
    _operators(session)
    one = await shown(request, parts, session, accord)
    return accord_page(
        request, "accord_operation.html", one, "operation", actions=one.offers(ON_PAGE["operation"])
    )
