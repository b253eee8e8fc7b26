"""A moment in a simulated accord: what happened, and the state before and after it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.invariants.memory import Memory
from workflows.model.commands import Command, RecordedEvent
from workflows.model.decide import Decision, decide
from workflows.model.state import Accord


@dataclass(frozen=True, slots=True)
class Moment:
    """An event within a command's outcome, or, with no event, its settled end."""

    event: RecordedEvent | None
    before: Accord | None
    after: Accord
    command: Command
    decision: Decision
    memory: Memory
    log: list[RecordedEvent]

    def is_(self, *types: str) -> bool:
        return self.event is not None and self.event.type in types


def ask(moment: Moment, by: str, act: str, **fields: object) -> Decision:
    command = Command(accord=moment.after.id, id=f"{by}/ask", act=act, fields=fields, delegate=by)
    return decide(moment.after, command, moment.after.time)
