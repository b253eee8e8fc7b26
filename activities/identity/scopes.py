"""What a key is good for: less than all that its principal may do."""

from __future__ import annotations

import re
from collections.abc import Iterable

SCOPES = ("read", "act", "deposit", "keys")
"""Read what the principal may read; do its acts; deposit contents; make, list and revoke keys and invitations."""

_ACT = re.compile(r"act:[a-z][a-z_]{0,39}", re.ASCII)

MOST = 60
"""Scopes that a key may have: one for each act, if need be."""


def wrong_scope(scopes: Iterable[str]) -> str | None:
    """The first scope that is none; none where all are."""
    return next((one for one in scopes if one not in SCOPES and _ACT.fullmatch(one) is None), None)


def covers(scopes: Iterable[str], wanted: str) -> bool:
    """Whether a key with these scopes is good for ``wanted``: a scope, or ``act:`` and the name of an act."""
    held = set(scopes)
    return wanted in held or (wanted.startswith("act:") and "act" in held)


def all_within(scopes: Iterable[str], bounds: Iterable[str]) -> bool:
    """Whether a key with these scopes is good for nothing that one with ``bounds`` is not."""
    held = tuple(bounds)
    return all(covers(held, one) for one in scopes)
