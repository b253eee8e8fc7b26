"""The options by which a command is told the key that signs papers; its passphrase or PIN is never among them."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.papers.pades.keys import KeyFile, Signing, TokenKey, opens_without_passphrase, secret_in
from worker.cli.client.options import parameters_of

PIN = "ENTENTE_PKCS11_PIN"
"""The variable with a token's PIN."""

SignWith = Annotated[
    Path | None,
    typer.Option(
        "--sign-with",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Sign by the key in this PKCS#12 file (.p12).",
        show_default=False,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="A file with the passphrase of --sign-with; without it, the terminal is asked.",
        show_default=False,
    ),
]
Module = Annotated[
    Path | None,
    typer.Option(
        "--sign-pkcs11",
        metavar="MODULE",
        help="Sign by a key in a token, which this PKCS#11 module speaks to.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--token", help="The token's label, where the module has several.", show_default=False),
]
TokenKeyLabel = Annotated[
    str | None,
    typer.Option(
        "--token-key", help="The label of the key, and of its certificate, in the token.", show_default=False
    ),
]
PinFile = Annotated[
    Path | None,
    typer.Option(
        "--pin-file",
        metavar="FILE",
        help=f"A file with the token's PIN; without it, {PIN} or the terminal is asked.",
        show_default=False,
    ),
]
Timestamps = Annotated[
    str | None,
    typer.Option(
        "--timestamps",
        metavar="URL",
        help="Have a time-stamp authority (RFC 3161) say when it was signed.",
        show_default=False,
    ),
]

LongTerm = Annotated[
    Path | None,
    typer.Option(
        "--long-term",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Keep in the paper what shows that no certificate was revoked when it was signed (PAdES B-LT): asks whose "
        "certificates are in this file, up to the roots; needs --timestamps.",
        show_default=False,
    ),
]


def _chosen(
    *,
    sign_with: SignWith = None,
    passphrase_file: PassphraseFile = None,
    sign_pkcs11: Module = None,
    token: Token = None,
    token_key: TokenKeyLabel = None,
    pin_file: PinFile = None,
    timestamps: Timestamps = None,
    long_term: LongTerm = None,
) -> Signing | None:
    if sign_with is not None and sign_pkcs11 is not None:
        raise typer.BadParameter("give --sign-with or --sign-pkcs11, not both")
    for option, value, needs, given in (
        ("--passphrase-file", passphrase_file, "--sign-with", sign_with),
        ("--token", token, "--sign-pkcs11", sign_pkcs11),
        ("--token-key", token_key, "--sign-pkcs11", sign_pkcs11),
        ("--pin-file", pin_file, "--sign-pkcs11", sign_pkcs11),
        ("--timestamps", timestamps, "--sign-with or --sign-pkcs11", sign_with or sign_pkcs11),
        ("--long-term", long_term, "--timestamps", timestamps),
    ):
        if value is not None and given is None:
            raise typer.BadParameter(f"it is for {needs}", param_hint=option)
    if timestamps is not None and not timestamps.startswith(("http://", "https://")):
        raise typer.BadParameter("give an address such as https://tsa.example/", param_hint="--timestamps")
    if sign_with is not None:
        passphrase = None
        if passphrase_file is not None or not opens_without_passphrase(sign_with):
            passphrase = _secret(passphrase_file, None, f"Passphrase of {sign_with}", "--passphrase-file")
        return Signing(KeyFile(sign_with, passphrase), timestamps, long_term)
    if sign_pkcs11 is not None:
        if token_key is None:
            raise typer.BadParameter("name the key in the token", param_hint="--token-key")
        pin = _secret(pin_file, PIN, "PIN of the token", "--pin-file")
        return Signing(TokenKey(sign_pkcs11, token_key, token, pin or None), timestamps, long_term)
    return None


def _secret(file: Path | None, variable: str | None, asked: str, option: str) -> str:
    if file is not None:
        return secret_in(file)
    if variable is not None and os.environ.get(variable):
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "nobody can be asked here: give it in a file" + (f" or in {variable}" if variable else ""),
            param_hint=option,
        )
    told: str = typer.prompt(asked, hide_input=True, default="", show_default=False, err=True)
    return told


def with_signing(function: Callable[..., None]) -> Callable[..., None]:
    """A command that gets ``signing``, with the options for it in its stead; none where no key was named."""
    options = parameters_of(_chosen)
    own = [one for one in parameters_of(function) if one.name != "signing"]

    def run(*places: Any, **given: Any) -> None:
        signing = _chosen(**{one.name: given.pop(one.name) for one in options})
        function(*places, **given, signing=signing)

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    return run


def sign_file(content: bytes, signing: Signing, reason: str) -> bytes:
    """The signed PDF.

    Raises:
        SigningProblem: it could not be signed.
    """
    from activities.papers.pades.signing import sign

    return sign(content, signing, reason)
