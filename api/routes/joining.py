"""Joining links: how the person whom a contact has appointed becomes known as that delegate."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import Field

from activities.identity.delegates import JoinLink
from activities.identity.keys import Identity, IdentityProblem
from activities.identity.scopes import SCOPES, all_within
from activities.identity.tokens import Token, Tokens
from api.access import seen_whole
from api.answers.people import Joined, JoinLinkList, JoinLinkView, MadeJoinLink
from api.attempts import address_of
from api.backend import Backend
from api.bodies import model_body
from api.calls import (
    AccordId,
    Caller,
    IdempotencyKey,
    Parts,
    Stranger,
    acting,
    answer,
    anyone,
    idempotency_key,
    problems,
    seen,
)
from api.problems import FieldError, Problem
from api.routes.identity import CREDENTIAL_ID, body_of, made_once, within
from api.routing import BoundedRoute, QueryFlag
from workflows.model.commands import Instant
from workflows.model.state import Accord, Appointment
from workflows.model.values import DelegateId, Duration, Message, add_duration

router = APIRouter(route_class=BoundedRoute, tags=["identity"])

USUAL = "P7D"
"""How long a joining link is good, where nothing is said."""

LINK = r"^inv_[a-z2-7]{12}_[a-z2-7]{52}$"
"""The secret part of a link, behind its #."""

LONGEST = timedelta(days=30)
"""How long a joining link can be good."""


class MakeJoinLink(Message):
    """For whom the link is to be."""

    delegate: DelegateId
    valid_for: Duration = Field(default=USUAL, description="how long the link is good; at most 30 days")


class JoinByLink(Message):
    """The link to join by."""

    token: str = Field(pattern=LINK, description="the last part of the link")
    label: str = Field(default="", max_length=200, description="what the key that is made is for")
    expires: Instant | None = Field(default=None, description="when the key that is made expires")


def status_of(one: JoinLink, now: datetime) -> str:
    """What became of a link: open, used, withdrawn or expired."""
    if one.accepted is not None:
        return "used"
    if one.revoked is not None:
        return "withdrawn"
    return "open" if now < one.expires else "expired"


def _link_view(one: JoinLink) -> JoinLinkView:
    return JoinLinkView(
        id=one.id,
        accord=one.accord,
        delegate=one.delegate,
        made_by=one.made_by,
        created=one.created,
        expires=one.expires,
        status=status_of(one, datetime.now(UTC)),
    )


@router.post(
    "/accords/{accord}/join-links",
    operation_id="make_join_link",
    summary="Make a joining link for a delegate",
    status_code=201,
    response_model=MadeJoinLink,
    openapi_extra=body_of("MakeJoinLink", {"delegate": "aa.treaty", "valid_for": "P7D"}),
    responses=problems(
        "idempotency_key_missing", "idempotency_key_malformed", "not_found", "shown_once", "too_large",
        "unsupported_media_type", "idempotency_key_reused",
    ),
)  # fmt: skip
async def make_join_link(
    request: Request, accord: AccordId, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Make a link by which the person whom your party has appointed becomes known as that delegate.

    Only the contact of the delegate's party makes one, of an id that its own side has claimed. It is good once, and
    expires, with the key that makes it at the latest; another for the same delegate ends the one before. Send it by a
    way that only that person reads.
    """
    shown = await link_made(
        request, parts, identity, accord, idempotency_key(given_key),
        await model_body(request, MakeJoinLink, "The link"),
    )  # fmt: skip
    location = f"/v1/accords/{accord}/join-links/{shown.about.id}"
    return answer(shown, 201, {"Location": location, "Cache-Control": "no-store"})


async def link_made(
    request: Request, parts: Backend, identity: Identity, accord: str, key: str, wanted: MakeJoinLink
) -> MadeJoinLink:
    """Make a joining link, once under an idempotency key.

    Raises:
        Problem: ``forbidden``, ``not_found``, ``malformed``, ``shown_once`` or ``idempotency_key_reused``.
    """
    contact = acting(identity)
    if not all_within(SCOPES, identity.scopes):
        # Whoever joins gets a key that is good for everything.
        raise Problem(
            "forbidden",
            f"This key is good for {', '.join(identity.scopes)}, and a joining link leads to more. Use one that is "
            f"good for {', '.join(SCOPES)}.",
        )
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    await _check_appointed(parts, state, contact, wanted.delegate)
    if wanted.delegate == contact:
        raise Problem(
            "forbidden", "You are known as that delegate already. For another key, POST /v1/api-keys."
        )
    now = datetime.now(UTC)
    try:
        expires = add_duration(now, wanted.valid_for)
    except (ValueError, OverflowError):
        expires = now
    if not now < expires <= now + LONGEST:
        said = "a joining link is good for up to 30 days, such as P7D or PT12H"
        raise Problem(
            "malformed", f"valid_for: {said}.", errors=(FieldError(field="valid_for", problem=said),)
        )
    if identity.expires is not None:
        expires = min(expires, identity.expires)
    await made_once(parts, identity, f"accords/{accord}/join-links", key, wanted)
    try:
        made, token = await parts.delegates.make_link(accord, wanted.delegate, contact, expires)
    except IdentityProblem as error:
        raise Problem("forbidden", f"{error.what} {error.remedy}") from None
    base = (parts.settings.public_url or str(request.base_url)).rstrip("/")
    # Behind a "#", which no browser sends and no server logs.
    return MadeJoinLink(about=_link_view(made), token=token, link=f"{base}/join#{token}")


async def _check_appointed(parts: Backend, state: Accord, contact: str, delegate: str) -> None:
    """The delegate is one of the contact's own party, appointed, and claimed by its side.

    Raises:
        Problem: ``forbidden``.
    """
    mine, other = state.delegates.get(contact), state.delegates.get(delegate)
    if mine is None or "contact" not in mine.roles or mine.party not in state.definition.parties:
        raise Problem("forbidden", "Only a party's contact makes joining links for its delegates.")
    if other is None or other.party != mine.party or other.revoked:
        raise Problem(
            "forbidden", f"{delegate} is no delegate whom {mine.party} has appointed. Appoint it first."
        )
    claims = await parts.claims.of((contact, delegate))
    if claims.get(delegate) is None or claims.get(delegate) != claims.get(contact):
        raise Problem("forbidden", f"{delegate} is claimed by another side in this installation.")
    if not await parts.claims.speaks_for(contact, delegate):
        raise Problem(
            "forbidden",
            f"Somebody held a key as {delegate} before your side claimed the id, so that who it is the operator says. "
            "Ask whoever runs the installation for the key, or to confirm your claim (`entente keys give`).",
        )


@router.get(
    "/accords/{accord}/join-links",
    operation_id="list_join_links",
    summary="List one's joining links",
    response_model=JoinLinkList,
    responses=problems("not_found"),
)
async def list_join_links(accord: AccordId, parts: Parts, identity: Caller) -> Response:
    """The joining links that you have made in an accord, and what became of them."""
    await seen(parts, identity, accord)
    found = await parts.delegates.links(acting(identity), accord)
    return answer(JoinLinkList(items=tuple(map(_link_view, found))))


@router.delete(
    "/accords/{accord}/join-links/{link}",
    operation_id="withdraw_join_link",
    summary="Withdraw a joining link",
    status_code=204,
    responses=problems("not_found"),
)
async def withdraw_join_link(
    accord: AccordId,
    link: Annotated[str, InPath(pattern=CREDENTIAL_ID, description="its id", examples=["h3k5m7p2q4r6"])],
    parts: Parts,
    identity: Caller,
) -> Response:
    """Withdraw a link by which nobody has joined. Whoever has joined is stopped by revoking key and appointment."""
    await seen(parts, identity, accord)
    if not await parts.delegates.withdraw(acting(identity), link):
        raise Problem("not_found", "There is no such link of yours that is open.", accord=accord)
    return Response(None, 204)


@router.post(
    "/join",
    operation_id="join",
    summary="Join by a link",
    response_model=Joined,
    openapi_extra={
        **body_of("JoinByLink", {"token": f"inv_a2b3c4d5e6f7_{'h3k5' * 13}"}),
    },
    responses=problems("linked_elsewhere", "not_found", "link_ended", "too_large", "unsupported_media_type"),
)  # fmt: skip
async def join(
    request: Request,
    parts: Parts,
    dry_run: Annotated[QueryFlag, Query(description="only say as whom one would join")] = False,
) -> Response:
    """Become known as the delegate whom a contact has appointed. The link shows that it is you; it is good once.

    Sent with a provider's token, that is linked to the delegate: from now on its tokens are the delegate's. Sent
    without, a key is made for the delegate, and shown once.
    """
    token = await _offered(request)
    await parts.limits.count("key", f"from {address_of(request)}")
    wanted = await model_body(request, JoinByLink, "What is sent")
    found = await _opened(request, parts, wanted.token)
    appointment = await _appointed(parts, found)
    expires = within(wanted.expires, None)
    key = None
    if not dry_run:
        if token is None:
            key = await _key_by(parts, found, wanted.label, expires)
        else:
            await _linked(parts, found, token)
    said = Joined(
        accord=found.accord,
        delegate=found.delegate,
        party=appointment.party,
        office=appointment.office,
        roles=appointment.roles,
        dry_run=dry_run,
        key=key,
        issuer=None if token is None else token.issuer,
        subject=None if token is None else token.subject,
    )
    return answer(said, headers={"Cache-Control": "no-store"})


async def _opened(request: Request, parts: Backend, secret: str) -> JoinLink:
    found = await parts.delegates.opened(secret)
    if found is None:
        await parts.attempts.failed(request)
        raise Problem("not_found", "There is no such link. Take the whole link, to its last character.")
    return found


async def link_in_browser(request: Request, parts: Backend, link: str) -> JoinLink:
    """The open link that a page is sent, given whole or by its secret part.

    Raises:
        Problem: ``malformed``, ``not_found``, ``link_ended`` or ``rate_limited``, as the operation has them.
    """
    await parts.limits.count("key", f"from {address_of(request)}")
    secret = secret_of(link)
    if secret is None:
        raise Problem(
            "malformed", "This is no joining link. Take the whole link, with all that stands behind the #."
        )
    found = await _opened(request, parts, secret)
    await _appointed(parts, found)
    return found


def secret_of(link: str) -> str | None:
    """The secret part of a joining link; none where it is none."""
    secret = link.strip().rpartition("#")[2]
    return secret if re.fullmatch(LINK, secret) else None


async def join_by_key(parts: Backend, found: JoinLink) -> str:
    """Join by a link from a page: the key that is made.

    Raises:
        Problem: ``link_ended``, or ``forbidden``.
    """
    return await _key_by(parts, found, "made in a browser by a joining link", within(None, None))


async def join_by_account(parts: Backend, found: JoinLink, token: Token) -> None:
    """Join by a link from a page: the account of a provider that is the delegate from then on.

    Raises:
        Problem: ``link_ended``, or ``linked_elsewhere``.
    """
    await _linked(parts, found, token)


async def _key_by(parts: Backend, found: JoinLink, label: str, expires: datetime | None) -> str:
    """A key for the delegate, for which the link is used up.

    Raises:
        Problem: ``link_ended``, or ``forbidden`` where the delegate has too many keys; the link stays good then.
    """
    try:
        made = await parts.delegates.join(found, label, expires, SCOPES)
    except IdentityProblem as error:
        raise Problem("forbidden", f"{error.what} {error.remedy}") from None
    if made is None:
        raise _ended("used or withdrawn")
    return made.token


async def _linked(parts: Backend, found: JoinLink, token: Token) -> None:
    """Make the person of a provider's token the delegate, for which the link is used up.

    Raises:
        Problem: ``link_ended``, or ``linked_elsewhere``; the link stays good then.
    """
    other = await parts.delegates.of_token(token)
    if other in (None, found.delegate):
        other = await parts.delegates.join_as(found, token)
    if other is None:
        raise _ended("used or withdrawn")
    if other != found.delegate:
        raise Problem(
            "linked_elsewhere",
            f"Your provider's account is {other} here already. Join without it: then a key is made.",
        )


async def _offered(request: Request) -> Token | None:
    """The token of a provider that comes with the request, if one does; a key is no use here.

    Raises:
        Problem: ``not_authenticated``, or ``unavailable`` where its provider does not answer.
    """
    kind, _, credentials = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not Tokens.is_token(credentials.strip()):
        return None
    found = await anyone(
        request, HTTPAuthorizationCredentials(scheme="Bearer", credentials=credentials.strip())
    )
    if isinstance(found, Stranger):
        return found.token
    return Token(issuer=str(found.issuer), subject=str(found.subject))


async def _appointed(parts: Backend, found: JoinLink) -> Appointment:
    """The appointment to which a link leads, as long as both hold.

    Raises:
        Problem: ``link_ended``.
    """
    status = status_of(found, datetime.now(UTC))
    state = await parts.reader.state(found.accord)
    one = None if state is None else state.delegates.get(found.delegate)
    by = None if state is None else state.delegates.get(found.made_by)
    if status != "open":
        raise _ended(status)
    if (
        one is None
        or one.revoked
        or by is None
        or by.revoked
        or by.party != one.party
        or "contact" not in by.roles
    ):
        raise _ended(
            "out of date: the appointment it is for was revoked, or its maker is no contact any more"
        )
    if not await parts.claims.speaks_for(found.made_by, found.delegate):
        raise _ended("out of date: its maker's side has no claim on that delegate's id any more")
    return one


def _ended(status: str) -> Problem:
    return Problem("link_ended", f"The link is {status}. Ask your party's contact for another one.")
