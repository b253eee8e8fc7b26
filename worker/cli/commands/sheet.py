"""``entente sheet``: conditions, documents and parties as CSV or XLSX, in and out; evidence and texts in bulk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed

if TYPE_CHECKING:
    from activities.sheets.named import NamedRow

Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
Folder = Annotated[
    Path | None, typer.Option(help="The folder of the files that the sheet names.", show_default=False)
]
Sheet = Annotated[Path, typer.Argument(help="A CSV or XLSX file.", show_default=False)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read the sheet and say what would be sent; send nothing.")
]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    sheet = typer.Typer(
        no_args_is_help=True,
        help="Sheets of conditions, documents, parties, evidence and texts, as CSV or XLSX.",
    )
    sheet.command("columns", epilog="Example: entente sheet columns")(_columns)
    sheet.command("read", epilog="Example: entente sheet read conditions.xlsx --base visit.yaml -o new.yaml")(
        placed(_read)
    )
    sheet.command("write", epilog="Example: entente sheet write visit-2027 -o visit.xlsx")(placed(_write))
    sheet.command(
        "evidence", epilog="Example: entente sheet evidence visit-2027 evidence.csv --folder reports"
    )(placed(_evidence))
    sheet.command("texts", epilog="Example: entente sheet texts visit-2027 texts.csv --folder texts")(
        placed(_texts)
    )
    app.add_typer(sheet, name="sheet")


def _columns(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which columns each kind of sheet has, and how their cells are written."""
    from activities.sheets.columns import KEY, SHEETS, STATE, STATE_MARK
    from activities.sheets.named import EVIDENCE, TEXTS
    from worker.cli.client import show

    named = {spec.what: list(spec.columns) for spec in (EVIDENCE, TEXTS)}
    if as_json:
        show.print_json(
            {name: [KEY, *(one.name for one in columns)] for name, columns in SHEETS.items()} | named
        )
        return
    forms = {
        "list": "several, separated by commas",
        "flag": "true or false",
        "number": "a whole number",
        "time": "a day or a time, such as 2030-03-31 or 2030-03-31T12:00:00+10:00",
        "seats": "PARTY: delegate.id (capacity) [full_powers], separated by semicolons",
        "text": "",
    }
    for name, columns in SHEETS.items():
        print(
            f"{name}:\n  {KEY:<22} required; such as {'RU' if name == 'parties' else name[0].upper() + '1'}"
        )
        for one in columns:
            said = "; ".join(part for part in ("required" if one.required else "", forms[one.form]) if part)
            print(f"  {one.name:<22} {said}".rstrip())
        if STATE[name]:
            print(f"  {STATE_MARK}…{'':<15} {', '.join(STATE[name])}: written, and passed over when read")
    for what, names in named.items():
        print(f"{what}: {', '.join(names)}")


def _read(
    place: Place,
    sheets: Annotated[list[Path], typer.Argument(help="CSV or XLSX files.", show_default=False)],
    output: Output,
    base: Annotated[
        Path | None,
        typer.Option(help="The definition that the rows go into, in YAML or JSON.", show_default=False),
    ] = None,
    accord: Annotated[
        str | None,
        typer.Option(
            help="Instead: the accord whose definition they go into, for an amendment.", show_default=False
        ),
    ] = None,
    zone: Annotated[
        str, typer.Option(help="The zone of days and times that have none, such as +10:00.")
    ] = "UTC",
    add: Annotated[
        bool,
        typer.Option("--add", help="Add the rows to those that are there, instead of taking their place."),
    ] = False,
) -> None:
    """Put the rows of sheets into a definition, which the parties adopt by one consent each.

    Every cell that cannot be taken is named, with what to write; then nothing is written. A day without a time is taken
    as its last minute.
    """
    import yaml

    from activities.errors import RuntimeProblem
    from activities.sheets.reading import read_sheets, zone_of
    from worker.cli.client import show
    from worker.cli.client.writing import write_whole
    from worker.cli.commands.check import read_source

    if (base is None) == (accord is None):
        raise typer.BadParameter("give the definition that the rows go into: --base FILE, or --accord ACCORD")
    try:
        at = zone_of(zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--zone") from None
    if base is not None:
        value = dict(read_source(base).value)
    else:
        with place.calls() as calls:
            value = calls.get(f"{path_of(str(accord))}/definition")
    try:
        definition, rows = read_sheets(sheets, value, zone=at, complete=not add)
    except OSError as error:
        raise RuntimeProblem(
            f"{error.filename} cannot be read: {error.strerror}.", "Name a file that can."
        ) from None
    write_whole(
        output, yaml.safe_dump(definition.as_facts(), allow_unicode=True, sort_keys=False, width=110).encode()
    )
    if place.as_json:
        show.print_json({"file": str(output), "rows": rows, "digest": definition.digest()})
        return
    told = ", ".join(f"{count} {name}" for name, count in rows.items())
    print(f"{output}: {told}; digest {definition.digest()}")
    if accord is not None:
        print(f"Propose it:\n  entente act {accord} amend-definition --definition @{output}")
    else:
        print(f"Look at it with entente check {output}, and open an accord with entente start {output}.")


def _write(
    place: Place,
    accord: Accord,
    output: Output,
    part: Annotated[
        str | None,
        typer.Option(
            help="Only conditions, documents or parties; a CSV file holds one of them.", show_default=False
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="A position (from 0) or a time by RFC 3339.", show_default=False),
    ] = None,
) -> None:
    """Write an accord's conditions, documents and parties as the sheet that can be read again, with the state in it."""
    from worker.cli.client import show
    from worker.cli.client.writing import write_whole

    kind = output.suffix.lower().removeprefix(".")
    if kind not in ("xlsx", "csv"):
        raise typer.BadParameter("name a file that ends in .xlsx or .csv", param_hint="-o")
    query = [("format", kind), *([("part", part)] if part else []), *([("as_of", as_of)] if as_of else [])]
    with place.calls() as calls:
        sheet = calls.fetch(f"{path_of(accord)}/sheet", query)
    write_whole(output, sheet.content)
    position = sheet.headers.get("entente-position", "")
    if place.as_json:
        show.print_json({"file": str(output), "accord": accord, "position": int(position)})
    else:
        print(f"{output}: {accord} as of entry {position}")


def _evidence(
    place: Place, accord: Accord, sheet: Sheet, folder: Folder = None, dry_run: DryRun = False
) -> None:
    """Submit the evidence that a sheet names, row by row: condition, grade, source, and a file or its digest.

    The whole sheet is read first; if one cell cannot be taken, nothing is sent. Sent again, the same rows are submitted
    once. Exit code 5 if one is refused.
    """
    from activities.sheets.named import EVIDENCE
    from worker.cli.client import show
    from worker.cli.client.calling import RefusedAct
    from worker.cli.client.doing import REFUSED

    rows = _named(sheet, EVIDENCE, folder)
    done: list[dict[str, Any]] = []
    with place.calls() as calls:
        for row in rows:
            told: dict[str, Any] = {"row": row.row, "condition": row.fields["condition"]}
            told["digest"] = row.fields["digest"]
            try:
                said = calls.post(
                    f"{path_of(accord)}/submit-evidence",
                    row.fields,
                    None if dry_run else row.key(accord),
                    [("dry_run", "true")] if dry_run else None,
                )
                told |= {"status": "would be recorded" if dry_run else "recorded"}
                told |= {} if dry_run else {"position": said["position"]}
                if dry_run and said["would_be"] == "refused":
                    told |= {"status": "would be refused", "reason": said["refusal"]["reason"]}
            except RefusedAct as error:
                told |= {"status": "refused", "reason": error.what}
            done.append(told)
            if not place.as_json:
                print(
                    f"row {row.row}: {told['condition']} {told['digest'][:23]}… {told['status']}" + _why(told)
                )
    if place.as_json:
        show.print_json({"accord": accord, "rows": done})
    if any("refused" in one["status"] for one in done):
        raise typer.Exit(REFUSED)


def _why(told: dict[str, Any]) -> str:
    if "reason" in told:
        return f": {told['reason']}"
    return f" (entry {told['position']})" if "position" in told else ""


def _texts(
    place: Place, accord: Accord, sheet: Sheet, folder: Folder = None, dry_run: DryRun = False
) -> None:
    """Propose the texts that a sheet names as one schedule, to which each party agrees at once.

    Prints the digest that the others agree to with entente act ACCORD agree-texts.
    """
    from activities.sheets.named import TEXTS
    from worker.cli.client import show
    from workflows.model.canonical import digest_of

    rows = _named(sheet, TEXTS, folder)
    texts = [{name: row.fields[name] for name in ("document", "language", "digest")} for row in rows]
    key = "sheet-" + digest_of({"accord": accord, "texts": texts}).removeprefix("sha256:")[:32]
    digest = digest_of(sorted([one["document"], one["language"], one["digest"]] for one in texts))
    with place.calls() as calls:
        said = calls.post(
            f"{path_of(accord)}/propose-texts",
            {"texts": texts},
            None if dry_run else key,
            [("dry_run", "true")] if dry_run else None,
        )
    if place.as_json:
        show.print_json(
            {"accord": accord, "texts": texts, "digest": digest, "dry_run": dry_run, "answer": said}
        )
        return
    print(f"{len(texts)} texts {'would be' if dry_run else 'are'} proposed as one schedule.")
    print(
        f"The other parties agree to all of them with:\n  entente act {accord} agree-texts --digest {digest}"
    )


def _named(sheet: Path, spec: Any, folder: Path | None) -> tuple[NamedRow, ...]:
    from activities.errors import RuntimeProblem
    from activities.sheets.named import read_named

    try:
        return read_named(sheet, spec, folder)
    except OSError as error:
        raise RuntimeProblem(
            f"{error.filename} cannot be read: {error.strerror}.", "Name a file that can."
        ) from None
