"""What metrics, the log's context and traces cost an act in CPU time.

    python -m tests.benchmarks.observing [--acts 5000]

The baseline is the judging of one act on a small accord and the sealing of its entries: a part of what a worker does
for each act. Beside it stands the same with all that is counted, timed and named in logs around it; then with
traces on, which go to an exporter that throws them away. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from rich.console import Console
from rich.table import Table

from activities.judging.counts import count_appended, counted
from activities.judging.judge import appended_as
from activities.ledger.settle import seal_events
from activities.runtime.metrics import APPENDS_PENDING, STATEMENT_SECONDS, STATEMENTS, batch_timed
from activities.runtime.tracing import span, trace_statement, trace_to
from tests.simulation.acting import START
from tests.simulation.small import small
from workflows.model.commands import OPEN, Command
from workflows.model.decide import decide

OPENING = Command(
    accord="A-1", id="aa.contact/1", act=OPEN, fields={"definition": small()}, delegate="aa.contact"
)
SECONDS = STATEMENT_SECONDS.labels("writing")
DONE = STATEMENTS.labels("writing", "ok")


class Nowhere(SpanExporter):
    """Takes spans and throws them away."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def judged() -> None:
    decision = decide(None, OPENING, START)
    seal_events(appended_as(None, OPENING, decision))


def observed() -> None:
    with counted(OPENING):
        decision = decide(None, OPENING, START)
        append = appended_as(None, OPENING, decision)
        seal_events(append)
        with APPENDS_PENDING.track_inprogress(), span("ledger append"), batch_timed(1):
            SECONDS.observe(0.01)
            DONE.inc()
            trace_statement("writing", "select append_batch($1)", 0.01, None)
        count_appended(OPENING, decision)


def cpu(ways: list[Callable[[], None]], acts: int, rounds: int = 20) -> list[float]:
    """Microseconds of CPU time for an act, each way in turn: the least of the rounds."""
    least = [float("inf")] * len(ways)
    for _ in range(rounds):
        for number, act in enumerate(ways):
            began = time.process_time()
            for _ in range(acts // rounds):
                act()
            least[number] = min(least[number], (time.process_time() - began) / (acts // rounds) * 1e6)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acts", type=int, default=5000)
    acts = parser.parse_args().acts
    names = ("judged and sealed", "and counted, traces off", "and traced")
    spent = cpu([judged, observed], acts)
    trace_to([Nowhere()], "benchmark")
    with trace.get_tracer("benchmark").start_as_current_span("request"):
        spent += cpu([observed], acts)
    rows = list(zip(names, spent, strict=True))
    table = Table("an act", "µs of CPU", "more than the baseline")
    for name, took in rows:
        table.add_row(name, f"{took:.0f}", f"{took - rows[0][1]:+.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
