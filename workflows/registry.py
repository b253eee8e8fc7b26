"""Every act and event, declared: whoever imports this has whole registries. What the workflow may know of the model."""

from __future__ import annotations

from workflows.model import accord  # noqa: F401 - the tracks, which declare the acts
from workflows.model.commands import Command
from workflows.model.decide import OPEN as OPENING_ACT
from workflows.model.decide import TICK as CLOCK_ACT
from workflows.model.decide import check_size
from workflows.model.declare import ACTS, Rejected, parse_act


def update_acts() -> tuple[str, ...]:
    """The names of the acts that come as updates: the opening, and every one that is no signal."""
    return (OPENING_ACT, *(name for name, act in ACTS.items() if not act.signal))


def well_formed(command: Command) -> None:
    """Refuse a command that is no act in any state.

    Raises:
        Rejected: ``too_large``, ``malformed`` or ``unknown_act``.
    """
    check_size(command)
    if command.act != OPENING_ACT:
        parse_act(command.act, command.fields)


__all__ = ["CLOCK_ACT", "OPENING_ACT", "Rejected", "update_acts", "well_formed"]
