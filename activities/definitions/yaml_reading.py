"""Strict YAML, which says where it is wrong, and on which line every field stands.

It is read by the core schema of YAML 1.2 (so that ``NO`` is Norway and not false), without anchors and tags; its
timestamps stay text, which the definition's schema reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from activities.definitions.structured import (
    DEEPEST,
    MOST_MEMBERS,
    MOST_VALUES,
    TOO_LONG,
    TOO_MANY,
    WHOLE,
    Bounds,
    Lines,
    RefusedValue,
    Source,
    Unreadable,
    Wrong,
    in_field,
    wrong_name,
)

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
        Bounds().value(source.value)
    except RefusedValue as error:
        raise in_field(error, source.line_of(error.name)) from None
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
        if said := wrong_name(key):
            raise _at(line, said, self._name())
        around.key, around.key_line = key, line

    def _put(self, value: Any, line: int) -> Lines:
        """Put a value where it belongs; returns its lines. A field stands at the line of its name."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise _at(line, TOO_MANY)
        if not self._open:
            self._root = value
            return self._lines
        around = self._open[-1]
        if len(around.value) == MOST_MEMBERS:
            raise _at(line, TOO_LONG, self._name())
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
