"""The record's sentences in a paper's language and vocabulary. What no file translates stands in English, as the record
has it; so does a reason or a cause that is not the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import yaml

from activities.languages.catalogues import spoken
from activities.languages.prose import prose as in_spoken
from activities.papers.blocks import Piece, lines, quoted, strong
from activities.papers.source import Line
from activities.papers.words import FOLDER, Words
from workflows.model.consent import in_words
from workflows.model.declared import ACTS
from workflows.record.refusals import reason_of

_TERMS = ("grade", "gate", "language")
"""Fields whose values the words of papers name."""


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


@cache
def sentences(language: str, vocabulary: str = "diplomatic") -> Mapping[str, Any]:
    """The sentences of a language by ``acts`` and ``events``, how it writes by whom, and words for values.

    What the file has under a vocabulary's name takes the place of the others.
    """
    file = FOLDER / "record" / f"{language}.yaml"
    if not file.exists():
        return {"by": "", "refused": "", "acts": {}, "events": {}, "values": {}}
    told: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    own = told.get(vocabulary, {})
    parts = {part: {**told[part], **own.get(part, {})} for part in ("acts", "events", "values")}
    return {"by": told["by"], "refused": told["refused"], **parts}


def says(line: Line, w: Words) -> Piece:
    """An entry as a sentence; one that was refused is marked, and its reason stands as the record has it."""
    done = translated(line, w)
    if not line.refused:
        return quoted(line.says) if done is None else done
    if done is None:
        return lines(strong(w["refused"]), quoted(line.says.removeprefix("✗ refused: ")))
    english = reason_of(line.facts.get("event", {}))
    reason = _prose(w)(english)
    sought = sentences(w.language)["refused"].format(sought=done)
    return lines(strong(w["refused"]), sought, quoted(reason) if reason == english else reason)


def translated(line: Line, w: Words) -> str | None:
    """What was done or followed, in the paper's language; none, where nobody has put it into that."""
    return said_of(line.type, line.facts, line.delegate, line.party, w, _prose(w))


def cause_in(text: str, w: Words) -> str:
    """A cause that the model says, in the language of ``w``; as it stands, where it is somebody's own words."""
    return _prose(w)(text)


def _prose(w: Words) -> Callable[[str], str]:
    """The model's own sentences in the language of ``w``."""

    def said(text: str) -> str:
        with spoken(w.language):
            return in_spoken(text)

    return said


def said_of(
    kind: str,
    facts: Mapping[str, Any],
    delegate: str,
    party: str | None,
    w: Words,
    prose: Callable[[str], str],
) -> str | None:
    """What an entry of a kind says was done or followed; ``prose`` puts a cause and the like."""
    told = sentences(w.language, w.vocabulary)
    act = facts.get("act")
    name = str(act["name"]) if act is not None else kind
    if act is not None and name in ACTS:
        form, fields = told["acts"].get(name), {**_defaults(name), **act.get("fields", {})}
    else:
        form, fields = told["events"].get(kind), facts.get("event", {})
    if form is None:
        return None
    by = told["by"].format(delegate=delegate, party=party) if party else delegate
    values = {key: _value(key, value, told["values"], w, prose) for key, value in fields.items()}
    return str(form).format_map(_Fields({**values, "by": by}))


@cache
def _defaults(name: str) -> Mapping[str, Any]:
    fields = ACTS[name].model_fields.items()
    return {key: info.default for key, info in fields if not info.is_required() and info.default is not None}


def _value(key: str, value: Any, values: Mapping[str, str], w: Words, prose: Callable[[str], str]) -> str:
    if isinstance(value, list):
        return w.list(str(one) for one in value)
    if key in _TERMS:
        return w.term(key, str(value))
    if key == "subject":
        return prose(in_words(str(value), w.vocabulary))
    return values.get(str(value)) or (prose(str(value)) if key == "cause" else str(value))
