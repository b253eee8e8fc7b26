"""How fast the pure model decides and folds at 12 parties, 500 conditions and 60 documents.

    python -m tests.benchmarks.model [--parties 12] [--conditions 500] [--documents 60] [--profile]

The baseline is what cannot be saved: reading the same events from JSON and validating their facts with pydantic,
without any model. Prints a table; asserts nothing. With ``--profile`` it prints where the time of deciding goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from activities.reading.standing import standing_of
from tests.simulation.definitions import OFFICERS, WINDOW, condition, document, party
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import state_digest
from workflows.model.commands import RecordedEvent
from workflows.model.decide import decide
from workflows.model.declared import EVENTS
from workflows.model.fold import evolve
from workflows.model.rules import deadlines, follows
from workflows.model.state import Accord
from workflows.model.summary import current_details, summarize


def codes(count: int) -> list[str]:
    """Two-letter party codes: AA, AB, …"""
    return [f"{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(count)]


def definition(parties: int, conditions: int, documents: int) -> dict[str, Any]:
    """Conditions owed by each party in turn and verified by the next, a fifth of them resting on others."""
    names = codes(parties)

    def terms(number: int) -> dict[str, Any]:
        obligor, verifier = names[number % parties], names[(number + 1) % parties].lower()
        rests_on = [f"C{number - 1}", f"C{number - 2}"] if number > 2 and number % 5 == 0 else []
        gate = ("visit", "signing", "ceremony", "subsequent")[number % 4]
        return condition(
            obligor,
            f"{verifier}.verifier",
            gate=gate,
            depends_on=rests_on,
            due="2030-04-01T00:00:00Z",
            valid_for="P300D",
        )

    return {
        "title": "Large",
        "parties": {code: party(code, "host" if code == names[0] else "guest") for code in names},
        "officers": OFFICERS,
        "window": WINDOW,
        "long_stop": {"at": "2030-12-01T00:00:00Z"},
        "conditions": {f"C{number}": terms(number) for number in range(conditions)},
        "documents": {
            f"D{number}": document(
                names[number % parties], names[(number + 1) % parties], languages=("en", "fr")
            )
            for number in range(documents)
        },
    }


def large(parties: int, conditions: int, documents: int) -> Play:
    """A play with every text agreed and half of the conditions verified."""
    play = Play(definition(parties, conditions, documents)).go("accepted")
    for number in range(0, conditions, 2):
        play.verify(f"C{number}")
    play.prepare()
    return play


def rate(work: Callable[[], int], seconds: float = 1.5) -> float:
    """How many units of work are done in a second; ``work`` says how many it did."""
    done, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        done += work()
    return done / took


ACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a statement": ("press", "record_statement", {"digest": digest("speech")}),
    "evidence": (
        "ab.obligor",
        "submit_evidence",
        {"condition": "C1", "digest": digest("e"), "grade": "inspected", "source": "Office"},
    ),
    "a revoked verdict": ("ab.verifier", "revoke_verdict", {"condition": "C0"}),
    "a refused confirmation": ("aa.protocol", "confirm_visit", {}),
    "an understanding": ("aa.protocol", "propose_understanding", {}),
}
"""Acts that are decided, by what they are; none of them is folded."""


def thousand_due() -> tuple[Play, datetime]:
    """A play with a thousand conditions that fall due at one instant, reminded of before; and the day after."""
    terms = condition("AA", "ab.verifier", due="2030-04-01T00:00:00Z")
    whole = {**definition(12, 0, 60), "conditions": {f"C{number}": terms for number in range(1000)}}
    play = Play(whole).go("accepted").prepare()
    play.until("2030-03-31T00:00:00Z")
    return play, datetime.fromisoformat("2030-04-01T12:00:00Z")


def deciding(play: Play, name: str) -> Callable[[], int]:
    by, act, fields = ACTS[name]
    command = play.command(by, act, fields)

    def work() -> int:
        decide(play.state, command, play.now)
        return 1

    return work


def main() -> None:
    """Print the table, or the profile."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("parties", 12), ("conditions", 500), ("documents", 60)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    play = large(asked.parties, asked.conditions, asked.documents)
    if asked.profile:
        with cProfile.Profile() as profile:
            for name in ACTS:
                rate(deciding(play, name), 1)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
        return
    report(asked, play)


def report(asked: argparse.Namespace, play: Play) -> None:
    """Measure everything and print it."""
    a, log = play.state, play.log
    raw = [event.model_dump_json() for event in log]
    tail = log[-1000:]
    before: Accord | None = None
    for event in log[: -len(tail)]:
        before = evolve(before, event)

    def validate() -> int:
        for text in raw:
            recorded = RecordedEvent.model_validate_json(text)
            EVENTS[recorded.type].model_validate(recorded.facts["event"])
        return len(raw)

    def fold() -> int:
        state: Accord | None = None
        for text in raw:
            state = evolve(state, RecordedEvent.model_validate_json(text))
        return len(raw)

    def evolve_tail() -> int:
        state = before
        for event in tail:
            state = evolve(state, event)
        return len(tail)

    def times(work: Callable[[], object]) -> Callable[[], int]:
        return lambda: (work(), 1)[1]

    base = rate(validate)
    table = Table(
        title=f"{asked.parties} parties, {asked.conditions} conditions, {asked.documents} documents, {len(log)} events"
    )
    for column in ("what", "per second", "each"):
        table.add_column(column, justify="left" if column == "what" else "right")

    def line(what: str, found: float, note: str = "") -> None:
        table.add_row(what + note, f"{found:,.0f}", f"{1000 / found:,.3f} ms")

    line("baseline: read and validate an event", base)
    found = rate(fold)
    line("fold an event from JSON", found, f" (baseline x {base / found:.1f})")
    line("evolve an event in memory, late in the log", rate(evolve_tail))
    for name in ACTS:
        line(f"decide {name}", rate(deciding(play, name)))
    due, at = thousand_due()
    statement = due.command("press", "record_statement", {"digest": digest("speech")})
    line(
        "decide a statement once a thousand conditions fell due",
        rate(times(lambda: decide(due.state, statement, at))),
    )
    line("what follows next", rate(times(lambda: follows(a, play.now))))
    line("pending deadlines, sorted", rate(times(lambda: deadlines(a))))
    line("summary", rate(times(lambda: summarize(a))))
    line("current details", rate(times(lambda: current_details(a))))
    line("state digest", rate(times(lambda: state_digest(a))))
    line("standing, as the workflow is told", rate(times(lambda: standing_of(a))))
    Console().print(table)


if __name__ == "__main__":
    main()
