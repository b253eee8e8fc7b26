"""What differs between two texts, by what a reader takes for a character, in every script.

A letter with its marks, a Hangul syllable of several parts, or an emoji of several code points is one character
(extended grapheme cluster, Unicode UAX #29): none is ever taken apart. Markdown is compared as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import regex
from diff_match_patch import diff_match_patch

LARGEST: Final = 512 * 1024
"""Bytes that a text may have for a redline."""

PATIENCE: Final = 2.0
"""Seconds after which what is left to compare is told as one change: still true, and coarser."""

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

    The same for the same texts, unless the comparison takes longer than ``patience``, in seconds.
    """
    characters = _Characters()
    compared = diff_match_patch()
    compared.Diff_Timeout = patience
    found = compared.diff_main(characters.written(old), characters.written(new), True)
    # Changes that a few equal letters between them make hard to read are told as one.
    compared.diff_cleanupSemantic(found)
    return tuple(Change(_OPS[op], characters.read(text)) for op, text in found)


def counted(changes: Sequence[Change], op: Op) -> int:
    """How many characters of a kind there are."""
    return sum(len(_CHARACTER.findall(change.text)) for change in changes if change.op == op)
