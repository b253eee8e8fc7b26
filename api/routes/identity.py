"""Who one is here, and one's credentials: keys, and joining links for those whom one has appointed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from pydantic import Field

from activities.identity.delegates import KeyAbout
from activities.identity.keys import Identity, IdentityProblem, KeyReused
from activities.identity.scopes import MOST, SCOPES, all_within, covers, wrong_scope
from activities.reading.listing import Filters
from api.answers.people import (
    MOST_STANDINGS,
    AccountList,
    AccountView,
    ApiKeyList,
    ApiKeyView,
    MadeApiKey,
    MeView,
    StandingView,
)
from api.backend import Backend
from api.bodies import model_body
from api.calls import (
    Anyone,
    Caller,
    IdempotencyKey,
    Parts,
    Stranger,
    acting,
    answer,
    idempotency_key,
    problems,
)
from api.problems import FieldError, Problem, reused
from api.routing import BoundedRoute
from workflows.model.canonical import digest_of
from workflows.model.commands import Instant
from workflows.model.values import Message

router = APIRouter(route_class=BoundedRoute, tags=["identity"])

CREDENTIAL_ID = r"^[a-z2-7]{12}$"
"""What the id of a key or a link looks like."""


class MakeApiKey(Message):
    """What a key is to be for."""

    label: str = Field(default="", max_length=200, description="what it is for, in your own words")
    scopes: tuple[str, ...] = Field(
        default=SCOPES,
        min_length=1,
        max_length=MOST,
        description="what it is good for: read, act, deposit, keys, or act: and the name of one act; nothing that the "
        "key which makes it is not good for",
    )
    expires: Instant | None = Field(
        default=None, description="when it expires; with the key that makes it, where nothing is said"
    )


def body_of(name: str, example: dict[str, Any]) -> dict[str, Any]:
    """What the document says of a JSON body: its schema by name, and an example."""
    schema = {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


@router.get(
    "/me", operation_id="get_me", summary="Ask who one is", response_model=MeView, responses=problems()
)
async def get_me(parts: Parts, found: Anyone) -> Response:
    """As whom the key or token is known here, what it is good for, and in which accords one is whose delegate."""
    if isinstance(found, Stranger):
        return answer(
            MeView(
                delegate=None, kind="delegate", key=None, label="", scopes=(), expires=None,
                issuer=found.token.issuer, subject=found.token.subject, claimed_by=None, accords=(), more=False,
            )
        )  # fmt: skip
    delegate = found.principal if found.kind == "delegate" else None
    reads = delegate is not None and covers(found.scopes, "read")
    standings, more = await _standings(parts, str(delegate)) if reads else ((), False)
    claims = {} if delegate is None else await parts.claims.of((delegate,))
    return answer(
        MeView(
            delegate=delegate,
            kind=found.kind,
            key=None if found.issuer else found.key_id,
            label=found.label,
            scopes=found.scopes,
            expires=found.expires,
            issuer=found.issuer,
            subject=found.subject,
            claimed_by=claims.get(delegate or ""),
            accords=standings,
            more=more,
        )
    )


async def _standings(parts: Backend, delegate: str) -> tuple[tuple[StandingView, ...], bool]:
    page = await parts.listing.accords(Filters(member=delegate), limit=MOST_STANDINGS)
    found = []
    for row in page.items:
        state = await parts.reader.state(row.accord)
        one = None if state is None else state.delegates.get(delegate)
        if one is not None:
            found.append(
                StandingView(
                    accord=row.accord,
                    title=row.title,
                    stage=row.stage,
                    party=one.party,
                    office=one.office,
                    roles=one.roles,
                    valid_from=one.valid_from,
                    valid_until=one.valid_until,
                )
            )
    return tuple(found), page.next is not None


def _key_view(one: KeyAbout) -> ApiKeyView:
    return ApiKeyView(
        id=one.id,
        delegate=one.principal,
        label=one.label,
        scopes=one.scopes,
        created=one.created,
        expires=one.expires,
        revoked=one.revoked,
    )


@router.get(
    "/api-keys",
    operation_id="list_api_keys",
    summary="List one's keys",
    response_model=ApiKeyList,
    responses=problems(),
)
async def list_api_keys(parts: Parts, identity: Caller) -> Response:
    """Your keys, and those of the delegates whom you have claimed, the newest first. Never the secrets."""
    found = await parts.delegates.keys(acting(identity))
    return answer(ApiKeyList(items=tuple(map(_key_view, found))))


@router.post(
    "/api-keys",
    operation_id="make_api_key",
    summary="Make a key",
    status_code=201,
    response_model=MadeApiKey,
    openapi_extra=body_of("MakeApiKey", {"label": "a monitor's", "scopes": ["read", "act:condition_changed"]}),
    responses=problems(
        "idempotency_key_missing", "idempotency_key_malformed", "shown_once", "too_large", "unsupported_media_type",
        "idempotency_key_reused",
    ),
)  # fmt: skip
async def make_api_key(
    request: Request, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Make a further key for yourself: good for less, or for a while. It is shown once, and stored hashed.

    It expires with the key that makes it; and one that is made with a provider's token, which is good for minutes,
    after as many days as the operator lets it, 90 by default.
    """
    wanted_key = idempotency_key(given_key)
    shown = await key_made(parts, identity, wanted_key, await model_body(request, MakeApiKey, "The key"))
    return answer(shown, 201, {"Location": f"/v1/api-keys/{shown.id}", "Cache-Control": "no-store"})


async def key_made(parts: Backend, identity: Identity, key: str, wanted: MakeApiKey) -> MadeApiKey:
    """Make a key, once under an idempotency key.

    Raises:
        Problem: ``forbidden``, ``malformed``, ``shown_once`` or ``idempotency_key_reused``.
    """
    delegate = acting(identity)
    if (wrong := wrong_scope(wanted.scopes)) is not None:
        said = f"{wrong[:60]!r} is none; there are {', '.join(SCOPES)}, and act: with the name of an act"
        raise Problem(
            "malformed", f"The key is malformed: scopes: {said}.", errors=(FieldError(field="scopes", problem=said),)
        )  # fmt: skip
    if not all_within(wanted.scopes, identity.scopes):
        raise Problem(
            "forbidden",
            f"This key is good for {', '.join(identity.scopes)}, and makes none that is good for more.",
        )
    expires = within(wanted.expires, bound_of(parts, identity))
    await made_once(parts, identity, "api-keys", key, wanted)
    try:
        made = await parts.delegates.make_key(delegate, wanted.label, expires, wanted.scopes)
    except IdentityProblem as error:
        raise Problem("forbidden", f"{error.what} {error.remedy}") from None
    return MadeApiKey(id=made.id, delegate=delegate, key=made.token, scopes=wanted.scopes, expires=expires)


def bound_of(parts: Backend, identity: Identity) -> datetime | None:
    """When a key that this one makes expires at the latest."""
    if identity.issuer is not None:
        return datetime.now(UTC) + timedelta(days=parts.settings.token_key_days)
    return identity.expires


def within(wanted: datetime | None, bound: datetime | None) -> datetime | None:
    """When a key expires: as wanted, and not after ``bound``.

    Raises:
        Problem: ``malformed``; that is past, or later.
    """
    said = ""
    if wanted is not None and wanted <= datetime.now(UTC):
        said = "that is past"
    elif wanted is not None and bound is not None and wanted > bound:
        said = f"it can last until {bound.isoformat()} at the most"
    if said:
        raise Problem("malformed", f"expires: {said}.", errors=(FieldError(field="expires", problem=said),))
    return wanted or bound


async def made_once(parts: Backend, identity: Identity, scope: str, key: str, wanted: Message) -> None:
    """Let what is shown once be made once under an idempotency key.

    Raises:
        Problem: ``shown_once``, or ``idempotency_key_reused``.
    """
    mark = digest_of(wanted.model_dump(mode="json"))
    try:
        if not await parts.identities.first(identity.principal, scope, key, mark):
            raise Problem(
                "shown_once",
                "It was made under this Idempotency-Key already, and its secret was shown then. If that answer was "
                "lost, revoke what was made, and make another under a new key.",
            )
    except KeyReused:
        raise reused(key) from None


@router.delete(
    "/api-keys/{key}",
    operation_id="revoke_api_key",
    summary="Revoke a key",
    status_code=204,
    responses=problems("not_found"),
)
async def revoke_api_key(
    key: Annotated[
        str, InPath(pattern=CREDENTIAL_ID, description="the id of the key", examples=["h3k5m7p2q4r6"])
    ],
    parts: Parts,
    identity: Caller,
) -> Response:
    """Revoke a key of yours, or of a delegate whom you have claimed; every API refuses it within seconds."""
    if not await parts.delegates.revoke_key(acting(identity), key):
        raise Problem("not_found", "There is no such key in force that you could revoke: GET /v1/api-keys.")
    return Response(None, 204)


@router.get(
    "/accounts",
    operation_id="list_accounts",
    summary="List the providers' accounts that are you",
    response_model=AccountList,
    responses=problems(),
)
async def list_accounts(parts: Parts, identity: Caller) -> Response:
    """The accounts of OpenID providers that are you, or one of the delegates whom you have claimed."""
    found = await parts.delegates.accounts(acting(identity))
    return answer(
        AccountList(
            items=tuple(
                AccountView(
                    id=one.id,
                    delegate=one.principal,
                    issuer=one.issuer,
                    subject=one.subject,
                    linked=one.linked,
                )
                for one in found
            )
        )
    )


@router.delete(
    "/accounts/{account}",
    operation_id="unlink_account",
    summary="Unlink a provider's account",
    status_code=204,
    responses=problems("not_found"),
)
async def unlink_account(
    account: Annotated[
        str,
        InPath(pattern="^oidc-[0-9a-f]{16}$", description="its id", examples=["oidc-21fe31dfa154a261"]),
    ],
    parts: Parts,
    identity: Caller,
) -> Response:
    """Its tokens are nobody's then, within seconds in every API, until its person joins by a link again.

    An account whose provider itself gives out the delegate's id stays that delegate: have the provider end it.
    """
    if not await parts.delegates.unlink(acting(identity), account):
        raise Problem("not_found", "There is no such account that you could unlink: GET /v1/accounts.")
    return Response(None, 204)
