"""Refusals on the record, and the commands that were refused again: those have no entries, and point at one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from activities.verifier.groups import Group, Told
from workflows.record.refusals import ActRefused, SignalRefused


@dataclass(frozen=True, slots=True)
class RecordedRefusal:
    """An entry that records a refusal: what a repeat of it has to say. ``None`` where the facts are withheld."""

    leaf: str
    delegate: str
    type: str
    event: dict[str, Any] | None
    erased: bool
    unheard: bool
    """Whether it is of who might not act, of whose act nothing is kept."""
    key: str | None
    """The id of the delegate's own key that the refused act was signed with."""
    version: int | None
    """The accord's version when it was recorded; none where the fold did not come so far."""


class Refusals:
    """The refusals on the record by position."""

    def __init__(self) -> None:
        self._recorded: dict[int, RecordedRefusal] = {}

    def take(self, told: Told, version: int | None) -> None:
        """Take in an entry, if it records a refusal."""
        if told.entry.type in (ActRefused.type, SignalRefused.type):
            event = (told.facts or {}).get("event")
            self._recorded[told.entry.position] = RecordedRefusal(
                told.leaf.hex(),
                told.entry.actor.delegate,
                told.entry.type,
                event if isinstance(event, dict) else None,
                told.erased,
                told.unheard,
                (told.act or {}).get("key"),
                version,
            )

    def at(self, position: int) -> RecordedRefusal | None:
        """The refusal that the entry at ``position`` records."""
        return self._recorded.get(position)


def refusal_of(group: Group) -> dict[str, Any] | None:
    """The refusal that the entries of a command record, as its receipt has to tell it; none where it was not refused.

    A signal that nobody signed is refused in words of which the event has the reason.
    """
    last = group.told[-1]
    event = (last.facts or {}).get("event")
    if not isinstance(event, dict):
        return None
    return refusal_in(last.entry.type, event)


def refusal_in(type_: str, event: dict[str, Any]) -> dict[str, Any] | None:
    """The refusal that an event records, in the form of a receipt's."""
    if type_ == ActRefused.type:
        found = event.get("refusal")
        return found if isinstance(found, dict) else None
    if type_ == SignalRefused.type:
        return {
            "guard": "signal_taken_up",
            "reason": event.get("reason"),
            "remedy": "correct it, and send it again",
            "unmet": [],
        }
    return None


def is_refusal(type_: str) -> bool:
    """Whether an event of this type records that something was refused."""
    return type_ in (ActRefused.type, SignalRefused.type)


__all__ = ["RecordedRefusal", "Refusals", "is_refusal", "refusal_in", "refusal_of"]
