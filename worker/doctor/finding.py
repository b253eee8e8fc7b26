"""What a check finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "skipped", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do where it is not as it has to be.

    ``wrong``: something does not work, or is unsafe. ``warning``: it works, and will not always.
    """

    check: str
    level: Level
    what: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as ``--json`` prints it."""
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    """As it has to be."""
    return Finding(check, "ok", what)


def skipped(check: str, what: str) -> Finding:
    """Not looked at, for the reason given."""
    return Finding(check, "skipped", what)


def warning(check: str, what: str, remedy: str) -> Finding:
    """It works, and will not always."""
    return Finding(check, "warning", what, remedy)


def wrong(check: str, what: str, remedy: str) -> Finding:
    """It does not work, or is unsafe."""
    return Finding(check, "wrong", what, remedy)
