"""Which ids an act claims, and what is said where another side has claimed one of them."""

from __future__ import annotations

from api.problems import Problem
from workflows.model.commands import Command
from workflows.model.definition import Definition
from workflows.model.state import Accord


def named_for(definition: Definition, contact: str) -> tuple[str, ...]:
    """The ids that a definition names for the party of this contact, its own included."""
    owners = definition.owners()
    party = owners.get(contact)
    return tuple(one for one, side in owners.items() if party is not None and side == party)


def named_by(state: Accord, command: Command) -> tuple[str, ...]:
    """The ids that an act names for the delegate's own side."""
    if command.act == "appoint_delegate":
        return (str(command.fields.get("delegate")),)
    if command.act == "appoint_delegates":
        named = command.fields.get("delegates")
        return tuple(
            str(one["delegate"])
            for one in (named if isinstance(named, list) else ())
            if isinstance(one, dict) and "delegate" in one
        )
    if command.act == "adopt_definition":
        pending = state.amendment if state.founded and state.amendment is not None else state.definition
        return named_for(pending, command.delegate)
    if command.act == "amend_definition":
        return named_for(Definition.model_validate(command.fields["definition"]), command.delegate)
    return ()


CLAIMING = ("adopt_definition", "appoint_delegate", "appoint_delegates")
"""The acts that claim. A mere proposal, by which anybody could take up ids, does not."""


def claimed_elsewhere(taken: dict[str, str], accord: str | None = None) -> Problem:
    """The problem where another side has claimed ids."""
    told = ", ".join(f"{one} (by {by})" for one, by in sorted(taken.items())[:12])
    return Problem(
        "delegate_claimed",
        f"Claimed by another side in this installation: {told}. Name other ids; or, if it is your own side's, have "
        "that contact act, or ask whoever runs the installation to correct the claim. Nothing was recorded.",
        accord=accord,
    )
