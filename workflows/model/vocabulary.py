"""Vocabularies: the words that people see. They decide nothing.

Each is a module in ``workflows/model/vocabularies``, found when this one is imported. A refusal stands on the record
in its accord's words: after a release, a word changes as a rule does, under newer rules.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType, ModuleType

import workflows.model.vocabularies
from workflows.model.vocabularies import diplomatic

TERMS: tuple[str, ...] = tuple(diplomatic.WORDS)
"""What a vocabulary has a word for: the accord, the rungs of the ladder and its end, and what the tracks are about."""

_THINGS = (
    "accord",
    "advance",
    "arrival",
    "condition",
    "document",
    "invitation",
    "powers",
    "understanding",
    "visit",
)
"""Terms that stand for a thing in an act's name; signing, in one, is what is done."""

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


def in_sentence(vocabulary: str, term: str) -> str:
    """A term as it stands within a sentence."""
    return word(vocabulary, term).lower()


@cache
def placeholders(vocabulary: str) -> Mapping[str, str]:
    """What the sentences of acts and events may name beside their fields, in the words of a vocabulary.

    ``{the visit}`` and ``{a visit}`` are a term with its article; ``{~visit}`` is the term alone.
    """
    filled: dict[str, str] = {}
    for term in TERMS:
        name = in_sentence(vocabulary, term)
        filled[f"the {term}"] = f"the {name}"
        filled[f"a {term}"] = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
        filled[f"~{term}"] = name
    return MappingProxyType(filled)


@cache
def phrase(vocabulary: str, act: str) -> str:
    """An act's name as words, its terms as the vocabulary has them: ``verify condition precedent``."""
    parts = act.replace("full_powers", "powers").split("_")
    return " ".join(in_sentence(vocabulary, part) if part in _THINGS else part for part in parts)


_SAID = re.compile(
    r"(?<!\{)\b(an? )?"
    r"(accord|advance work|arrival|conditions?|documents?|full powers|guests?|host|invitation|understanding|visit)\b",
    re.I,
)


_TERM_OF = {"advance work": "advance", "full powers": "powers", "guests": "guest"}
"""What a term is, where the text writes it otherwise."""


@cache
def reworded(text: str, vocabulary: str) -> str:
    """A text of our own, written in the words of ``diplomatic``, in those of another vocabulary.

    For what acts and gates say of themselves. What people wrote, titles and reasons, never goes through it.
    """
    if vocabulary == "diplomatic":
        return text

    def other(match: re.Match[str]) -> str:
        article, written = match[1], match[2]
        term = _TERM_OF.get(written.lower(), written.lower())
        name = in_sentence(vocabulary, term) + ("s" if written.lower() == "guests" else "")
        if written[0].isupper():
            name = name[0].upper() + name[1:]
        if not article:
            return name
        right = "an " if name[0] in "aeiou" else "a "
        return (right.capitalize() if article[0].isupper() else right) + name

    return _SAID.sub(other, text)
