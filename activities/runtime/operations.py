"""What operators ask a process on a port of its own: ``/metrics``, ``/livez``, ``/readyz``. Off unless a port is set.

Apart from the API's port, so that figures are not for whoever reaches the API; on the loopback unless another address
is set. Temporal's core, which is not Python, serves its metrics on the loopback; they are passed on with our own.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import httpx
import structlog
import uvicorn
from starlette.types import Receive, Scope, Send

from activities.errors import SettingsProblem
from activities.runtime.metrics import exposition
from activities.runtime.settings import Settings

PATIENCE = 3.0
"""Seconds that each check of readiness, and the core's answer, may take."""

Checks = Mapping[str, Callable[[], Awaitable[str]]]
"""What a process needs, by name: each answers "ok", or says what is wrong."""

log = structlog.get_logger(__name__)


class Operations:
    """The ASGI application. ``core`` is the address (host:port) at which Temporal's core serves its metrics."""

    def __init__(
        self, checks: Checks, core: str | None = None, before: Callable[[], None] = lambda: None
    ) -> None:
        self._checks = checks
        self._core = core
        self._before = before

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        kind = b"application/json"
        match scope["path"]:
            case "/livez":
                status, body = 200, b'{"status": "live"}'
            case "/readyz":
                answers = await self.readiness()
                ready = all(answer == "ok" for answer in answers.values())
                said = {"status": "ready" if ready else "not ready", **answers}
                status, body = 200 if ready else 503, json.dumps(said).encode()
            case "/metrics":
                status, body = 200, await self.metrics()
                kind = b"text/plain; version=0.0.4; charset=utf-8"
            case _:
                status, body = 404, b'{"error": "there are /metrics, /livez and /readyz"}'
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    async def readiness(self) -> dict[str, str]:
        """What each check answers."""
        answers = await asyncio.gather(*(tried(check()) for check in self._checks.values()))
        return dict(zip(self._checks, answers, strict=True))

    async def metrics(self) -> bytes:
        """Our metrics and the core's."""
        self._before()
        ours = exposition()
        if self._core is None:
            return ours
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
                return ours + (await client.get(f"http://{self._core}/metrics")).content
        except httpx.HTTPError as error:
            log.warning("the metrics of Temporal's core cannot be read", reason=str(error))
            return ours


async def tried(check: Awaitable[str]) -> str:
    """What a check answers, in a word also where it does not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await check
    except TimeoutError:
        return "does not answer in time"
    except Exception as error:
        # Its text may tell addresses; who may know them finds them in the log.
        return f"not available ({type(error).__name__})"


class _Server(uvicorn.Server):
    """Leaves the process's signals alone, which are not for this server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def core_address(settings: Settings) -> str | None:
    """A free address on the loopback for the metrics of Temporal's core; none where no port for operators is set."""
    if settings.operations_port is None:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def serving_operations(settings: Settings, application: Operations) -> AsyncIterator[int | None]:
    """Serve operators while the block runs; the port, or none where none is set.

    Raises:
        SettingsProblem: the port cannot be had.
    """
    if settings.operations_port is None:
        yield None
        return
    family = socket.AF_INET6 if ":" in settings.operations_host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.operations_host, settings.operations_port))
    except OSError as error:
        listening.close()
        raise SettingsProblem(
            f"{settings.operations_host}:{settings.operations_port} cannot be listened on for operators: {error}.",
            "Choose another ENTENTE_OPERATIONS_HOST or ENTENTE_OPERATIONS_PORT; each process needs a port of its own.",
        ) from error
    server = _Server(
        uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none"
        )
    )
    task = asyncio.create_task(server.serve([listening]), name="operations")
    port: int = listening.getsockname()[1]
    log.info("operators are served", host=settings.operations_host, port=port)
    try:
        yield port
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listening.close()
