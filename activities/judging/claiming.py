"""Which ids an act claims for the delegate's own side, and what is said where another side has claimed one of them."""

from __future__ import annotations

from collections.abc import Mapping

from activities.ledger.store import Claim
from workflows.model.commands import Command
from workflows.model.decide import Decision
from workflows.model.declare import Rejected
from workflows.model.definition import Definition
from workflows.model.state import Accord

CLAIMED = "delegate_claimed"
"""The code of the rejection."""

CLAIMING = ("adopt_definition", "appoint_delegate", "appoint_delegates")
"""The acts that claim. A mere proposal, by which anybody could take up ids, does not."""


def named_for(definition: Definition, contact: str, party: str | None = None) -> Claim:
    """The ids that a definition names for this contact's party, its own included; the others' contacts; officers.

    ``party`` is that of a contact in office whom the definition replaces.
    """
    owners = definition.owners()
    party = owners.get(contact) or party
    if party not in definition.parties:
        return Claim(contact, ())
    return Claim(
        contact,
        tuple(one for one, side in owners.items() if side == party),
        tuple(one.contact for name, one in definition.parties.items() if name != party),
        tuple(one for one, side in owners.items() if side is None),
    )


def named_by(state: Accord, command: Command) -> Claim | None:
    """The ids that an act names for the delegate's own side; none where it names none."""
    appointed = state.delegates.get(command.delegate)
    party = None if appointed is None else appointed.party
    if command.act == "adopt_definition":
        pending = state.amendment if state.founded and state.amendment is not None else state.definition
        return named_for(pending, command.delegate, party)
    if command.act == "amend_definition":
        return named_for(Definition.model_validate(command.fields["definition"]), command.delegate, party)
    if command.act == "appoint_delegate":
        return Claim(command.delegate, (str(command.fields.get("delegate")),))
    if command.act == "appoint_delegates":
        named = command.fields.get("delegates")
        return Claim(
            command.delegate,
            tuple(
                str(one["delegate"])
                for one in (named if isinstance(named, list) else ())
                if isinstance(one, dict) and "delegate" in one
            ),
        )
    return None


def claim_of(state: Accord | None, command: Command, decision: Decision) -> Claim | None:
    """What is to be claimed with the recording of an act that is done; none where nothing is."""
    if state is None or decision.refusal is not None or command.act not in CLAIMING:
        return None
    return named_by(state, command)


def claimed_elsewhere(taken: Mapping[str, str]) -> Rejected:
    """The rejection where another side has claimed ids."""
    told = ", ".join(f"{one} (by {by})" for one, by in sorted(taken.items())[:12])
    return Rejected(
        CLAIMED,
        f"Claimed by another side in this installation: {told}. Name other ids; or, if it is your own side's, have "
        "that contact act, or ask whoever runs the installation to correct the claim. Nothing was recorded.",
    )
