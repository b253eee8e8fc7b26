"""The catalogues of messages, one for each language, and the language that is spoken now.

A catalogue is a gettext file, ``catalogues/LANGUAGE/LC_MESSAGES/entente.po``, read where it is first asked for. The
messages themselves are English: what no catalogue translates is said in English. A language is offered once its
catalogue is complete; ``make messages`` brings all of them up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from activities.languages.names import ENGLISH as ENGLISH
from activities.languages.names import NAMES as NAMES

FOLDER = Path(__file__).parent / "catalogues"

_speaking: ContextVar[str] = ContextVar("language", default=ENGLISH)


def file_of(language: str) -> Path:
    """The catalogue of a language."""
    return FOLDER / language / "LC_MESSAGES" / "entente.po"


@cache
def catalogue(language: str) -> Catalog:
    """The catalogue of a language, as it is written.

    Raises:
        OSError: there is none.
        ValueError: it is no gettext file.
    """
    with file_of(language).open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def translated(message: Message) -> bool:
    """Whether a message has its words, all plural forms among them, and nobody doubts them."""
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    return not message.fuzzy and all(forms)


@cache
def offered() -> tuple[str, ...]:
    """The languages that one can choose: English, and those whose catalogues are complete."""
    there = [one for one in NAMES if one != ENGLISH and file_of(one).exists()]
    return (
        ENGLISH,
        *(one for one in there if all(translated(message) for message in catalogue(one) if message.id)),
    )


@cache
def _translations(language: str) -> NullTranslations:
    if language == ENGLISH or language not in offered():
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def language() -> str:
    """The language that is spoken now."""
    return _speaking.get()


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Speak a language meanwhile, in this task."""
    before = _speaking.set(language)
    try:
        yield
    finally:
        _speaking.reset(before)


def speak(language: str) -> None:
    """Speak a language from here to the end of this task."""
    _speaking.set(language)


def gettext(message: str) -> str:
    """A message in the language that is spoken."""
    return _translations(_speaking.get()).gettext(message) if message else message


def ngettext(one: str, many: str, number: int) -> str:
    """A message with the plural form that goes with a number."""
    return _translations(_speaking.get()).ngettext(one, many, number)


def pgettext(context: str, message: str) -> str:
    """A message that has more than one meaning."""
    return _translations(_speaking.get()).pgettext(context, message)


def npgettext(context: str, one: str, many: str, number: int) -> str:
    """A message that has more than one meaning, with the plural form that goes with a number."""
    return _translations(_speaking.get()).npgettext(context, one, many, number)


def noted(message: str) -> str:
    """A message that is said later, by ``gettext``: noted here, for the catalogues to have it."""
    return message


def said(message: str, **values: Any) -> str:
    """A message with its fields in braces filled in."""
    return gettext(message).format(**values)


def counted(one: str, many: str, number: int, **values: Any) -> str:
    """A message about a number of things, with its fields filled in; ``{n}`` is the number as it is written."""
    written = format_decimal(number, locale=language())
    return ngettext(one, many, number).format(n=written, **values)
