"""``entente witness``: the witness that a party runs, on a machine of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from activities.witness.witness import Witness


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    example = "Example: entente witness /srv/witness --init witness.ru.example/w1; then: entente witness /srv/witness"
    app.command("witness", epilog=example)(_witness)


def _witness(
    directory: Annotated[Path, typer.Argument(help="Where key, logs and what was cosigned are kept.")],
    init: Annotated[
        str | None, typer.Option(help="Make a witness with this name for its key, show the key, and end.")
    ] = None,
    add_log: Annotated[
        list[str] | None,
        typer.Option(help="Watch a log from now on: its verifier key, from your own delegate; then end."),
    ] = None,
    drop_log: Annotated[
        list[str] | None,
        typer.Option(help="Watch a log no longer by this key, such as a retired one; then end."),
    ] = None,
    follow: Annotated[
        Path | None,
        typer.Option(
            help="A bundle: take the keys that its record leads to from those known here; then end."
        ),
    ] = None,
    command_key: Annotated[
        list[str] | None,
        typer.Option(
            help="For --follow: public key (base64) that commands are signed with, from your own delegate; may be "
            "repeated."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8090,
) -> None:
    """Cosign the checkpoints of your accords, so that nobody can rewrite or fork them unseen.

    Never restore the directory from a backup: a witness that forgets what it cosigned can be shown two histories.
    """
    from activities.errors import SettingsProblem
    from activities.witness.witness import Witness

    if init is not None:
        try:
            print(Witness.create(directory, init).verifier.encoded())
        except FileExistsError:
            what = f"There is a witness in {directory} already."
            raise SettingsProblem(what, "A key is never overwritten; take another directory.") from None
        return
    witness = Witness.load(directory)
    if add_log:
        for line in add_log:
            print(f"watches {witness.add_log(line).name}")
        return
    if drop_log:
        for line in drop_log:
            print("watches no longer by that key" if witness.drop_log(line) else "did not watch by that key")
        return
    if follow is not None:
        for key in asyncio.run(witness.follow(follow, command_key or [])):
            print(f"watches {key.encoded()}")
        return
    _serve(witness, host, port)


def _serve(witness: Witness, host: str, port: int) -> None:
    import uvicorn

    from activities.runtime.logs import configure_logs
    from activities.runtime.settings import read_settings
    from worker.cli.witness_service import create_witness_app

    settings = read_settings()
    configure_logs(settings.log_format, settings.log_level)
    uvicorn.run(create_witness_app(witness), host=host, port=port, log_config=None, access_log=False)
