"""``entente check``: a definition file, before anybody is asked to adopt it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from activities.definitions.structured import Source, Wrong
    from workflows.model.definition import Definition

_EPILOG = (
    "Exit codes: 0 it can be adopted, 1 something in it is wrong, 2 it cannot be read. "
    "Example: entente check visit.yaml"
)


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("check", epilog=_EPILOG)(_check)


def _check(
    file: Annotated[
        Path | None, typer.Argument(help="The definition, in YAML or JSON.", show_default=False)
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of definition files, for editors.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a definition file: errors by line and field, warnings, a summary, and the digest to be adopted.

    Nothing is sent anywhere. A warning does not make it fail.
    """
    from activities.definitions import check

    if schema:
        print(schema_text(), end="")
        return
    if file is None:
        raise typer.BadParameter("name a definition file, or ask for --schema")
    source = read_source(file)
    from activities.definitions.structured import Unreadable

    try:
        definition = check.read_definition(source)
    except Unreadable as error:
        _tell_errors(file, error.errors, as_json)
        raise typer.Exit(1) from None
    warnings = check.warnings(definition, source)
    if as_json:
        print(
            json.dumps(
                {"file": str(file), "valid": True, "digest": definition.digest(), "errors": []}
                | {"warnings": [_plain(one) for one in warnings], "summary": summary(definition)},
                ensure_ascii=False,
            )
        )
    else:
        _tell(file, definition, warnings)


def read_source(file: Path) -> Source:
    """What a definition file holds.

    Raises:
        SettingsProblem: it is not there, or neither JSON nor YAML.
    """
    from activities.definitions import check
    from activities.definitions.structured import Unreadable
    from activities.errors import SettingsProblem

    try:
        return check.read_file(file)
    except OSError as error:
        raise SettingsProblem(
            f"{file} cannot be read: {error.strerror}.", "Name a file that is there and that you may read."
        ) from error
    except Unreadable as error:
        raise SettingsProblem(f"{file} {error.said}", "Correct it at the place named.") from None


def read(file: Path) -> tuple[Source, Definition]:
    """A definition file and its definition.

    Raises:
        SettingsProblem: it cannot be read, or what is in it is wrong.
    """
    from activities.definitions import check
    from activities.definitions.structured import Unreadable
    from activities.errors import SettingsProblem

    source = read_source(file)
    try:
        return source, check.read_definition(source)
    except Unreadable as error:
        raise SettingsProblem(
            f"{file} {error.said}", f"`entente check {file}` tells all that is wrong with it."
        ) from None


def schema_text() -> str:
    """The JSON Schema as it is committed."""
    from activities.definitions import check

    return json.dumps(check.schema(), indent=1, ensure_ascii=False) + "\n"


def summary(definition: Definition) -> dict[str, Any]:
    """What a definition holds, in short."""
    gates: dict[str, list[str]] = {}
    for code, terms in definition.conditions.items():
        gates.setdefault(terms.gate, []).append(code)
    return {
        "title": definition.title,
        "vocabulary": definition.vocabulary,
        "clock": definition.clock.mode,
        "illustrative": definition.illustrative,
        "parties": {
            code: {"name": one.name, "capacity": one.capacity, "contact": one.contact}
            for code, one in definition.parties.items()
        },
        "officers": {name: list(one.roles) for name, one in definition.officers.items()},
        "conditions": gates,
        "documents": {
            code: {"title": one.title, "languages": list(one.languages), "seats": len(one.seats)}
            for code, one in definition.documents.items()
        },
    }


def _plain(one: Wrong) -> dict[str, Any]:
    return {"field": one.field, "problem": one.problem, "line": one.line}


def _tell_errors(file: Path, errors: tuple[Wrong, ...], as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                {"file": str(file), "valid": False, "errors": [_plain(one) for one in errors]},
                ensure_ascii=False,
            )
        )
        return
    for one in errors:
        # As compilers write it, so that editors find the place.
        print(f"{file}:{one.line or 1}: {one.field}: {one.problem}")
    print(f"✗ {len(errors)} error{'s' if len(errors) > 1 else ''}. Correct what is named, then check again.")


def _tell(file: Path, definition: Definition, warnings: tuple[Wrong, ...]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from worker.cli.client.show import readable
    from workflows.model.values import show_date, show_time
    from workflows.model.vocabulary import word

    vocabulary = definition.vocabulary
    grid = Table.grid(padding=(0, 2))

    def row(label: str, text: str) -> None:
        grid.add_row(Text(f"  {label}", style="bold"), Text(readable(text)))

    for code, party in definition.parties.items():
        row(word(vocabulary, party.capacity), f"{code} {party.name}, contact {party.contact}")
    for name, officer in definition.officers.items():
        row("officer", f"{name}: {', '.join(officer.roles)}")
    short = summary(definition)
    for gate, codes in short["conditions"].items():
        listed = ", ".join(codes[:12]) + (f" and {len(codes) - 12} more" if len(codes) > 12 else "")
        row(word(vocabulary, "conditions"), f"{len(codes)} for {gate}: {listed}")
    for code, one in list(definition.documents.items())[:12]:
        row(
            word(vocabulary, "document"),
            f"{code} {one.title} ({', '.join(one.languages)}), {len(one.seats)} seats",
        )
    if len(definition.documents) > 12:
        row("", f"and {len(definition.documents) - 12} more")
    if definition.window:
        window = definition.window
        row("window", f"{show_time(window.begins)} to {show_time(window.ends)} {window.place}".rstrip())
    if definition.long_stop:
        row(
            "long stop",
            f"{show_date(definition.long_stop.at)}, {definition.long_stop.policy.replace('_', ' ')}",
        )
    marks = [
        *(["illustrative"] if definition.illustrative else []),
        *(["simulated clock"] if definition.clock.mode == "simulated" else []),
        f"vocabulary {vocabulary}",
    ]
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        Text.assemble(("✓ ", "green"), (readable(definition.title), "bold"), f"  ({', '.join(marks)})")
    )
    console.print(grid)
    for warning in warnings:
        said = f"{warning.field}: {warning.problem}"
        console.print(Text.assemble(f"{file}:{warning.line or 1}: ", ("warning: ", "yellow"), said))
    console.print(f"Digest to adopt: {definition.digest()}")
