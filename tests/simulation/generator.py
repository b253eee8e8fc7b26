"""Actions for random plays: what a delegate might plausibly do in a state, forwards, backwards, or at all."""

from __future__ import annotations

from tests.simulation.actions.action import (
    Action,
    Choice,
)
from tests.simulation.actions.directed import backwards, forwards
from tests.simulation.actions.made_up import MADE_UP
from workflows.model.state import Accord

_ENDINGS = (
    "withdraw_invitation",
    "decline_invitation",
    "decline_definition",
    "terminate",
    "agree_termination",
    "pause_accord",
)
"""What ends or stops everything is rare, or nothing else would be reached."""


def anything(a: Accord, choice: Choice) -> Action:
    """Some act, right or wrong."""
    act = choice.of(sorted(MADE_UP))
    if act in _ENDINGS and not choice.chance(8):
        act = "record_statement"
    return MADE_UP[act](a, act, choice)


HOURS = (1, 24, 24 * 7, 24 * 30, 24 * 100)


def next_action(a: Accord, kind: str, number: int) -> Action:
    """The action of a kind (``forwards``, ``backwards``, ``anything``, ``time``) that a number stands for."""
    choice = Choice(number)
    if kind == "forwards":
        return choice.of(forwards(a))
    if kind == "backwards":
        return backwards(a, choice) or anything(a, choice)
    if kind == "time":
        return Action(hours=choice.of(HOURS), signed=not choice.chance(3))
    return anything(a, choice)
