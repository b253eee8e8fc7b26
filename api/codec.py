"""The codec server: payloads of Temporal's histories in plain, for the operators who may see them.

By Temporal's protocol for remote codecs (https://docs.temporal.io/codec-server): the UI and the command line send
payloads as protobuf JSON to ``POST /decode``, and get them back in plain. Who asks shows the key of an operator or
auditor: in ``Authorization: Bearer``, as the command line sends it, or by a cookie that ``/login`` sets, since the UI's
pages know no such key. Histories of all accords are in reach, so no delegate's key will do.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
import uvicorn
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from activities.errors import LedgerError, MissingPrivilege, SettingsProblem
from activities.identity.keys import Identities, NotAuthenticated
from activities.ledger.connections import reading_pool
from activities.ledger.payload_keys import payload_codec
from activities.runtime.codec import EncryptingCodec, Undecryptable
from activities.runtime.settings import Settings
from api.attempts import Attempts
from api.limits import Limits
from api.problems import Problem

LARGEST: Final = 16 * 1024 * 1024
"""Bytes that a request may have. The UI asks for the payloads of a page of a history at once."""

MOST: Final = 5_000
"""Payloads that one request may have."""

SESSION: Final = 8 * 3600
"""Seconds after which a browser has to log in again."""

COOKIE: Final = "entente_codec"

log = structlog.get_logger(__name__)


class Codec:
    """The application's parts: who may ask, and what decrypts.

    Args:
        identities: of the installation's API keys.
        codec: decrypts.
        secure: whether the cookie is for HTTPS alone.
        now: the clock that sessions end by, in seconds.
    """

    def __init__(
        self,
        identities: Identities,
        codec: EncryptingCodec,
        limits: Limits,
        *,
        secure: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._attempts = Attempts(identities, limits)
        self._codec = codec
        self._secure = secure
        self._now = now
        # Of this process: after a restart one logs in again. The key itself is in no cookie that can be read.
        self._sessions = AESGCM(AESGCM.generate_key(256))

    async def decode(self, request: Request) -> Response:
        """Payloads in plain; what cannot be read says why, so that the rest of a page can be."""
        return await self._answer(request, self._decoded)

    async def encode(self, request: Request) -> Response:
        """Payloads as they are to be sent: encrypted with a key of the installation, for no accord is named here."""
        return await self._answer(request, self._codec.encode)

    async def _answer(self, request: Request, work: Callable[[list[Payload]], Any]) -> Response:
        try:
            await self._authenticate(request)
            payloads = await _read(request)
            answer = Payloads(payloads=await work(payloads))
        except NotAuthenticated as error:
            return _problem(401, f"{error.what} {error.remedy}")
        except PermissionError as error:
            return _problem(403, str(error))
        except Problem as problem:
            return _problem(problem.status, problem.detail, problem.headers)
        except ValueError as error:
            return _problem(400, str(error))
        except (LedgerError, TimeoutError) as error:
            return _problem(503, _unanswered(error))
        return JSONResponse(MessageToDict(answer), headers={"cache-control": "no-store"})

    async def _decoded(self, payloads: list[Payload]) -> list[Payload]:
        plain = []
        for payload in payloads:
            try:
                plain += await self._codec.decode([payload])
            except (Undecryptable, SettingsProblem) as error:
                text = json.dumps(f"not readable: {error.what}").encode()
                plain.append(Payload(metadata={"encoding": b"json/plain"}, data=text))
        return plain

    async def _authenticate(self, request: Request) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.startswith("ent_"):
            # With a login of its own the UI sends its token, which says nothing here.
            token = self._token_of(request.cookies.get(COOKIE, ""))
        if not token:
            raise NotAuthenticated("No key of an operator or auditor was sent; a browser gets in by /login.")
        await self._may_see(request, token.strip())

    async def _may_see(self, request: Request, token: str) -> str:
        """Who has the key.

        Raises:
            NotAuthenticated: nobody.
            Problem: ``rate_limited``, where too many attempts have failed.
            PermissionError: a delegate.
        """
        identity = await self._attempts.by_key(request, token)
        if not identity.reads_all:
            raise PermissionError(
                "Histories of all accords are in reach here: it takes the key of an operator or auditor."
            )
        return identity.principal

    async def login(self, request: Request) -> Response:
        """The form for browsers, and what becomes of it."""
        if request.method != "POST":
            said = "You are logged in." if "done" in request.query_params else ""
            return HTMLResponse(_page(said), headers=_PAGE_HEADERS)
        try:
            form = parse_qs((await _body(request, 4_096)).decode(errors="replace"))
        except ValueError as error:
            return _problem(400, str(error))
        token = form.get("key", [""])[0].strip()
        try:
            principal = await self._may_see(request, token)
        except (NotAuthenticated, PermissionError) as error:
            said = error.what if isinstance(error, NotAuthenticated) else str(error)
            return HTMLResponse(_page(said), status_code=403, headers=_PAGE_HEADERS)
        except Problem as problem:
            headers = {**_PAGE_HEADERS, **problem.headers}
            return HTMLResponse(_page(problem.detail), status_code=problem.status, headers=headers)
        except (LedgerError, TimeoutError) as error:
            return HTMLResponse(_page(_unanswered(error)), status_code=503, headers=_PAGE_HEADERS)
        log.info("a browser may read payloads", principal=principal)
        response = RedirectResponse("/login?done", status_code=303)
        response.set_cookie(
            COOKIE,
            self._session(token),
            max_age=SESSION,
            httponly=True,
            secure=self._secure,
            samesite="strict",
        )
        return response

    def _session(self, token: str) -> str:
        nonce = secrets.token_bytes(12)
        content = json.dumps({"token": token, "until": self._now() + SESSION}).encode()
        return base64.urlsafe_b64encode(nonce + self._sessions.encrypt(nonce, content, None)).decode()

    def _token_of(self, cookie: str) -> str:
        try:
            sealed = base64.urlsafe_b64decode(cookie)
            session = json.loads(self._sessions.decrypt(sealed[:12], sealed[12:], None))
        except (ValueError, InvalidTag):
            return ""
        return str(session["token"]) if session["until"] > self._now() else ""


def _unanswered(error: LedgerError | TimeoutError) -> str:
    """Log why the database was not asked, and say it as far as it concerns who asks."""
    log.warning("the codec server cannot ask the database", reason=str(error) or "it takes too long")
    if isinstance(error, MissingPrivilege):
        return (
            "The codec server's login in the database may not look up keys. "
            "Its operator starts it with a login that has the role entente_api."
        )
    return "The database does not answer. Try again."


async def _body(request: Request, most: int) -> bytes:
    """The request's body.

    Raises:
        ValueError: it is longer than ``most`` bytes.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise ValueError(f"The request has more than {most:,} bytes.")
    return bytes(content)


async def _read(request: Request) -> list[Payload]:
    content = await _body(request, LARGEST)
    try:
        value = json.loads(content)
        payloads = list(ParseDict(value, Payloads()).payloads) if isinstance(value, dict) else None
    except (ValueError, ParseError, RecursionError):
        payloads = None
    if payloads is None:
        raise ValueError("The body is no JSON of Temporal's message Payloads.")
    if len(payloads) > MOST:
        raise ValueError(f"The request has more than {MOST:,} payloads.")
    return payloads


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"status": status, "detail": detail},
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/problem+json",
    )


_PAGE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Entente: payloads in the Temporal UI</title>
<style>body { font: 1rem sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>Payloads in the Temporal UI</h1>
{told}
<form method="post" action="/login">
<p><label>The key of an operator or auditor<br>
<input name="key" type="password" autocomplete="off" required size="70"></label>
<p><button>Log in</button>
</form>
<p>For {hours} hours this browser then sees in plain what the Temporal UI shows. In the UI, give this server's address
as the codec server, and have it send cookies (cross-origin credentials).
</html>
"""


def _page(said: str) -> str:
    told = f'<p role="alert">{html.escape(said)}</p>' if said else ""
    return _PAGE.replace("{told}", told).replace("{hours}", str(SESSION // 3600))


def codec_app(codec: Codec, origins: tuple[str, ...]) -> Starlette:
    """The ASGI application; ``origins`` are the UI's, from which browsers may ask."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type", "x-namespace"],
        allow_credentials=True,
    )
    return Starlette(
        routes=[
            Route("/decode", codec.decode, methods=["POST"]),
            Route("/encode", codec.encode, methods=["POST"]),
            Route("/login", codec.login, methods=["GET", "POST"]),
            Route("/livez", live),
        ],
        middleware=[cors],
    )


@asynccontextmanager
async def serving_codec(settings: Settings) -> AsyncIterator[Starlette]:
    """The application with its connections, closed at the end.

    Raises:
        SettingsProblem: no database, or no key that payloads are encrypted under.
    """
    async with reading_pool(
        settings.database_dsn(), min_size=0, max_size=4, timeout=5.0, command_timeout=5.0
    ) as pool:
        codec = payload_codec(settings, pool)
        if codec is None:
            raise SettingsProblem(
                "Payloads are not encrypted here: ENTENTE_PAYLOAD_KEY_FILE is not set.",
                "Set it as the workers have it.",
            )
        secure = any(origin.startswith("https:") for origin in settings.codec_origins)
        yield codec_app(
            Codec(Identities(pool), codec, Limits(settings), secure=secure), settings.codec_origins
        )


async def run_codec(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C).

    Raises:
        SettingsProblem: no database, or no key that payloads are encrypted under.
    """
    async with serving_codec(settings) as app:
        config = uvicorn.Config(
            app,
            host=settings.codec_host,
            port=settings.codec_port,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=list(settings.proxies),
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        log.info("codec server starts", host=settings.codec_host, port=settings.codec_port)
        await uvicorn.Server(config).serve()
