"""One POST for every act of the model's registry, and one for every signal. Nothing here is written per act."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access import seen_whole
from api.bodies import json_body
from api.calls import (
    AccordId,
    BoundedRoute,
    Caller,
    IdempotencyKey,
    IfMatch,
    Parts,
    Signed,
    acting,
    answer,
    etag,
    idempotency_key,
    moment,
    problems,
    required_version,
    seen,
)
from api.examples import example_of
from api.preview import dry_run as foresee
from api.problems import Problem
from api.schemas import View
from workflows.model.commands import Receipt
from workflows.model.declare import Act
from workflows.model.declared import ACTS

router = APIRouter(route_class=BoundedRoute)

DryRunFlag = Annotated[bool, Query(description="only say what would follow; nothing is recorded")]
At = Annotated[
    str | None,
    Query(
        max_length=40,
        description="for a dry run: the accord's time to try it at, by RFC 3339; now where none is given",
    ),
]

_HARMLESS = ("authority", "appointment_in_force")
"""Guards whose reason says nothing of the accord but the caller's own standing in it."""


class SignalTaken(View):
    """The signal was passed on. ``receipt`` is there only where it is on the record already."""

    accord: str
    act: str
    command: str = Field(description="the id under which the record will have it")
    receipt: Receipt | None = None


def path_of(act: type[Act]) -> str:
    """An act's last path segment: ``verify-condition``."""
    return act.name.replace("_", "-")


def _body(act: type[Act]) -> dict[str, Any]:
    required = any(field.is_required() for field in act.model_fields.values())
    return {
        "requestBody": {
            "required": required,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{act.__name__}"},
                    "example": example_of(act),
                }
            },
        }
    }


def _described(act: type[Act]) -> str:
    agree = f" Also needs the agreement of: {act.who.agree}." if act.who.agree != "–" else ""
    return f"{act.text()}\n\nWho: {act.who.describe()}.{agree} Seen by: {act.who.sees}."


_COMMON = (
    "idempotency_key_missing",
    "idempotency_key_malformed",
    "forbidden",
    "not_found",
    "refused",
    "precondition_failed",
    "too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "own_signature_wrong",
)


async def _foreseen(
    parts: Parts, identity: Caller, accord: str, act: str, fields: dict[str, Any], at: str | None, key: str
) -> Response:
    delegate = acting(identity, ACTS[act])
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    time = moment(at, "at") if at is not None else (await parts.clocks.present(state)).time
    # In a thread: where thousands of deadlines fall before it, it takes seconds, for which others must not wait.
    found = await asyncio.to_thread(foresee, state, act, fields, delegate, time, key)
    return answer(found, headers={"ETag": etag(state.version)})


async def _withheld(parts: Parts, identity: Caller, accord: str, problem: Problem) -> Problem:
    """The refusal as the caller may see it: without names and reasons, for whom the accord is not theirs to read."""
    if problem.code != "refused":
        return problem
    try:
        _, access = await seen(parts, identity, accord)
        if not access.cleared:
            return problem
    except Problem:
        pass
    guard = problem.members["guard"]
    said = (
        problem.detail.partition(" What to do: ")[0]
        if guard in _HARMLESS
        else f"refused by the guard {guard}."
    )
    kept = {name: problem.members.get(name) for name in ("act", "accord", "guard", "command", "position")}
    return Problem("refused", said, headers=problem.headers, **kept)


def _act_endpoint(act: type[Act]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        accord: AccordId,
        parts: Parts,
        identity: Caller,
        signed: Signed,
        given_key: IdempotencyKey = None,
        if_match: IfMatch = None,
        dry_run: DryRunFlag = False,
        at: At = None,
    ) -> Response:
        delegate = acting(identity, act)
        key = None if dry_run else idempotency_key(given_key, identity)
        body = await json_body(request)
        if key is None:
            return await _foreseen(parts, identity, accord, act.name, body.value, at, signed.key)
        try:
            receipt = await parts.commands.act(
                accord, act.name, body.value, delegate, key, required_version(if_match), signed
            )
        except Problem as problem:
            raise await _withheld(parts, identity, accord, problem) from None
        return answer(receipt, headers={"ETag": etag(receipt.version)})

    endpoint.__name__ = endpoint.__qualname__ = act.name
    return endpoint


def _signal_endpoint(act: type[Act]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        accord: AccordId,
        parts: Parts,
        identity: Caller,
        signed: Signed,
        given_key: IdempotencyKey = None,
        dry_run: DryRunFlag = False,
        at: At = None,
    ) -> Response:
        delegate = acting(identity, act)
        key = None if dry_run else idempotency_key(given_key, identity)
        body = await json_body(request)
        if key is None:
            return await _foreseen(parts, identity, accord, act.name, body.value, at, signed.key)
        receipt = await parts.commands.signal(accord, act.name, body.value, delegate, key, signed)
        taken = SignalTaken(accord=accord, act=act.name, command=f"{delegate}/{key}", receipt=receipt)
        return answer(taken, 202)

    endpoint.__name__ = endpoint.__qualname__ = act.name
    return endpoint


def _add(act: type[Act]) -> None:
    dry = {"$ref": "#/components/schemas/DryRun"}
    if act.signal:
        schema: dict[str, Any] = {"$ref": "#/components/schemas/SignalTaken"}
        responses: dict[int | str, dict[str, Any]] = {
            200: {"description": "Dry run", "content": {"application/json": {"schema": dry}}},
            202: {"description": "Passed on", "content": {"application/json": {"schema": schema}}},
            **problems(*(code for code in _COMMON if code != "precondition_failed")),
        }
    else:
        schema = {"oneOf": [{"$ref": "#/components/schemas/Receipt"}, dry]}
        responses = {
            200: {
                "description": "Recorded, or the dry run",
                "content": {"application/json": {"schema": schema}},
            },
            **problems(*_COMMON),
        }
    router.add_api_route(
        f"/accords/{{accord}}/{'signals/' if act.signal else ''}{path_of(act)}",
        _signal_endpoint(act) if act.signal else _act_endpoint(act),
        methods=["POST"],
        operation_id=act.name,
        summary=act.name.replace("_", " ").capitalize(),
        description=_described(act),
        tags=[act.track],
        status_code=202 if act.signal else 200,
        response_model=None,
        responses=responses,
        openapi_extra=_body(act),
    )


for _one in ACTS.values():
    _add(_one)
