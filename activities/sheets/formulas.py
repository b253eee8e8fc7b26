"""Texts that no program takes for a formula when it opens a CSV file, and what they were before."""

from __future__ import annotations

from collections.abc import Sequence

_SIGNS = frozenset("=+-@＝＋－＠﹦﹢﹣﹫")
"""What a formula begins with, in full width and small too."""

_PASSED_OVER = frozenset("'\"\ufeff\u200b")
"""What some program takes away before it looks, beside spaces of every kind."""

_SEPARATORS = frozenset(";\t|\r\n")
"""What some program ends a cell at that is no comma: behind a comma, all of them heed the quote."""


def safe(text: str) -> str:
    """A text in which no spreadsheet finds a formula when it opens a CSV file: an apostrophe stands before each.

    A formula may begin in the midst of a text, too: many spreadsheets split a file at semicolons, whatever it is
    written with, heed no quote that is not the first character of a cell, and end a row where the text has a new line
    (``deploy/docs/decisions/0015-formulas-in-sheets.md``).
    """
    before, parts = 0, []
    for place in _formulas(text):
        parts.append(text[before:place])
        before = place
    return "'".join([*parts, text[before:]])


def plain_of(text: str) -> str:
    """What :func:`safe` was given."""
    before, parts = 0, []
    for place in _formulas(text):
        if text[place] == "'":
            parts.append(text[before:place])
            before = place + 1
    return "".join([*parts, text[before:]])


def begins_like_one(text: str) -> bool:
    """Whether a text begins as formulas do."""
    return _formulas(text)[:1] == [0]


def _formulas(text: str) -> Sequence[int]:
    """Where a cell may begin with a formula, for one program or another. Read backwards, in one go."""
    if _SIGNS.isdisjoint(text):
        return []
    places, follows = [], False
    for place in range(len(text) - 1, -1, -1):
        one = text[place]
        follows = one in _SIGNS or (follows and (one in _PASSED_OVER or one.isspace()))
        if follows and (place == 0 or text[place - 1] in _SEPARATORS):
            places.append(place)
    return places[::-1]
