"""``entente config``: what client commands are told, and by what."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("config", epilog="Example: ENTENTE_CONFIG=other.toml entente config")(_config)


def _config(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what commands that speak to an API are told, and by what: options are stronger than all of it.

    The environment is stronger than the file, which is ~/.config/entente/config.toml, or what ENTENTE_CONFIG names,
    such as: server = "https://entente.example", key_file = "key", as = "aa.contact". The key itself is never shown.
    """
    from worker.cli.client import show
    from worker.cli.client.config import NAMES, VARIABLES, config_file, read_config

    file, config = config_file(), read_config()
    told: dict[str, dict[str, str | None]] = {}
    for name, written in NAMES.items():
        variable = VARIABLES[name]
        if os.environ.get(variable):
            told[written] = {"value": os.environ[variable], "by": variable}
        elif getattr(config, name) is not None:
            told[written] = {"value": str(getattr(config, name)), "by": str(file)}
        else:
            told[written] = {"value": None, "by": None}
    key = bool(os.environ.get("ENTENTE_KEY", "").strip())
    if as_json:
        show.print_json(
            {"file": str(file), "exists": file.exists(), "key_in_environment": key, "settings": told}
        )
        return
    out = show.console()
    out.print(f"{file}{'' if file.exists() else ' (there is none)'}", soft_wrap=True)
    for written, one in told.items():
        value = "–" if one["value"] is None else f"{one['value']}  (by {one['by']})"
        out.print(f"  {written:<10} {value}", soft_wrap=True)
    if key:
        out.print("  the key is in ENTENTE_KEY, and is taken before key_file of the file")
