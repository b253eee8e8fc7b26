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

_MOST_SEEDS: Final = 8
"""Places at which a stretch that two texts may share is looked at; in what repeats itself they are many."""

_LONGEST_OVERLAP: Final = 4_000
"""Characters of what was taken out, and of what came, up to which it is asked whether they overlap."""

_MOST_SHIFTS: Final = 5_000_000
"""Characters that may be moved to let changes begin and end where words do."""


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch that both texts have, that only the older one has, or that only the newer one has."""

    op: Op
    text: str


class _Bounded(diff_match_patch):  # type: ignore[misc]
    """A comparison of which every step ends in time, whatever the texts.

    The library heeds its deadline in one of them; the others, which make it quicker or prettier, take time by the
    square of the length where texts repeat themselves. What would take them too long is left as it is: still true.
    """

    def diff_halfMatch(self, text1: str, text2: str) -> tuple[str, ...] | None:
        """A stretch of at least half the longer text that both have; not looked for where much of it repeats."""
        longer, shorter = (text1, text2) if len(text1) > len(text2) else (text2, text1)
        for start in ((len(longer) + 3) // 4, (len(longer) + 1) // 2):
            seed, at, seen = longer[start : start + len(longer) // 4], -1, 0
            while seed and (at := shorter.find(seed, at + 1)) >= 0:
                seen += 1
                if seen > _MOST_SEEDS:
                    return None
        found: tuple[str, ...] | None = super().diff_halfMatch(text1, text2)
        return found

    def diff_commonOverlap(self, text1: str, text2: str) -> int:
        """How much of the end of one text is the beginning of the other; of long ones it is not asked."""
        if min(len(text1), len(text2)) > _LONGEST_OVERLAP:
            return 0
        found: int = super().diff_commonOverlap(text1, text2)
        return found

    def diff_cleanupSemanticLossless(self, diffs: list[tuple[int, str]]) -> None:
        """Let changes begin and end where words do, if that is no long way."""
        shifts = sum(
            len(edit) * (len(before) + len(edit) + len(after))
            for (_, before), (op, edit), (_, after) in zip(diffs, diffs[1:], diffs[2:], strict=False)
            if op != 0
        )
        if shifts <= _MOST_SHIFTS:
            super().diff_cleanupSemanticLossless(diffs)


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
            for one in characters_of(text)
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
    lines = _Bounded()
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
    compared = _Bounded()
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
    return sum(1 for change in changes if change.op == op for _ in characters_of(change.text))


def characters_of(text: str) -> Iterator[str]:
    """What a reader takes for the characters of a text. One by one, so that other threads go on in between."""
    return (found[0] for found in _CHARACTER.finditer(text))
