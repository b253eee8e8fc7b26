"""Which characters papers can show, and what is written in place of one that they cannot.

A character that no font has would be an empty box, in which something is lost unseen. It is written by its code
instead, such as [U+1F600], and the paper says so.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

LONG_WORD = 48
"""Characters from which on a word may be broken anywhere: no cell is as wide, and it would run over the next one."""

_LONG = re.compile(rf"[^\s/\u002d\u0600-\u06ff\u3000-\u9fff\uac00-\ud7af]{{{LONG_WORD},}}")
_COPIED = frozenset(("mono", "svg", "link", "file"))
"""What is copied or looked up as it stands, and laid out by itself."""

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


def breakable(value: Any) -> Any:
    """``value`` with a place to break between all characters of words that no line may have room for.

    Not in digests and addresses, which people copy, and break at their hyphens and strokes.
    """
    if isinstance(value, str):
        return _LONG.sub(lambda found: found[0] if ":" in found[0] else "\u200b".join(found[0]), value)
    if isinstance(value, dict):
        # A file's own text has been taken apart already.
        if value.get("kind") == "rich":
            return value
        return {name: one if name in _COPIED else breakable(one) for name, one in value.items()}
    return [breakable(one) for one in value] if isinstance(value, list | tuple) else value


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
