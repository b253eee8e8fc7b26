"""The minutes of a record that was verified: each command with what was proved about it, and by which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from activities.verifier.groups import Group
from workflows.model.commands import RecordedEvent

Signed = Literal["signed", "unsigned", "withheld", "erased", "unheard", "wrong"]
"""``unsigned``: nobody signs for the clock, or for a signal that came so. ``unheard``: nothing of the act is kept."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found out about who asked for something: ``key`` is the API's, ``problem`` what is wrong."""

    signed: Signed
    key: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    """One command: its entries, who asked for it, and what was proved.

    ``given`` says whether the key is one that the reader brought, ``own`` is the delegate's own key, where it signed as
    well and that fits, ``follows`` whether the entries follow by the rules, none where that was not judged.
    """

    command: str
    events: tuple[RecordedEvent, ...]
    text: dict[str, Any]
    proof: Proof
    given: bool
    own: str | None
    follows: bool | None

    @property
    def last(self) -> int:
        """The position of the last entry."""
        return self.events[-1].position


Minutes = Callable[[Minute], None]
"""Is given each command of the record, in order."""


def minute_of(group: Group, proof: Proof, own: str | None, *, given: bool, folding: bool) -> Minute:
    """The minute about the entries of one command."""
    told = group.act_entry
    text = {} if told is None or told.particulars is None else told.particulars.get("act", {})
    return Minute(
        group.command,
        tuple(each.recorded() for each in group.told),
        text if isinstance(text, dict) else {},
        proof,
        given and proof.signed == "signed",
        own,
        (group.follows is not None) if folding else None,
    )
