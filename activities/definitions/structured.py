"""Strict JSON and YAML, which say where they are wrong: for request bodies, definition files and plays.

YAML is read by the core schema of YAML 1.2 (so that ``NO`` is Norway and not false), without anchors and tags; its
timestamps stay text, which the definition's schema reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

DEEPEST = 64
"""Levels that a document may be nested."""

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
    """A document cannot be taken. ``code`` is ``bad_request`` where it is no JSON or YAML, or else ``malformed``.

    ``said`` is what to put behind the document's name: "is not JSON: …".
    """

    def __init__(self, code: str, said: str, errors: tuple[Wrong, ...] = ()) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Source:
    """A document's value, and for YAML the line at which each field stands, by dotted name."""

    value: dict[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, name: str) -> int | None:
        """The line of a field, or of the nearest one around it that is there; none for JSON."""
        parts = name.split(".")
        while parts:
            found = self.lines.get(".".join(parts))
            if found is not None:
                return found
            parts.pop()
        return None


class _Refused(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in [k for k, _ in pairs[:index]])
        raise _Refused(f"an object names {twice[:80]!r} twice")
    return members


def _no_float(text: str) -> Any:
    raise _Refused(f"the number {text[:40]} is not an integer; send text instead")


def _integer(text: str) -> int:
    if len(text) > 16:
        raise _Refused(f"the number {text[:40]} is beyond ±(2^53 - 1)")
    return int(text)


def read_json(content: bytes) -> Any:
    """The value of strict JSON: UTF-8, no member twice, no floats, not nested deeper than ``DEEPEST``.

    Raises:
        Unreadable: it is no JSON, or holds what cannot be taken.
    """
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
        _check(value)
        return value
    except _Refused as error:
        raise Unreadable("malformed", f"cannot be taken: {error}.") from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            "bad_request", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise Unreadable("bad_request", f"is not UTF-8: byte {error.start} cannot be read.") from None
    except RecursionError:
        raise Unreadable("malformed", f"is nested more than {DEEPEST} levels deep.") from None


def _check(value: Any, depth: int = 1) -> None:
    if isinstance(value, dict | list):
        if depth > DEEPEST:
            raise _Refused(f"it is nested more than {DEEPEST} levels deep")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth + 1)
    if isinstance(value, dict):
        for key in value:
            if not key.isascii():
                raise _Refused(f"the field {key[:40]!r} has a name that is not ASCII")
    elif isinstance(value, str):
        if "\x00" in value:
            # A summary with it could not be stored; by then a workflow would have been started for nothing.
            raise _Refused(f"the text {value[:40]!r} holds U+0000; leave it out")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Refused("a text holds half a surrogate pair") from None


def read_yaml(content: bytes) -> Source:
    """The value of a YAML document whose top is a mapping, with the line of every field.

    Raises:
        Unreadable: it is no YAML, or holds what cannot be taken.
    """
    try:
        text = content.decode()
        _check_events(text)
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise Unreadable("bad_request", f"is not UTF-8: byte {error.start} cannot be read.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = error.problem or error.context or "it does not read"
        raise Unreadable("bad_request", f"is not YAML: {said}{where}.") from None
    except yaml.YAMLError as error:
        raise Unreadable("bad_request", f"is not YAML: {str(error)[:200]}.") from None
    lines: dict[str, int] = {}
    value = _value(node, "", lines) if node is not None else None
    if not isinstance(value, dict):
        raise Unreadable("malformed", "is not a mapping of fields at its top level.")
    try:
        _check(value)
    except _Refused as error:
        raise Unreadable("malformed", f"cannot be taken: {error}.") from None
    return Source(value, lines)


def _check_events(text: str) -> None:
    """Refuse what is cheap to write and dear to read, before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _at(line, "anchors and aliases are not taken; write the value out")
        if tag := getattr(event, "tag", None):
            raise _at(line, f"the tag {tag[:40]} is not taken; leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _at(line, f"it is nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _at(line: int, said: str, name: str = WHOLE) -> Unreadable:
    wrong = Wrong(field=name, problem=said, line=line)
    return Unreadable("malformed", f"cannot be taken: line {line}: {said}.", (wrong,))


def _value(node: yaml.Node, name: str, lines: dict[str, int]) -> Any:
    line = node.start_mark.line + 1
    if name:
        lines[name] = line
    if isinstance(node, yaml.MappingNode):
        members: dict[str, Any] = {}
        for key_node, item in node.value:
            at = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise _at(at, "a key is not text", name or WHOLE)
            key = key_node.value
            inner = f"{name}.{key}" if name else key
            if key in members:
                raise _at(at, f"{key!r} is there twice", inner)
            members[key] = _value(item, inner, lines)
            lines[inner] = at
        return members
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, f"{name}.{index}" if name else str(index), lines)
            for index, item in enumerate(node.value)
        ]
    return _scalar(node, name, line)


def _scalar(node: Any, name: str, line: int) -> Any:
    text: str = node.value
    if node.style:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 16:
            raise _at(line, f"the number {text[:40]} is beyond ±(2^53 - 1)", name)
        return int(text)
    if _FLOAT.fullmatch(text):
        raise _at(line, f"the number {text[:40]} is not an integer; put it in quotation marks", name)
    return text
