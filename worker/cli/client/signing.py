"""Signing acts where the delegate is: with a key of its own, which never leaves this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

# What signs is imported where something is signed: every command has these options, and starts with this file.

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
NotAfter = Annotated[
    str,
    typer.Option(
        "--not-after",
        help="With --sign-with: the accord's time after which the signature no longer counts, by RFC 3339.",
        show_default=False,
    ),
]


def own_headers(
    file: Path | None,
    delegate: str | None,
    accord: str,
    act: str,
    fields: dict[str, Any],
    key: str,
    *,
    if_match: str = "",
    not_after: str = "",
) -> dict[str, str]:
    """The headers that carry the delegate's own signature on an act; none without a key's file.

    The signature covers the version that ``if_match`` names.

    Raises:
        SettingsProblem: the file holds no key.
        typer.BadParameter: it is not said whose act it is, or the act is malformed.
    """
    if file is None:
        return {}

    from datetime import datetime

    from pydantic import TypeAdapter, ValidationError

    from api.client.signing import OwnKey
    from workflows.model.commands import Instant
    from workflows.model.declare import Rejected

    if not delegate:
        raise typer.BadParameter(
            "say whose act it is with --signer, such as aa.contact", param_hint="--signer"
        )
    version = if_match.strip('"').removeprefix("v")
    try:
        end = TypeAdapter[datetime](Instant).validate_python(not_after) if not_after else None
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(said, param_hint="--not-after") from None
    try:
        found = OwnKey(delegate, _key(file)).headers(
            accord,
            act,
            fields,
            key,
            if_match=int(version) if version.isdecimal() else None,
            not_after=end,
        )
    except Rejected as error:
        raise typer.BadParameter(error.message) from None
    # As it was written: the API reads it as the same moment.
    return found | ({"Entente-Not-After": not_after} if end is not None else {})


def key_header(file: Path | None) -> dict[str, str]:
    """The header that names the key for a dry run, which takes no signature."""
    if file is None:
        return {}

    from api.client.signing import OwnKey

    return OwnKey("", _key(file)).dry_headers()


def _key(file: Path) -> Any:
    from activities.errors import SettingsProblem
    from activities.identity.keyfiles import load_key

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
