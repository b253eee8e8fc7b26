"""Sentences of the model in the language that is spoken: why a guard is not met, what to do, what waits, what ends.

The model says them in English, and refusals stand so on the record. Here a sentence is recognized by the message that
it was made from, and its fields are put into the translation. A field may itself be such a sentence, or a list of
ids; what nobody translates, such as a title or a person's own words, stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache

from activities.languages import formats
from activities.languages.catalogues import ENGLISH, catalogue, language, offered, pgettext
from activities.languages.names import TONGUES

CONTEXT = "prose"
"""The context of these messages in the catalogues."""

FIELD = re.compile(r"\{([a-z_0-9]+)\}")

IDS = frozenset(
    (
        *(
            "accord",
            "by",
            "claimant",
            "code",
            "condition",
            "delegate",
            "document",
            "guest",
            "holder",
            "host",
            "key",
        ),
        *(
            "language",
            "name",
            "needed",
            "number",
            "party",
            "person",
            "predecessor",
            "seat",
            "side",
            "verifier",
        ),
        *("version",),
    )
)
"""Fields that hold one id or number, and so no space."""

OWN_WORDS = frozenset(("title", "ground", "office", "reason"))
"""Fields that hold a party's own words, which nobody translates."""

SENTENCES = frozenset(("words", "remedy", "cause", "terminated"))
"""Fields that hold sentences, of which there may be several."""

NAMES = frozenset(("contacts",))
"""Fields that hold ids in a row."""

_DEEPEST = 4
_MOST_CLAUSES = 2
"""Clauses, parted by semicolons, that one message has beside its fields."""

_LONGEST = 1_000
"""Characters of a sentence; the model's have no more."""

_MOST_WORK = 200
_STRETCH = 64
"""Parts of a sentence that are looked up, a long one counting once more for each so many characters: the model's come
to some dozens. A party's own words may have parts without end, and are not worth the time."""

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d) UTC)?")
_CLAUSE = re.compile(r", (?![^()]*\))")
"""Where one part of a sentence ends, and not within parentheses."""

_BETWEEN = re.compile(r", | and ")
"""What stands between ids in a row."""

_ID = re.compile(r"[\w.:/+-]+")
_ACT = re.compile(r"[a-z]+(?:-[a-z]+)+")
"""An act that a sentence names in parentheses, and no cause."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A message with fields: the longest of its own words, what it looks like, and how it is said."""

    words: str
    pattern: re.Pattern[str]
    says: str

    @property
    def plain(self) -> int:
        """How much of it is its own words."""
        return len(FIELD.sub("", self.says))


class _TooManyParts(Exception):
    """A text has more parts than any sentence of the model."""


class _Lookups:
    """How many parts of one text may still be looked up."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def one_more(self, text: str) -> None:
        """Count one.

        Raises:
            _TooManyParts: there were as many as there may be.
        """
        self._left -= 1 + len(text) // _STRETCH
        if self._left < 0:
            raise _TooManyParts


class Prose:
    """The sentences of one language."""

    def __init__(self, messages: dict[str, str]) -> None:
        self._exact = {one: says for one, says in messages.items() if not FIELD.search(one)}
        forms = [(one, _form(one, says)) for one, says in messages.items() if FIELD.search(one)]
        # Of two that fit, the one with more words of its own is meant; first one whose field is a sentence itself.
        forms.sort(key=lambda form: (-len(FIELD.sub("", form[0])), "{words}" not in form[0]))
        self._forms = [form for _, form in forms]

    def say(self, text: str) -> str | None:
        """A sentence in the language; none where it is not one of the model's."""
        try:
            return self._say(text, 0, _Lookups())
        except _TooManyParts:
            return None

    def _say(self, text: str, depth: int, lookups: _Lookups) -> str | None:
        whole = self._whole(text, depth, lookups)
        if whole is not None or depth >= _DEEPEST or len(text) > _LONGEST:
            return whole
        if "; " in text and (row := self._row(text.split("; "), depth, lookups)) is not None:
            return row
        # What a document or a condition does: "D1 is not agreed in fr".
        about, _, rest = text.partition(" ")
        done = self._say(rest, _DEEPEST, lookups) if _ID.fullmatch(about) and rest else None
        return None if done is None else f"{about}: {done}"

    def _whole(self, text: str, depth: int, lookups: _Lookups) -> str | None:
        """What one message says; none where no message does."""
        lookups.one_more(text)
        exact = self._exact.get(text)
        if exact is not None or depth > _DEEPEST or len(text) > _LONGEST:
            return exact
        for form in self._forms:
            if form.words in text and (fits := form.pattern.fullmatch(text)):
                found = fits.groupdict()
                if _ACT.fullmatch(found.get("cause", "")) or not _closed(found.get("title", "")):
                    continue
                if "words" in found and self._say(found["words"], depth + 1, lookups) is None:
                    continue
                values = {name: self._value(name, value, depth, lookups) for name, value in found.items()}
                return FIELD.sub(lambda field, given=values: given[field[1]], form.says)  # type: ignore[misc]
        return None

    def _row(self, clauses: list[str], depth: int, lookups: _Lookups) -> str | None:
        """Sentences one after another; one may have a semicolon within it."""
        done: list[str] = []
        at = 0
        while at < len(clauses):
            for size in range(min(_MOST_CLAUSES, len(clauses) - at), 0, -1):
                one = "; ".join(clauses[at : at + size])
                said = self._whole(one, depth, lookups) if size > 1 else self._say(one, depth, lookups)
                if said is not None:
                    done.append(said)
                    at += size
                    break
            else:
                return None
        return "; ".join(done)

    def _value(self, name: str, value: str, depth: int, lookups: _Lookups) -> str:
        if name in OWN_WORDS:
            # What the model says behind them is no part of them: "not legible; overdue".
            own, _, behind = value.rpartition("; ")
            said = self._exact.get(behind) if own and name == "reason" else None
            return value if said is None else f"{own}; {said}"
        if name == "act":
            return pgettext("act", value.capitalize())
        if name in ("language", "languages"):
            return _languages(value)
        if name in ("role", "roles"):
            either = value.split(" or ")
            roles = either if len(either) > 1 else value.split(", ")
            named = [pgettext("role", one.replace("_", " ")) for one in roles]
            return formats.listed(named, "or") if len(either) > 1 else formats.row(named)
        whole = self._say(value, depth + 1, lookups)
        if whole is not None:
            return whole
        if (date := _DATE.fullmatch(value)) is not None:
            return _dated(date)
        for separator, last in ((" or ", "or"), (" and ", "and")):
            if separator not in value:
                continue
            parts = value.replace(separator, ", ").split(", ")
            shown = [
                self._say(one, depth + 1, lookups) or (one if _ID.fullmatch(one) else None) for one in parts
            ]
            if None not in shown:
                return formats.listed([str(one) for one in shown], last)
        return formats.row(self._say(one, depth + 1, lookups) or one for one in _CLAUSE.split(value))


def _languages(tags: str) -> str:
    """Languages by their names; a tag that nobody has named stays as it is."""
    listed = [_tongue(one) for one in _BETWEEN.split(tags)]
    return formats.listed(listed) if " and " in tags else formats.row(listed)


def _tongue(tag: str) -> str:
    known = tag.lower().split("-")[0]
    return pgettext("language", known) if known in TONGUES else tag


def _closed(title: str) -> bool:
    """Whether a title ends no parenthesis that it did not begin: else it is the rest of a sentence and no title."""
    depth = 0
    for character in title:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return True


def _form(message: str, says: str) -> _Form:
    parts, seen = FIELD.split(message), set[str]()
    pattern = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>{_holds(part.rstrip('0123456789'))})"
    return _Form(max(parts[::2], key=len), re.compile(pattern, re.DOTALL), says)


def _holds(field: str) -> str:
    """What may stand in a field: an id, anything, or what is no further sentence."""
    if field in IDS:
        return "[^ ,;()]+"
    if field == "date":
        return _DATE.pattern.replace("(\\d", "(?:\\d")
    if field in NAMES:
        return "[^;:]+?"
    return ".+?" if field in (*OWN_WORDS, *SENTENCES) else "[^;]+?"


def _dated(date: re.Match[str]) -> str:
    year, month, day, hour, minute = (int(one or 0) for one in date.groups())
    try:
        at = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return date[0]
    return formats.day(at, UTC) if date[4] is None else formats.moment(at, UTC, "UTC")


@cache
def _prose(spoken: str) -> Prose:
    return Prose({str(one.id): str(one.string) for one in catalogue(spoken) if one.context == CONTEXT})


@lru_cache(maxsize=4096)
def _said(spoken: str, text: str) -> str | None:
    return _prose(spoken).say(text)


def prose(text: str) -> str:
    """A sentence of the model in the language that is spoken; as it stands where it is not one of the model's."""
    now = language()
    if not text or now == ENGLISH or now not in offered():
        return text
    return _said(now, str(text)) or text
