"""The application: routes, problems and request ids put together. A server serves ``create_app(settings)``."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.runtime.settings import Settings
from api.backend import make_backend
from api.docs import SECURITY_POLICY, page
from api.openapi import document
from api.pages import accords as page_accords
from api.pages import (
    acting,
    contents,
    desk,
    entering,
    inviting,
    live,
    opening,
    operating,
    own,
    passkeys,
    providers,
    signing,
    terms,
    verifying,
)
from api.pages import joining as page_joining
from api.pages import papers as page_papers
from api.pages import record as page_record
from api.problems import FAILURES, of_exception, overloaded
from api.routes import (
    accords,
    acts,
    clock,
    feeds,
    files,
    finality,
    health,
    identity,
    joining,
    keys,
    ledger,
    lists,
    notices,
    operation,
    papers,
    record,
    sheets,
    texts,
    webhooks,
)
from api.routing import without_body
from api.telemetry import PREFIX, begin_request, count_request

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")

_ALWAYS = frozenset({"/livez", "/readyz"})
"""What is answered however many requests are under way."""

_STREAM = b"text/event-stream; charset=utf-8"

log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The API for these settings. It opens its connections when it is started, and needs none for that.

    Starting raises SettingsProblem where no database is set, or no key to sign commands with.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with make_backend(settings) as backend:
            app.state.backend = backend
            yield

    app = FastAPI(
        title="Entente",
        version=version("entente"),
        routes=[*_routes()],
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        # A span for each request, where traces are on; `Requests` logs and counts. The environment is read elsewhere.
        telemetry={
            "tracing": True,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
        },
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    _handle_errors(app)
    app.add_middleware(Requests, most=settings.api_requests)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route, for all applications of this process.

    What a route takes and answers is worked out when the first request comes to it, which is a third of a second
    of work for all of them. Whoever makes several applications, as tests do, has it done once.
    """
    whole = APIRouter(redirect_slashes=False)
    for part in (
        accords,
        lists,
        feeds,
        webhooks,
        notices,
        record,
        ledger,
        finality,
        files,
        texts,
        papers,
        sheets,
        identity,
        joining,
        keys,
        clock,
        operation,
        acts,
    ):
        whole.include_router(part.router, prefix=PREFIX)
    whole.include_router(health.router)
    for pages in (
        entering,
        page_joining,
        providers,
        verifying,
        desk,
        own,
        passkeys,
        opening,
        page_accords,
        inviting,
        terms,
        signing,
        acting,
        contents,
        page_record,
        page_papers,
        live,
        operating,
    ):
        whole.include_router(pages.router)
    whole.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    return tuple(whole.routes)


def _docs(request: Request) -> HTMLResponse:
    state = request.app.state
    if not hasattr(state, "docs"):
        state.docs = page(request.app.openapi())
    return HTMLResponse(
        state.docs,
        headers={"Content-Security-Policy": SECURITY_POLICY, "Cache-Control": "no-cache"},
    )


def _handle_errors(app: FastAPI) -> None:
    async def say(request: Request, error: Exception) -> Response:
        problem = of_exception(error)
        if problem.code == "method_not_allowed":
            problem.headers["Allow"] = ", ".join(_methods(app, request.scope))
        return problem.response(request.scope.get("request_id"))

    for kind in FAILURES:
        app.add_exception_handler(kind, say)


def _methods(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that the address of a request takes. A router's own answer names those of one route alone."""
    found = set()
    for route in app.routes:
        matched, _ = route.matches({**scope, "method": "GET"})
        if matched is not Match.NONE:
            found |= {
                method for method in _METHODS if route.matches({**scope, "method": method})[0] is Match.FULL
            }
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


class Requests:
    """Gives every request an id, logs it with its outcome, and answers what nobody foresaw.

    The id is the caller's own ``X-Request-Id``, where it sent a usable one. Headers and bodies are not logged.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 0
        counted = scope["path"] not in _ALWAYS
        turned_away = counted and self._under_way >= self._most
        began = time.perf_counter()

        async def answered(message: Message) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                if counted and (b"content-type", _STREAM) in message["headers"]:
                    # Bounded by itself; it holds nothing that others wait for.
                    self._under_way -= 1
                    counted = False
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            elif head and message["type"] == "http.response.body":
                # The headers are those of the answer to GET; there is no body behind them.
                message = {
                    "type": "http.response.body",
                    "body": b"",
                    "more_body": message.get("more_body", False),
                }
            await send(message)

        head = scope["method"] == "HEAD"
        served = without_body(scope) if head else scope
        about = begin_request()
        self._under_way += counted
        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                if turned_away:
                    # Before anything is read or asked for: it costs next to nothing, so that the others get through.
                    away: Any = overloaded(self._most).response(request_id)
                    await away(served, receive, answered)
                else:
                    await self._app(served, receive, answered)
            except Exception as error:
                if status:
                    raise
                problem: Any = of_exception(error).response(request_id)
                await problem(served, receive, answered)
            finally:
                self._under_way -= counted
                seconds = time.perf_counter() - began
                count_request(scope, status, seconds)
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round(seconds * 1000, 1),
                    **about,
                )
        structlog.contextvars.unbind_contextvars("principal", "key", "accord", "act", "command")
