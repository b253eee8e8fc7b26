"""``entente sheet``: conditions, documents and parties as CSV or XLSX, in and out; evidence and texts in bulk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed
from worker.cli.client.signing import Signer, SignWith

if TYPE_CHECKING:
    from activities.sheets.named import NamedRow
    from worker.cli.client.bulk import Sender, Sending
    from worker.cli.client.calling import Calls

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
    place: Place,
    accord: Accord,
    sheet: Sheet,
    folder: Folder = None,
    dry_run: DryRun = False,
    sign_with: SignWith = None,
    signer: Signer = None,
) -> None:
    """Submit the evidence that a sheet names, row by row: condition, grade, source, and a file or its digest.

    Of a file the content is deposited first, then the act is done that names it. All rows are checked before anything
    is sent; if one cell cannot be taken, nothing is. Run again, it goes on where it was cut off: what is there is sent
    once. Exit code 5 if a row is refused.
    """
    from activities.sheets.named import EVIDENCE
    from worker.cli.client.bulk import THERE, EvidenceRows, check, send
    from worker.cli.client.calling import RefusedAct
    from worker.cli.client.doing import REFUSED
    from worker.cli.commands.ledger import progress_bar

    rows = _named(sheet, EVIDENCE, folder)
    with place.calls() as calls:
        stands = calls.get(path_of(accord))
        sender = _sender(place, calls, accord, stands, sign_with, signer)
        judging = EvidenceRows(stands, sender)
        with progress_bar("check") as progress:
            sendings = check(sender, rows, judging.problems, progress)
        for one in sendings:
            one.act = THERE if judging.there(one.row) else "would be recorded" if dry_run else one.act
        if dry_run:
            _tell(place, accord, sendings, "", dry_run=True)
            return

        def submit(one: Sending) -> None:
            if one.act == THERE:
                return
            try:
                said = sender.do("submit-evidence", one.row.fields, one.row.key(accord))
            except RefusedAct as error:
                one.act, one.reason = "refused", error.what
                return
            one.act, one.position = "recorded", said["position"]
            if said["position"] < sender.size:
                one.act = "recorded before, and returned since"
                one.reason = "submit other evidence, or this anew with entente act"

        with progress_bar("send") as progress:
            send(sender, sendings, submit, lambda why: _tell(place, accord, sendings, why), progress)
    _tell(place, accord, sendings, "")
    if any(one.act == "refused" for one in sendings):
        raise typer.Exit(REFUSED)


def _sender(
    place: Place,
    calls: Calls,
    accord: str,
    stands: dict[str, Any],
    sign_with: Path | None,
    signer: str | None,
) -> Sender:
    from worker.cli.client.bulk import Sender
    from worker.cli.client.config import read_config

    config = read_config()
    return Sender(
        calls,
        accord,
        stands["size"],
        sign_with or config.sign_with,
        signer or config.signer or place.speaker or config.speaker,
    )


def _tell(place: Place, accord: str, sendings: list[Sending], why: str, *, dry_run: bool = False) -> None:
    """What became of every row; ``why`` is why the sending stopped, empty where it came to its end."""
    from worker.cli.client import show

    told = [one.told() for one in sendings]
    if place.as_json:
        stopped = {"stopped": why} if why else {}
        show.print_json({"accord": accord, "dry_run": dry_run, "rows": told} | stopped)
        return
    rows = show.table("row", "about", "file or digest", "content", "act")
    for one in map(show.readable, told):
        about = show.joined(one.get("condition") or one["document"], one.get("language", ""))
        entry = f", entry {one['position']}" if "position" in one else ""
        why_not = f": {one['reason']}" if "reason" in one else ""
        named = one.get("file") or show.short(one["digest"])
        rows.add_row(str(one["row"]), about, named, one["content"], f"{one['status']}{entry}{why_not}")
    out = show.console()
    out.print(rows)
    if why:
        out.print(f"It stopped half way: {why}")


def _texts(
    place: Place,
    accord: Accord,
    sheet: Sheet,
    folder: Folder = None,
    dry_run: DryRun = False,
    sign_with: SignWith = None,
    signer: Signer = None,
) -> None:
    """Propose the texts that a sheet names as one schedule, to which each party agrees at once.

    The contents of the files are deposited first. Prints the digest that the others agree to with entente act ACCORD
    agree-texts.
    """
    from activities.sheets.cells import bad_cells
    from activities.sheets.named import TEXTS
    from worker.cli.client import show
    from worker.cli.client.bulk import THERE, check, send, texts_there
    from worker.cli.commands.ledger import progress_bar
    from workflows.model.canonical import digest_of

    rows = _named(sheet, TEXTS, folder)
    texts = [{name: row.fields[name] for name in ("document", "language", "digest")} for row in rows]
    key = "sheet-" + digest_of({"accord": accord, "texts": texts}).removeprefix("sha256:")[:32]
    digest = digest_of(sorted([one["document"], one["language"], one["digest"]] for one in texts))
    with place.calls() as calls:
        stands = calls.get(path_of(accord))
        sender = _sender(place, calls, accord, stands, sign_with, signer)
        there = texts_there(stands, rows)
        with progress_bar("check") as progress:
            sendings = check(sender, rows, lambda _: iter(()), progress)
        refusal = "" if there else sender.refusal("propose-texts", {"texts": texts})
        if refusal:
            raise bad_cells([rows[0].problem("", refusal)], "nothing was sent")
        for one in sendings:
            one.act = THERE if there else "would be proposed" if dry_run else one.act
        position = None
        if not dry_run:
            with progress_bar("send") as progress:
                send(
                    sender,
                    sendings,
                    lambda _: None,
                    lambda why: _tell(place, accord, sendings, why),
                    progress,
                )
            if not there:
                position = sender.do("propose-texts", {"texts": texts}, key)["position"]
                for one in sendings:
                    one.act = "proposed"
    if place.as_json:
        told = {
            "accord": accord,
            "digest": digest,
            "dry_run": dry_run,
            "rows": [one.told() for one in sendings],
        }
        show.print_json(told | ({"position": position} if position is not None else {}))
        return
    _tell(place, accord, sendings, "", dry_run=dry_run)
    state = "would be proposed" if dry_run and not there else "are proposed"
    print(f"{len(texts)} {'text' if len(texts) == 1 else 'texts'} {state} as one schedule.")
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
