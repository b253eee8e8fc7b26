"""How sentences of an accord call things: by the words of its vocabulary, with their articles."""

from __future__ import annotations

from collections.abc import Collection

from workflows.model.state import Accord
from workflows.model.values import MOST_NAMES, some
from workflows.model.vocabulary import in_sentence


def called(a: Accord, term: str) -> str:
    """What the accord's vocabulary calls a term, within a sentence: ``closing memorandum``."""
    return in_sentence(a.definition.vocabulary, term)


def named(a: Accord, term: str) -> str:
    """The same with its article: ``the closing memorandum``."""
    return f"the {called(a, term)}"


def counted(number: int, one: str, many: str) -> str:
    """A number and its noun: ``1 entry``, ``3 entries``."""
    return f"{number:,} {one if number == 1 else many}"


def do(names: Collection[str], one: str, many: str, last: str = "and") -> str:
    """Names with what they do: ``HK concurs``, ``HK and RS concur``, ``HK or RS concurs``."""
    return f"{listed(names, last)} {one if len(names) == 1 or last == 'or' else many}"


def listed(names: Collection[str], last: str = "and") -> str:
    """Names in a row: ``A, B and C``; of many, the first of them."""
    if not 1 < len(names) <= MOST_NAMES:
        return some(names)
    *before, end = names
    return f"{', '.join(before)} {last} {end}"
