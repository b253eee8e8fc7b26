"""A sentence of an act or an event, filled in from its facts and from the accord's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_origin

from pydantic import BaseModel

from workflows.model.vocabulary import placeholders


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


def filled(says: str, declared: type[BaseModel], facts: Mapping[str, Any], vocabulary: str) -> str:
    """``says`` with what it names in braces: fields of the act or event, and terms of the vocabulary.

    A list is its members in a row; a name of the model, such as ``accepted_in_principle``, is words. A fact that is
    not there is an ellipsis.
    """
    words = {key: ", ".join(map(str, v)) if isinstance(v, list) else v for key, v in facts.items()}
    for name in _enumerated(declared) & words.keys():
        words[name] = str(words[name]).replace("_", " ")
    return says.format_map(_Fields({**placeholders(vocabulary), **words}))


@cache
def _enumerated(declared: type[BaseModel]) -> frozenset[str]:
    return frozenset(
        name for name, info in declared.model_fields.items() if get_origin(info.annotation) is Literal
    )
