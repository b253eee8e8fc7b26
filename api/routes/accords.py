"""Opening accords, listing them, and reading one: its state now or as it was, and its definition."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from activities.definitions import check
from activities.definitions.structured import Source, Unreadable
from activities.reading.accords import BeforeOpening, BeyondRecord
from api.access import seen_whole
from api.bodies import definition_body, field_errors
from api.calls import (
    TIME_PATTERN,
    YAML,
    AccordId,
    After,
    Caller,
    IdempotencyKey,
    Parts,
    acting,
    answer,
    cursor,
    idempotency_key,
    moment,
    next_link,
    problems,
    read_cursor,
    seen,
)
from api.clock import Present
from api.commands import judge_opening
from api.heavy import JUDGING, READING
from api.preconditions import IfNoneMatch, etag, unchanged
from api.problems import Problem, not_found
from api.routing import BoundedRoute, QueryFlag, WholeNumber
from api.schemas import AccordView, StatusView, View
from api.views import accord_view, status_view
from workflows.model.commands import Summary
from workflows.model.definition import Definition
from workflows.model.state import Accord

_WORD = r"^[a-z][a-z_]{0,39}$"
_PARTY = r"^[A-Z][A-Z0-9]{0,11}$"

_POSITION = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

router = APIRouter(route_class=BoundedRoute, tags=["accords"])

MOST_LOOKS = 20
"""How often a list asks the ledger for more, where a filter leaves out most of what it finds."""


class AccordRow(View):
    """An accord in a list: what is cleared for everybody who may know of it."""

    accord: str
    title: str
    vocabulary: str
    stage: str
    parties: tuple[str, ...]
    version: int
    size: int = Field(description="number of entries on the record")
    opened_at: datetime | None
    updated_at: datetime | None
    next_deadline: datetime | None = Field(
        description="when something next falls by itself: a reminder, a due date, an expiry"
    )
    blocked_by: int = Field(description="number of guards that block the next stage")
    illustrative: bool
    simulated: bool
    ended: bool


class AccordPage(View):
    """Some accords, the last opened first. ``next`` is the cursor of the next page, if there is one."""

    items: tuple[AccordRow, ...]
    next: str | None


class OpeningDryRun(View):
    """What opening an accord with a definition would do: it is well-formed, and the caller may open it."""

    dry_run: bool = True
    title: str
    digest: str = Field(description="the definition's digest, which the parties adopt")
    events: tuple[str, ...]


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
    "/accords",
    operation_id="list_accords",
    summary="List accords",
    response_model=AccordPage,
    responses=problems(),
)
async def list_accords(
    request: Request,
    parts: Parts,
    identity: Caller,
    stage: Annotated[str | None, Query(pattern=_WORD, description="only accords at this stage")] = None,
    party: Annotated[
        str | None, Query(pattern=_PARTY, description="only accords with this party, such as RU")
    ] = None,
    vocabulary: Annotated[
        str | None, Query(pattern=_WORD, description="such as diplomatic or closing")
    ] = None,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 50,
) -> Response:
    """The accords that the caller may know of, the last opened first."""
    position = read_cursor(after)
    member = None if identity.reads_all else identity.principal
    found: list[Summary] = []
    for _ in range(MOST_LOOKS):
        page = await parts.ledger.summaries(
            member=member, stage=stage, party=party, after=position, limit=limit - len(found)
        )
        found += [one for one in page.items if vocabulary in (None, one.vocabulary)]
        position = page.next
        if position is None or len(found) >= limit:
            break
    following = None if position is None else cursor(position)
    return answer(
        AccordPage(items=tuple(map(_row, found)), next=following), headers=next_link(request, following)
    )


def _row(one: Summary) -> AccordRow:
    return AccordRow(
        accord=one.accord,
        title=one.title,
        vocabulary=one.vocabulary,
        stage=one.stage,
        parties=one.parties,
        version=one.version,
        size=one.position,
        opened_at=one.opened,
        updated_at=one.updated,
        next_deadline=one.next_deadline,
        blocked_by=one.blocked_by,
        illustrative=one.illustrative,
        simulated=one.simulated,
        ended=one.ended,
    )


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
    as_of: Annotated[
        str | None,
        Query(
            max_length=40,
            description="the state after the entry at this position (from 0), or at this time by RFC 3339",
            examples=["17", "2027-04-12T10:00:00Z"],
            json_schema_extra={"pattern": f"^({_POSITION.pattern}|{TIME_PATTERN})$"},
        ),
    ] = None,
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
    asked = int(text) if _POSITION.fullmatch(text) else moment(text, "as_of")
    if isinstance(asked, datetime) and asked > now:
        raise Problem(
            "beyond_record",
            f"It is {now.isoformat()} in this accord; what is on the record at {text[:40]} nobody knows yet. What "
            "falls by itself until then, GET …/why/{step}?at= and a dry run with at= take into account.",
            accord=accord,
        )
    try:
        state = await parts.reader.state_as_of(accord, asked)
    except BeyondRecord as error:
        raise Problem(
            "beyond_record",
            f"The record has {error.size} entries; the last is {error.size - 1}.",
            accord=accord,
        ) from None
    except BeforeOpening as error:
        raise Problem(
            "beyond_record",
            f"The accord was opened at {error.opened.isoformat()}; before that it was not.",
            accord=accord,
        ) from None
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
    if _preferred(request.headers.get("accept", "*/*")) == YAML:
        text = yaml.safe_dump(definition.as_facts(), allow_unicode=True, sort_keys=False, width=110)
        return Response(text, headers=headers, media_type=YAML)
    return Response(
        definition.model_dump_json(exclude_defaults=True), headers=headers, media_type="application/json"
    )


class ClaimView(View):
    """A delegate whom a definition names: for which side, and who in this installation has claimed the id."""

    delegate: str
    party: str | None = Field(description="none: an officer of all parties")
    claimed_by: str | None = Field(
        description="the contact whose side claimed it first; none: nobody has, and it is claimed by adopting"
    )


class ClaimsView(View):
    """Whom the definition names, and whose they are: to be looked at before it is adopted."""

    accord: str
    digest: str = Field(description="of the definition, or of the amendment")
    items: tuple[ClaimView, ...]


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


def _preferred(accept: str) -> str:
    """JSON or YAML, by the quality values of an Accept header (RFC 9110, 12.5.1).

    Raises:
        Problem: ``not_acceptable``, where neither will do.
    """
    quality = {"application/json": 0.0, YAML: 0.0}
    given: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            given[name] = float(weight)
        except ValueError:
            given[name] = 0.0
    for name in quality:
        quality[name] = given.get(name, given.get("application/*", given.get("*/*", 0.0)))
    best = max(quality, key=lambda name: quality[name])
    if quality[best] <= 0:
        raise Problem("not_acceptable", f"A definition is given as application/json or {YAML}.")
    return best
