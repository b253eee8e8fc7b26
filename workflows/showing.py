"""What people see of an accord in Temporal's UI and lists: its search attributes, and an act in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from workflows.messages import Shown, Standing
from workflows.model.commands import Command
from workflows.model.vocabulary import phrase

STAGE = SearchAttributeKey.for_keyword("EntenteStage")
PARTIES = SearchAttributeKey.for_keyword_list("EntenteParties")
NEXT_DEADLINE = SearchAttributeKey.for_datetime("EntenteNextDeadline")
BLOCKED_BY = SearchAttributeKey.for_int("EntenteBlockedBy")
VOCABULARY = SearchAttributeKey.for_keyword("EntenteVocabulary")
SEARCH_ATTRIBUTES = (STAGE, PARTIES, NEXT_DEADLINE, BLOCKED_BY, VOCABULARY)
"""What the Temporal UI can filter accords by. Nothing secret is in them."""

LONGEST_SUMMARY = 380
"""Bytes of a summary; a server may refuse more than 400, and there the workflow would stand still."""


def attribute_updates(
    before: Mapping[str, Any], standing: Standing, shown: Shown
) -> tuple[dict[str, Any], list[SearchAttributeUpdate[Any]]]:
    """The search attributes that show a standing, by name, and those to be set or unset where ``before`` stood."""
    wanted: dict[str, Any] = {
        STAGE.name: standing.stage,
        PARTIES.name: list(shown.parties),
        NEXT_DEADLINE.name: standing.deadline.at if standing.deadline else None,
        BLOCKED_BY.name: shown.blocked_by,
        VOCABULARY.name: shown.vocabulary,
    }
    updates: list[SearchAttributeUpdate[Any]] = []
    for key in SEARCH_ATTRIBUTES:
        value = wanted[key.name]
        if before.get(key.name) != value:
            updates.append(key.value_unset() if value is None else key.value_set(value))
    return wanted, updates


def headline(command: Command, vocabulary: str = "") -> str:
    """An act in a line, as it is asked for: nothing of it is judged yet, and who is named only if it is signed.

    It is in the words of the accord's ``vocabulary``, where that is known.
    """
    subjects = [str(command.fields[name]) for name in _SUBJECTS if name in command.fields]
    words = " ".join((phrase(vocabulary, command.act), *subjects))
    line = f"{words} · {command.delegate}" if command.signature else f"unverified: {words}"
    printable = "".join(letter if letter.isprintable() else " " for letter in line)
    return printable.encode(errors="replace")[:LONGEST_SUMMARY].decode(errors="ignore")


_SUBJECTS = ("condition", "document", "language", "seat")
"""Fields that say what an act is about, in a word."""
