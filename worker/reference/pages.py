"""The reference pages that are written by the program: ``python -m worker.reference.pages`` writes them again.

What stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` in a page follows from the code; a test compares
it. What stands around it is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from activities.definitions.check import forms, schema
from worker.cli.client.acting import ActCommand, hyphens
from worker.cli.commands.check import schema_text
from worker.cli.main import EPILOG, make_app
from worker.reference.model import BLOCKS as MODEL
from workflows.model.declared import ACTS
from workflows.model.vocabulary import TERMS, VOCABULARIES

FOLDER = Path(__file__).parents[2] / "deploy" / "docs"

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def head(*names: str) -> list[str]:
    """The head of a Markdown table."""
    return [row(*names), "|" + "---|" * len(names)]


def commands() -> str:
    """Every command with its arguments, options and example."""
    app = make_app()
    group: Any = typer.main.get_command(app)
    return "\n".join([*_commands("entente", group), EPILOG, ""])


def _commands(path: str, group: Any) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from (f"## `{path} {name}`", "", _plain(command.help or ""), "")
            yield from _commands(f"{path} {name}", command)
        else:
            yield from _command(f"{path} {name}", command)


def _command(path: str, command: Any) -> Iterator[str]:
    yield from (f"## `{path}`", "", _plain(command.help or ""), "")
    given = [one for one in command.params if one.name != "help"]
    if given:
        yield from head("argument or option", "what it is")
        for one in given:
            names = ", ".join(
                f"`{name}`" for name in (*one.opts, *one.secondary_opts) if name.startswith("-")
            )
            said = (getattr(one, "help", "") or "").rstrip(".")
            if getattr(one, "envvar", None):
                said += f"; by default `${one.envvar}`"
            if one.required:
                said += "; required"
            yield row(names or f"`{(one.metavar or one.name).strip('[]').upper()}`", f"{said}.")
        yield ""
    if command.epilog:
        before, _, example = command.epilog.partition("Example: ")
        if before.strip():
            yield from (_plain(before), "")
        yield from ("```sh", example.strip(), "```", "") if example else ("",)


def _plain(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def acts() -> str:
    """Every act as a command: its options, and who may."""
    lines: list[str] = []
    track = ""
    for name, act in sorted(ACTS.items(), key=lambda item: (item[1].track, item[0])):
        if act.track != track:
            track = act.track
            lines += ["", f"### {track.capitalize()}", "", *head("act", "what it does", "options", "who may")]
        options = [
            f"`--{hyphens(one.name)}`" if one.required else f"`[--{hyphens(one.name)}]`"
            for one in ActCommand(act).fields
        ]
        lines.append(row(f"`{hyphens(name)}`", act.text(), " ".join(options) or "–", act.who.describe()))
    return "\n".join([*lines[1:], ""])


def fields() -> str:
    """Every field of a definition file, by part."""
    whole = schema()
    parts = {"Definition": whole, **whole["$defs"]}
    lines: list[str] = []
    for name in _in_order(parts):
        part = parts[name]
        lines += [f"### {_TITLES.get(name, name)}", ""]
        if name != "Definition" and part.get("description"):
            lines += [_plain(part["description"]), ""]
        lines += head("field", "what it is", "written as", "default")
        for field, one in part["properties"].items():
            needed = field in part.get("required", ())
            default = "required" if needed else _default(one)
            lines.append(row(f"`{field}`", one.get("description", ""), _written(one), default))
        lines.append("")
    return "\n".join(lines)


_TITLES = {
    "Definition": "The whole file",
    "Party": "A party",
    "Officer": "An officer",
    "Clock": "The clock",
    "InvitationTerms": "The invitation",
    "Window": "The window",
    "LongStop": "The long stop",
    "Reminders": "The reminders",
    "ConditionTerms": "A condition",
    "Policy": "A condition's policy",
    "DocumentTerms": "A document",
    "Seat": "A seat",
    "ProgrammeItem": "An item of the programme",
    "Predecessor": "The predecessor",
}


def _in_order(parts: Mapping[str, Any]) -> list[str]:
    """The parts in the order in which the file comes to them."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found or "properties" not in parts[name]:
            return
        found.append(name)
        for inner in re.findall(r"'\$ref': '#/\$defs/([A-Za-z]+)'", str(parts[name]["properties"])):
            visit(inner)

    visit("Definition")
    return found


def _written(one: Mapping[str, Any]) -> str:
    """How a field's value is written."""
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        return f"{_TITLES[name].partition(' ')[2]}, see below"
    if "anyOf" in one:
        return " or ".join(
            dict.fromkeys(_written(part) for part in one["anyOf"] if part.get("type") != "null")
        )
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if one.get("format") == "date-time":
        return 'a time with its zone, in quotation marks: `"2030-04-01T12:00:00Z"`'
    if one.get("type") == "array":
        return f"a list: {_written(one.get('items', {}))}"
    if one.get("type") == "object":
        inner: Mapping[str, Any] = one.get("additionalProperties") or next(
            iter(one.get("patternProperties", {}).values()), {}
        )
        return f"a mapping of names to: {_written(inner)}"
    if one.get("pattern"):
        return forms().get(one["pattern"], f"text of the form `{one['pattern']}`")
    kinds = {"boolean": "`true` or `false`", "integer": "a whole number"}
    return kinds.get(str(one.get("type")), "text")


def _default(one: Mapping[str, Any]) -> str:
    if "default" not in one:
        return "empty"
    value = one["default"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "see below"
    return f"`{value}`" if isinstance(value, str | int) and value != "" else "none"


def words() -> str:
    """Every term in every vocabulary."""
    lines = head("term", *VOCABULARIES)
    lines += [row(f"`{term}`", *(VOCABULARIES[name][term] for name in VOCABULARIES)) for term in TERMS]
    return "\n".join([*lines, ""])


def operations() -> str:
    """Every operation of the HTTP API but the acts, which all look alike."""
    document = json.loads((Path(__file__).parents[2] / "api" / "openapi.json").read_text(encoding="utf-8"))
    lines = head("request", "what it does")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in ACTS:
                lines.append(row(f"`{method.upper()} {path}`", operation.get("summary", "")))
    return "\n".join([*lines, ""])


BLOCKS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "acts": acts,
    "fields": fields,
    "words": words,
    "operations": operations,
    **MODEL,
}
"""What is generated, by the name that a page asks for it by."""


def renewed(text: str) -> str:
    """A page with its generated parts as they are now."""
    return _BLOCK.sub(lambda match: f"{match[1]}\n{BLOCKS[match['name']]()}\n{match[3]}", text)


def pages() -> dict[Path, str]:
    """Every file that holds something generated, and what it has to hold."""
    found = {
        file: renewed(text)
        for file in sorted(FOLDER.glob("*.md"))
        if _BLOCK.search(text := file.read_text(encoding="utf-8"))
    }
    return {FOLDER / "definition.schema.json": schema_text(), **found}


if __name__ == "__main__":
    for page, content in pages().items():
        page.write_text(content, encoding="utf-8")
        print(page)
