"""Signing in to the pages at an OpenID provider: out to it, and back from it.

What the browser keeps meanwhile is a cookie of its own, SameSite=Lax: the provider's answer comes from another site,
and a strict one would be kept back. It is good for some minutes and for one answer.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.keys import NotAuthenticated
from activities.identity.signing_in import Going
from activities.identity.tokens import ProviderUnavailable
from api.backend import Backend
from api.calls import Parts, Stranger, of_token
from api.pages.entering import sign_in_page
from api.pages.rendering import page
from api.pages.visiting import PageRoute, keep, local_path, remember_language, session_of
from api.routing import FURTHER

router = APIRouter(route_class=PageRoute, include_in_schema=False)

COOKIE = "__Host-entente-going"
"""Kept by the browser while it is at the provider."""

MINUTES = 10
"""How long a person may take to sign in there."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_COOKIE: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}


def _return_to(parts: Backend, request: Request) -> str:
    """Where the provider sends the browser back to; it has to be registered there."""
    base = parts.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/sign-in/return"


@router.get("/sign-in/with")
async def go_out(
    request: Request,
    parts: Parts,
    issuer: Annotated[str, Query(max_length=500)],
    going: Annotated[str | None, Query(alias="next", max_length=1500)] = None,
) -> Response:
    """Send the browser to a provider."""
    path = local_path(going)
    try:
        begun = parts.sign_ins.begin(issuer, path)
        where = await parts.sign_ins.address(begun, _return_to(parts, request))
    except NotAuthenticated as error:
        return sign_in_page(request, parts, path, 404, error.reason)
    except ProviderUnavailable as error:
        return sign_in_page(request, parts, path, 503, f"{error.what} {error.remedy}")
    answer = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
    kept = quote(json.dumps([begun.secret, begun.issuer, begun.path]), safe="")
    answer.set_cookie(COOKIE, kept, max_age=MINUTES * 60, **_COOKIE)
    return answer


def _going(request: Request) -> Going | None:
    """The sign-in that the browser began; what it kept proves itself by the state that is made of it."""
    try:
        secret, issuer, path = json.loads(unquote(request.cookies.get(COOKIE, "")))
    except (ValueError, TypeError):
        return None
    if not all(isinstance(one, str) for one in (secret, issuer, path)) or not _SECRET.fullmatch(secret):
        return None
    return Going(secret, issuer, local_path(path))


# Providers add parameters of their own.
@router.get("/sign-in/return", openapi_extra={FURTHER: True})
async def come_back(request: Request, parts: Parts) -> Response:
    """Begin a session with what the provider says, for the delegate whom its subject is."""
    begun = _going(request)
    answer = await _signed_in(request, parts, begun)
    answer.delete_cookie(COOKIE, **_COOKIE)
    return answer


async def _signed_in(request: Request, parts: Backend, begun: Going | None) -> Response:
    if begun is None:
        said = "This browser began no sign-in, or too long ago. Begin it anew."
        return sign_in_page(request, parts, "/", 403, said)
    path = begun.path
    try:
        token = await parts.sign_ins.finish(begun, request.query_params, _return_to(parts, request))
        found = await of_token(parts, token)
    except NotAuthenticated as error:
        await parts.attempts.failed(request)
        return sign_in_page(request, parts, path, 403, error.reason)
    except ProviderUnavailable as error:
        return sign_in_page(request, parts, path, 503, f"{error.what} {error.remedy}")
    if isinstance(found, Stranger):
        said = (
            f"Your provider knows you as {token.subject}, and you are no delegate here yet. Ask your party's contact "
            "for a joining link, and join by it with your provider's token."
        )
        return sign_in_page(request, parts, path, 403, said)
    await parts.limits.count("key", found.key_id)
    before = await session_of(request)
    if before is not None:
        await parts.sessions.end(before.secret)
    session = await parts.sessions.begin(found)
    # A page and no redirect: what follows from a page of this site has the strict cookie.
    answer = page(request, "going_on.html", going=f"/signed-in?next={quote(path, safe='')}")
    keep(answer, session)
    await remember_language(request, answer, parts, found.principal)
    return answer
