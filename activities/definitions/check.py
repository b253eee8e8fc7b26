"""Definition files: read from JSON or YAML, with errors that name line and field; and what in them looks unmeant.

The schema is ``workflows.model.definition``; here its errors are put into words and lines. A warning is about what can
be adopted and will hardly go as it is written: it refuses nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from activities.definitions.structured import WHOLE, Source, Unreadable, Wrong, read_json
from activities.definitions.yaml_reading import read_yaml
from workflows.model.definition import Definition, Inconsistent
from workflows.model.terms import OFFICER_ROLES, ConditionTerms
from workflows.model.values import DelegateId, Digest, Duration, Language, PartyId, Reference, show_time

MOST = 50
"""Errors that are told at once."""

_GATES = ("visit", "signing", "ceremony", "subsequent")


def read_file(file: Path) -> Source:
    """The value of a definition file. What ends in ``.json`` is JSON, everything else is YAML.

    Raises:
        Unreadable: it is neither, or holds what cannot be taken.
        OSError: it cannot be read.
    """
    content = file.read_bytes()
    if file.suffix.lower() != ".json":
        return read_yaml(content)
    value = read_json(content)
    if not isinstance(value, dict):
        raise Unreadable("malformed", "is not a JSON object of fields at its top level.")
    try:
        # JSON is YAML nearly always, and that reader knows lines. Where it is not, errors name fields only.
        return Source(value, read_yaml(content).lines)
    except Unreadable:
        return Source(value)


def read_definition(source: Source) -> Definition:
    """The definition that a document holds.

    Raises:
        Unreadable: ``malformed``, with an error for each field; ``too_large``.
    """
    try:
        definition = Definition.model_validate(source.value)
    except ValidationError as error:
        errors = tuple(errors_in(error, source))
    else:
        if too_large := definition.too_large():
            raise Unreadable("too_large", f"is too large: {too_large}.")
        return definition
    listing = "; ".join(str(one) for one in errors[:5])
    more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
    raise Unreadable(
        "malformed", f"is no definition: {listing}{more}. Correct the fields named and try again.", errors
    )


def errors_in(error: ValidationError, source: Source) -> Iterator[Wrong]:
    """What the schema found wrong, each with field, line and what to do."""
    items = error.errors(include_url=False)
    for item in items[:MOST]:
        if item["type"] == "too_short" and _has_inner(item["loc"], (one["loc"] for one in items)):
            continue  # It is short because what is in it was not taken; that is said already.
        cause = item.get("ctx", {}).get("error")
        path = tuple(part for part in item["loc"] if part != "[key]")
        if isinstance(cause, Inconsistent):
            for problem in cause.problems[:MOST]:
                field, _, said = problem.partition(": ")
                yield Wrong(field, said, source.line_of(field))
            continue
        field = ".".join(str(part) for part in path)
        yield Wrong(field or WHOLE, _in_words(dict(item), path), source.line_of(path))


_TO_WRITE = {
    "bool_type": "true or false, without quotation marks",
    "int_type": "a whole number, without quotation marks",
    "string_type": "text, in quotation marks where it looks like a number",
}
"""What to write, where a value is of another type than the field's: nothing is turned into what it may have meant."""


def _has_inner(path: tuple[str | int, ...], others: Iterable[tuple[str | int, ...]]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in others)


def _in_words(item: dict[str, Any], path: tuple[str | int, ...]) -> str:
    kind, given = item["type"], item["input"]
    shown = repr(given[:60] if isinstance(given, str) else given)[:60] if isinstance(given, str | int) else ""
    if kind == "extra_forbidden":
        known = tuple(_schema_at(path[:-1]).get("properties", {}))
        like = difflib.get_close_matches(str(path[-1]), known, n=1)
        meant = f"did you mean {like[0]}?" if like else f"the fields here are {', '.join(known)}"
        return f"there is no such field; {meant}"
    if kind == "missing":
        about = _schema_at(path).get("description", "")
        return f"it is missing{f' ({about})' if about else ''}; write it"
    if kind == "string_pattern_mismatch":
        pattern = item["ctx"]["pattern"]
        return f"{shown} is not {forms().get(pattern, f'of the form {pattern}')}"
    if kind in _TO_WRITE:
        return (
            f"{f'{shown} is not taken here' if shown else 'it is of another kind'}; write {_TO_WRITE[kind]}"
        )
    said = str(item["msg"]).removeprefix("Value error, ")
    if kind in ("value_error", "assertion_error"):
        return said
    return f"{said[:1].lower()}{said[1:]}{f', and is {shown}' if shown else ''}"


def tell_short_forms(definition: dict[str, Any], parts: dict[str, Any], refer: str) -> None:
    """Write into a definition's JSON Schema what the model reads in short: a clock by its mode, seats by their holders.

    ``parts`` are the schemas of its parts, which references reach behind ``refer``.
    """
    holder: dict[str, Any] = {"type": "string", "description": "the holder's delegate id"}
    properties = definition["properties"]
    short_clock: dict[str, Any] = {"enum": ["real", "simulated"]}
    properties["clock"] = {
        "anyOf": [short_clock, {"$ref": f"{refer}Clock"}],
        "default": "real",
        "description": properties["clock"]["description"],
    }
    parts["Officer"]["properties"]["roles"]["items"]["enum"] = list(OFFICER_ROLES)
    seats = parts["DocumentTerms"]["properties"]["seats"]
    short = {"anyOf": [{"$ref": f"{refer}Seat"}, holder, {"type": "array", "items": holder, "minItems": 1}]}
    seats["patternProperties"] = dict.fromkeys(seats.get("patternProperties", {}), short)


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a definition file, for editors."""
    found = Definition.model_json_schema()
    tell_short_forms(found, found["$defs"], "#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:entente:schema:definition",
        **found,
        "title": "Definition of an accord",
    }


@cache
def forms() -> dict[str, str]:
    """What is written in each form that a pattern gives."""
    kinds: tuple[Any, ...] = (PartyId, DelegateId, Reference, Language, Duration, Digest)
    schemas = (TypeAdapter(kind).json_schema() for kind in kinds)
    return {one["pattern"]: one["description"] for one in schemas}


def _schema_at(path: Iterable[str | int]) -> dict[str, Any]:
    """What the schema says of the value at ``path``; nothing, where it says nothing."""
    at = _resolved(schema())
    for part in path:
        inner = at.get("properties", {}).get(part)
        if inner is None:
            inner = at.get("items") if isinstance(part, int) else at.get("additionalProperties")
        if not isinstance(inner, dict):
            inner = next(iter(at.get("patternProperties", {}).values()), {})
        at = _resolved(inner)
    return at


def _resolved(at: dict[str, Any]) -> dict[str, Any]:
    """``at``, or what it refers to, or the first alternative that it gives; with its own description."""
    while "$ref" in at or "anyOf" in at:
        told = {"description": at["description"]} if "description" in at else {}
        if "$ref" in at:
            at = {**schema()["$defs"][at["$ref"].rpartition("/")[2]], **told}
        else:
            at = {**at["anyOf"][0], **told}
    return at


def warnings(definition: Definition, source: Source | None = None) -> tuple[Wrong, ...]:
    """What can be adopted and will hardly go as it is written, with lines where ``source`` knows them."""
    found = [*_about_officers(definition), *_about_conditions(definition)]
    return tuple(replace(one, line=source.line_of(one.field)) if source else one for one in found)


def parties_of(definition: Definition) -> dict[str, str]:
    """The party of each delegate that the definition names for one."""
    return {delegate: party for delegate, party in definition.owners().items() if party is not None}


def _about_officers(d: Definition) -> Iterator[Wrong]:
    offices = {role for officer in d.officers.values() for role in officer.roles}
    if d.documents and "registrar" not in offices:
        yield Wrong("officers", "nobody is registrar, who alone releases signatures; name one")
    closing = [code for code, terms in d.conditions.items() if terms.policy.on_change == "close"]
    if closing and "monitor" not in offices:
        yield Wrong(
            f"conditions.{closing[0]}.policy.on_change",
            f"a report would close the gate of {', '.join(closing)}, and no officer is a monitor who may send one",
        )


def _about_conditions(d: Definition) -> Iterator[Wrong]:
    sides = parties_of(d)
    for code, terms in d.conditions.items():
        where = f"conditions.{code}"
        yield from _about_verifiers(where, terms, sides)
        yield from _about_times(where, terms, d)
        if terms.waivable and terms.beneficiaries == ():
            yield Wrong(
                f"{where}.beneficiaries", "it is waivable, and there is no beneficiary who may waive it"
            )
        for other in terms.depends_on:
            if _GATES.index(d.conditions[other].gate) > _GATES.index(terms.gate):
                yield Wrong(
                    f"{where}.depends_on",
                    f"{other} guards a later gate ({d.conditions[other].gate}), and has to be satisfied first",
                )


def _about_verifiers(where: str, terms: ConditionTerms, sides: dict[str, str]) -> Iterator[Wrong]:
    policy = terms.policy
    if policy.joint:
        return
    own = [one for one in policy.verifiers if sides.get(one) in terms.obligors]
    others = len(policy.verifiers) - len(own)
    if not others:
        yield Wrong(
            f"{where}.policy.verifiers",
            f"nobody can verify it: {', '.join(own)} stand for its obligor; name another's verifier, or make it joint",
        )
    elif others < policy.need:
        yield Wrong(
            f"{where}.policy.need",
            f"it needs {policy.need} verifiers, and {', '.join(own)} do not count, since they stand for its obligor",
        )


def _about_times(where: str, terms: ConditionTerms, d: Definition) -> Iterator[Wrong]:
    if d.window and terms.gate != "subsequent":
        end, said = (d.window.begins, "begins") if terms.gate == "visit" else (d.window.ends, "ends")
        if terms.due and terms.due.date() > end.date():
            yield Wrong(
                f"{where}.due", f"it is due after the window {said} ({show_time(end)}); make it due before"
            )
        if terms.valid_until and terms.valid_until < end:
            yield Wrong(
                f"{where}.valid_until",
                f"a verdict ends before the window {said} ({show_time(end)}); let it hold longer",
            )
    if d.long_stop and terms.due and terms.due > d.long_stop.at and terms.gate != "subsequent":
        yield Wrong(
            f"{where}.due", f"it is due after the long stop ({show_time(d.long_stop.at)}); make it due before"
        )
