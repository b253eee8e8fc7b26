"""Traces: one from an HTTP request through Temporal to the statements in the database. Off unless asked for.

What is asked for stands in OpenTelemetry's own environment variables. Without ``OTEL_TRACES_EXPORTER`` or an endpoint
for OTLP nothing is recorded, sent or written into a history. ``console`` comes with the SDK; ``otlp`` needs the
package ``opentelemetry-exporter-otlp-proto-http``, which is not among the requirements.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict, WrappedLogger
from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor, create_tracer_provider

from activities.errors import SettingsProblem

LONGEST_STATEMENT = 2_000
"""Characters of a statement's text that a span carries. Its arguments never are in it."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_GROUP = "opentelemetry_traces_exporter"


class _State:
    provider: Any = None


def exporters_asked_for() -> tuple[str, ...]:
    """The names of the exporters that the environment asks for; none where traces are off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named and any(os.environ.get(name) for name in _ENDPOINTS):
        named = "otlp"
    return tuple(name for part in named.split(",") if (name := part.strip()) and name != "none")


def configure_tracing(service: str) -> bool:
    """Trace as the environment says; whether anything is traced. To be called before the first connection.

    ``service`` is what the process is called where ``OTEL_SERVICE_NAME`` does not say.

    Raises:
        SettingsProblem: an exporter is named that is not installed.
    """
    names = exporters_asked_for()
    if names:
        trace_to([_exporter(name) for name in names], service)
    return bool(names)


def trace_to(exporters: Sequence[SpanExporter], service: str) -> None:
    """Trace to ``exporters``, in batches, from a thread beside; once for a process."""
    resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    provider = create_tracer_provider(resource=resource)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    if not os.environ.get("OTEL_PROPAGATORS"):
        # Without baggage, by which any caller could have texts of its own written into a history.
        propagate.set_global_textmap(TraceContextTextMapPropagator())
    trace.set_tracer_provider(provider)
    _State.provider = provider


def entry_point_of(name: str) -> tuple[str, str]:
    """Name and group of the entry point under which an exporter is installed."""
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", ""
    )
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return (otlp if name == "otlp" else name), _GROUP


def _exporter(name: str) -> SpanExporter:
    wanted, group = entry_point_of(name)
    for point in entry_points(group=group, name=wanted):
        exporter: SpanExporter = point.load()()
        return exporter
    raise SettingsProblem(
        f"Traces are to go to {name!r} (OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT), and no exporter of that "
        "name is installed.",
        "Install it (for otlp: pip install opentelemetry-exporter-otlp-proto-http), or unset these variables.",
    )


def on() -> bool:
    """Whether this process traces."""
    return _State.provider is not None


def interceptors() -> list[OpenTelemetryInterceptor]:
    """What carries a trace through Temporal: for client and worker; none where traces are off."""
    return [OpenTelemetryInterceptor(add_temporal_spans=True)] if on() else []


def flush() -> None:
    """Send what was traced and not sent yet; before the process ends."""
    if _State.provider is not None:
        _State.provider.force_flush()


@contextmanager
def span(name: str) -> Iterator[None]:
    """A span around the block, where something is traced already."""
    if not on() or not trace.get_current_span().get_span_context().is_valid:
        yield
        return
    with trace.get_tracer("entente").start_as_current_span(name):
        yield


def trace_statement(pool: str, statement: str, seconds: float, error: BaseException | None) -> None:
    """A span for a statement that has just ended, under whatever is being traced; none where nothing is."""
    if not on() or not trace.get_current_span().get_span_context().is_valid:
        return
    now = time.time_ns()
    text = " ".join(statement.split())[:LONGEST_STATEMENT]
    ended = trace.get_tracer("entente").start_span(
        f"postgres {text.partition(' ')[0].lower()}",
        kind=SpanKind.CLIENT,
        attributes={"db.system.name": "postgresql", "db.query.text": text, "entente.pool": pool},
        start_time=now - round(seconds * 1e9),
    )
    if error is not None:
        ended.set_status(Status(StatusCode.ERROR, type(error).__name__))
    ended.end(now)


def add_trace_ids(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """For the logs: the trace and span that a line belongs to."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"], event["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return event
