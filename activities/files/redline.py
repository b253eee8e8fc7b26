"""What differs between two texts, by what a reader takes for a character, in every script.

A letter with its marks, a Hangul syllable of several parts, or an emoji of several code points is one character
(extended grapheme cluster, Unicode UAX #29): none is ever taken apart. Markdown is compared as it is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import regex
from diff_match_patch import diff_match_patch

LARGEST: Final = 512 * 1024
"""Bytes that a text may have for a redline."""

PATIENCE: Final = 2.0
"""Seconds for the comparison of all lines; what takes longer is told as one change: still true, and coarser."""

Op = Literal["equal", "delete", "insert"]

_OPS: Final[dict[int, Op]] = {-1: "delete", 0: "equal", 1: "insert"}
_SPARE: Final = range(0xF0000, 0x10FFFE)
"""Code points (private use) that stand for characters of several code points while texts are compared."""

_CHARACTER: Final = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch that both texts have, that only the older one has, or that only the newer one has."""

    op: Op
    text: str


class _Characters:
    """Writes texts so that each character is one code point, and back."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def _code(self, character: str) -> str:
        known = self._codes.get(character)
        if known is None:
            # Where there are more than can be told apart, the rest is compared by code points.
            if len(self._codes) == len(_SPARE):
                return character
            known = chr(_SPARE[len(self._codes)])
            self._codes[character], self._texts[known] = known, character
        return known

    def written(self, text: str) -> str:
        """The text with one code point for each character; lines still end by ``\\n``."""
        return "".join(
            one if one == "\r\n" or (len(one) == 1 and ord(one) not in _SPARE) else self._code(one)
            for one in _CHARACTER.findall(text)
        )

    def read(self, written: str) -> str:
        """The text again."""
        return "".join(self._texts.get(one, one) for one in written)


def redline(old: str, new: str, *, patience: float = PATIENCE) -> tuple[Change, ...]:
    """How the older text becomes the newer one: what is equal or deleted makes up the one, equal or inserted the other.

    Lines are compared first, and then the characters of those that differ. The same for the same texts, unless one
    comparison takes longer than ``patience``, in seconds: lines that differ throughout are then told as one change.
    """
    characters = _Characters()
    deadline = time.monotonic() + 2 * patience
    found: list[tuple[int, str]] = []
    for gone, came, equal in _blocks(characters.written(old), characters.written(new), patience):
        if gone and came:
            left = deadline - time.monotonic()
            found += _compared(gone, came, min(patience / 4, left)) if left > 0 else [(-1, gone), (1, came)]
        else:
            found += [(-1, gone), (1, came)]
        found.append((0, equal))
    return tuple(Change(_OPS[op], characters.read(text)) for op, text in _joined(found))


def _blocks(old: str, new: str, patience: float) -> Iterator[tuple[str, str, str]]:
    """Lines that were taken out, those that came in their place, and those that follow in both."""
    lines = diff_match_patch()
    lines.Diff_Timeout = patience
    one, two, listed = lines.diff_linesToChars(old, new)
    compared = lines.diff_main(one, two, False)
    lines.diff_charsToLines(compared, listed)
    gone = came = ""
    for op, text in compared:
        if op == 0:
            yield gone, came, text
            gone = came = ""
        elif op < 0:
            gone += text
        else:
            came += text
    yield gone, came, ""


def _compared(gone: str, came: str, patience: float) -> list[tuple[int, str]]:
    """What differs between two stretches, character by character."""
    compared = diff_match_patch()
    # Zero would be no limit at all.
    compared.Diff_Timeout = max(patience, 0.001)
    found = compared.diff_main(gone, came, False)
    # Changes that a few equal letters between them make hard to read are told as one.
    compared.diff_cleanupSemantic(found)
    return list(found)


def _joined(changes: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The changes without empty ones; neighbours of one kind are one."""
    held: tuple[int, str] | None = None
    for op, text in changes:
        if not text:
            continue
        if held is not None and held[0] == op:
            held = (op, held[1] + text)
            continue
        if held is not None:
            yield held
        held = (op, text)
    if held is not None:
        yield held


def counted(changes: Sequence[Change], op: Op) -> int:
    """How many characters of a kind there are."""
    return sum(len(_CHARACTER.findall(change.text)) for change in changes if change.op == op)
