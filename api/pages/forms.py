"""The form of an act, made from its declaration: a field for each of its fields, with what the record offers.

What is posted is read back into the act's fields as the HTTP API takes them. Whether it is right the act itself says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import yaml

from activities.definitions.structured import Unreadable
from activities.definitions.yaml_reading import read_yaml
from activities.languages.catalogues import pgettext, said
from api.pages.values import CANDIDATES, OPEN_ENDED, Choice
from api.pages.words import value_word
from workflows.model.declare import Act
from workflows.model.declared import ACTS
from workflows.model.state import Accord
from workflows.model.vocabulary import reworded

PREFIX = "f."
"""Before the names of an act's fields, so that none of them is taken for one of the form's own."""

FILE = "u."
"""Before the names of the fields whose contents come with the form as files."""

ALONE = "alone."
"""Before the name of such a field, where the file is only hashed, and not kept."""

ABOUT = ("condition", "document", "language", "seat", "delegate")
"""Fields that say what an act is about: where what others offer depends on them, they are asked first."""

Kind = Literal[
    "text",
    "lines",
    "select",
    "suggest",
    "many",
    "yes",
    "number",
    "time",
    "digest",
    "digests",
    "window",
    "yaml",
]

_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_SHORT = 1000
"""Characters up to which a text is a line, and no longer one of several."""

LABELS: Mapping[str, str] = {
    "digest": "Content, by digest",
    "evidence": "Evidence on which you rely",
    "instrument": "Instrument, by digest",
    "comment": "Comment, by digest",
    "codes": "Seats whose signatures the scan shows, by the codes beside them",
    "note": "Note",
    "saw": "What was seen",
    "observed_at": "When it was seen",
    "uphold": "Is the dispute right?",
    "person": "Name of the person",
    "severable": "Documents that may be severed",
    "changes": "What it would change",
}
HINTS: Mapping[str, str] = {
    "note": "Optional. Kept apart from the record, where the law can have it erased.",
    "person": "Optional. Kept apart from the record, where the law can have it erased.",
    "words": "Optional. Kept apart from the record, where the law can have it erased.",
    "saw": "Optional. Kept apart from the record, where the law can have it erased.",
    "changes": "As YAML or JSON, such as: window: {begins: 2027-05-10T08:00:00Z}",
    "definition": "The whole definition, as YAML. Change what is to change: the amendment touches that alone.",
    "texts": "As YAML, a line for each: - {document: D1, language: en, digest: sha256:…}",
    "delegates": "As YAML, a line for each: - {delegate: xx.protocol, office: Protocol, roles: [protocol, verifier]}",
    "persons": "Optional, as YAML: who they are, by their ids. Kept apart, where the law can have it erased.",
    "severable": "Leave all open where the documents stand and fall together.",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form. ``values`` are what is in it; ``errors`` are what is wrong with that."""

    name: str
    kind: Kind
    label: str
    hint: str
    required: bool
    values: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    errors: tuple[str, ...] = ()
    longest: int | None = None
    new_content: bool = False
    """Whether it names a content that is new to the record, so that its file can be sent along."""

    @property
    def file(self) -> str:
        """The name of the file that may be sent for it."""
        return FILE + self.name

    @property
    def alone(self) -> str:
        """The name of what says that the file is not to be kept."""
        return ALONE + self.name

    @property
    def input(self) -> str:
        """Its name in the form."""
        return PREFIX + self.name

    @property
    def value(self) -> str:
        """What is in it, where that is one value."""
        return self.values[0] if self.values else ""

    def part(self, name: str) -> str:
        """The value of one part of a window."""
        found = next((one for one in self.values if one.startswith(f"{name}=")), "")
        return found.partition("=")[2]


@cache
def _schemas(act: type[Act]) -> Mapping[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = act.model_json_schema().get("properties", {})
    return properties


def _plain(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what a field holds, where it may also hold nothing."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**schema, **options[0]} if options else schema


def _is_digest(schema: Mapping[str, Any]) -> bool:
    return str(schema.get("pattern", "")).startswith("^sha256:")


def _kind(name: str, schema: Mapping[str, Any], choices: tuple[Choice, ...]) -> Kind:
    plain = _plain(schema)
    reference = str(plain.get("$ref", ""))
    items: Mapping[str, Any] = plain.get("items", {})
    if reference.endswith("/Window"):
        return "window"
    if reference or plain.get("type") == "object" or "$ref" in items:
        return "yaml"
    if plain.get("type") == "array":
        return "digests" if _is_digest(items) else "many" if choices else "lines"
    if _is_digest(plain):
        return "digest"
    if plain.get("type") == "boolean":
        return "yes"
    if plain.get("format") == "date-time":
        return "time"
    if choices:
        return "suggest" if name in OPEN_ENDED else "select"
    if plain.get("type") == "integer":
        return "number"
    return "lines" if int(plain.get("maxLength", 0)) > _SHORT else "text"


def _choices(
    act: type[Act], name: str, schema: Mapping[str, Any], a: Accord, delegate: str, given: Mapping[str, str]
) -> tuple[Choice, ...]:
    offered = CANDIDATES.get((act.name, name)) or CANDIDATES.get(("", name))
    if offered is not None:
        return offered(a, delegate, given)
    plain = _plain(schema)
    listed: Iterable[str] = plain.get("enum") or plain.get("items", {}).get("enum") or ()
    if not listed and (alternatives := re.fullmatch(r"\^\(([a-z_|]+)\)\$", str(plain.get("pattern", "")))):
        listed = alternatives[1].split("|")
    kind = {"roles": "role", "grade": "grade", "gate": "prose", "form": "form"}.get(name, "choice")
    return tuple(Choice(one, value_word(one, kind, a), one == schema.get("default")) for one in listed)


def declared_fields() -> Iterator[tuple[str, str]]:
    """The fields of all acts, by name, each with what its declaration says of it."""
    for act in ACTS.values():
        for name, schema in _schemas(act).items():
            yield name, str(_plain(schema).get("description", ""))


def label_of(name: str) -> str:
    """What a field of an act is called, in English."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def about(act: type[Act], a: Accord, delegate: str, given: Mapping[str, str]) -> tuple[FormField, ...]:
    """The fields that have to be known first, as long as they are not all given; none where the form can be shown."""
    names = [name for name in ABOUT if name in act.model_fields]
    if all(given.get(name) for name in names) or not _depends(act):
        return ()
    first = names[: next(i for i, name in enumerate(names) if not given.get(name)) + 1]
    return tuple(_field(act, name, a, delegate, given, {}) for name in first)


def _depends(act: type[Act]) -> bool:
    """Whether what the record offers for one of the act's fields depends on what it is about."""
    asked = set(act.model_fields) - set(ABOUT)
    return any((act.name, name) in CANDIDATES for name in asked) or "seat" in act.model_fields


def form_fields(
    act: type[Act],
    a: Accord,
    delegate: str,
    given: Mapping[str, tuple[str, ...]],
    errors: Mapping[str, tuple[str, ...]] | None = None,
    *,
    files: bool = False,
) -> tuple[FormField, ...]:
    """Every field of an act's form, with what is given or else chosen at first; with files where those are taken."""
    single = {name: values[0] for name, values in given.items() if len(values) == 1}
    fields = (
        _field(act, name, a, delegate, single, errors or {}, given.get(name)) for name in act.model_fields
    )
    return tuple(one if files else replace(one, new_content=False) for one in fields)


def _field(
    act: type[Act],
    name: str,
    a: Accord,
    delegate: str,
    given: Mapping[str, str],
    errors: Mapping[str, tuple[str, ...]],
    values: tuple[str, ...] | None = None,
) -> FormField:
    schema, info = _schemas(act)[name], act.model_fields[name]
    choices = _choices(act, name, schema, a, delegate, given)
    kind = _kind(name, schema, choices)
    if values is None:
        values = (given[name],) if name in given else tuple(_at_first(kind, name, choices, a))
    plain = _plain(schema)
    hint = HINTS.get(name) or (
        "" if kind in ("select", "suggest", "digest", "digests") else str(plain.get("description", ""))
    )
    hint = reworded(hint, a.definition.vocabulary)
    wrong = [said for field, listed in errors.items() if field.split(".")[0] == name for said in listed]
    return FormField(
        name=name,
        kind=kind,
        label=pgettext("field", label_of(name)),
        hint=pgettext("field", hint) if hint else "",
        required=info.is_required() and kind not in ("yes", "many", "digests") and not _may_be_none(schema),
        values=values,
        choices=choices,
        errors=tuple(wrong),
        longest=plain.get("maxLength"),
        new_content=kind == "digest" and _is_new(act, name),
    )


def _is_new(act: type[Act], name: str) -> bool:
    """Whether a digest is of what the delegate brings along, and not of what the record has already."""
    return (act.name, name) not in CANDIDATES and act.track != "predecessor"


def _may_be_none(schema: Mapping[str, Any]) -> bool:
    return any(one.get("type") == "null" for one in schema.get("anyOf", ()))


def _at_first(kind: Kind, name: str, choices: tuple[Choice, ...], a: Accord) -> Iterator[str]:
    if kind == "yaml" and name == "definition":
        definition = a.amendment or a.definition
        yield yaml.safe_dump(definition.as_facts(), allow_unicode=True, sort_keys=False, width=100)
    elif kind == "window" and a.definition.window is not None:
        window = a.visit.window or a.definition.window
        yield f"begins={window.begins:%Y-%m-%dT%H:%M}"
        yield f"ends={window.ends:%Y-%m-%dT%H:%M}"
        yield f"place={window.place}"
    elif kind == "digest" and len(choices) == 1:
        yield choices[0].value
    elif kind in ("digests", "select", "digest"):
        yield from (choice.value for choice in choices if choice.chosen)


def given_of(form: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """What a posted form says of the act's fields, as it is to be shown again."""
    given: dict[str, tuple[str, ...]] = {}
    for key, values in form.items():
        if not key.startswith(PREFIX):
            continue
        name, _, part = key.removeprefix(PREFIX).partition(".")
        if part == "also":
            given[name] = (*given.get(name, ()), *(one.strip() for one in values if one.strip()))
        elif part:
            given[name] = (*given.get(name, ()), *(f"{part}={one}" for one in values))
        else:
            given[name] = (*given.get(name, ()), *values)
    return given


def read_form(
    act: type[Act], given: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """The act's fields from a posted form, and what could not be read, by field. Empty ones are left out."""
    fields: dict[str, Any] = {}
    errors: dict[str, tuple[str, ...]] = {}
    for name, schema in _schemas(act).items():
        values = tuple(one.strip() for one in given.get(name, ()))
        try:
            value = _read(_kind(name, schema, ()), name, schema, values)
        except (Unreadable, ValueError) as error:
            errors[name] = (error.said if isinstance(error, Unreadable) else str(error),)
            continue
        if value is not None or (_may_be_none(schema) and act.model_fields[name].is_required()):
            fields[name] = value
    return fields, errors


def as_field(act: type[Act], name: str, values: tuple[str, ...]) -> Any:
    """What one of an act's fields is for values that the record offers, or that an address gives."""
    schema = _schemas(act)[name]
    return _read(_kind(name, schema, ()), name, schema, values)


def _read(kind: Kind, name: str, schema: Mapping[str, Any], values: tuple[str, ...]) -> Any:
    filled = [one for one in values if one]
    if not filled:
        return None
    plain = _plain(schema)
    match kind:
        case "window":
            parts = dict(one.partition("=")[::2] for one in filled)
            parts = {key: value for key, value in parts.items() if value}
            return {key: value if key == "place" else _time(value) for key, value in parts.items()} or None
        case "yaml":
            # A list is read as a member, since what is written at the top is a mapping.
            if plain.get("type") == "array":
                indented = "\n".join(f"  {line}" for line in filled[0].splitlines())
                return read_yaml(f"{name}:\n{indented}\n".encode()).value[name]
            return read_yaml(filled[0].encode()).value
        case "time":
            return _time(filled[0])
        case "yes":
            return filled[0] == "true"
        case "digest":
            return filled[-1]
    if plain.get("type") == "array":
        parts_of = [part for one in filled for part in re.split(r"[\s,]+", one) if part]
        return (
            [_number(one) for one in parts_of]
            if plain.get("items", {}).get("type") == "integer"
            else parts_of
        )
    if name == "policy":
        # A tlog-policy's lines all end in a newline, the last one too.
        return f"{filled[0]}\n"
    return _number(filled[0]) if plain.get("type") == "integer" else filled[0]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ValueError(said("{text} is no whole number; write digits alone", text=repr(text[:40])))
    return int(text)


def _time(text: str) -> str:
    """A time that is posted without a zone is in UTC, as the form says."""
    return f"{text}{'' if text.count(':') > 1 else ':00'}Z" if _MINUTE.fullmatch(text) else text
