"""Which language a person is spoken to in: the one chosen, or else the best of those that the browser names.

RFC 9110, 12.5.4: ranges with weights, a weight of nothing refuses. Ranges are matched by lookup (RFC 4647, 3.4): from
``zh-Hant-TW`` to ``zh``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from activities.languages.catalogues import ENGLISH, offered

MOST_RANGES = 40
"""Ranges that are looked at; nobody reads more languages."""

_RANGE = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)(?:\s*;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?"
)


def known(tag: str | None) -> str | None:
    """The language of a tag, if it is one of those offered."""
    base = (tag or "").strip().lower().partition("-")[0]
    return base if base in offered() else None


def accepted(header: str) -> str:
    """The language for an ``Accept-Language`` field; English where it names none that is offered."""
    ranges = list(_ranges(header))
    refused = {tag for tag, weight in ranges if weight == 0}
    for tag, weight in sorted(ranges, key=lambda one: -one[1]):
        if weight == 0:
            break
        if tag == "*":
            named = {base for one, _ in ranges if (base := known(one)) is not None}
            return next((one for one in offered() if one not in named), ENGLISH)
        found = known(tag)
        if found is not None and found not in refused:
            return found
    return ENGLISH


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(",")[:MOST_RANGES]:
        found = _RANGE.fullmatch(part.strip())
        if found is not None:
            yield found[1].lower(), float(found[2] or 1)
