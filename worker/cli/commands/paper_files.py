"""``entente paper-check`` and ``paper-sign``: papers as files, which somebody handed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activities.papers.pades.keys import Signing
from worker.cli.client.options import named_function, parameters_of
from worker.cli.client.signing_keys import with_signing

if TYPE_CHECKING:
    from activities.papers.pades.reading import Signature

LARGEST_PAPER = 512 * 1024 * 1024
"""Bytes of a paper that is read."""


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("paper-check", epilog="Example: entente paper-check record.bundle minutes.en.pdf")(_check)
    signed = with_signing(_sign)
    app.command(
        "paper-sign",
        epilog="Example: entente paper-sign closing-book.en.pdf --sign-with registry.p12 -o signed.pdf",
    )(named_function("_sign", _sign.__doc__ or "", parameters_of(signed), signed))


def _sign(
    paper: Annotated[Path, typer.Argument(help="The paper, as PDF.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The file to write; the paper itself by default.", show_default=False
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Stands in the signature, for those who look at it.", show_default=False)
    ] = "",
    signing: Signing | None = None,
) -> None:
    """Sign a paper that is here as a file, by your key; signatures that it has already stay what they are.

    The signature is an update behind the paper's own bytes (PAdES B-B; B-T with --timestamps; B-LT with --long-term
    too). If anything is in the way, no file is written.
    """
    from worker.cli.client.signing_keys import sign_file
    from worker.cli.client.writing import write_whole

    if signing is None:
        raise typer.BadParameter("name the key: --sign-with FILE, or --sign-pkcs11 MODULE --token-key LABEL")
    content = sign_file(_read(paper), signing, reason)
    write_whole(output or paper, content)
    print(f"{output or paper}: {len(content):,} bytes, signed")


def _check(
    bundle: Annotated[
        Path, typer.Argument(help="The record, as entente export writes it.", show_default=False)
    ],
    paper: Annotated[Path | None, typer.Argument(help="The paper, as PDF.", show_default=False)] = None,
    receipt: Annotated[
        str | None, typer.Option(help="The text of the paper's QR code instead.", show_default=False)
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Certificates that you trust (PEM or DER): each signature has to be of one, or of one that it issued.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check whether a paper rests on the record in a bundle, and its signatures: exit code 0 if all is well, 1 if not.

    Verify the bundle itself with entente verify. What stands on the paper is checked by asking for it again as of the
    same entry: the bytes are the same; of a signed paper, those of the paper itself.
    """
    from activities.errors import RuntimeProblem
    from activities.papers.binding import read_receipt, receipt_of
    from activities.papers.checking import check_receipt

    if (paper is None) == (receipt is None):
        raise typer.BadParameter("give a PDF, or the text of its code with --receipt")
    if trust is not None and paper is None:
        raise typer.BadParameter("a code has no signatures", param_hint="--trust")
    told = receipt or ""
    file: dict[str, Any] = {}
    wrong: list[str] = []
    if paper is not None:
        told, file, wrong = _of_file(_read(paper), trust)
    try:
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
                | file
            )
        )
    elif checked.problem is None:
        print(f"The paper is of the record of {of.accord} as it stood after entry {of.size - 1}.")
        print(f"  Merkle root {of.root}, which the bundle ({checked.size} entries) extends.")
    else:
        print(f"The paper does not fit the record: {checked.problem}.")
    if not as_json:
        for line in _signatures_say(file):
            print(line)
    if checked.problem is not None or wrong:
        raise typer.Exit(1)


def _read(paper: Path) -> bytes:
    from activities.errors import RuntimeProblem

    try:
        with paper.open("rb") as file:
            content = file.read(LARGEST_PAPER + 1)
    except OSError as error:
        raise RuntimeProblem(f"{paper} cannot be read: {error.strerror}.", "Name a file that can.") from None
    if len(content) > LARGEST_PAPER:
        raise RuntimeProblem(f"{paper} has more than {LARGEST_PAPER:,} bytes.", "Name a paper.")
    return content


def _of_file(content: bytes, trust: Path | None) -> tuple[str, dict[str, Any], list[str]]:
    """The text with a PDF's receipt, what there is to say of its signatures, and what is wrong with them."""
    if not content.startswith(b"%PDF-"):
        return content.decode("latin-1"), {}, []
    import hashlib

    from activities.papers.pades.reading import certificates_in, keywords_in, paper_in, signatures_in

    signatures = signatures_in(content, None if trust is None else certificates_in(trust))
    own = paper_in(content)
    said: dict[str, Any] = {
        "paper": {"bytes": len(own), "digest": f"sha256:{hashlib.sha256(own).hexdigest()}"},
        "signatures": [_as_json(one) for one in signatures],
    }
    wrong = [one.field for one in signatures if not one.intact or one.trusted is False]
    return "\n".join(keywords_in(content)), said, wrong


def _as_json(one: Signature) -> dict[str, Any]:
    return {
        "field": one.field,
        "signer": one.signer,
        "issuer": one.issuer,
        "fingerprint": one.fingerprint,
        "claimed": None if one.claimed is None else one.claimed.isoformat(),
        "stamped": None if one.stamped is None else one.stamped.isoformat(),
        "intact": one.intact,
        "trusted": one.trusted,
        "problem": one.problem,
        "lasting": one.lasting,
    }


def _signatures_say(file: dict[str, Any]) -> list[str]:
    if not file.get("signatures"):
        return []
    told = []
    for one in file["signatures"]:
        if not one["intact"]:
            told.append(f"{one['field']} by {one['signer']} is broken: {one['problem']}.")
            continue
        trusted = {
            True: "a certificate that you trust issued",
            False: "NO certificate that you trust issued",
            None: "whether to trust it is not checked (--trust)",
        }[one["trusted"]]
        when = (
            f"at {one['stamped']} by a time-stamp authority"
            if one["stamped"]
            else f"at {one['claimed']} by the signer's own clock"
        )
        kept = (
            " What shows that none was revoked then is kept with it (PAdES B-LT)." if one["lasting"] else ""
        )
        told.append(f"{one['field']} by {one['signer']} is intact, {when}; {trusted}.{kept}")
        told.append(f"  certificate of {one['issuer']}, SHA-256 {one['fingerprint']}")
    told.append(
        f"The paper itself is the first {file['paper']['bytes']:,} bytes of the file, {file['paper']['digest']}."
    )
    return told
