"""``entente command-key``, ``log-key`` and ``delegate-key``: the secrets of an installation, and a delegate's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("command-key", epilog="Example: entente command-key /etc/entente/command-key.pem")(
        _command_key
    )
    app.command("delegate-key", epilog="Example: entente delegate-key ~/aa-contact.pem")(_delegate_key)
    app.command("log-key", epilog="Example: entente log-key /etc/entente/log-key")(_log_key)


def _command_key(file: File, as_json: Json = False) -> None:
    """Make the key by which the API signs commands, and print its public part, which workers are to trust.

    Name the file to the API by ENTENTE_COMMAND_KEY_FILE, and the public key to every worker by
    ENTENTE_COMMAND_PUBLIC_KEYS. To replace a key, let workers trust both for a while.
    """
    from activities.identity.signing import CommandSigner

    create(file, lambda: CommandSigner.create(file))
    signer = CommandSigner.load(file)
    if as_json:
        print(json.dumps({"file": str(file), "key_id": signer.key_id, "public_key": signer.public_key}))
    else:
        print(f"{file} holds the key {signer.key_id}.\nENTENTE_COMMAND_PUBLIC_KEYS={signer.public_key}")


def _delegate_key(file: File, as_json: Json = False) -> None:
    """Make a delegate's own key, with which that delegate signs its acts, and print its public part and id.

    The file stays with the delegate. The party's contact enrols the public key: `entente act ACCORD enrol-key`.
    """
    from activities.identity.keyfiles import create_key, load_key
    from activities.identity.own_signatures import public_key_of
    from workflows.record.keys import key_id

    create(file, lambda: create_key(file))
    public_key = public_key_of(load_key(file))
    if as_json:
        print(json.dumps({"file": str(file), "key": key_id(public_key), "public_key": public_key}))
    else:
        print(f"{file} holds the key {key_id(public_key)}.\n--public-key {public_key}")


def _log_key(file: File, as_json: Json = False) -> None:
    """Make the secret from which the keys of all accords' logs are derived. Keep a copy in a safe place.

    Name the file by ENTENTE_LOG_KEY_FILE. Who has it can sign checkpoints in this installation's name.
    """
    from activities.checkpoints.logkeys import LogKeys
    from activities.runtime.settings import read_settings

    origin = read_settings().log_origin
    create(file, lambda: LogKeys.create(file, origin))
    if as_json:
        print(json.dumps({"file": str(file), "origin": origin}))
    else:
        print(f"{file} holds the secret of the logs of {origin}.")


def create(file: Path, make: Callable[[], object]) -> None:
    """Make a file with a secret.

    Raises:
        SettingsProblem: there is one already, or it cannot be written.
    """
    from activities.errors import SettingsProblem

    try:
        make()
    except FileExistsError:
        raise SettingsProblem(
            f"{file} exists already, and a key is never overwritten.",
            "Give another file, or move that one away.",
        ) from None
    except OSError as error:
        raise SettingsProblem(
            f"The key cannot be written to {file}: {error.strerror}.",
            "Give a file in a directory that you may write to.",
        ) from error
