"""The record of an accord: its entries, and why a step cannot be taken yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from activities.reading.events import event_view
from api.access import seen_whole
from api.answers.looking_ahead import Why
from api.answers.record import EventPage
from api.bodies import read_json
from api.calls import (
    TIME_SCHEMA,
    AccordId,
    After,
    Caller,
    Parts,
    answer,
    cursor,
    next_link,
    problems,
    read_cursor,
    seen,
    time_asked_for,
)
from api.heavy import JUDGING
from api.preconditions import etag
from api.preview import step_name, why_act, why_gate
from api.problems import FieldError, Problem
from api.routing import FURTHER, BoundedRoute, WholeNumber
from workflows.model.declared import ACTS
from workflows.model.rules import GATES

_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)

router = APIRouter(route_class=BoundedRoute, tags=["record"])


@router.get(
    "/accords/{accord}/events",
    operation_id="list_events",
    summary="Read an accord's record",
    response_model=EventPage,
    responses=problems("not_found", "forbidden"),
)
async def list_events(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    after: After = None,
    start: Annotated[
        WholeNumber, Query(ge=0, lt=2**53, description="the position to begin at, where there is no cursor")
    ] = 0,
    limit: Annotated[WholeNumber, Query(ge=1, le=500)] = 100,
) -> Response:
    """Every entry, refusals included, in the order of the record."""
    inner = read_cursor(after)
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    begin = start if inner is None else int(inner)
    entries = await parts.ledger.entries(accord, begin, limit + 1)
    following = cursor(str(entries[limit].position)) if len(entries) > limit else None
    page = EventPage(items=tuple(event_view(one, state, access) for one in entries[:limit]), next=following)
    return answer(page, headers=next_link(request, following))


@router.get(
    "/accords/{accord}/why/{step}",
    operation_id="why",
    summary="Ask why a step cannot be taken yet",
    response_model=Why,
    openapi_extra={FURTHER: True},
    responses=problems("not_found", "forbidden", "time_passed"),
)
async def why(
    request: Request,
    accord: AccordId,
    step: Annotated[
        str,
        InPath(
            description="a gate or an act, with hyphens or underscores",
            examples=["visit", "verify-condition"],
            json_schema_extra={"pattern": "^[a-z]+([_-][a-z]+)*$"},
        ),
    ],
    parts: Parts,
    identity: Caller,
    at: Annotated[
        str | None,
        Query(
            max_length=40,
            description="the accord's time to ask for, by RFC 3339; now where none is given",
            json_schema_extra=TIME_SCHEMA,
        ),
    ] = None,
    by: Annotated[
        str | None,
        Query(
            max_length=64,
            description="for an act: whose act it would be; the caller's where none is given",
            json_schema_extra={"pattern": "^[a-z][a-z0-9]*([._-][a-z0-9]+)*$"},
        ),
    ] = None,
) -> Response:
    """Every guard of a gate or an act: met, or unmet with the reason, who could meet it, and by when.

    The step is a gate (founding, acceptance, visit, arrival, signing, held, release, closing) or an act; an act's
    fields are given as further query parameters, lists by repeating them, objects as JSON.
    """
    name = step_name(step)
    state, access = await seen(parts, identity, accord)
    if name in ACTS:
        seen_whole(access)
    time = time_asked_for(at, state) or (await parts.clocks.present(state)).time
    if name in GATES:
        _no_fields(name, request.query_params)
        found = await JUDGING.run(why_gate, state, name, time, cleared=access.cleared)
    else:
        fields = _fields(name, request.query_params.multi_items())
        found = await JUDGING.run(why_act, state, name, fields, by or identity.principal, time)
    return answer(found, headers={"ETag": etag(state.version)})


def _no_fields(gate: str, names: Iterable[str]) -> None:
    wrong = [name[:80] for name in names if name not in ("at", "by")]
    if wrong:
        said = f"the gate {gate} has no fields; those here are at, by"
        raise Problem(
            "malformed",
            f"The query is malformed: {wrong[0]}: {said}.",
            errors=tuple(FieldError(field=name, problem=said) for name in wrong[:20]),
        )


def _fields(name: str, items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """An act's fields from query parameters. What the act does not have is left for the act to refuse."""
    given: dict[str, list[str]] = {}
    for key, text in items:
        if key not in ("at", "by"):
            given.setdefault(key, []).append(text)
    fields: dict[str, Any] = {}
    schemas = _schemas(name)
    for key, texts in given.items():
        schema = schemas.get(key, {})
        listed = schema.get("type") == "array"
        kind = str((schema.get("items", {}) if listed else schema).get("type"))
        values = [_value(key, text, kind) for text in texts]
        if len(values) == 1 and (not listed or isinstance(values[0], list)):
            fields[key] = values[0]
        else:
            fields[key] = values
    return fields


@cache
def _schemas(name: str) -> dict[str, Any]:
    """The JSON Schema of each of an act's fields."""
    found: dict[str, Any] = ACTS[name].model_json_schema().get("properties", {})
    return found


def _value(key: str, text: str, kind: str) -> Any:
    """A value from a query; numbers and truth values are written there as in JSON, and stay text otherwise."""
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and _NUMBER.fullmatch(text):
        return int(text)
    if not text.startswith(("{", "[")):
        return text
    try:
        return read_json(text.encode())
    except Problem:
        said = f"{json.dumps(text[:40])} begins like JSON and is none"
        raise Problem("malformed", f"{key}: {said}.", errors=(FieldError(field=key, problem=said),)) from None
