"""Signing acts where the delegate is: with a key of its own, which never leaves this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from activities.errors import SettingsProblem
from activities.identity.keyfiles import load_key
from activities.identity.own_signatures import public_key_of, sign_act
from workflows.model.commands import Command
from workflows.model.declare import Rejected
from workflows.record.keys import key_id

SignWith = Annotated[
    Path | None,
    typer.Option(
        "--sign-with",
        envvar="ENTENTE_SIGN_WITH",
        help="A PEM file with your own key, which signs the act; `entente delegate-key` makes one.",
        show_default=False,
    ),
]
Signer = Annotated[
    str | None,
    typer.Option(
        "--signer",
        envvar="ENTENTE_SIGNER",
        help="With --sign-with: whose act it is, by delegate id; by default who is named with --as.",
        show_default=False,
    ),
]


def own_headers(
    file: Path | None, delegate: str | None, accord: str, act: str, fields: dict[str, Any], key: str
) -> dict[str, str]:
    """The headers that carry the delegate's own signature on an act; none without a key's file.

    Raises:
        SettingsProblem: the file holds no key.
        typer.BadParameter: it is not said whose act it is, or the act is malformed.
    """
    if file is None:
        return {}
    if not delegate:
        raise typer.BadParameter(
            "say whose act it is with --signer, such as aa.contact", param_hint="--signer"
        )
    command = Command(accord=accord, id=f"{delegate}/{key}", act=act, fields=fields, delegate=delegate)
    try:
        own = sign_act(_key(file), command)
    except Rejected as error:
        raise typer.BadParameter(error.message) from None
    salt = {"Entente-Salt": own.salt} if own.salt else {}
    return {"Entente-Key": own.key, "Entente-Signature": own.signature, **salt}


def key_header(file: Path | None) -> dict[str, str]:
    """The header that names the key for a dry run, which takes no signature."""
    return {} if file is None else {"Entente-Key": key_id(public_key_of(_key(file)))}


def _key(file: Path) -> Any:
    try:
        return load_key(file)
    except OSError as error:
        raise SettingsProblem(
            f"The key in {file} cannot be read: {error.strerror}.", "Name another."
        ) from None
    except ValueError as error:
        raise SettingsProblem(
            f"The key cannot be used: {error}.", "Make one with `entente delegate-key FILE`."
        ) from None
