"""The kinds of papers, each with what makes it from the record. A kind's name is its last part of an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from activities.papers.blocks import Paper
from activities.papers.kinds import conditions, powers, protocol, record, registration, texts
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.errors import EntenteError

Make = Callable[[Source, Words], Paper]

BOOK = "closing-book"
CALENDAR = "calendar"
CERTIFICATE = "certificate"

KINDS: Mapping[str, Make] = {
    "full-powers": powers.full_powers,
    "protocol": protocol.protocol,
    "signature-pages": texts.signature_pages,
    "concordance": texts.concordance,
    "checklist": conditions.checklist,
    "satisfaction-letter": conditions.satisfaction_letter,
    "minutes": record.minutes,
    CERTIFICATE: record.certificate,
    "registration": registration.registration,
}
"""Every kind that is set on pages by itself, in the order of the closing book."""

BY_THE_LEAF = ("full-powers", "signature-pages")
"""Kinds of which each page is signed and handed over by itself."""

NAMES = (*KINDS, BOOK, CALENDAR)
"""Every kind; the closing book holds all others on pages, and the calendar is a file of dates."""


@dataclass(frozen=True, slots=True)
class Described:
    """A kind, for who has to choose."""

    kind: str
    title: str
    media_type: str


def described(w: Words) -> tuple[Described, ...]:
    """Every kind with its title."""
    return tuple(
        Described(kind, w[f"title.{kind}"], "text/calendar" if kind == CALENDAR else "application/pdf")
        for kind in NAMES
    )


class NoSuchKind(EntenteError):
    """There is no paper of that kind."""


def known_kind(name: str) -> str:
    """``name``, where there is such a kind.

    Raises:
        NoSuchKind: names those there are.
    """
    if name not in NAMES:
        raise NoSuchKind(f"there is no paper {name[:40]!r}", f"The papers are {', '.join(NAMES)}")
    return name
