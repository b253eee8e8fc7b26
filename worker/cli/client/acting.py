"""A command for each act of the registry: its fields as options, its sentence as help. Nothing is written per act."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.definitions.structured import Unreadable, read_json
from activities.definitions.yaml_reading import read_yaml
from workflows.model.canonical import digest_bytes
from workflows.model.declare import Act
from workflows.model.declared import ACTS


def hyphens(name: str) -> str:
    """An act's or gate's name as paths and commands have it."""
    return name.replace("_", "-")


def act_named(name: str) -> type[Act] | None:
    """The act of that name, with hyphens or underscores; none if there is none."""
    return ACTS.get(name.replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an act, by its JSON Schema."""

    name: str
    schema: Mapping[str, Any]
    required: bool
    free: bool = False
    """Whether it is free text, kept with the entry's particulars."""

    @property
    def option(self) -> str:
        """The option that gives it."""
        name = f"--{hyphens(self.name)}"
        return f"{name}/--no-{hyphens(self.name)}" if self.kind == "boolean" else name

    @property
    def kind(self) -> str:
        """Its JSON type: string, integer, boolean, array or object."""
        return str(self.schema.get("type", "object"))

    @property
    def digests(self) -> bool:
        """Whether it is a digest, or a list of them."""
        one = self.schema.get("items", self.schema)
        return str(one.get("pattern", "")).startswith("^sha256:")

    @property
    def annotation(self) -> Any:
        """The option's type, for typer."""
        if self.kind == "boolean":
            return bool | None
        return list[str] | None if self.kind == "array" else str | None

    @property
    def _objects(self) -> bool:
        return str(self.schema.get("items", self.schema).get("type", "object")) == "object"

    def help(self) -> str:
        """What the option is, and how it is written."""
        one = self.schema.get("items", self.schema)
        said = [self.schema.get("description") or one.get("description") or ""]
        if self.free:
            said = ["free text, kept for whom it concerns"]
        if one.get("enum"):
            said = [", ".join(one["enum"])]
        if self.digests:
            said.append("or @FILE, to take that file's digest")
        if one.get("format") == "date-time":
            said.append("a time by RFC 3339, such as 2030-04-01T12:00:00Z")
        if self._objects:
            said.append("JSON, or @FILE with YAML or JSON")
        if self.kind == "array":
            said.append("may be repeated")
        if self.schema.get("nullable"):
            said.append("none for no end")
        text = "; ".join(part.rstrip(".") for part in said if part) or "text"
        # What begins with a code, such as sha256, is left as it is.
        first = text.split()[0].rstrip(":,;")
        text = text[:1].upper() + text[1:] if first.isalpha() and not one.get("enum") else text
        return f"{text}." + (" Required." if self.required else "")

    def read(self, given: Any) -> Any:
        """The field's value from what stands on the command line.

        Raises:
            typer.BadParameter: it cannot be read.
        """
        if self.kind == "array":
            return [self._one(text) for text in given]
        return given if self.kind == "boolean" else self._one(given)

    def _one(self, text: str) -> Any:
        if self.schema.get("nullable") and text == "none":
            return None
        if self._objects:
            return read_object(text, f"--{hyphens(self.name)}")
        if self.digests and text.startswith("@"):
            try:
                return digest_bytes(Path(text[1:]).read_bytes())
            except OSError as error:
                raise typer.BadParameter(
                    f"{text[1:]} cannot be read: {error.strerror}", param_hint=f"--{hyphens(self.name)}"
                ) from None
        if self.schema.get("items", self.schema).get("type") == "integer":
            if not (text.isascii() and text.isdigit() and len(text) < 16):
                raise typer.BadParameter(
                    f"{text[:40]!r} is no whole number, in digits", param_hint=f"--{hyphens(self.name)}"
                )
            return int(text)
        return text

    def example(self) -> str:
        """The option as an example has it."""
        name = f"--{hyphens(self.name)}"
        if self.kind == "boolean":
            return name
        one = self.schema.get("items", self.schema)
        if one.get("enum"):
            value = {"roles": "protocol", "grade": "documented"}.get(self.name, one["enum"][0])
        elif self.digests:
            value = "@report.pdf" if self.name in ("digest", "evidence") else f"@{self.name}.pdf"
        elif self._objects:
            value = f"@{self.name}.yaml"
        elif one.get("format") == "date-time":
            value = "2030-04-01T12:00:00Z"
        else:
            value = _EXAMPLES.get(self.name, "TEXT")
        return f"{name} {value}"


_EXAMPLES = {
    "condition": "C1",
    "document": "D1",
    "language": "en",
    "seat": "AA",
    "delegate": "aa.treaty",
    "holder": "aa.head",
    "office": "'Treaty Section'",
    "gate": "signing",
    "subject": "definition",
    "source": "'Report 7/2030'",
    "report": "report-17",
    "item": "Talks",
    "registration": "I-58123",
}


@dataclass(frozen=True)
class ActCommand:
    """An act as a command."""

    act: type[Act]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The act's fields, in its order."""
        whole = self.act.model_json_schema()
        required = whole.get("required", ())
        return tuple(
            Field(
                name,
                _plain(schema, whole.get("$defs", {})),
                name in required,
                name in self.act.particular_names(),
            )
            for name, schema in whole.get("properties", {}).items()
        )

    def help(self) -> str:
        """What the act does, who may do it, and who else has to agree."""
        who = self.act.who
        agree = f" Also needs the agreement of: {who.agree}." if who.agree != "–" else ""
        return f"{self.act.text()}\n\nWho may: {who.describe()}.{agree}"

    def example(self, verb: str) -> str:
        """A call of the command."""
        options = " ".join(one.example() for one in self.fields if one.required)
        return f"Example: entente {verb} ACCORD {hyphens(self.act.name)} {options}".rstrip()

    def parameters(self) -> list[inspect.Parameter]:
        """The fields as typer's parameters."""
        return [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    one.annotation, typer.Option(one.option, help=one.help(), show_default=False)
                ],
            )
            for one in self.fields
        ]

    def read(self, given: Mapping[str, Any], fields: str | None) -> dict[str, Any]:
        """The act's fields: those of ``--fields``, and over them what options give.

        Raises:
            typer.BadParameter: something cannot be read, or a required field is missing.
        """
        found = read_object(fields, "--fields") if fields else {}
        for one in self.fields:
            value = given.get(one.name)
            if value is not None and value != []:
                found[one.name] = one.read(value)
        missing = [f"--{hyphens(one.name)}" for one in self.fields if one.required and one.name not in found]
        if missing:
            raise typer.BadParameter(f"{hyphens(self.act.name)} also needs {', '.join(missing)}; see --help")
        return found


def _plain(schema: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A field's schema without reference, and with ``nullable`` in place of the alternative null."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        nullable = len(options) < len(schema["anyOf"])
        schema = {**options[0], **{k: v for k, v in schema.items() if k != "anyOf"}, "nullable": nullable}
    if "$ref" in schema:
        schema = {**known[schema["$ref"].rpartition("/")[2]], **schema}
    if "items" in schema:
        schema = {**schema, "items": _plain(schema["items"], known)}
    return schema


def read_object(text: str, option: str) -> dict[str, Any]:
    """A JSON object, or with ``@`` that of a YAML or JSON file.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        if text.startswith("@"):
            file = Path(text[1:])
            content = file.read_bytes()
            found = read_json(content) if file.suffix == ".json" else read_yaml(content).value
        else:
            found = read_json(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise typer.BadParameter(f"{text[1:]} cannot be read: {error.strerror}", param_hint=option) from None
    except Unreadable as error:
        named = text[1:] if text.startswith("@") else "the value"
        raise typer.BadParameter(f"{named} {error.said}", param_hint=option) from None
    if not isinstance(found, dict):
        raise typer.BadParameter("it is not an object of fields", param_hint=option)
    return found


def new_key() -> str:
    """An idempotency key that nobody else has."""
    return uuid.uuid4().hex


def listed() -> list[dict[str, Any]]:
    """Every act: its name, track, what it does, who may, and its fields."""
    return [
        {
            "act": hyphens(name),
            "track": act.track,
            "says": act.text(),
            "who": act.who.describe(),
            "agree": act.who.agree,
            "signal": act.signal,
            "fields": json.loads(json.dumps(act.model_json_schema().get("properties", {}))),
        }
        for name, act in sorted(ACTS.items(), key=lambda item: (item[1].track, item[0]))
    ]
