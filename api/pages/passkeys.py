"""Passkeys in the pages: enrolled and revoked on one's own page, and signed in by. The browser's part is passkeys.js.

A session that begins with a passkey is one of the key or account with which that was enrolled.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.keys import Identity
from activities.identity.passkeys import PasskeyRefused, Site, Why
from api.attempts import address_of
from api.backend import Backend
from api.calls import Parts, acting
from api.pages.entering import sign_in_page
from api.pages.going import site_of
from api.pages.own import Given, done, first, makes
from api.pages.rendering import HEADERS
from api.pages.visiting import PageRoute, Visitor, begin_session, form_of, local_path
from api.pages.words import problem_words
from api.problems import Problem
from api.routes.identity import bound_of

COOKIE = "__Host-entente-passkey"
"""Kept by the browser while its person is asked for a passkey; challenges are bound to it."""

MINUTES = 5
"""How long that may take."""

LONGEST_LABEL = 200
"""Characters of a passkey's name."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_KEPT: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "strict"}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def _problem(why: Why) -> Problem:
    match why:
        case "unreadable":
            return Problem("forbidden", "What the browser sent about the passkey cannot be read. Try again.")
        case "late":
            return Problem(
                "forbidden", "The passkey was shown too late, or a second time. Begin anew on this page."
            )
        case "unfit":
            return Problem(
                "forbidden",
                "The passkey is not taken: it is of another site, or its device did not verify who uses it. Set a PIN "
                "or a fingerprint there, or take another one.",
            )
        case "not_in_force":
            return Problem(
                "forbidden",
                "This passkey is unknown here, or it was revoked, or the key with which it was enrolled was. Sign in "
                "with a key, and enrol it anew.",
            )
        case "enrolled_before":
            return Problem("forbidden", "This passkey is enrolled already. Take another one.")
        case "too_many":
            return Problem("forbidden", "You have as many passkeys as are kept. Revoke one of them first.")


def _here(parts: Backend, request: Request) -> Site:
    """The site of the pages.

    Raises:
        Problem: ``forbidden``, where browsers keep no passkeys for it.
    """
    site = site_of(parts, request)
    if not site.usable:
        raise Problem(
            "forbidden",
            "Browsers keep passkeys for a name and over https. Open these pages by their name; on this machine that is "
            "localhost.",
        )
    return site


def _told(problem: Problem) -> Response:
    wrong, in_english = problem_words(problem)
    return _json(
        {"wrong": wrong if in_english is None else f"{wrong} {in_english}"}, problem.status, problem.headers
    )


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = content if isinstance(content, str) else json.dumps(content)
    return Response(text, status, {**HEADERS, **(headers or {})}, "application/json")


@router.post("/own/passkeys/options")
async def begin_to_enrol(request: Request, parts: Parts, session: Visitor) -> Response:
    """What the browser needs to make a passkey."""
    await form_of(request, session)
    try:
        await parts.limits.count("delegate", session.identity.principal)
        identity = makes(session, "keys")
        acting(identity)
        return _json(await parts.passkeys.to_enrol(_here(parts, request), identity, session.secret))
    except PasskeyRefused as refused:
        return _told(_problem(refused.why))
    except Problem as problem:
        return _told(problem)


@router.post("/own/passkeys")
async def enrol(request: Request, parts: Parts, session: Visitor) -> Response:
    """Keep the passkey that the browser made, under a name."""

    async def do(identity: Identity, given: Given) -> None:
        acting(identity)
        label = first(given, "passkey")
        if not (0 < len(label) <= LONGEST_LABEL and label.isprintable()):
            raise Problem(
                "malformed", "Give the passkey a name of one line, of at most 200 characters, and try again."
            )
        try:
            await parts.passkeys.enrol(
                _here(parts, request),
                identity,
                session.secret,
                first(given, "credential"),
                label,
                bound_of(parts, identity),
            )
        except PasskeyRefused as refused:
            raise _problem(refused.why) from None

    return await done(request, parts, session, "passkeys", "keys", do)


@router.post("/own/passkeys/revoke")
async def revoke(request: Request, parts: Parts, session: Visitor) -> Response:
    """Revoke a passkey of one's own, or of a delegate whom one has claimed; its sessions are over."""

    async def do(identity: Identity, given: Given) -> None:
        if not await parts.passkeys.revoke(acting(identity), first(given, "id")):
            raise Problem("not_found", "There is no such passkey in force that you could revoke.")

    return await done(request, parts, session, "passkeys", "keys", do)


@router.post("/sign-in/passkey/options")
async def begin_to_sign_in(request: Request, parts: Parts) -> Response:
    """What the browser needs to show a passkey that it has, whosever."""
    await form_of(request, None)
    secret = secrets.token_urlsafe(32)
    try:
        # Each takes a row for some minutes, and nobody knows yet who asks.
        await parts.limits.count("failures", "passkeys", address_of(request))
        answer = _json(await parts.passkeys.to_sign_in(_here(parts, request), secret))
    except Problem as problem:
        return _told(problem)
    answer.set_cookie(COOKIE, secret, max_age=MINUTES * 60, **_KEPT)
    return answer


@router.post("/sign-in/passkey")
async def signed_in(request: Request, parts: Parts) -> Response:
    """Begin a session with a passkey."""
    given = await form_of(request, None)
    answer = await _signed_in(request, parts, given)
    answer.delete_cookie(COOKIE, **_KEPT)
    return answer


async def _signed_in(request: Request, parts: Backend, given: Given) -> Response:
    going = local_path(first(given, "next"))
    secret = request.cookies.get(COOKIE, "")
    try:
        if _SECRET.fullmatch(secret) is None:
            raise PasskeyRefused("late")
        identity, passkey = await parts.passkeys.authenticate(
            _here(parts, request), secret, first(given, "credential")
        )
        if not await _is_still(parts, identity):
            raise PasskeyRefused("not_in_force")
    except PasskeyRefused as refused:
        await parts.attempts.failed(request)
        return sign_in_page(request, parts, going, 401, _problem(refused.why).detail)
    await parts.limits.count("key", identity.key_id or identity.principal)
    answer = RedirectResponse(f"/signed-in?next={quote(going, safe='')}", 303, {"Cache-Control": "no-store"})
    await begin_session(request, answer, parts, identity, passkey)
    return answer


async def _is_still(parts: Backend, identity: Identity) -> bool:
    """Whether the account with which the passkey was enrolled, if it was one, is that delegate still."""
    if identity.issuer is None or identity.subject is None:
        return True
    token = parts.sign_ins.still(identity.issuer, identity.subject, identity.principal)
    return token is not None and await parts.delegates.of_token(token) == identity.principal
