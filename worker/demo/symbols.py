"""Symbols in a play's fields: what stands for a digest or a name that is known only once the play is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SYMBOLS = ("text", "paper", "document", "definition", "understanding", "release", "dates", "verdict")
"""What a field's value may refer to."""


def symbol(value: Any) -> tuple[str, str] | None:
    """(kind, name) where ``value`` is a symbol such as ``{text: D2/ko}``; otherwise none."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, name),) = value.items()
        if kind in SYMBOLS and isinstance(name, str):
            return kind, name
    return None


def symbols(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every symbol in a step's fields."""
    for value in fields.values():
        yield from _symbols(value)


def _symbols(value: Any) -> Iterator[tuple[str, str]]:
    found = symbol(value)
    if found is not None:
        yield found
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _symbols(item)


def fill(fields: Mapping[str, Any], resolve: Callable[[str, str], Any]) -> dict[str, Any]:
    """The fields with each symbol replaced by ``resolve(kind, name)``."""
    return {name: _filled(value, resolve) for name, value in fields.items()}


def _filled(value: Any, resolve: Callable[[str, str], Any]) -> Any:
    found = symbol(value)
    if found is not None:
        return resolve(*found)
    if isinstance(value, dict):
        return {key: _filled(item, resolve) for key, item in value.items()}
    return [_filled(item, resolve) for item in value] if isinstance(value, list) else value
