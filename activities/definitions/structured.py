"""Strict JSON and YAML, which say where they are wrong: for request bodies, definition files and plays.

YAML is read by the core schema of YAML 1.2 (so that ``NO`` is Norway and not false), without anchors and tags; its
timestamps stay text, which the definition's schema reads.

Whoever may send a document may send a hostile one. So reading takes time and memory in proportion to the document's
length, whatever is in it: values are counted, nesting and names are bounded, and YAML is built event by event, so that
a thread that reads gives way to others in between (building a whole tree inside the C library would not).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

DEEPEST = 64
"""Levels that a document may be nested."""

MOST_VALUES = 50_000
"""Values that a document may hold: fields, items of lists and the objects around them, each counted as one. A
definition with a thousand conditions, all fields written out, has some 25,000."""

MOST_MEMBERS = 2_000
"""Members of one object or list. A definition has at most a thousand of anything."""

LONGEST_NAME = 200
"""Characters that the name of a field may have. The longest that means anything is a delegate's id, of 64."""

_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII
)
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


class _Refused(ValueError):
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
        return _Bad(_TOO_LONG)
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
        _Check().value(value)
    except _Refused as error:
        raise _in_field(error) from None
    return value


def _in_field(error: _Refused, line: int | None = None) -> Unreadable:
    wrong = Wrong(field=error.name, problem=str(error), line=line)
    return Unreadable("malformed", f"cannot be taken: {wrong}.", (wrong,))


class _Check:
    """Whether a value can be taken: how many values it has, how deep they are nested, names and texts."""

    def __init__(self) -> None:
        self._count = 0
        self._path: list[str | int] = []

    def value(self, value: Any) -> None:
        """Go through a value.

        Raises:
            _Refused: it cannot be taken.
        """
        self._count += 1
        if self._count > MOST_VALUES:
            raise _Refused(_TOO_MANY)
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
                raise self._refused(_TOO_LONG)
            if isinstance(value, dict):
                for key in value:
                    said = _wrong_name(key)
                    if said:
                        raise self._refused(said)
            self._path.append("")
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                self._path[-1] = key
                self.value(item)
            self._path.pop()

    def _refused(self, said: str, *inner: str) -> _Refused:
        return _Refused(said, ".".join([str(part)[:80] for part in self._path] + list(inner)) or WHOLE)


_TOO_LONG = f"an object or a list has more than {MOST_MEMBERS:,} members"
_TOO_MANY = f"it holds more than {MOST_VALUES:,} values; split it"


def _wrong_name(key: str) -> str:
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


def read_yaml(content: bytes) -> Source:
    """The value of a YAML document whose top is a mapping, with the line of every field.

    Raises:
        Unreadable: it is no YAML, or holds what cannot be taken.
    """
    try:
        source = _Reading().read(content.decode())
    except UnicodeDecodeError as error:
        raise Unreadable("bad_request", f"is not UTF-8: byte {error.start} cannot be read.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = error.problem or error.context or "it does not read"
        raise Unreadable("bad_request", f"is not YAML: {said}{where}.") from None
    except yaml.YAMLError as error:
        raise Unreadable("bad_request", f"is not YAML: {str(error)[:200]}.") from None
    try:
        _Check().value(source.value)
    except _Refused as error:
        raise _in_field(error, source.line_of(error.name)) from None
    return source


def _at(line: int, said: str, name: str = WHOLE) -> Unreadable:
    wrong = Wrong(field=name, problem=said, line=line)
    return Unreadable("malformed", f"cannot be taken: line {line}: {said}.", (wrong,))


@dataclass(slots=True)
class _Open:
    """A list or an object whose end has not come yet; ``key`` is the name whose value comes next.

    ``place`` is its own name or index in what is around it.
    """

    value: Any
    lines: Lines
    place: str
    key: str | None = None
    key_line: int = 0


class _Reading:
    """A YAML document while its events come in."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._count = 0
        self._root: Any = None
        self._lines = Lines(1)
        self._documents = 0

    def read(self, text: str) -> Source:
        for event in yaml.parse(text, Loader=_LOADER):
            self._take(event, event.start_mark.line + 1 if event.start_mark else 1)
        if not isinstance(self._root, dict):
            raise Unreadable("malformed", "is not a mapping of fields at its top level.")
        return Source(self._root, self._lines)

    def _take(self, event: Any, line: int) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable("bad_request", f"is not YAML: another document begins at line {line}.")
            return
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _at(line, "anchors and aliases are not taken; write the value out")
        if tag := getattr(event, "tag", None):
            raise _at(line, f"the tag {tag[:40]} is not taken; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) == DEEPEST:
                raise _at(line, f"it is nested more than {DEEPEST} levels deep")
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            if self._awaits_key():
                raise _at(line, "a key is not text", self._name())
            place = self._place()
            self._open.append(_Open(value, self._put(value, line), place))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _scalar(self, event: Any, line: int) -> None:
        if not self._awaits_key():
            self._put(_plain(event, line, self._name), line)
            return
        around, key = self._open[-1], event.value
        if key in around.value:
            raise _at(line, f"{key[:80]!r} is there twice", self._name(key[:80]))
        if said := _wrong_name(key):
            raise _at(line, said, self._name())
        around.key, around.key_line = key, line

    def _put(self, value: Any, line: int) -> Lines:
        """Put a value where it belongs; returns its lines. A field stands at the line of its name."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise _at(line, _TOO_MANY)
        if not self._open:
            self._root = value
            return self._lines
        around = self._open[-1]
        if len(around.value) == MOST_MEMBERS:
            raise _at(line, _TOO_LONG, self._name())
        if around.key is None:
            around.value.append(value)
            return around.lines.put(len(around.value) - 1, line)
        key, around.key = around.key, None
        around.value[key] = value
        return around.lines.put(key, around.key_line)

    def _place(self) -> str:
        """The name or index of the value that comes next in what is around it."""
        if not self._open:
            return ""
        around = self._open[-1]
        return (around.key or "") if isinstance(around.value, dict) else str(len(around.value))

    def _name(self, key: str | None = None) -> str:
        """The dotted name of the value that comes next, or of ``key`` beside it."""
        parts = [*(one.place for one in self._open), self._place() if key is None else key]
        return ".".join(part[:80] for part in parts if part) or WHOLE


def _plain(event: Any, line: int, name: Callable[[], str]) -> Any:
    text: str = event.value
    if event.style:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 16:
            raise _at(line, f"the number {text[:40]} is beyond ±(2^53 - 1)", name())
        return int(text)
    if _FLOAT.fullmatch(text):
        raise _at(line, f"the number {text[:40]} is not an integer; put it in quotation marks", name())
    return text
