"""Opening accords, listing them, and reading one: its state now or as it was, and its definition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query, Request, Response

from activities.definitions import check
from activities.definitions.structured import Source, Unreadable
from api.access import seen_whole
from api.answers.accord import AccordView, StatusView
from api.answers.looking_ahead import OpeningDryRun
from api.answers.record import ClaimsView, ClaimView
from api.bodies import definition_body, field_errors
from api.calls import (
    YAML,
    AccordId,
    Caller,
    IdempotencyKey,
    Parts,
    acting,
    answer,
    idempotency_key,
    problems,
    seen,
)
from api.clock import Present
from api.commands import judge_opening
from api.heavy import JUDGING, READING
from api.moments import AsOf, moment_asked_for, within_record
from api.negotiation import preferred
from api.preconditions import IfNoneMatch, etag, unchanged
from api.problems import Problem, not_found
from api.routing import BoundedRoute, QueryFlag
from api.views import accord_view, status_view
from workflows.model.definition import Definition
from workflows.model.state import Accord

router = APIRouter(route_class=BoundedRoute, tags=["accords"])


async def read_definition(body: Source) -> Definition:
    """The definition in a body; its errors name the field, and for YAML the line.

    Raises:
        Problem: ``malformed``.
    """
    try:
        # Hundreds of conditions take a while to check; other requests go on meanwhile.
        return await READING.run(check.read_definition, body)
    except Unreadable as error:
        raise Problem(error.code, f"The body {error.said}", errors=field_errors(error.errors)) from None


def tried(definition: Definition, delegate: str, now: datetime) -> OpeningDryRun:
    """What would follow from opening an accord.

    Raises:
        Problem: the delegate is no contact in the definition, or it is too large.
    """
    decision = judge_opening(definition, delegate, "dry-run", now)
    return OpeningDryRun(
        title=definition.title,
        digest=definition.digest(),
        events=tuple(draft.type for draft in decision.events),
    )


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Definition"}},
            YAML: {"schema": {"$ref": "#/components/schemas/Definition"}},
        },
    }
}


@router.post(
    "/accords",
    operation_id="open_accord",
    summary="Open an accord",
    status_code=201,
    response_model=None,
    openapi_extra=_BODY,
    responses={
        200: {
            "description": "Dry run",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpeningDryRun"}}},
        },
        201: {
            "description": "Opened; the opening entry is recorded",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
        },
        **problems(
            "idempotency_key_missing",
            "idempotency_key_malformed",
            "forbidden",
            "not_a_contact",
            "delegate_claimed",
            "too_large",
            "unsupported_media_type",
            "idempotency_key_reused",
            "already_open",
            "busy",
        ),
    },
)
async def open_accord(
    request: Request,
    parts: Parts,
    identity: Caller,
    given_key: IdempotencyKey = None,
    dry_run: Annotated[QueryFlag, Query(description="only say whether it could be opened")] = False,
) -> Response:
    """Propose a definition to its parties and begin the accord's record.

    The body is the definition, as JSON or YAML. Only a contact of one of its parties opens it. It is a proposal until
    every party has adopted its digest.
    """
    delegate = acting(identity)
    await parts.limits.count("delegate", identity.principal)
    key = None if dry_run else idempotency_key(given_key)
    definition = await read_definition(await definition_body(request))
    now = datetime.now(UTC)
    if key is None:
        return answer(await JUDGING.run(tried, definition, delegate, now))
    receipt = await parts.commands.open(definition, delegate, key, now)
    headers = {"Location": f"/v1/accords/{receipt.accord}", "ETag": etag(receipt.version)}
    return answer(receipt, 201, headers)


@router.get(
    "/accords/{accord}",
    operation_id="get_accord",
    summary="Read an accord",
    response_model=AccordView | StatusView,
    responses={304: {"description": "Still at that version"}, **problems("not_found", "beyond_record")},
)
async def get_accord(
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    as_of: AsOf = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The accord's state, now or as of a position or a time: the events, folded.

    An observer gets cleared status only: stage, gates, dates.
    """
    state, access = await seen(parts, identity, accord)
    present = await parts.clocks.present(state)
    if as_of is not None:
        state, at = await state_as_of(parts, accord, as_of, present.time)
        present = Present(at, True)
    tag = etag(state.version)
    if unchanged(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag, "Vary": "Authorization"})
    view = status_view(state, present) if access.cleared else accord_view(state, present)
    return answer(view, headers={"ETag": tag})


async def state_as_of(parts: Parts, accord: str, text: str, now: datetime) -> tuple[Accord, datetime]:
    """The state as of a position or a time, and the accord's time then.

    Raises:
        Problem: ``beyond_record``, ``malformed`` or ``not_found``.
    """
    asked = moment_asked_for(text, accord, now)
    with within_record(accord):
        state = await parts.reader.state_as_of(accord, asked)
    if state is None:
        raise not_found(accord)
    return state, asked if isinstance(asked, datetime) else state.time


@router.get(
    "/accords/{accord}/definition",
    operation_id="get_definition",
    summary="Read an accord's definition",
    response_model=None,
    responses={
        200: {
            "description": "The definition, which can be sent again as it is",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Definition"}},
                YAML: {"schema": {"$ref": "#/components/schemas/Definition"}},
            },
        },
        **problems("not_found", "forbidden", "not_acceptable"),
    },
)
async def get_definition(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    amendment: Annotated[
        QueryFlag, Query(description="the amendment that waits for adoption, instead")
    ] = False,
) -> Response:
    """The definition in force, or proposed; as JSON, or as YAML where Accept prefers it."""
    state, access = await seen(parts, identity, accord)
    if not access.reads_definition:
        seen_whole(access)
    definition = state.amendment if amendment else state.definition
    if definition is None:
        raise Problem("not_found", "No amendment waits for adoption.", accord=accord)
    headers = {
        "ETag": f'"{definition.digest()}"',
        "Vary": "Accept, Authorization",
        "Cache-Control": "private, no-cache",
    }
    if preferred(request.headers.get("accept", "*/*"), "application/json", YAML) == YAML:
        text = yaml.safe_dump(definition.as_facts(), allow_unicode=True, sort_keys=False, width=110)
        return Response(text, headers=headers, media_type=YAML)
    return Response(
        definition.model_dump_json(exclude_defaults=True), headers=headers, media_type="application/json"
    )


@router.get(
    "/accords/{accord}/claims",
    operation_id="get_claims",
    summary="Read who claimed the named delegates",
    response_model=ClaimsView,
    responses=problems("not_found", "forbidden"),
)
async def get_claims(
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    amendment: Annotated[
        bool, Query(description="of the amendment that waits for adoption, instead")
    ] = False,
) -> Response:
    """Who in this installation claimed the ids that the definition names, each with the party that it names it for."""
    state, access = await seen(parts, identity, accord)
    if not access.reads_definition:
        seen_whole(access)
    definition = state.amendment if amendment else state.definition
    if definition is None:
        raise Problem("not_found", "No amendment waits for adoption.", accord=accord)
    owners = definition.owners()
    claims = await parts.claims.of(owners)
    items = tuple(
        ClaimView(delegate=one, party=party, claimed_by=claims.get(one)) for one, party in owners.items()
    )
    return answer(ClaimsView(accord=accord, digest=definition.digest(), items=items))
