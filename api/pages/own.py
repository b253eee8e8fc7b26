"""What is the visitor's own: keys, passkeys, providers' accounts, notices by e-mail, webhooks.

What outlasts the session is made by nobody who sits in a chair of the demonstration: no secret was shown for it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from activities.feeds.mail import Mail
from activities.identity.keys import Identity
from activities.identity.scopes import SCOPES
from activities.identity.sessions import Session
from activities.identity.tokens import account_id
from activities.languages.catalogues import gettext, noted
from activities.reading.listing import Filters
from api.backend import Backend
from api.calls import Parts, good_for
from api.pages.checked import field_problem
from api.pages.going import site_of
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Visitor, form_of
from api.pages.words import problem_words
from api.problems import Problem
from api.routes.identity import MakeApiKey, key_made, revoke_api_key, unlink_account
from api.routes.notices import (
    NoticeChoice,
    NoticeCode,
    choose_notices,
    confirm_notices,
    end_notices,
)
from api.routes.webhook_bodies import NewWebhook, Rotation
from api.routes.webhooks import delete_webhook, owner_of, secret_rotated, switch_webhook, webhook_made

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_ACCORDS = 100
"""Accords among which one is chosen that a webhook is about."""

MOST_ATTEMPTS = 5
"""Attempts to deliver that are shown of a webhook."""

SCOPE_WORDS: Mapping[str, str] = {
    "read": noted("reading all that you may read"),
    "act": noted("doing your acts"),
    "deposit": noted("depositing files"),
    "keys": noted("making and revoking keys and joining links"),
}
"""What a key can be good for."""

_KEY = re.compile(r"web-[A-Za-z0-9_-]{22}", re.ASCII)

Given = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: its kind, what it is called, and its secret, which is shown once."""

    kind: str
    name: str
    secret: str


def from_chair(identity: Identity) -> None:
    """Refuse what would outlast a session for which nobody has shown a secret.

    Raises:
        Problem: ``forbidden``.
    """
    if identity.only_illustrative:
        raise Problem(
            "forbidden",
            "From a chair of the demonstration nothing is made that outlasts it. Sign in with the delegate's key: it "
            "stands in demo-keys.json, in the directory of the demonstration.",
        )


def new_key() -> str:
    """An idempotency key for one form."""
    return f"web-{secrets.token_urlsafe(16)}"


def key_of(given: Given) -> str:
    """The idempotency key that a form carries.

    Raises:
        Problem: ``malformed``, where it carries none.
    """
    key = first(given, "key")
    if _KEY.fullmatch(key) is None:
        raise Problem("malformed", "The form lost its own key. Open the page again, and fill it in anew.")
    return key


def first(given: Given, name: str) -> str:
    """What a field says, without blanks around it."""
    return given.get(name, [""])[0].strip()


def makes(session: Session, scope: str) -> Identity:
    """Who makes something that is theirs: a session at a provider by its account, as a token of it would.

    Raises:
        Problem: ``forbidden``, from a chair or with a key that is not good for it.
    """
    identity = session.identity
    from_chair(identity)
    good_for(identity, scope)
    if identity.issuer is not None and identity.subject is not None:
        return replace(identity, key_id=account_id(identity.issuer, identity.subject))
    return identity


@router.get("/own")
async def own(request: Request, parts: Parts, session: Visitor) -> Response:
    """What the visitor has: keys, passkeys, accounts, notices, webhooks."""
    return await own_page(request, parts, session)


async def own_page(
    request: Request, parts: Backend, session: Session, status: int = 200, /, **said: Any
) -> Response:
    """One's own page, and what has just been made there or is wrong."""
    identity = session.identity
    delegate = identity.kind == "delegate"
    who = identity.principal
    hooks = await parts.webhooks.of(owner_of(identity))
    found = await parts.listing.accords(
        Filters(member=None if identity.reads_all else who), limit=MOST_ACCORDS
    )
    url = parts.settings.smtp_url
    mail = Mail.of(None if url is None else url.get_secret_value(), parts.settings.mail_from)
    return page(
        request,
        "own.html",
        status,
        identity=identity,
        keys=await parts.delegates.keys(who) if delegate else [],
        passkeys=await parts.passkeys.of(who) if delegate else [],
        keeps_passkeys=site_of(parts, request).usable,
        accounts=await parts.delegates.accounts(who) if delegate else [],
        notices=await parts.notices.get(who) if delegate else None,
        sends_mail=mail is not None,
        hooks=hooks,
        attempts={one.id: await parts.webhooks.attempts(one.id, None, MOST_ATTEMPTS) for one in hooks},
        accords=[one for one in found.items if one.illustrative or not identity.only_illustrative],
        scopes={one: gettext(SCOPE_WORDS[one]) for one in SCOPES},
        now=datetime.now(UTC),
        key=new_key(),
        **{"wrong": None, "where": None, "made": None, "given": {}, **said},
    )


async def done(
    request: Request,
    parts: Backend,
    session: Session,
    where: str,
    scope: str,
    do: Callable[[Identity, Given], Awaitable[Made | None]],
) -> Response:
    """Do what a form of one's own page asks for, and show the page.

    With what was made, or with what is wrong where it was asked.
    """
    given = await form_of(request, session)
    await parts.limits.count("delegate", session.identity.principal)
    try:
        made = await do(makes(session, scope), given)
    except ValidationError as error:
        listed = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {field_problem(str(one['msg'])).removesuffix('.')}"
            for one in error.errors(include_url=False)
        )
        problem = Problem("malformed", f"It cannot be taken: {listed}.")
    except Problem as refused:
        problem = refused
    else:
        if made is not None:
            return await own_page(request, parts, session, made=made, where=where)
        return RedirectResponse(f"/own#{where}", 303, {"Cache-Control": "no-store"})
    wrong, in_english = problem_words(problem)
    shown = {name: values for name, values in given.items() if name != "key"}
    said = wrong if in_english is None else f"{wrong} {in_english}"
    return await own_page(request, parts, session, problem.status, wrong=said, where=where, given=shown)


@router.post("/own/keys")
async def make_key(request: Request, parts: Parts, session: Visitor) -> Response:
    """Make a further key, which is shown once."""

    async def do(identity: Identity, given: Given) -> Made:
        until = first(given, "expires")
        try:
            day = datetime.fromisoformat(until).date() if until else None
        except ValueError:
            raise Problem("malformed", "expires: write the day as 2027-03-31.") from None
        if not given.get("scopes"):
            raise Problem("malformed", "Choose what the key is to be good for.")
        wanted = MakeApiKey(
            label=first(given, "label"),
            scopes=tuple(given.get("scopes", ())),
            expires=None if day is None else datetime.combine(day, time(23, 59, 59), UTC),
        )
        made = await key_made(parts, identity, key_of(given), wanted)
        return Made("key", first(given, "label") or made.id, made.key)

    return await done(request, parts, session, "keys", "keys", do)


@router.post("/own/keys/revoke")
async def revoke_key(request: Request, parts: Parts, session: Visitor) -> Response:
    """Revoke a key of one's own, or of a delegate whom one has claimed."""

    async def do(identity: Identity, given: Given) -> None:
        await revoke_api_key(first(given, "id"), parts, identity)

    return await done(request, parts, session, "keys", "keys", do)


@router.post("/own/accounts/unlink")
async def unlink(request: Request, parts: Parts, session: Visitor) -> Response:
    """End that a provider's account is the visitor, or one whom it has claimed."""

    async def do(identity: Identity, given: Given) -> None:
        await unlink_account(first(given, "id"), parts, identity)

    return await done(request, parts, session, "accounts", "keys", do)


@router.post("/own/notices")
async def notices(request: Request, parts: Parts, session: Visitor) -> Response:
    """Choose how one is told by e-mail, confirm the address, or end it."""

    async def do(identity: Identity, given: Given) -> None:
        match first(given, "step"):
            case "confirm":
                await confirm_notices(NoticeCode(code=first(given, "code")), parts, identity)
            case "end":
                await end_notices(parts, identity)
            case _:
                hour = first(given, "hour")
                choice = {
                    "address": first(given, "address"),
                    "mode": first(given, "mode") or "daily",
                    "hour": int(hour) if hour.isdigit() else 7,
                    "zone": first(given, "zone") or "UTC",
                }
                await choose_notices(NoticeChoice.model_validate(choice), parts, identity)

    return await done(request, parts, session, "notices", "act", do)


@router.post("/own/webhooks")
async def add_webhook(request: Request, parts: Parts, session: Visitor) -> Response:
    """Set up an endpoint; its secret is shown once."""

    async def do(identity: Identity, given: Given) -> Made:
        wanted = {
            "url": first(given, "url"),
            "label": first(given, "label"),
            "accord": first(given, "accord") or None,
        }
        made = await webhook_made(parts, identity, key_of(given), NewWebhook.model_validate(wanted))
        return Made("webhook", made.url, made.secret)

    return await done(request, parts, session, "webhooks", "act", do)


@router.post("/own/webhooks/change")
async def change_webhook(request: Request, parts: Parts, session: Visitor) -> Response:
    """Enable or disable an endpoint, give it a new secret, or delete it."""

    async def do(identity: Identity, given: Given) -> Made | None:
        name, key = first(given, "id"), key_of(given)
        match first(given, "step"):
            case "rotate":
                changed = await secret_rotated(parts, identity, name, key, Rotation())
                return Made("secret", changed.url, changed.secret)
            case "delete":
                await delete_webhook(name, parts, identity)
            case "enable" | "disable" as switch:
                await switch_webhook(name, switch, parts, identity, key)
            case _:
                raise Problem("bad_request", "The form does not say what is to be done. Open the page again.")
        return None

    return await done(request, parts, session, "webhooks", "act", do)
