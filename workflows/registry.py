"""What the workflow may know of the model: the names of acts, and whether a command is one in any state.

Neither can change which commands a running history has given to Temporal: names only grow, and what is malformed is
refused before it leaves a trace.
"""

from __future__ import annotations

from workflows.model.commands import OPEN, TICK, Command
from workflows.model.declare import Rejected, check_size, parse_act
from workflows.model.declared import ACTS


def update_acts() -> tuple[str, ...]:
    """The names of the acts that come as updates: the opening, and every one that is no signal."""
    return (OPEN, *(name for name, act in ACTS.items() if not act.signal))


def well_formed(command: Command) -> None:
    """Refuse a command that is no act in any state.

    Raises:
        Rejected: ``too_large``, ``malformed`` or ``unknown_act``.
    """
    check_size(command)
    if command.act != OPEN:
        parse_act(command.act, command.fields)


__all__ = ["TICK", "Rejected", "update_acts", "well_formed"]
