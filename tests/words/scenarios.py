"""Collects every sentence of a scenario that was played: of its record, of its states, of what is printed of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console

from tests.words.collecting import of_entries, of_state
from worker.demo.catalog import Entry
from worker.demo.memory import Memory
from worker.demo.play import Play
from worker.demo.player import Moment, Result
from worker.demo.show import ForPeople, Story
from workflows.model.fold import evolve


def of_scenario(
    one: Entry, play: Play, result: Result, backend: Memory, moments: Sequence[Moment]
) -> Iterator[str]:
    """The sentences of the record, of its states, and of the demonstration in both of its forms."""
    yield from of_entries(backend.log)
    state, last = None, backend.log[-1].position
    for entry, following in zip(backend.log, [*backend.log[1:], None], strict=True):
        state = evolve(state, entry)
        # Within what one command has led to nothing is shown. States are much alike: of a path those at its end, of a
        # whole play every eighth.
        settled = following is None or following.command != entry.command
        if settled and (state.size > last - 8 or (one.whole and state.size % 8 == 0)):
            yield from of_state(state)
    for listener in (ForPeople, Story):
        out = io.StringIO()
        shown = listener(Console(file=out, width=10_000), play)
        shown.begin(one.name)
        for moment in moments:
            shown.hear(moment)
        shown.end(result, 1.0)
        yield from (line.strip(" │╭╮╰╯─") for line in out.getvalue().splitlines())
