"""What the record itself says of the log: which key counts at which size, and which witness policy.

Pure, and shared: what signs, what asks the witnesses, and what verifies a record read the same entries by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from activities.errors import Malformed
from activities.tlog.note import Ed25519Verifier
from activities.tlog.policy import Policy, parse
from workflows.model.state import LogKey
from workflows.record.logkeys import LogKeyRetired, LogKeyRotated, retired, rotated
from workflows.record.witnessing import WitnessPolicyChanged

TYPES: Final = (LogKeyRotated.type, LogKeyRetired.type, WitnessPolicyChanged.type)
"""The events that say something of it."""


@dataclass(slots=True)
class Standing:
    """The log's keys and policies, by the entries that were told in order. Sizes are numbers of entries."""

    keys: tuple[LogKey, ...] = ()
    policies: list[tuple[int, str]] = field(default_factory=list)

    def tell(self, position: int, type_: str, event: Mapping[str, Any]) -> None:
        """Take in the entry at ``position``, one of ``TYPES``, by its ``facts.event``.

        Raises:
            KeyError, ValueError, TypeError: it does not have that event's facts.
        """
        if type_ == LogKeyRotated.type:
            happened = LogKeyRotated.model_validate(event)
            self.keys = rotated(self.keys, happened.old, happened.new, position)
        elif type_ == LogKeyRetired.type:
            self.keys = retired(self.keys, LogKeyRetired.model_validate(event).key, position)
        elif type_ == WitnessPolicyChanged.type:
            self.policies.append((position, WitnessPolicyChanged.model_validate(event).policy))

    def keys_at(self, size: int) -> tuple[Ed25519Verifier, ...] | None:
        """The keys whose signatures count at ``size``, the newest first; ``None`` where the record names none."""
        if not self.keys:
            return None
        return tuple(Ed25519Verifier.decoded(one.key) for one in reversed(self.keys) if one.counts_at(size))

    def changes_of_keys(self) -> list[int]:
        """The sizes from which other keys count than before, the smallest first."""
        named = {one.named for one in self.keys} | {one.retired for one in self.keys}
        return sorted(position + 1 for position in named if position is not None)

    def policy_at(self, size: int) -> str | None:
        """The text of the policy that holds at ``size``; ``None`` where the record has none by then."""
        return next((text for position, text in reversed(self.policies) if position < size), None)


def read_policy(text: str) -> Policy:
    """A policy as the record has it; raises :class:`Malformed` where it is none."""
    return parse(text.encode())


def same_policy(one: Policy, other: Policy) -> bool:
    """Whether two policies ask for the same; where witnesses are reached, and the log's keys, are no part of that."""
    return (one.witnesses, one.groups, one.quorum) == (other.witnesses, other.groups, other.quorum)


__all__ = ["TYPES", "Malformed", "Standing", "read_policy", "same_policy"]
