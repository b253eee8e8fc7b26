"""Signing in and out, and the site's own files."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.keys import NotAuthenticated
from activities.identity.scopes import all_within
from activities.languages.choosing import known
from activities.languages.prose import prose
from api.backend import Backend
from api.calls import Parts
from api.pages.going import site_of
from api.pages.rendering import HEADERS, STATIC, page
from api.pages.visiting import (
    PageRoute,
    SignInNeeded,
    begin_session,
    forget,
    form_of,
    is_local,
    keep_language,
    local_path,
    session_of,
)
from api.problems import Problem, not_found

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_KEPT = "public, max-age=31536000, immutable"


def chairs(parts: Backend, request: Request) -> dict[str, str]:
    """The keys of a demonstration's delegates, by id, where one may sit in their chairs: on this machine alone."""
    file = parts.settings.demo_keys_file
    if file is None or not is_local(request):
        return {}
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(token) for name, token in found.items()} if isinstance(found, dict) else {}


def _sides(names: Iterable[str]) -> dict[str, list[str]]:
    """The chairs by side: by what stands before the first dot of their ids, where several have that; then the rest."""
    sides: dict[str, list[str]] = {}
    for name in sorted(names):
        sides.setdefault(name.partition(".")[0], []).append(name)
    alone = [name for listed in sides.values() if len(listed) == 1 for name in listed]
    return {
        **{side: listed for side, listed in sides.items() if len(listed) > 1},
        **({"": alone} if alone else {}),
    }


def sign_in_page(
    request: Request, parts: Backend, going: str, status: int = 200, wrong: str | None = None
) -> Response:
    """The ways to sign in, and what was wrong with the last one."""
    return page(
        request,
        "sign_in.html",
        status,
        going=going,
        sides=_sides(chairs(parts, request)),
        keeps_passkeys=site_of(parts, request).usable,
        providers=parts.sign_ins.offered,
        wrong=None if wrong is None else prose(wrong),
    )


@router.get("/sign-in")
async def sign_in(
    request: Request, parts: Parts, going: Annotated[str | None, Query(alias="next", max_length=2000)] = None
) -> Response:
    """The form to sign in by."""
    await session_of(request)
    return sign_in_page(request, parts, local_path(going))


@router.post("/sign-in")
async def signed_in(request: Request, parts: Parts) -> Response:
    """Begin a session with a key, or in a chair of the demonstration."""
    given = await form_of(request, None)
    going = local_path(given.get("next", [None])[0])
    chair = given.get("chair", [""])[0]
    found = chairs(parts, request)
    if chair and chair not in found:
        raise Problem("forbidden", "There is no such chair here. Sign in with a key.")
    token = found[chair] if chair else given.get("key", [""])[0].strip()
    try:
        identity = await parts.attempts.by_key(request, token)
    except NotAuthenticated as error:
        said = f"{error.reason} Ask whoever runs this installation for a key."
        return sign_in_page(request, parts, going, 401, said)
    if not all_within(("read", "act"), identity.scopes):
        said = f"This key is good for {', '.join(identity.scopes)}. Sign in with one that is good for read and act."
        return sign_in_page(request, parts, going, 403, said)
    if chair:
        identity = replace(identity, only_illustrative=True)
    answer = RedirectResponse(f"/signed-in?next={quote(going, safe='')}", 303, {"Cache-Control": "no-store"})
    await begin_session(request, answer, parts, identity)
    return answer


@router.post("/language")
async def choose_language(request: Request, parts: Parts) -> Response:
    """Keep the language that somebody chose; who is told of things by e-mail is told in it from then on."""
    session = await session_of(request)
    given = await form_of(request, session)
    chosen = known(given.get("language", [""])[0])
    if chosen is None:
        raise Problem(
            "bad_request", "There is no such language here. Choose one of those at the foot of the page."
        )
    if session is not None:
        await parts.notices.speak(session.identity.principal, chosen)
    going = local_path(given.get("next", [None])[0])
    answer = RedirectResponse(going, 303, {"Cache-Control": "no-store"})
    keep_language(answer, chosen)
    return answer


@router.get("/signed-in")
async def has_signed_in(
    request: Request, going: Annotated[str | None, Query(alias="next", max_length=2000)] = None
) -> Response:
    """Go on, if the browser has kept the cookie; it does so on this machine, and over https."""
    if await session_of(request) is None:
        return page(request, "no_cookie.html", 403)
    return RedirectResponse(local_path(going), 303, {"Cache-Control": "no-store"})


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """End the session."""
    session = await session_of(request)
    if session is None:
        raise SignInNeeded
    await form_of(request, session)
    await parts.sessions.end(session.secret)
    answer = RedirectResponse("/sign-in", 303, {"Cache-Control": "no-store"})
    forget(answer)
    return answer


_FILES = frozenset(one.name for one in STATIC.iterdir() if one.is_file())


@router.get("/static/{name}")
async def static_file(name: str, v: Annotated[str | None, Query(max_length=64)] = None) -> Response:
    """A file of the site's own; its address changes with its content, so that it is kept for good."""
    if name not in _FILES:
        raise not_found(name[:80])
    content = _content(STATIC / name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith("javascript"):
        kind += "; charset=utf-8"
    return Response(
        content, headers={**HEADERS, "Cache-Control": _KEPT if v else "no-cache"}, media_type=kind
    )


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()
