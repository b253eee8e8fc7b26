"""The application: routes, problems and request ids put together. A server serves ``create_app(settings)``."""

from __future__ import annotations

import re
import time
import traceback
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import EntenteError, MissingPrivilege, RuntimeProblem, SchemaMismatch, Unavailable
from activities.runtime.settings import Settings
from api.backend import make_backend
from api.docs import SECURITY_POLICY, page
from api.openapi import document
from api.problems import FieldError, Problem, of_status, unavailable
from api.routes import accords, acts, clock, health, ledger, record

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PASSING = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
)

_CONNECTING = ("08", "28", "3D", "53", "55", "57")
"""Classes of SQLSTATE that say that a database does not let us in, or not just now (PostgreSQL, appendix A)."""

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
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        # Requests are logged by `Requests`; traces and metrics would need a collector that nobody set up.
        telemetry={"tracing": False, "metrics": False},
    )
    for part in (accords, record, ledger, clock, acts):
        app.include_router(part.router, prefix="/v1")
    app.include_router(health.router)
    app.add_api_route("/", _to_docs, include_in_schema=False)
    app.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    _handle_errors(app)
    app.add_middleware(Requests)
    return app


def _to_docs() -> RedirectResponse:
    return RedirectResponse("/docs")


def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(
        page(request.app.openapi()),
        headers={"Content-Security-Policy": SECURITY_POLICY, "Cache-Control": "no-cache"},
    )


def _handle_errors(app: FastAPI) -> None:
    async def say(request: Request, error: Exception) -> Response:
        return _problem(error).response(request.scope.get("request_id"))

    for kind in (
        EntenteError,
        RequestValidationError,
        HTTPException,
        RPCError,
        TimeoutError,
        OverflowError,
        asyncpg.PostgresError,
    ):
        app.add_exception_handler(kind, say)


def _problem(error: Exception) -> Problem:
    """What an exception means to whoever sent the request."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            found = tuple(
                FieldError(field=str(item["loc"][-1]), problem=str(item["msg"])) for item in error.errors()
            )
            listing = "; ".join(f"{one.field}: {one.problem}" for one in found[:5])
            return Problem("malformed", f"The request is malformed: {listing}.", errors=found)
        case HTTPException():
            return of_status(error.status_code, _plain(error), error.headers)
        case Unavailable() | SchemaMismatch() | MissingPrivilege():
            log.warning("the database is not available", reason=str(error))
            return unavailable(
                "The ledger cannot be reached at the moment. Send the same request again; with the same "
                "Idempotency-Key it is done once."
            )
        case asyncpg.PostgresError() if str(error.sqlstate)[:2] in _CONNECTING:
            log.warning("the database does not let us in", reason=str(error))
            return unavailable(
                "The ledger cannot be reached at the moment. Send the same request again; with the same "
                "Idempotency-Key it is done once."
            )
        case RuntimeProblem():
            log.warning("temporal is not available", reason=str(error))
            return unavailable(
                "The accords' engine cannot be reached at the moment. Send the same request again; with the same "
                "Idempotency-Key it is done once."
            )
        case TimeoutError():
            log.warning("no answer in time")
            return unavailable(
                "There was no outcome in time; there may be one yet. Send the same request again: with the same "
                "Idempotency-Key it is done once, and you get what became of it."
            )
        case RPCError() if error.status in _PASSING:
            log.warning("temporal does not answer", status=error.status.name, reason=error.message)
            return unavailable(
                "The accords' engine does not answer at the moment. Send the same request again; with the same "
                "Idempotency-Key it is done once."
            )
        case OverflowError():
            return Problem(
                "malformed", "A time in the body lies outside what a calendar holds, from year 1 to 9999."
            )
        case _:
            # Formatted here, since a renderer that shows local variables would show credentials.
            log.error("a request failed", trace="".join(traceback.format_exception(error)))
            return Problem(
                "internal", "The request failed on our side. Tell whoever runs this, with the request id."
            )


def _plain(error: HTTPException) -> str:
    said = {
        404: "There is nothing at this address. The operations are listed at /docs.",
        405: "This address does not take that method. The operations are listed at /docs.",
    }
    return said.get(error.status_code, str(error.detail))


class Requests:
    """Gives every request an id, logs it with its outcome, and answers what nobody foresaw.

    The id is the caller's own ``X-Request-Id``, where it sent a usable one. Headers and bodies are not logged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 0
        began = time.perf_counter()

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, answered)
            except Exception as error:
                if status:
                    raise
                problem: Any = _problem(error).response(request_id)
                await problem(scope, receive, answered)
            finally:
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - began) * 1000, 1),
                )
        structlog.contextvars.unbind_contextvars("principal", "key")
