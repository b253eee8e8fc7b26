"""Strict JSON, what is common to it and to YAML (``yaml_reading``), and how both say where they are wrong.

They are for request bodies, definition files and plays.

Whoever may send a document may send a hostile one. So reading takes time and memory in proportion to the document's
length, whatever is in it: values are counted, nesting and names are bounded, and YAML is built event by event, so that
a thread that reads gives way to others in between (building a whole tree inside the C library would not).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST = 64
"""Levels that a document may be nested."""

MOST_VALUES = 50_000
"""Values that a document may hold: fields, items of lists and the objects around them, each counted as one. A
definition with a thousand conditions, all fields written out, has some 25,000."""

MOST_MEMBERS = 2_000
"""Members of one object or list. A definition has at most a thousand of anything."""

LONGEST_NAME = 200
"""Characters that the name of a field may have. The longest that means anything is a delegate's id, of 64."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field, by its dotted name, and what is wrong with it; the line counts from 1, where there are lines."""

    field: str
    problem: str
    line: int | None = None

    def __str__(self) -> str:
        at = f"line {self.line}: " if self.line else ""
        return f"{at}{self.problem}" if self.field == WHOLE else f"{at}{self.field}: {self.problem}"


WHOLE = "(whole)"
"""The field of an error that is about all of it."""


class Unreadable(Exception):
    """A document cannot be taken. ``code`` is ``bad_request`` (no JSON or YAML), ``malformed``, or ``too_large``.

    ``said`` is what to put behind the document's name: "is not JSON: …".
    """

    def __init__(self, code: str, said: str, errors: tuple[Wrong, ...] = ()) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.errors = errors


@dataclass(slots=True)
class Lines:
    """The line at which a value begins, counted from 1, and the lines of the values inside it."""

    line: int
    inner: dict[str | int, Lines] | None = None

    def put(self, key: str | int, line: int) -> Lines:
        """Say where the value under ``key`` begins; returns its lines, to be filled in."""
        if self.inner is None:
            self.inner = {}
        lines = self.inner[key] = Lines(line)
        return lines


@dataclass(frozen=True, slots=True)
class Source:
    """A document's value, and for YAML the line at which each field stands."""

    value: dict[str, Any]
    lines: Lines | None = None

    def line_of(self, where: str | Sequence[str | int]) -> int | None:
        """The line of a field, or of the nearest one around it that is there; none for JSON.

        ``where`` is the path of names and indexes, or the dotted name that an error shows. Names may hold dots
        themselves (a delegate's id does), so a dotted name is followed by the shortest names that are there.
        """
        if self.lines is None:
            return None
        path = list(where.split(".", MOST_DOTS) if isinstance(where, str) else where)
        at, depth, start = self.lines, 0, 0
        while start < len(path):
            for end in range(start + 1, len(path) + 1):
                inner = _inside(at, path[start:end])
                if inner is not None:
                    at, depth, start = inner, depth + 1, end
                    break
            else:
                break
        return at.line if depth else None


MOST_DOTS = 256
"""Parts of a dotted name that are looked for. Names as long as this are not ours, and stand where they begin."""


def _inside(lines: Lines, names: Sequence[str | int]) -> Lines | None:
    if not lines.inner:
        return None
    found = lines.inner.get(names[0]) if len(names) == 1 else None
    name = ".".join(map(str, names))
    if found is None:
        found = lines.inner.get(name)
    if found is None and name.isascii() and name.isdigit() and len(name) < 7:
        found = lines.inner.get(int(name))
    return found


class RefusedValue(ValueError):
    """What cannot be taken, and the dotted name of the field that it is in."""

    def __init__(self, said: str, name: str = WHOLE) -> None:
        super().__init__(said)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Bad:
    """Stands in a value that was read for what cannot be taken: only when it is gone through is its place known."""

    said: str
    inner: str | None = None


def _unique(pairs: list[tuple[str, Any]]) -> Any:
    if len(pairs) > MOST_MEMBERS:
        return _Bad(TOO_LONG)
    members = dict(pairs)
    if len(members) != len(pairs):
        name = _first_repeated(key for key, _ in pairs)[:80]
        return _Bad(f"{name!r} is there twice", name)
    return members


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("no name is there twice")


def _no_float(text: str) -> Any:
    return _Bad(f"the number {text[:40]} is not an integer; send text instead")


def _integer(text: str) -> Any:
    return int(text) if len(text) <= 16 else _Bad(f"the number {text[:40]} is beyond ±(2^53 - 1)")


def read_json(content: bytes) -> Any:
    """The value of strict JSON: UTF-8, no member twice, no floats, not nested deeper than ``DEEPEST``.

    Raises:
        Unreadable: it is no JSON, or holds what cannot be taken; then the error names the field.
    """
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise Unreadable(
            "bad_request", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise Unreadable("bad_request", f"is not UTF-8: byte {error.start} cannot be read.") from None
    except RecursionError:
        raise Unreadable("malformed", f"is nested more than {DEEPEST} levels deep.") from None
    try:
        Bounds().value(value)
    except RefusedValue as error:
        raise in_field(error) from None
    return value


def in_field(error: RefusedValue, line: int | None = None) -> Unreadable:
    """The error that names the field which cannot be taken, and its line where that is known."""
    wrong = Wrong(field=error.name, problem=str(error), line=line)
    return Unreadable("malformed", f"cannot be taken: {wrong}.", (wrong,))


class Bounds:
    """Whether a value can be taken: how many values it has, how deep they are nested, names and texts."""

    def __init__(self) -> None:
        self._count = 0
        self._path: list[str | int] = []

    def value(self, value: Any) -> None:
        """Go through a value.

        Raises:
            RefusedValue: it cannot be taken.
        """
        self._count += 1
        if self._count > MOST_VALUES:
            raise RefusedValue(TOO_MANY)
        if isinstance(value, str):
            said = _wrong_text(value)
            if said:
                raise self._refused(said)
        elif isinstance(value, _Bad):
            raise self._refused(value.said, *([value.inner] if value.inner is not None else []))
        elif isinstance(value, dict | list):
            if len(self._path) >= DEEPEST:
                raise self._refused(f"it is nested more than {DEEPEST} levels deep")
            if len(value) > MOST_MEMBERS:
                raise self._refused(TOO_LONG)
            if isinstance(value, dict):
                for key in value:
                    said = wrong_name(key)
                    if said:
                        raise self._refused(said)
            self._path.append("")
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self._path[-1] = key
                self.value(item)
            self._path.pop()

    def _refused(self, said: str, *inner: str) -> RefusedValue:
        return RefusedValue(said, ".".join([str(part)[:80] for part in self._path] + list(inner)) or WHOLE)


TOO_LONG = f"an object or a list has more than {MOST_MEMBERS:,} members"
TOO_MANY = f"it holds more than {MOST_VALUES:,} values; split it"


def wrong_name(key: str) -> str:
    """What is wrong with the name of a field; nothing, if nothing is."""
    if not key.isascii():
        return f"the field {key[:40]!r} has a name that is not ASCII"
    if len(key) > LONGEST_NAME:
        return f"the field {key[:40]!r}… has a name of more than {LONGEST_NAME} characters"
    return ""


def _wrong_text(value: str) -> str:
    """What is wrong with a text; nothing, if nothing is."""
    if "\x00" in value:
        # A summary with it could not be stored; by then a workflow would have been started for nothing.
        return f"the text {value[:40]!r} holds U+0000; leave it out"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "a text holds half a surrogate pair"
    return ""
