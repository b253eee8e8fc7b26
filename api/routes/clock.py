"""Moving a simulated clock: what makes a demonstration's months run in seconds."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request, Response

from activities.identity.keys import KeyReused
from api.access import seen_whole
from api.answers.looking_ahead import ClockMoved
from api.bodies import model_body
from api.calls import AccordId, Caller, IdempotencyKey, Parts, answer, idempotency_key, moment, problems, seen
from api.problems import Problem, reused
from api.routing import BoundedRoute
from workflows.model.canonical import digest_of
from workflows.model.commands import Instant, Message
from workflows.model.rules import next_deadline

router = APIRouter(route_class=BoundedRoute, tags=["clock"])

LOOK = 0.05
"""Seconds between two looks at whether the deadlines that have passed are on the record."""


class MoveClock(Message):
    """To which of the accord's times its clock is to be moved."""

    to: Instant


@router.post(
    "/accords/{accord}/clock",
    operation_id="move_clock",
    summary="Move a simulated clock",
    response_model=ClockMoved,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/MoveClock"},
                    "example": {"to": "2030-04-12T08:00:00Z"},
                }
            },
        }
    },
    responses=problems(
        "idempotency_key_missing",
        "idempotency_key_malformed",
        "forbidden",
        "not_found",
        "clock_is_real",
        "clock_runs_forward",
        "clock_stopped",
        "too_large",
        "unsupported_media_type",
        "idempotency_key_reused",
        "clock_unavailable",
    ),
)
async def move_clock(
    request: Request, accord: AccordId, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Move the clock of an accord forward whose definition says `clock: simulated`.

    A delegate of the accord or an operator may. It takes about a second for each deadline that falls meanwhile; where
    that takes longer than an answer may, the answer is 503 and the same request, sent again, goes on with it.
    """
    key = idempotency_key(given_key)
    if identity.kind == "auditor":
        raise Problem(
            "forbidden", "An auditor reads. Let an operator or a delegate of the accord move its clock."
        )
    wanted = await model_body(request, MoveClock, "The move")
    moment(wanted.to.isoformat(), "to")
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    scope, mark = f"accords/{accord}/clock", digest_of({"to": wanted.to.isoformat()})
    try:
        before = await parts.identities.reserved(identity.principal, scope, key, mark)
    except KeyReused:
        raise reused(key) from None

    async def starting() -> None:
        await parts.identities.reserve(identity.principal, scope, key, mark)

    time = await parts.clocks.move(state, wanted.to, seen=before, starting=starting)
    await _settled(parts, accord, wanted.to)
    return answer(ClockMoved(accord=accord, to=wanted.to, time=time))


async def _settled(parts: Parts, accord: str, to: datetime) -> None:
    """Wait until every deadline up to ``to`` is on the record; the route's own deadline bounds it."""
    while True:
        state = await parts.reader.state(accord)
        due = next_deadline(state) if state is not None else None
        if due is None or due.at > to:
            return
        await asyncio.sleep(LOOK)
