"""``entente file``: deposit contents that the record names by digest, read them, and compare two texts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed

Digest = Annotated[
    str,
    typer.Argument(
        metavar="DIGEST", help="The digest, or as much of it as no other has.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    files = typer.Typer(
        help="Deposit and read the contents of texts and evidence; compare two texts.", no_args_is_help=True
    )
    files.command("put", epilog="Example: entente file put working-visit-mzxw6ytboi report.pdf")(placed(_put))
    files.command("get", epilog="Example: entente file get sha256:2c26b46b… -o report.pdf")(placed(_get))
    files.command("ls", epilog="Example: entente file ls working-visit-mzxw6ytboi")(placed(_ls))
    files.command(
        "redline", epilog="Example: entente file redline working-visit-mzxw6ytboi sha256:2c26… sha256:fcde…"
    )(placed(_redline))
    app.add_typer(files, name="file")


def _put(
    place: Place,
    accord: Accord,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to deposit.", show_default=False)],
    media_type: Annotated[
        str | None,
        typer.Option("--type", help="Its media type; by the end of its name where none is given."),
    ] = None,
) -> None:
    """Deposit a file's content, and print its digest, by which acts name it.

    A large file goes in parts; sent again, it goes on where it was cut off. Who may read it follows from the acts of
    your side that name it: submit evidence, or propose a text, by the digest.
    """
    from worker.cli.client import show
    from worker.cli.client.files import send_file
    from worker.cli.commands.ledger import progress_bar

    with place.calls() as calls, progress_bar("send") as progress:
        sent = send_file(calls, accord, path, media_type, progress)
    if place.as_json:
        show.print_json(
            {"accord": accord, "digest": sent.digest, "size": sent.size, "media_type": sent.media_type}
        )
    else:
        print(sent.digest)
        there = "was there already" if sent.there else "is there now"
        print(f"{path}: {sent.size:,} bytes of {sent.media_type}; {there}", file=sys.stderr)


def _get(
    place: Place,
    digest: Digest,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; standard output by default.")
    ] = None,
    accord: Annotated[
        str | None, typer.Option(help="The accord whose content it is; any where you may read it by default.")
    ] = None,
) -> None:
    """Read a content, checked by its digest before the file has its name. Asked again, it goes on where it ended."""
    import tempfile

    from worker.cli.client import show
    from worker.cli.client.files import CHUNK, fetch_file
    from worker.cli.client.prefixes import is_beginning, whole_digest
    from worker.cli.commands.ledger import progress_bar

    if is_beginning(digest):
        if accord is None:
            raise typer.BadParameter(
                "give a digest whole, or name the accord with --accord", param_hint="DIGEST"
            )
        with place.calls() as calls:
            digest = whole_digest(calls, accord, digest)
    with tempfile.TemporaryDirectory(prefix="entente-file-") as folder:
        target = output or Path(folder) / "content"
        with place.calls() as calls, progress_bar("read") as progress:
            size = fetch_file(calls, digest, accord, target, progress)
        if output is None:
            with target.open("rb") as file:
                while chunk := file.read(CHUNK):
                    sys.stdout.buffer.write(chunk)
            return
    if place.as_json:
        show.print_json({"digest": digest, "size": size, "file": str(output)})
    else:
        print(f"{output}: {size:,} bytes, whose digest is {digest}")


def _ls(place: Place, accord: Accord) -> None:
    """List the contents of an accord that you may read, with the entries that open them to their readers."""
    from worker.cli.client import show

    found: list[dict[str, Any]] = []
    after: str | None = None
    with place.calls() as calls:
        while True:
            page = calls.get(f"{path_of(accord)}/files", [("after", after)] if after else None)
            found += page["items"]
            after = page["next"]
            if after is None:
                break
    if place.as_json:
        show.print_json({"items": found})
        return
    for one in found:
        named = ", ".join(map(str, one["named_by"])) or "named by nothing yet"
        print(f"{one['digest']}\n    {one['size']:,} bytes · {one['media_type']} · entries: {named}")


def _redline(
    place: Place,
    accord: Accord,
    older: Digest,
    newer: Digest,
    html: Annotated[Path | None, typer.Option(help="Write it as a page to this file instead.")] = None,
) -> None:
    """Compare two texts of an accord, character by character: deleted is [-so-], inserted is {+so+}."""
    from worker.cli.client import show
    from worker.cli.client.files import fetch_redline
    from worker.cli.client.prefixes import whole_digest

    with place.calls() as calls:
        older, newer = (whole_digest(calls, accord, one) for one in (older, newer))
        accept = "application/json" if html is None else "text/html"
        said = fetch_redline(calls, accord, older, newer, accept)
    if html is not None:
        html.write_text(said, encoding="utf-8")
        print(f"{html}: the redline of {older} to {newer}")
    elif place.as_json:
        show.print_json(said)
    else:
        marks = {"equal": ("", ""), "delete": ("[-", "-]"), "insert": ("{+", "+}")}
        for change in show.readable(said)["changes"]:
            before, behind = marks[change["op"]]
            print(before + change["text"] + behind, end="")
        print()
