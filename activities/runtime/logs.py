"""One pipeline for all logs: structlog's own, and the standard library's loggers that libraries write to.

On a terminal lines are for people; otherwise each is one JSON object on standard error, in UTC. Which accord,
command and act a line belongs to travels in context variables: see :func:`logged`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from activities.runtime.tracing import add_trace_ids

QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.access")
"""Libraries whose remarks below a warning only repeat what our own lines say."""


_REPEATED = ("color_message", "temporal_log")
"""What uvicorn and Temporal's core attach although the message says it: once with escape codes, once as an object."""


def _drop_repeated(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key in _REPEATED:
        event.pop(key, None)
    return event


LONGEST_VALUE = 4_000
"""Characters of one value of a line. A library may log a whole history, in which people's words stand."""


def _bounded(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key in _OF_THE_RENDERER or isinstance(value, bool | int | float | None):
            continue
        text = value if isinstance(value, str) else repr(value)
        if len(text) > LONGEST_VALUE:
            event[key] = f"{text[:LONGEST_VALUE]}… ({len(text) - LONGEST_VALUE} more characters)"
    return event


_OF_THE_RENDERER = ("exc_info", "_record", "_from_structlog")


# Never with local variables, as either renderer would by itself: among them are credentials.
_traceback_as_json = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure_logs(format: Literal["auto", "console", "json"] = "auto", level: str = "info") -> None:  # noqa: A002
    """Set up logging for this process, once, when it starts; a second call replaces the first.

    ``level`` is a name of the standard library's, in either case.
    """
    for_people = sys.stderr.isatty() if format == "auto" else format == "console"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _drop_repeated,
        add_trace_ids,
        _bounded,
    ]
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if for_people
        else [_traceback_as_json, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


@contextmanager
def logged(**context: str) -> Iterator[None]:
    """Give every line logged inside these values: ``accord``, ``command``, ``act`` … No secrets."""
    with structlog.contextvars.bound_contextvars(**context):
        yield
