"""YAML with the line at which everything stands, so that an error can say where to look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from activities.runtime.errors import RuntimeProblem

_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_PLAIN: Mapping[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}

Where = tuple[str | int, ...]
"""A path of keys and indexes into a document."""


class ScenarioProblem(RuntimeProblem):
    """A scenario's file cannot be used."""

    exit_code = 2


class Lines:
    """Where each part of a YAML document stands, by its path of keys and indexes."""

    def __init__(self, file: Path, at: Mapping[Where, int]) -> None:
        self.file = file
        self._at = at

    def line(self, path: Where) -> int:
        """The line (counted from 1) of ``path``, or of the nearest thing around it."""
        while path and path not in self._at:
            path = path[:-1]
        return self._at.get(path, 1)


def read_yaml(file: Path) -> tuple[Any, Lines]:
    """The value of a YAML file, and where its parts stand.

    Plain scalars are integers, booleans, null, or text: a date stays as it is written.

    Raises:
        ScenarioProblem: the file is not there, or is no YAML.
    """
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ScenarioProblem(f"{file} cannot be read: {error.strerror}.", "See that it is there.") from error
    except yaml.YAMLError as error:
        raise ScenarioProblem(f"{file} is no YAML: {error}.", "Mend it at the place named.") from error
    at: dict[Where, int] = {}
    try:
        value = None if root is None else _value(root, (), at)
    except _Twice as twice:
        raise ScenarioProblem(f"{file}:{twice}", "Leave one of the two.") from None
    return value, Lines(file, at)


class _Twice(ValueError):
    pass


def _value(node: yaml.Node, path: Where, at: dict[Where, int]) -> Any:
    at.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        members: dict[str, Any] = {}
        for key, item in node.value:
            name = str(key.value)
            if name in members:
                raise _Twice(f"{key.start_mark.line + 1}: {name!r} is there twice.")
            at[(*path, name)] = key.start_mark.line + 1
            members[name] = _value(item, (*path, name), at)
        return members
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), at) for index, item in enumerate(node.value)]
    text = str(node.value)
    if node.style is not None:  # type: ignore[attr-defined]
        return text
    if text in _PLAIN:
        return _PLAIN[text]
    return int(text) if _INTEGER.fullmatch(text) else text
