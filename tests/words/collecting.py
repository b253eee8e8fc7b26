"""Collects every sentence of a play: of its entries, its refusals, what it waits for, and what is shown of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from activities.reading.minutes import entry_says, minute_of
from activities.reading.standing import standing_of
from tests.simulation.play import Play
from workflows.model import consent
from workflows.model.commands import Command, RecordedEvent, Refusal
from workflows.model.decide import Decision
from workflows.model.declare import Check
from workflows.model.fold import evolve
from workflows.model.rules import GATES, blocking, deadlines, gate, gate_says
from workflows.model.state import Accord
from workflows.model.summary import current_details, ladder
from workflows.model.waiting.steps import waiting
from workflows.showing import headline


def of_refusal(refusal: Refusal) -> Iterator[str]:
    """Why, the way on, and each thing that is unmet."""
    yield refusal.reason
    yield refusal.remedy
    for one in refusal.unmet:
        yield one.reason


def of_checks(checks: Iterable[Check]) -> Iterator[str]:
    """The reasons of what is unmet, the ways on, and that somebody is named who could meet it."""
    for check in checks:
        if not check.met:
            yield check.reason
            yield check.remedy


def of_state(a: Accord) -> Iterator[str]:
    """What is missing, what is waited for and consented to, what is due, and what the Temporal UI shows."""
    for name in GATES:
        yield gate_says(a, name)
        yield from of_checks(gate(a, name))
    for check in blocking(a) if not a.ended else ():
        yield from of_checks([check])
        yield f"who could: {', '.join(check.who)}"
    yield from (step.says for step in waiting(a).values())
    if a.founded:
        yield from (one.says for one in consent.pending(a))
    yield from (one.summary() for one in deadlines(a))
    yield ladder(a)
    yield standing_of(a).shown.label
    for line in current_details(a).splitlines():
        cells = (cell.strip(" \u2003\u2060") for cell in line.replace("\\", "").strip("|").split("|"))
        yield from (cell for cell in cells if cell != "–")


def of_entries(log: Iterable[RecordedEvent]) -> Iterator[str]:
    """Each entry as a sentence, and what a refusal says."""
    a: Accord | None = None
    for entry in log:
        a = evolve(a, entry)
        yield entry_says(entry, a.definition.vocabulary)
        if "refusal" in entry.facts.get("event", {}):
            yield from of_refusal(Refusal.model_validate(entry.facts["event"]["refusal"]))


def of_decision(before: Accord | None, command: Command, decision: Decision) -> Iterator[str]:
    """What Temporal shows of an act: as it is asked for, and what became of it."""
    yield headline(command, decision.after.definition.vocabulary)
    yield minute_of(before, command, decision)
    if decision.refusal is not None:
        yield from of_refusal(decision.refusal)


def of_play(play: Play) -> Iterator[str]:
    """Every sentence of a play over the pure model."""
    yield from of_entries(play.log)
    before: Accord | None = None
    for turn, (command, _, decision) in enumerate(play.decisions):
        yield from of_decision(before, command, decision)
        before = decision.after
        # What is missing changes little by little: every eighth state is near enough to each.
        if turn % 8 == 0 or turn > len(play.decisions) - 3:
            yield from of_state(before)
