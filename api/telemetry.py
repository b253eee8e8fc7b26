"""What the API counts: requests by route, and its queues in sum; no label for an accord or a delegate."""

from __future__ import annotations

from contextvars import ContextVar

import structlog
from fastapi import FastAPI
from starlette.types import Scope

from activities.runtime.metrics import (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    QUEUE_ACCORDS,
    QUEUE_LONGEST,
    QUEUE_UNDER_WAY,
    QUEUE_WAITING,
    bounded,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

PREFIX = "/v1"
"""Below which the routes of the API stand. A route's own path does not say so."""

_about: ContextVar[dict[str, str]] = ContextVar("what a request is about")


def begin_request() -> dict[str, str]:
    """What the request that begins turns out to be about; filled by :func:`name_in_logs`, from tasks below as well."""
    about: dict[str, str] = {}
    _about.set(about)
    return about


def name_in_logs(**what: str) -> None:
    """From here on each line of the request's log says this: ``accord``, ``act``, ``command``."""
    structlog.contextvars.bind_contextvars(**what)
    about = _about.get(None)
    if about is not None:
        about.update(what)


def count_request(scope: Scope, status: int, seconds: float) -> None:
    """Count a request that was answered. What no route takes has the route ``none``, whatever its path was."""
    route = str(getattr(scope.get("route"), "path", "none"))
    if route != "none" and scope["path"].startswith(f"{PREFIX}/") and not route.startswith(PREFIX):
        route = PREFIX + route
    method = bounded(scope["method"], METHODS)
    HTTP_REQUESTS.labels(method, route, str(status)).inc()
    HTTP_SECONDS.labels(method, route).observe(seconds)


def observe_queue(app: FastAPI) -> None:
    """Take over how the queues stand, before the metrics are read."""
    backend = getattr(app.state, "backend", None)
    if backend is None:
        return
    figures = backend.queue.figures()
    QUEUE_ACCORDS.set(figures.accords)
    QUEUE_WAITING.set(figures.waiting)
    QUEUE_UNDER_WAY.set(figures.under_way)
    QUEUE_LONGEST.set(figures.longest)
