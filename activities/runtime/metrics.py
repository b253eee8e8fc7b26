"""All metrics of the service, each declared here once, with what it counts. Read at ``/metrics`` of each process.

No label's values grow with the number of accords, delegates or keys: acts and guards are those of the registry, routes
those of the API. What is about accords one by one is in the ledger and in the logs, not here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
"""The metrics of this process."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENESS = (1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0, 86400.0)

OTHER = "other"
"""The label's value for what is not one of those that are known: nobody can make up labels by sending names."""

ACTS = Counter(
    "entente_acts",
    "Acts that a worker has judged, by act and by what became of them: recorded, refused, repeated (the ledger knew "
    "the command already), rejected (no act at all; nothing is on the record) or failed (to be tried again).",
    ["act", "outcome"],
    registry=REGISTRY,
)
ACT_SECONDS = Histogram(
    "entente_act_seconds",
    "Seconds from when a worker takes up an act until it is recorded, refused or rejected.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
REFUSALS = Counter(
    "entente_refusals",
    "Refusals that were recorded, by the first guard that was not met.",
    ["guard"],
    registry=REGISTRY,
)
SIGNALS = Counter(
    "entente_signals",
    "Signals that were put on the record: those kept whole or by their digest, and those that only were counted.",
    ["kept"],
    registry=REGISTRY,
)

RECONCILED = Counter(
    "entente_reconciled_accords",
    "Accords of which ledger, read model and workflow were compared.",
    registry=REGISTRY,
)
DIFFERENCES = Counter(
    "entente_differences",
    "Differences between ledger, read model and workflow that stayed, by kind, and by whether they were repaired.",
    ["kind", "repaired"],
    registry=REGISTRY,
)

BATCH_APPENDS = Histogram(
    "entente_ledger_batch_appends",
    "Appends that were committed together by the ledger's writer.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "entente_ledger_batch_seconds",
    "Seconds that the ledger took for a batch of appends, its commit included.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
BATCH_FAILURES = Counter(
    "entente_ledger_batch_failures",
    "Batches of appends that the ledger did not take, by the kind of error.",
    ["error"],
    registry=REGISTRY,
)
APPENDS_PENDING = Gauge(
    "entente_ledger_appends_pending",
    "Appends that wait for the ledger's writer or are being committed: its backlog.",
    registry=REGISTRY,
)
STATEMENTS = Counter(
    "entente_database_statements",
    "Statements that were sent to the database, each a round trip, by the pool of connections and by result.",
    ["pool", "result"],
    registry=REGISTRY,
)
STATEMENT_SECONDS = Histogram(
    "entente_database_statement_seconds",
    "Seconds that a statement took, from sending it to its last row.",
    ["pool"],
    buckets=_SECONDS,
    registry=REGISTRY,
)

DEADLINE_LATENESS = Histogram(
    "entente_deadline_lateness_seconds",
    "How long after it was due a deadline was put on the record. Accords on a simulated clock are left out.",
    buckets=_LATENESS,
    registry=REGISTRY,
)
DEADLINES_OVERDUE = Gauge(
    "entente_deadlines_overdue",
    "Accords whose next deadline was due half a minute ago or more and is not on the record.",
    registry=REGISTRY,
)
ACCORDS = Gauge(
    "entente_accords", "Accords on the ledger that have not ended, by stage.", ["stage"], registry=REGISTRY
)
FEED_POSITION = Gauge("entente_feed_position", "Entries on the ledger, over all accords.", registry=REGISTRY)
UNCOSIGNED_ACCORDS = Gauge(
    "entente_witness_uncosigned_accords",
    "Accords whose record as it stands lacks a cosignature of one of its witnesses.",
    registry=REGISTRY,
)
WITNESS_LAG = Gauge(
    "entente_witness_lag_seconds",
    "Age of the oldest last entry that lacks a cosignature of one of its accord's witnesses; 0 where none does.",
    registry=REGISTRY,
)
WITNESS_ANSWERS = Counter(
    "entente_witness_answers",
    "Requests to witnesses, by result: cosigned, or failed.",
    ["result"],
    registry=REGISTRY,
)
TIMESTAMP_ANSWERS = Counter(
    "entente_timestamp_answers",
    "Requests to time-stamp authorities, by authority and result: stamped, or failed.",
    ["authority", "result"],
    registry=REGISTRY,
)
UNSTAMPED = Gauge(
    "entente_timestamp_unstamped_accords",
    "Accords whose newest final checkpoint an authority has not stamped, as far as it was looked at, by authority.",
    ["authority"],
    registry=REGISTRY,
)
TIMESTAMP_LAG = Gauge(
    "entente_timestamp_lag_seconds",
    "Age of the oldest final checkpoint that an authority was asked to stamp and has not, by authority; else 0.",
    ["authority"],
    registry=REGISTRY,
)
OBSERVED = Gauge(
    "entente_ledger_observed_timestamp_seconds",
    "When the worker last read the figures about the ledger as a whole, in Unix time.",
    registry=REGISTRY,
)

HTTP_REQUESTS = Counter(
    "entente_http_requests",
    "Requests that were answered, by method, route and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "entente_http_request_seconds",
    "Seconds from a request's head to the end of its answer, by method and route.",
    ["method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
QUEUE_WAITING = Gauge(
    "entente_queue_waiting_acts", "Acts that wait for their turn, over all accords.", registry=REGISTRY
)
QUEUE_UNDER_WAY = Gauge(
    "entente_queue_under_way_acts",
    "Acts that were sent to Temporal and are not decided yet, over all accords.",
    registry=REGISTRY,
)
QUEUE_ACCORDS = Gauge(
    "entente_queue_accords", "Accords with an act that waits or is under way.", registry=REGISTRY
)
QUEUE_LONGEST = Gauge(
    "entente_queue_longest_acts",
    "Acts that wait on the accord on which most wait.",
    registry=REGISTRY,
)
QUEUE_TURNED_AWAY = Counter(
    "entente_queue_turned_away",
    "Acts that were answered 429 since no room was left to wait in.",
    registry=REGISTRY,
)


def bounded(value: str, known: Container[str]) -> str:
    """``value`` as a label, where it is one of those that are known; ``other`` otherwise."""
    return value if value in known else OTHER


@contextmanager
def batch_timed(appends: int) -> Iterator[None]:
    """Count a batch of the ledger's writer: its size, how long it took, and whether it failed."""
    BATCH_APPENDS.observe(appends)
    began = perf_counter()
    try:
        yield
    except Exception as error:
        BATCH_FAILURES.labels(type(error).__name__).inc()
        raise
    finally:
        BATCH_SECONDS.observe(perf_counter() - began)


def exposition() -> bytes:
    """The metrics of this process in Prometheus's text format."""
    return generate_latest(REGISTRY)


def families() -> dict[str, str]:
    """The names under which metrics are read, suffixes included, each with its help text."""
    found: dict[str, str] = {}
    for family in REGISTRY.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(
            family.type, ("",)
        )
        found |= {f"{family.name}{suffix}": family.documentation for suffix in suffixes}
    return found
