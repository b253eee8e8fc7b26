"""The words of papers, a file for each language: its words, and what the vocabulary ``closing`` says otherwise.

To add a language, copy ``words/en.yaml`` and put the words into it. Every word has to be there with the same fields
in braces; a test compares. Months and date say how the language writes a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

import yaml
from babel.numbers import format_decimal

from workflows.errors import EntenteError
from workflows.model.state import Accord

ENGLISH = "en"
FOLDER = Path(__file__).parent / "words"

_LOCALES = {"pt": "pt_PT"}
"""Whose words they are, where a language is written in several ways."""


class NoSuchLanguage(EntenteError):
    """Papers are not written in that language."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language and vocabulary."""

    language: str
    words: Mapping[str, str]
    months: tuple[str, ...]
    date_form: str
    time_form: str
    vocabulary: str = "diplomatic"

    def __getitem__(self, key: str) -> str:
        return self.words[key]

    def say(self, key: str, **values: Any) -> str:
        """The words under ``key`` with their fields filled in."""
        return self.words[key].format(**{name: _apart(value) for name, value in values.items()})

    def term(self, kind: str, value: str) -> str:
        """How a value of the record is called, such as a condition's status; as it stands, where nobody said."""
        return self.words.get(f"{kind}.{value}", value.replace("_", " "))

    def date(self, at: datetime | None) -> str:
        """A day in UTC, as the language writes it."""
        return self.words["no_date"] if at is None else self._date(at.astimezone(UTC))

    def _date(self, at: datetime) -> str:
        return self.date_form.format(day=at.day, month=self.months[at.month - 1], year=at.year)

    def number(self, value: int) -> str:
        """A whole number, as the language writes it."""
        return format_decimal(value, locale=_LOCALES.get(self.language, self.language))

    def time(self, at: datetime | None) -> str:
        """A day and time in UTC."""
        if at is None:
            return self.words["no_date"]
        utc = at.astimezone(UTC)
        return self.time_form.format(date=self._date(utc), time=f"{utc:%H:%M}", zone="UTC")

    def list(self, items: Any) -> str:
        """Items in a row; a dash where there is none."""
        return self.words["comma"].join(map(_apart, items)) or "–"

    def term_of(self, key: str, kind: str, value: str) -> str:
        """The words under ``key`` about a value of the record; a language may have words for one value alone."""
        own = self.words.get(f"{key}.{value}")
        return own if own is not None else self.say(key, **{kind: self.term(kind, value)})


LEFT_TO_RIGHT = "\u200e"
"""A mark that nobody sees, from which on the line goes on from left to right (Unicode, annex 9)."""

_FROM_RIGHT = frozenset(("R", "AL"))


def _apart(value: Any) -> Any:
    """A text that ends in a script from the right with the mark behind it.

    Without it digits and further names that follow would be laid out as if they belonged to that text.
    """
    if not isinstance(value, str):
        return value
    for character in reversed(value):
        direction = bidirectional(character)
        if direction in _FROM_RIGHT:
            return value + LEFT_TO_RIGHT
        if direction == "L":
            return value
    return value


def languages() -> tuple[str, ...]:
    """The languages that papers are written in, by BCP 47 tags."""
    return tuple(sorted(one.stem for one in FOLDER.glob("*.yaml")))


@cache
def words_of(language: str, vocabulary: str) -> Words:
    """The words for a language and a vocabulary; what a vocabulary does not say is as in ``diplomatic``.

    Raises:
        NoSuchLanguage: names those there are.
    """
    known = languages()
    base = language.lower().split("-")[0]
    if base not in known:
        raise NoSuchLanguage(
            f"papers are not written in {language[:40]!r}",
            f"Choose one of {', '.join(known)}",
        )
    told = yaml.safe_load((FOLDER / f"{base}.yaml").read_text(encoding="utf-8"))
    changed = told["closing"] if vocabulary == "closing" else {}
    return Words(
        base,
        {**told["words"], **changed},
        tuple(told["months"]),
        told["date"],
        told["moment"],
        vocabulary,
    )


def languages_of(a: Accord) -> tuple[str, ...]:
    """The accord's languages that papers are written in, of parties and documents; English where there is none."""
    of_parties = (tag for party in a.definition.parties.values() for tag in party.languages)
    of_documents = (tag for document in a.definition.documents.values() for tag in document.languages)
    used = dict.fromkeys(tag.split("-")[0] for tag in (*of_parties, *of_documents))
    known = languages()
    return tuple(one for one in used if one in known) or (ENGLISH,)
