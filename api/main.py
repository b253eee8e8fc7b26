"""Running the API as a process."""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from activities.runtime.operations import Operations, serving_operations
from activities.runtime.settings import Settings
from api.app import create_app
from api.heavy import SWITCH
from api.routes.health import checks
from api.telemetry import observe_queue

GRACE = 15
"""Seconds that open requests get to finish when the API stops; more than one may take."""

LARGEST_HEAD = 64 * 1024
"""Bytes that a request's line and headers may have together, beyond what came in one piece."""


class BoundedHeads(HttpToolsProtocol):
    """HTTP by httptools, which by itself keeps whatever is sent as long as a request's head does not end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = False
        self._head = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0

    def on_headers_complete(self) -> None:
        """The head of a request ends."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what was sent, unless it is more of a head that is too large."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's line and headers are too large.")


def server_config(settings: Settings) -> uvicorn.Config:
    """How the API is served."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        http=BoundedHeads,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )


def settle() -> None:
    """Make long work beside the event loop interrupt it as little as can be.

    Reading a large body makes many objects, after which the garbage collector would go through everything that was
    loaded since the start: hundreds of milliseconds, in which nothing else runs. All that is here to stay.
    """
    sys.setswitchinterval(SWITCH)
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
        await uvicorn.Server(config).serve()
