"""A scenario in a ledger, as far as it is wanted, for the pages, the API and the command line to be read there."""

from __future__ import annotations

from collections.abc import Iterator

from activities.judging.judge import appended_as
from activities.ledger.store import Ledger
from tests.worker.demo.playing import played
from worker.demo.catalog import Entry
from worker.demo.memory import Memory
from workflows.model.commands import Command
from workflows.model.decide import Decision
from workflows.model.state import Accord

Step = tuple[Accord | None, Command, Decision]


class Kept(Memory):
    """Keeps each command with the state before it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def _record(self, command: Command, decision: Decision) -> None:
        self.steps.append(
            (None if command.accord != getattr(self.state, "id", None) else self.state, command, decision)
        )
        super()._record(command, decision)


async def steps_of(one: Entry) -> list[Step]:
    """The commands of a scenario that was played whole."""
    backend = Kept()
    result, _, _ = await played(one.read(), backend)
    assert result.differences == []
    return backend.steps


class Filled:
    """A ledger that takes a scenario's commands bit by bit. Each has another API key than none, as the API signs."""

    def __init__(self, ledger: Ledger, steps: list[Step]) -> None:
        self._ledger = ledger
        self._steps: Iterator[Step] = iter(steps)
        self._recorded = 0
        self.state: Accord | None = None

    async def to(self, position: int) -> Accord:
        """Record commands until the accord has so many entries, or to the end."""
        for before, command, decision in self._steps:
            signed = command.model_copy(update={"key_id": "k"})
            [outcome] = await self._ledger.record([appended_as(before, signed, decision)])
            assert outcome.receipt is not None or not decision.events, outcome
            self.state = decision.after
            if self.state.size >= position:
                break
        assert self.state is not None
        return self.state
