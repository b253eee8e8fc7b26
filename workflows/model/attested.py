"""The state as JSON, and the digest by which parties attest that they have the same."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from workflows.model.canonical import digest_of
from workflows.model.state import Accord

STATE: TypeAdapter[Accord] = TypeAdapter(Accord)
"""Reads and writes the state as JSON."""


def state_json(a: Accord) -> dict[str, Any]:
    """The state as plain JSON values."""
    dumped: dict[str, Any] = STATE.dump_python(a, mode="json")
    return dumped


_NOT_ATTESTED: dict[str, Any] = {
    **dict.fromkeys(("time", "size", "statements"), True),
    "visit": {"minutes"},
}
"""What entries that change nothing leave behind: the clock, and what was only put on record."""


def state_digest(a: Accord) -> str:
    """The digest of the state as of its version: of its canonical JSON, without what entries that change nothing leave.

    What stands at its default is left out: so a later release that knows more comes to the same digest for a record
    that uses none of it.
    """
    return digest_of(STATE.dump_python(a, mode="json", exclude_defaults=True, exclude=_NOT_ATTESTED))
