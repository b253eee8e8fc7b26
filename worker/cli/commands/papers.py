"""``entente papers``: papers made from the record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from activities.papers.pades.keys import Signing
from worker.cli.client.options import Accord, Place, path_of, placed, segment
from worker.cli.client.signing_keys import with_signing


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("papers", epilog="Example: entente papers visit-2027 --kind checklist --lang ru -o papers")(
        placed(with_signing(_papers))
    )


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
    signed: Annotated[
        bool,
        typer.Option(
            "--signed", help="Signed by the installation, where it does so: certificate and closing book."
        ),
    ] = False,
    signing: Signing | None = None,
) -> None:
    """Write an accord's papers: full powers, order of signature, signature pages, checklist, minutes and the others.

    All of them are as of the same entry, and have the same bytes whenever they are asked for as of it. Without -o it
    lists what there is. By --sign-with or --sign-pkcs11 each is signed here, by your key: behind its own bytes, which
    stay the same. If a key cannot sign, nothing is written.
    """
    from worker.cli.client import show
    from worker.cli.client.signing_keys import sign_file
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
        if signing is not None:
            _try(signing)
        _make(output)
        written = []
        for each in kinds:
            for language in languages:
                with show.console().status(f"{each} in {language}"):
                    paper = calls.fetch(
                        f"{path_of(accord)}/papers/{segment(each)}",
                        [
                            ("lang", language),
                            ("as_of", at),
                            *([("signed", "true")] if signed and each in known["signed_kinds"] else []),
                        ],
                    )
                    at = paper.headers.get("entente-position", at)
                    content = paper.content
                    if signing is not None and each != "calendar":
                        content = sign_file(content, signing, f"{each} of {accord} as of entry {at}")
                file = output / f"{each}.{language}.{'ics' if each == 'calendar' else 'pdf'}"
                write_whole(file, content)
                written.append({"kind": each, "language": language, "file": str(file), "bytes": len(content)})
                if not place.as_json:
                    unsigned = signing is not None and each == "calendar"
                    print(f"{file}: {len(content):,} bytes{', not signed: it is no PDF' if unsigned else ''}")
    if place.as_json:
        show.print_json({"accord": accord, "position": int(at), "papers": written})
    else:
        print(f"{len(written)} {'paper' if len(written) == 1 else 'papers'} of {accord}, as of entry {at}.")


def _try(signing: Signing) -> None:
    """Open the key before anything is asked for.

    Raises:
        SigningProblem: it cannot sign.
    """
    from activities.papers.pades.signing import holder_of

    holder_of(signing.key)


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
    if known["signed_by"]:
        print(f"With --signed, {known['signed_by']} signs {', '.join(known['signed_kinds'])}.")
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
