"""What a browser keeps while its person is at an OpenID provider, and the way out to there.

It is a cookie of its own, SameSite=Lax: the provider's answer comes from another site, and a strict one would be kept
back. It is good for some minutes and for one answer.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, unquote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.passkeys import Site
from activities.identity.signing_in import Going
from api.backend import Backend
from api.pages.rendering import page
from api.pages.visiting import local_path
from api.routes.joining import secret_of

COOKIE = "__Host-entente-going"
"""Kept by the browser while it is at the provider."""

MINUTES = 10
"""How long a person may take to sign in there."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_COOKIE: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}


def return_to(parts: Backend, request: Request) -> str:
    """Where the provider sends the browser back to; it has to be registered there."""
    base = parts.settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/sign-in/return"


def site_of(parts: Backend, request: Request) -> Site:
    """The site that passkeys are for."""
    return Site.of(parts.settings.public_url or str(request.base_url))


async def sent_out(request: Request, parts: Backend, begun: Going) -> Response:
    """Send the browser to the provider, and have it keep what is under way.

    Raises:
        ProviderUnavailable: the provider does not answer.
    """
    where = await parts.sign_ins.address(begun, return_to(parts, request))
    if request.method == "GET":
        answer: Response = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
    else:
        # No redirect: browsers let a form of these pages (form-action 'self') lead to no other site.
        answer = page(request, "going_out.html", going=where)
    kept = quote(json.dumps([begun.secret, begun.issuer, begun.path, begun.link]), safe="")
    answer.set_cookie(COOKIE, kept, max_age=MINUTES * 60, **_COOKIE)
    return answer


def going_of(request: Request) -> Going | None:
    """The sign-in that the browser began; what it kept proves itself by the state that is made of it."""
    try:
        secret, issuer, path, link = json.loads(unquote(request.cookies.get(COOKIE, "")))
    except (ValueError, TypeError):
        return None
    if not all(isinstance(one, str) for one in (secret, issuer, path, link)):
        return None
    if not _SECRET.fullmatch(secret) or (link and secret_of(link) is None):
        return None
    return Going(secret, issuer, local_path(path), link)


def forget_going(response: Response) -> None:
    """Have the browser forget it: it is good for one answer."""
    response.delete_cookie(COOKIE, **_COOKIE)
