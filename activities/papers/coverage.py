"""Which characters papers can show, and what is written in place of one that they cannot.

A character that no font has would be an empty box, in which something is lost unseen. It is written by its code
instead, such as [U+1F600], and the paper says so.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "fonts" / "coverage.json"
_ALWAYS = frozenset("\n")


@cache
def _ranges() -> tuple[list[int], list[int]]:
    ranges = json.loads(_FILE.read_text())
    return [first for first, _ in ranges], [last for _, last in ranges]


def shown(character: str) -> bool:
    """Whether a font has the character."""
    if character in _ALWAYS:
        return True
    firsts, lasts = _ranges()
    index = bisect_right(firsts, ord(character)) - 1
    return index >= 0 and ord(character) <= lasts[index]


def missing(text: str) -> set[str]:
    """The characters of a text that no font has."""
    return {one for one in set(text) if not shown(one)}


def spelled(value: Any, lacking: set[str]) -> Any:
    """``value`` with every character that cannot be shown written by its code; those are added to ``lacking``."""
    if isinstance(value, str):
        absent = missing(value)
        lacking |= absent
        return value.translate({ord(one): f"[U+{ord(one):04X}]" for one in absent}) if absent else value
    if isinstance(value, dict):
        if "mono" in value and not value["mono"].isascii():
            # The font of one width has fewer characters than the others.
            return spelled(value["mono"], lacking)
        return {key: one if key == "svg" else spelled(one, lacking) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(one, lacking) for one in value]
    return value
