"""``entente payload-key``: the secret under which payloads in Temporal are encrypted, and going over to another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="The file with the secret.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    group = typer.Typer(
        help="The secret under which payloads in Temporal are encrypted.", no_args_is_help=True
    )
    group.command("create", epilog="Example: entente payload-key create /etc/entente/payload-key")(_create)
    group.command("add", epilog="Example: entente payload-key add /etc/entente/payload-key")(_add)
    group.command("rewrap", epilog="Example: DATABASE_URL=postgresql://… entente payload-key rewrap")(_rewrap)
    app.add_typer(group, name="payload-key")


def _create(file: File, as_json: Json = False) -> None:
    """Make the secret that wraps the key of each accord. Keep a copy apart from the backups of both databases.

    Name the file by ENTENTE_PAYLOAD_KEY_FILE to workers, API and codec server. Without it nobody reads what is open in
    Temporal; the ledger does not depend on it.
    """
    from activities.ledger.installation import InstallationKey
    from worker.cli.commands.keys import create

    create(file, lambda: InstallationKey.create(file))
    _say(as_json, file, InstallationKey.load(file).id)


def _add(file: File, as_json: Json = False) -> None:
    """Put a new secret above those that the file has: new keys of accords are wrapped by it.

    Give the file to every process and start each again; then `entente payload-key rewrap`; then take out the old line.
    """
    from activities.errors import SettingsProblem
    from activities.ledger.installation import InstallationKey

    try:
        key = InstallationKey.add(file)
    except OSError as error:
        raise SettingsProblem(
            f"The secret cannot be written to {file}: {error.strerror}.",
            "See that the file and its directory may be written to.",
        ) from error
    _say(as_json, file, key.id)


def _rewrap(
    state_dir: Annotated[
        Path | None, typer.Option(help="The running stack's directory; .entente by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Wrap the keys of all accords by the first secret in ENTENTE_PAYLOAD_KEY_FILE. No payload is encrypted anew.

    With the login that owns the database: DATABASE_URL names it, or the stack that runs here. Afterwards the file's
    other lines can be taken out.
    """
    from activities.errors import SettingsProblem
    from activities.ledger.connections import reading_pool
    from activities.ledger.installation import InstallationKey
    from activities.ledger.payload_keys import PayloadKeys
    from worker.stack.running import installation

    settings, _ = installation(state_dir)
    if settings.payload_key_file is None:
        raise SettingsProblem("ENTENTE_PAYLOAD_KEY_FILE is not set.", "Set it as the workers have it.")
    key = InstallationKey.load(settings.payload_key_file)

    async def rewrap() -> int:
        async with reading_pool(settings.database_dsn(), min_size=0, max_size=1) as pool:
            return await PayloadKeys(pool, key).rewrap()

    count = asyncio.run(rewrap())
    if as_json:
        print(json.dumps({"rewrapped": count, "key": key.id}))
    else:
        print(f"Wrapped {count} keys by {key.id}.")


def _say(as_json: bool, file: Path, key_id: str) -> None:
    if as_json:
        print(json.dumps({"file": str(file), "key": key_id}))
    else:
        print(f"{file} wraps by the secret {key_id}.")
