"""``entente papers`` and ``paper-check``: papers made from the record, and whether one is of a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed, segment

LARGEST_PAPER = 256 * 1024 * 1024
"""Bytes of a paper in which a receipt is looked for."""


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("papers", epilog="Example: entente papers visit-2027 --kind checklist --lang ru -o papers")(
        placed(_papers)
    )
    app.command("paper-check", epilog="Example: entente paper-check record.bundle minutes.en.pdf")(_check)


def _papers(
    place: Place,
    accord: Accord,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The directory to write to; it is made if need be.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Only papers of this kind, such as checklist; may be repeated.", show_default=False
        ),
    ] = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(help="The language, such as ru; may be repeated. By default those of the accord."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="A position (from 0) or a time by RFC 3339: the record up to then."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(help="The code on a signed page: say which seat and original it is, and write nothing."),
    ] = None,
) -> None:
    """Write an accord's papers: full powers, order of signature, signature pages, checklist, minutes and the others.

    All of them are as of the same entry, and have the same bytes whenever they are asked for as of it. Without -o it
    lists what there is.
    """
    from worker.cli.client import show
    from worker.cli.client.writing import write_whole

    with place.calls() as calls:
        known = calls.get(f"{path_of(accord)}/papers")
        if code is not None:
            _say_page(place, known, code)
            return
        if output is None:
            _list(place, known)
            return
        kinds = _chosen(kind, [one["kind"] for one in known["papers"]], "--kind")
        languages = _chosen(lang, known["languages"], "--lang") if lang else known["own_languages"]
        at = as_of if as_of is not None else str(known["position"])
        _make(output)
        written = []
        for each in kinds:
            for language in languages:
                with show.console().status(f"{each} in {language}"):
                    paper = calls.fetch(
                        f"{path_of(accord)}/papers/{segment(each)}", [("lang", language), ("as_of", at)]
                    )
                file = output / f"{each}.{language}.{'ics' if each == 'calendar' else 'pdf'}"
                write_whole(file, paper.content)
                written.append(
                    {"kind": each, "language": language, "file": str(file), "bytes": len(paper.content)}
                )
                at = paper.headers.get("entente-position", at)
                if not place.as_json:
                    print(f"{file}: {len(paper.content):,} bytes")
    if place.as_json:
        show.print_json({"accord": accord, "position": int(at), "papers": written})
    else:
        print(f"{len(written)} {'paper' if len(written) == 1 else 'papers'} of {accord}, as of entry {at}.")


def _chosen(given: list[str] | None, known: list[str], option: str) -> list[str]:
    chosen = list(dict.fromkeys(given or known))
    wrong = [one for one in chosen if one not in known]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not one of {', '.join(known)}", param_hint=option)
    return chosen


def _list(place: Place, known: dict[str, Any]) -> None:
    from worker.cli.client import show

    if place.as_json:
        show.print_json(known)
        return
    for one in known["papers"]:
        print(f"{one['kind']:<20} {one['title']}")
    print(f"Languages: {', '.join(known['languages'])}; of this accord: {', '.join(known['own_languages'])}.")
    print("Write them with -o DIRECTORY.")


def _say_page(place: Place, known: dict[str, Any], code: str) -> None:
    from activities.errors import RuntimeProblem
    from worker.cli.client import show

    wanted = "".join(code.upper().split()).replace("-", "")
    page = next(
        (one for one in known["signature_pages"] if one["code"].replace("-", "") == wanted),
        None,
    )
    if page is None:
        raise RuntimeProblem(
            f"No signature page of {known['accord']} has the code {code}.",
            "Compare it with the page. If a text was changed since it was printed, its code is of a text that no "
            "longer stands: print the page anew.",
        )
    if place.as_json:
        show.print_json(page)
        return
    of = f", original of {page['original']}" if page["original"] else ""
    print(f"{page['code']}: document {page['document']}, seat {page['seat']}{of}")
    print(f"  bound to the document's digest {page['digest']}")


def _make(folder: Path) -> None:
    from activities.errors import RuntimeProblem

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeProblem(
            f"{folder} cannot be made: {error.strerror}.", "Name a directory that you may write to with -o."
        ) from None


def _check(
    bundle: Annotated[
        Path, typer.Argument(help="The record, as entente export writes it.", show_default=False)
    ],
    paper: Annotated[Path | None, typer.Argument(help="The paper, as PDF.", show_default=False)] = None,
    receipt: Annotated[
        str | None, typer.Option(help="The text of the paper's QR code instead.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check whether a paper rests on the record in a bundle: exit code 0 if its receipt fits, 1 if not.

    Verify the bundle itself with entente verify. What stands on the paper is checked by asking for it again as of the
    same entry: the bytes are the same.
    """
    from activities.errors import RuntimeProblem
    from activities.papers.binding import read_receipt, receipt_of
    from activities.papers.checking import check_receipt

    if (paper is None) == (receipt is None):
        raise typer.BadParameter("give a PDF, or the text of its code with --receipt")
    try:
        if paper is not None:
            with paper.open("rb") as file:
                told = file.read(LARGEST_PAPER).decode("latin-1")
        else:
            told = receipt or ""
        checked = check_receipt(bundle, read_receipt(told))
    except OSError as error:
        raise RuntimeProblem(
            f"{error.filename or bundle} cannot be read: {error.strerror}.", "Name a file that can."
        ) from None
    of = checked.receipt
    if as_json:
        print(
            json.dumps(
                {"accord": of.accord, "size": of.size, "root": of.root, "receipt": receipt_of(of)}
                | {"fits": checked.problem is None}
                | ({"problem": checked.problem} if checked.problem else {})
            )
        )
    elif checked.problem is None:
        print(f"The paper is of the record of {of.accord} as it stood after entry {of.size - 1}.")
        print(f"  Merkle root {of.root}, which the bundle ({checked.size} entries) extends.")
    else:
        print(f"The paper does not fit the record: {checked.problem}.")
    if checked.problem is not None:
        raise typer.Exit(1)
