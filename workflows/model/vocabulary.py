"""Vocabularies: the words that people see. They change nothing else.

Each is a module in ``workflows/model/vocabularies``, found when this one is imported.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

import workflows.model.vocabularies
from workflows.model.vocabularies import diplomatic

TERMS: tuple[str, ...] = tuple(diplomatic.WORDS)
"""What a vocabulary has a word for: the accord, the rungs of the ladder and its end, and what the tracks are about."""

_NAME = re.compile(r"[a-z][a-z_]{0,39}")


def words_in(package: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """The vocabularies of a package, by name: a module for each.

    Raises:
        ValueError: names the module, and the terms that it leaves out or that nobody asks for.
    """
    found: dict[str, Mapping[str, str]] = {}
    for name in sorted(one.name for one in pkgutil.iter_modules(package.__path__)):
        words: Mapping[str, str] = importlib.import_module(f"{package.__name__}.{name}").WORDS
        wrong = [
            *(f"has no word for {term}" for term in TERMS if not words.get(term)),
            *(f"has a word for {term}, which is no term" for term in words if term not in TERMS),
            *([] if _NAME.fullmatch(name) else ["is not named by lower-case letters and underscores"]),
        ]
        if wrong:
            raise ValueError(f"the vocabulary {name} {', '.join(wrong)}; the terms are {', '.join(TERMS)}")
        found[name] = MappingProxyType(dict(words))
    return MappingProxyType(found)


VOCABULARIES: Mapping[str, Mapping[str, str]] = words_in(workflows.model.vocabularies)
"""Every vocabulary by name, with its word for each of ``TERMS``."""


def known(name: str) -> str:
    """``name``, where there is such a vocabulary.

    Raises:
        ValueError: there is none; names those there are.
    """
    if name not in VOCABULARIES:
        raise ValueError(f"there is no vocabulary {name!r}; choose one of {', '.join(VOCABULARIES)}")
    return name


def word(vocabulary: str, term: str) -> str:
    """How ``vocabulary`` calls a term of the domain; what it does not know is called as in ``diplomatic``."""
    return VOCABULARIES.get(vocabulary, diplomatic.WORDS).get(term) or diplomatic.WORDS.get(term, term)
