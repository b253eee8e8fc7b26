"""The demonstration's scenarios in memory, with every state that they go through."""

from __future__ import annotations

from tests.worker.demo.playing import played
from worker.demo import catalog
from worker.demo.memory import Memory
from workflows.model.commands import Command
from workflows.model.decide import Decision
from workflows.model.state import Accord

Step = tuple[Accord | None, Command, Decision]

SCENARIOS = tuple(one.name for one in catalog.entries())
WHOLE = ("state-visit", "jv-closing")


class Kept(Memory):
    """What was decided, each with the state before it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def _record(self, command: Command, decision: Decision) -> None:
        self.steps.append((self.state, command, decision))
        super()._record(command, decision)


async def steps_of(scenario: str) -> list[Step]:
    """Every command of a scenario, with what was decided."""
    kept = Kept()
    await played(catalog.entry(scenario).read(), kept)
    return kept.steps
