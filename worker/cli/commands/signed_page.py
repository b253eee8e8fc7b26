"""``entente signed-page``: deposit the scan of a signed page, matched by the code that is printed on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed
from worker.cli.client.signing import Signer, SignWith

if TYPE_CHECKING:
    from worker.cli.client.bulk import Sender
    from worker.cli.client.calling import Calls

Pages = list[dict[str, Any]]
"""Seats on signature pages, as the list of papers has them."""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("signed-page", epilog="Example: entente signed-page visit-2027 scan.pdf")(
        placed(_signed_page)
    )


def _signed_page(
    place: Place,
    accord: Accord,
    scan: Annotated[
        Path,
        typer.Argument(metavar="SCAN", help="The scan: PDF, PNG, JPEG or TIFF.", show_default=False),
    ],
    code: Annotated[
        list[str] | None,
        typer.Option(
            help="The code beside a signature that the scan shows; may be repeated. By default the codes are read "
            "from the page.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which page it is and what would be recorded; send nothing.")
    ] = False,
    sign_with: SignWith = None,
    signer: Signer = None,
) -> None:
    """Deposit the scan of a signed page as evidence of the signatures' paper form; it changes none of them.

    Which page it is the code printed on it says: document, original and seats. Of its seats those are taken that are
    your party's (all, for a registrar or depositary) and signed on the record; with --code those that you name. Run
    again, it deposits nothing twice. Exit code 5 if it is refused.
    """
    from worker.cli.client import bulk, show
    from worker.cli.client.config import read_config
    from worker.cli.client.doing import REFUSED
    from worker.cli.client.files import would_take

    digest = _digest(scan)
    with place.calls() as calls:
        known: Pages = calls.get(f"{path_of(accord)}/papers")["signature_pages"]
        pages = _named(known, accord, code) if code else _read(calls, known, accord, scan)
        there = [one for one in pages if one["scan"] == digest]
        pages = [one for one in pages if one["scan"] != digest]
        fields = {"codes": sorted(one["code"] for one in pages), "digest": digest}
        told: dict[str, Any] = {"accord": accord, "file": str(scan), **fields}
        told |= {"pages": pages, "there": [one["code"] for one in there]}
        config = read_config()
        stands = calls.get(path_of(accord))
        speaking = signer or config.signer or place.speaker or config.speaker
        sender = bulk.Sender(calls, accord, stands["size"], sign_with or config.sign_with, speaking)
        refusal = sender.refusal("deposit-signed-page", fields) if pages else ""
        if not pages:
            told |= {"status": "there already"}
        elif refusal:
            told |= {"status": "would be refused" if dry_run else "refused", "reason": refusal}
        else:
            is_there = would_take(calls, accord, scan)
            told |= {"content": "there already" if is_there else "to be sent", "status": "would be recorded"}
            if not dry_run:
                told |= _deposit(sender, scan, fields)
    if place.as_json:
        show.print_json(told)
    else:
        _tell(told, there)
    if "reason" in told:
        raise typer.Exit(REFUSED)


def _deposit(sender: Sender, scan: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """Send the scan, then do the act that names it; what came of both."""
    from activities.errors import RuntimeProblem
    from worker.cli.client.calling import RefusedAct
    from worker.cli.client.files import send_file
    from worker.cli.commands.ledger import progress_bar
    from workflows.model.canonical import digest_of

    with progress_bar("send") as progress:
        sent = send_file(sender.calls, sender.accord, scan, None, progress)
    if sent.digest != fields["digest"]:
        raise RuntimeProblem(f"{scan} was changed while it was sent.", "Run the same command again.")
    told: dict[str, Any] = {"content": "there already" if sent.there else f"sent, {sent.size:,} bytes"}
    key = "page-" + digest_of({"accord": sender.accord, **fields}).removeprefix("sha256:")[:32]
    try:
        receipt = sender.do("deposit-signed-page", fields, key)
    except RefusedAct as error:
        return told | {"status": "refused", "reason": error.what}
    return told | {"status": "recorded", "position": receipt["position"]}


def _digest(scan: Path) -> str:
    from activities.errors import RuntimeProblem
    from activities.sheets.named import digest_of_file

    try:
        return digest_of_file(scan)
    except OSError as error:
        raise RuntimeProblem(f"{scan} cannot be read: {error.strerror}.", "Name a file that can.") from None


def _named(known: Pages, accord: str, given: list[str]) -> Pages:
    """The seats that codes name, as they were typed."""
    by_code = {str(one["code"]).replace("-", ""): one for one in known}
    found = []
    for text in given:
        code = "".join(text.upper().split()).replace("-", "")
        if code not in by_code:
            raise _unknown(accord, text)
        found.append(by_code[code])
    return list({one["code"]: one for one in found}.values())


def _read(calls: Calls, known: Pages, accord: str, scan: Path) -> Pages:
    """The seats on the pages of a scan, by the codes printed on them: those that are the caller's, and signed."""
    from activities.errors import RuntimeProblem
    from activities.papers.scanning import labels_in

    try:
        labels = labels_in(scan)
    except OSError as error:
        raise RuntimeProblem(f"{scan} cannot be read: {error.strerror}.", "Name a file that can.") from None
    if not labels:
        raise RuntimeProblem(
            f"No code of a signature page can be read in {scan}.",
            "Scan the whole page with some 300 dots per inch, or give the codes beside the signatures with --code.",
        )
    for label in labels:
        if label.accord != accord:
            raise RuntimeProblem(
                f"The page in {scan} is of the accord {label.accord}, and not of {accord}.",
                f"If that is meant: entente signed-page {label.accord} {scan}",
            )
    by_code: Mapping[str, dict[str, Any]] = {one["code"]: one for one in known}
    for label in labels:
        for code in label.codes:
            if code not in by_code:
                raise _unknown(accord, code)
            if by_code[code]["digest"] != label.digest:
                raise RuntimeProblem(
                    f"The code on the page in {scan} contradicts itself: {code} is of the document "
                    f"{by_code[code]['digest']}, and the page says {label.digest}.",
                    "No page that was printed here says that: do not take it, and have the page printed and signed "
                    "anew.",
                )
    on_page = [by_code[code] for label in labels for code in label.codes]
    party = _own_party(calls, accord)
    own = [one for one in on_page if party in (None, one["party"])]
    signed = [one for one in own if one["signed"]]
    if not signed:
        seats = ", ".join(f"{one['seat']} on {one['document']}" for one in own or on_page)
        why = (
            f"none of its seats is signed on the record: {seats}"
            if own
            else f"its seats are others': {seats}"
        )
        raise RuntimeProblem(
            f"The page in {scan} is known, and {why}.",
            "It is signed on the record first, with entente act ACCORD sign-document."
            if own
            else "Each party deposits the pages that it signed; the registrar or the depositary may deposit any.",
        )
    return signed


def _own_party(calls: Calls, accord: str) -> str | None:
    """The party that the caller acts for; none for an officer."""
    delegate = calls.get("/v1/me")["delegate"]
    delegates = calls.get(path_of(accord)).get("delegates", ())
    return next((one["party"] for one in delegates if one["delegate"] == delegate), None)


def _unknown(accord: str, code: str) -> Exception:
    from activities.errors import RuntimeProblem

    return RuntimeProblem(
        f"No signature page of {accord} has the code {code}.",
        "Compare it with the page. If a text was changed since it was printed, its code is of a text that no longer "
        "stands: print the page anew, and let it be signed anew.",
    )


def _tell(told: Mapping[str, Any], there: Pages) -> None:
    for one in [*there, *told["pages"]]:
        of = f", original of {one['original']}" if one["original"] else ""
        already = "; this scan is there already" if one in there else ""
        print(f"{one['code']}: document {one['document']}, seat {one['seat']}{of}{already}")
    if "reason" in told:
        print(f"✗ {told['status']}: {told['reason']}")
        return
    entry = f", entry {told['position']} of the record" if "position" in told else ""
    content = f"content {told['content']}; " if "content" in told else ""
    print(f"{told['file']} ({told['digest']}): {content}{told['status']}{entry}")
