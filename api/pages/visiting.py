"""Who looks at a page: the session's cookie, and what keeps other sites from acting in its name.

The cookie is HttpOnly, Secure and SameSite=Strict. A form is taken only with the session's own token, and only from a
page of this very site.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

import structlog
from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.keys import Identity
from activities.identity.sessions import Session
from activities.languages.catalogues import speak
from activities.languages.choosing import known
from api.access import Access, access_to
from api.backend import Backend
from api.bodies import content_of, media_type
from api.calls import backend
from api.pages.keeping import NOT_KEPT, kept_page, late_form
from api.pages.rendering import LANGUAGE_COOKIE, Page, error_page, language_for, page
from api.problems import Problem, not_found, of_exception
from api.routing import BoundedRoute, CheckedRoute
from workflows.errors import EntenteError
from workflows.model.state import Accord

COOKIE = "__Host-entente"
"""The session's cookie; by its name browsers take it only with Secure, for the whole host and no other."""

FORM = "application/x-www-form-urlencoded"


class SignInNeeded(EntenteError):
    """Nobody is signed in."""

    def __init__(self) -> None:
        super().__init__("Nobody is signed in.", "Sign in, and come back.")


class OtherSession(Problem):
    """A form without the token of the session that is there now; ``given`` is what it says."""

    def __init__(self, given: dict[str, list[str]]) -> None:
        super().__init__(
            "forbidden",
            "The form is not one of this session, so nothing was done: you signed in anew meanwhile, or it is an old "
            "page. Open the page again and send it once more.",
        )
        self.given = given


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _as_pages(handle: Handler) -> Handler:
    """The handler, with its errors as pages."""

    async def shown(request: Request) -> Response:
        speak(language_for(request))
        try:
            answer = await handle(request)
            if isinstance(answer, Page):
                # Here, where what goes wrong with it becomes a page too.
                await answer.make()
            return answer
        except SignInNeeded:
            return await _to_sign_in(request)
        except OtherSession as late:
            if request.url.path in NOT_KEPT or not late.given:
                return error_page(request, late)
            return kept_page(request, late.given, request.state.session)
        except Exception as error:
            # `of_exception` logs what nobody foresaw.
            return error_page(request, of_exception(error))

    return shown


class PageRoute(BoundedRoute):
    """A route whose errors are pages too, with the way on."""

    def get_route_handler(self) -> Handler:
        """The handler, with errors as pages."""
        return _as_pages(super().get_route_handler())


class LongPageRoute(CheckedRoute):
    """The same for what may take longer than the API's deadline."""

    def get_route_handler(self) -> Handler:
        """The handler, with errors as pages."""
        return _as_pages(super().get_route_handler())


async def _to_sign_in(request: Request) -> Response:
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # The browser keeps a strict cookie back when another site sent it here; from this page it comes with it.
        return page(request, "arriving.html", here=_here(request))
    if request.method == "POST":
        try:
            from_here(request)
        except Problem as problem:
            return error_page(request, problem)
        given = await late_form(request)
        if given:
            return kept_page(request, given, None)
    where = f"/sign-in?next={quote(_here(request), safe='')}" if request.method == "GET" else "/sign-in"
    return RedirectResponse(where, 303, {"Cache-Control": "no-store"})


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def local_path(path: str | None) -> str:
    """A path of this site to go on to; the first page for everything else, so that no link leads elsewhere."""
    if path is None or not path.startswith("/") or path.startswith("//") or "\\" in path:
        return "/"
    return path if urlsplit(path).netloc == "" and path.isprintable() else "/"


async def session_of(request: Request) -> Session | None:
    """The session of the request, if somebody is signed in."""
    secret = request.cookies.get(COOKIE)
    if secret is None:
        return None
    parts = backend(request)
    session = await parts.sessions.find(secret)
    identity = None if session is None else session.identity
    if identity is not None and identity.issuer is not None and identity.subject is not None:
        token = parts.sign_ins.still(identity.issuer, identity.subject, identity.principal)
        if token is None or await parts.delegates.of_token(token) != identity.principal:
            session = None
    request.state.session = session
    return session


async def visitor(request: Request) -> Session:
    """Who looks.

    Raises:
        SignInNeeded: nobody is signed in.
        Problem: ``rate_limited``.
    """
    session = await session_of(request)
    if session is None:
        raise SignInNeeded
    identity = session.identity
    structlog.contextvars.bind_contextvars(principal=identity.principal, key=identity.key_id)
    await backend(request).limits.count("key", identity.key_id or identity.principal)
    return session


Visitor = Annotated[Session, Depends(visitor)]


def from_here(request: Request) -> None:
    """Refuse a form that a page of another site sent.

    Raises:
        Problem: ``forbidden``.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host", "")
    if site == "same-origin" or (site is None and origin is not None and urlsplit(origin).netloc == host):
        return
    raise Problem(
        "forbidden",
        "The form did not come from a page of this site, so nothing was done. Open the page again here.",
    )


async def form_of(request: Request, session: Session | None) -> dict[str, list[str]]:
    """What a form says, by field; from a page of this site alone, with the token of the session if there is one.

    Raises:
        Problem: ``forbidden``, ``unsupported_media_type``, ``malformed``, ``too_large`` or ``request_timeout``.
    """
    from_here(request)
    if media_type(request) != FORM:
        raise Problem("unsupported_media_type", "A page's form is sent as it is; this is none.")
    try:
        pairs = parse_qsl(
            (await content_of(request)).decode(), keep_blank_values=True, max_num_fields=5000, errors="strict"
        )
    except ValueError:
        raise Problem(
            "bad_request", "The form cannot be read. Open the page again and send it once more."
        ) from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value.replace("\r\n", "\n"))
    if session is not None:
        with_token(given, session)
    return given


def with_token(given: dict[str, list[str]], session: Session) -> None:
    """Refuse a form without the session's own token, and take the token out of it.

    Raises:
        OtherSession: a problem as ``forbidden`` is; a page keeps what was written.
    """
    if not session.sent(given.pop("csrf", [""])[0]):
        raise OtherSession(given)


def keep(response: Response, session: Session) -> None:
    """Have the browser keep the session."""
    response.set_cookie(COOKIE, session.secret, path="/", secure=True, httponly=True, samesite="strict")


def forget(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def keep_language(response: Response, chosen: str) -> None:
    """Have the browser keep the language that somebody chose, for a year."""
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=365 * 86400, path="/", secure=True, httponly=True, samesite="lax"
    )


async def remember_language(request: Request, response: Response, parts: Backend, principal: str) -> None:
    """After signing in: the language in which the person is told of things, where this browser knows of none."""
    if known(request.cookies.get(LANGUAGE_COOKIE)) is None:
        settings = await parts.notices.get(principal)
        if settings is not None and known(settings.language) is not None:
            keep_language(response, settings.language)


async def begin_session(
    request: Request, response: Response, parts: Backend, identity: Identity, passkey: str = ""
) -> None:
    """Begin a session for who has shown what it takes, in place of the one there is, and have the browser keep it."""
    before = await session_of(request)
    if before is not None:
        await parts.sessions.end(before.secret)
    keep(response, await parts.sessions.begin(identity, passkey))
    await remember_language(request, response, parts, identity.principal)


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine, and names it: a page of another name that leads here does not."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return _loopback(host) and request.client is not None and _loopback(request.client.host)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Seen:
    """An accord as the visitor sees it."""

    state: Accord
    access: Access
    identity: Identity

    @property
    def party(self) -> str | None:
        """The party that the visitor acts for."""
        return self.access.party


async def seen_by(request: Request, session: Session, accord: str) -> Seen:
    """An accord, if it is the visitor's to see.

    Raises:
        Problem: ``not_found``.
    """
    state = await backend(request).reader.state(accord)
    if state is None:
        raise not_found(accord)
    return Seen(state, access_to(session.identity, state), session.identity)
