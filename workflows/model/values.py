"""The small values that a definition is written in: identifiers, durations, roles, grades, windows."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from workflows.model.commands import YEARS, Digest, Instant, Message
from workflows.model.joining import MARKS, joins

__all__ = [
    "GRADES",
    "INSTALLATION",
    "PLAIN",
    "ROLES",
    "Count",
    "DelegateId",
    "Digest",
    "Duration",
    "Flag",
    "Gate",
    "Grade",
    "Instant",
    "Line",
    "Message",
    "Note",
    "Particular",
    "PartyId",
    "PublicKey",
    "Reference",
    "Role",
    "Text",
    "Window",
    "add_duration",
    "shortened",
    "show_date",
    "show_time",
    "some",
    "subtract_duration",
]

PartyId = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}$", description="a party's short code, such as RU")
]
INSTALLATION = "installation"
"""The id under which whoever runs the installation does what is technical, where no operator is named."""

RESERVED = ("clock", "unattributed", INSTALLATION)
"""Names under which entries stand that no delegate caused."""


def _not_reserved(delegate: str) -> str:
    if delegate in RESERVED:
        raise ValueError(f"{delegate!r} is reserved for entries that no delegate caused; choose another id")
    return delegate


DelegateId = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*$",
        max_length=64,
        description="a delegate's pseudonymous id",
    ),
    AfterValidator(_not_reserved),
]
Reference = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$", description="the id of a condition or document, such as C3"
    ),
]
Language = Annotated[
    str,
    Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="a BCP 47 language tag"),
]

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029"  # controls, and other ends of lines
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the direction of what follows
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # they have no width
)
_JOINER = re.compile("[\u200c\u200d]")
_PILED = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5}")
_MOST_MARKS = 8
"""Marks of any script on one letter; Tibetan stacks six."""


def plain(text: str) -> str:
    """``text``, if people see all of it, as it is written, on one line.

    Raises:
        ValueError: it holds a character that is not seen, or marks piled up on a letter. Two titles that look alike
            would be two then, or one would read as another.
    """
    if (unseen := _UNSEEN.search(text)) is not None:
        raise ValueError(
            f"it holds U+{ord(unseen[0]):04X}, a control, a mark of direction, or a character without width; "
            "leave it out"
        )
    for joiner in _JOINER.finditer(text):
        if not joins(text, joiner.start()):
            raise ValueError(
                f"it holds U+{ord(joiner[0]):04X} where it has no effect that is seen; leave it out there"
            )
    if (piled := _PILED.search(text)) is not None:
        raise ValueError(
            f"more than four marks stand on one letter, from U+{ord(piled[0][0]):04X}; leave them out"
        )
    run = 0
    for letter in () if text.isascii() else text:
        run = run + 1 if letter in MARKS else 0
        if run > _MOST_MARKS:
            raise ValueError(f"more than {_MOST_MARKS} marks stand on one letter; leave them out")
    return text


PLAIN = AfterValidator(plain)

Text = Annotated[str, Field(min_length=1, max_length=300, pattern=r"\S")]

Line = Annotated[Text, PLAIN]
"""A title or a name: one line, all of which people see."""

Flag = Annotated[bool, Field(strict=True)]
"""``true`` or ``false``, not a word or a number that could mean it."""

Count = Annotated[int, Field(strict=True)]
"""A number, not a text of digits."""

Role = Literal[
    "contact",
    "protocol",
    "treaty_section",
    "drafter",
    "obligor",
    "verifier",
    "competent_authority",
    "signatory",
    "registrar",
    "depositary",
    "monitor",
    "observer",
    "auditor",
    "operator",
]
ROLES: tuple[str, ...] = Role.__args__  # type: ignore[attr-defined]

Grade = Literal["declared", "reported", "documented", "inspected"]
GRADES: tuple[str, ...] = Grade.__args__  # type: ignore[attr-defined]
"""Evidence grades, weakest first."""

Gate = Literal["visit", "signing", "ceremony", "subsequent"]


class Particular:
    """Marks an act's field as a particular: limited by audience, erasable, and never read by the fold."""


Note = Annotated[str, Field(max_length=4000), Particular()]
"""Free text that a delegate adds: kept with the entry's particulars."""

_DURATION = re.compile(
    r"^P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?)?$"
)
Duration = Annotated[
    str,
    Field(
        pattern=_DURATION.pattern,
        min_length=3,
        max_length=40,
        description="an ISO 8601 duration, such as P30D, P12M or PT36H",
    ),
]


FIRST = datetime(YEARS[0] + 1, 1, 1, tzinfo=UTC)
LAST = datetime(YEARS[1] - 1, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The first and the last of the times that an accord can name."""


def add_duration(start: datetime, duration: str) -> datetime:
    """``start`` plus an ISO 8601 duration; months and years by the calendar, clamped to the month's last day.

    What would lie beyond ``LAST`` is ``LAST``.

    Raises:
        ValueError: it is no such duration.
    """
    return _moved(start, duration, 1)


def subtract_duration(end: datetime, duration: str) -> datetime:
    """``end`` less an ISO 8601 duration, by the same calendar; what would lie before ``FIRST`` is ``FIRST``.

    Raises:
        ValueError: it is no such duration.
    """
    return _moved(end, duration, -1)


def _moved(start: datetime, duration: str, sign: int) -> datetime:
    match = _DURATION.match(duration)
    if match is None:
        raise ValueError(f"{duration!r} is not an ISO 8601 duration such as P30D")
    years, months, days, hours, minutes = (sign * int(group or 0) for group in match.groups())
    year, month = divmod(start.year * 12 + (start.month - 1) + years * 12 + months, 12)
    if not YEARS[0] < year < YEARS[1]:
        return LAST if sign > 0 else FIRST
    first = start.replace(year=year, month=month + 1, day=1)
    following = first.replace(year=year + month // 11, month=(month + 1) % 12 + 1)
    last_day = (following - timedelta(days=1)).day
    moved = first.replace(day=min(start.day, last_day))
    moved += timedelta(days=days, hours=hours, minutes=minutes)
    return max(FIRST, min(moved, LAST))


def _public_key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32 or base64.b64encode(raw).decode() != text:
        raise ValueError("it is not the base64 of the 32 bytes of an Ed25519 public key")
    return text


PublicKey = Annotated[
    str,
    Field(
        max_length=44,
        description="base64 of the 32 bytes of an Ed25519 public key, as `entente delegate-key` prints it",
    ),
    AfterValidator(_public_key),
]


class Window(Message):
    """When and where the visit takes place. ``begins`` and ``ends`` are instants."""

    begins: Instant = Field(description="when the visit or meeting begins")
    ends: Instant = Field(description="when it ends")
    place: Annotated[str, PLAIN] = Field(default="", max_length=200, description="where it takes place")

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if self.ends < self.begins:
            raise ValueError("the window ends before it begins")
        return self


def some(names: Collection[str]) -> str:
    """The names, or the first of them where they are many: a thousand in each of a thousand errors help nobody."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(islice(names, MOST_NAMES)) + more


MOST_NAMES = 12
"""Names that a sentence lists."""


def shortened(words: str, most: int) -> str:
    """Words of at most ``most`` characters: names and values in them may be somebody's, of any length."""
    return words if len(words) <= most else words[: most - 1] + "…"


def show_date(at: datetime | None) -> str:
    """A date as people read it: ``2027-04-12``."""
    return "open-ended" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d")


def show_time(at: datetime) -> str:
    """A time as people read it, in UTC: ``2027-04-12 00:00 UTC``."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
