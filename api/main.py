"""Running the API as a process."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from activities.runtime.operations import Operations, serving_operations
from activities.runtime.settings import Settings
from api.app import create_app
from api.heavy import SWITCH
from api.problems import MEDIA_TYPE, Problem
from api.routes.health import checks
from api.telemetry import observe_queue

COLLECT = (20_000, 20, 20)
"""When the garbage collector runs (``gc.set_threshold``): the largest pages are made of some 20,000 objects."""

GRACE = 15
"""Seconds that open requests get to finish when the API stops; more than one may take."""

IDLE = 75
"""Seconds for which a connection without a request stays open: longer than clients and balancers keep theirs, 60 at
the most by their defaults, since a request that is sent as the connection closes has no answer."""

GIVEN = 2.0
"""Seconds beyond a body's time, in which whoever reads it can say that it came too slowly."""

LINGER = 1.0
"""Seconds in which a connection that is given up can take its answer."""

LONGEST_UPLOAD = 3600.0
"""Seconds that a content may take to arrive, as long as something of it keeps arriving."""

LARGEST_HEAD = 64 * 1024
"""Bytes that a request's line and headers may have together, beyond what came in one piece."""


TOO_SLOW = Problem(
    "request_timeout",
    "The request did not arrive in time. Nothing was done; send the request again.",
)
"""What is said to a connection that is cut off."""


class BoundedRequests(HttpToolsProtocol):
    """HTTP by httptools, which by itself waits for a request's head and body without end, however long they are.

    A head has to arrive in time, and to end; a body has to arrive in time, whether or not anybody reads it. Of what
    comes too slowly an operation that reads the body says so itself; here the connection is cut a little later.
    """

    head_seconds = 10.0
    body_seconds = 20.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = False
        self._head = 0
        self._upload_ends: float | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._given_up = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is made; its first request has to come."""
        super().connection_made(transport)
        self._cut_after(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._cut_after(None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0
        self._cut_after(self.head_seconds)

    def on_headers_complete(self) -> None:
        """The head of a request ends."""
        self._in_head = False
        upload = self.parser.get_method() == b"PUT" and self.url.startswith(b"/v1/files/")
        self._upload_ends = self.loop.time() + LONGEST_UPLOAD if upload else None
        self._cut_after(self.body_seconds + GIVEN)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a body arrives."""
        if self._upload_ends is not None and self.loop.time() < self._upload_ends:
            self._cut_after(self.body_seconds + GIVEN)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has arrived."""
        self._cut_after(None)
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take what was sent, unless it is more of a head that is too large, or comes after we have given up."""
        if self._given_up:
            return
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's line and headers are too large.")

    def _cut_after(self, seconds: float | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        self._cut = None if seconds is None else self.loop.call_later(seconds, self._cut_off)

    def _cut_off(self) -> None:
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            # It is we who do not read.
            self._cut_after(self.body_seconds)
            return
        self._given_up = True
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not (self._in_head or cycle.response_started):
            # Nothing of another answer is on its way, so that this one can be told from it.
            body = json.dumps(TOO_SLOW.body().model_dump(mode="json", exclude_none=True)).encode()
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: %s\r\n"
                b"content-length: %d\r\n\r\n%s" % (MEDIA_TYPE.encode(), len(body), body)
            )
        # Closed a moment later: a connection that is closed while something comes in is reset, and the answer lost.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._cut = self.loop.call_later(LINGER, self.transport.close)


def bounded(settings: Settings) -> type[BoundedRequests]:
    """The protocol with these settings' times."""

    class Bounded(BoundedRequests):
        head_seconds = settings.api_head_seconds
        body_seconds = settings.api_body_seconds

    return Bounded


def server_config(settings: Settings) -> uvicorn.Config:
    """How the API is served."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        http=bounded(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # By itself it would believe whoever asks from this machine.
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        lifespan="on",
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=GRACE,
    )


class Server(uvicorn.Server):
    """Serves until it is told to stop; then streams end at once, and other requests are finished."""

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """End the streams, whose readers come again elsewhere, then all else."""
        backend = getattr(self.config.app.state, "backend", None)  # type: ignore[union-attr]
        if backend is not None:
            backend.feed.end()
        await super().shutdown(sockets)


def settle() -> None:
    """Make long work beside the event loop interrupt it as little as can be.

    Reading a large body makes many objects, after which the garbage collector would go through everything that was
    loaded since the start: hundreds of milliseconds, in which nothing else runs. All that is here to stay. And what
    one answer is made of is gone with it: a collection in its midst would only take the objects for lasting ones, and
    so bring a full collection nearer, which goes through all states that are kept.
    """
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECT)
    gc.collect()
    gc.freeze()


async def run_api(settings: Settings, core_metrics: str | None = None) -> None:
    """Serve the API at the settings' address until it is told to stop (SIGTERM, Ctrl-C); then finish open requests.

    ``core_metrics`` is where Temporal's core serves its metrics, if it does.

    Raises:
        SettingsProblem: no database is set, or no key to sign commands with.
    """
    config = server_config(settings)
    settle()
    app: Any = config.app
    operations = Operations(checks(app), core_metrics, partial(observe_queue, app))
    async with serving_operations(settings, operations):
        await Server(config).serve()
