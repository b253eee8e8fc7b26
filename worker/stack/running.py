"""Finding the stack that runs on a state directory, from another process."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from temporalio.envconfig import ClientConfigProfile

from activities.errors import SettingsProblem
from activities.identity.signing import CommandSigner
from activities.runtime.settings import Settings, read_settings
from worker.stack.postgres import address


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running stack can be reached. Its database's addresses have credentials in them.

    ``database_url`` is that of who owns the tables, migrates and makes keys; ``erasing_url`` that of who erases.
    """

    api_url: str
    temporal_ui_url: str | None
    database_url: str | None
    temporal_address: str | None = None
    erasing_url: str | None = None


def running_stack(state_dir: Path) -> Running | None:
    """The stack that runs on ``state_dir``, or none. Needs the rights of whoever started it."""
    state = state_dir.resolve()
    try:
        addresses = json.loads((state / "up.json").read_text())["addresses"]
        postgres = addresses.get("postgres")
        password = (state / "postgres.password").read_text().strip() if postgres else ""
    except (OSError, ValueError, KeyError):
        return None
    url = address(postgres, password, login="migrator") if postgres else None
    erasing = address(postgres, password, login="eraser") if postgres else None
    return Running(
        addresses.get("api", ""), addresses.get("temporal_ui"), url, addresses.get("temporal"), erasing
    )


def settings_here(state_dir: Path | None = None) -> Settings:
    """The environment's settings; where they name no database, those of the stack that runs on the state directory.

    Raises:
        SettingsProblem: neither is there.
    """
    settings = read_settings() if state_dir is None else read_settings(state_dir=state_dir)
    if settings.database_url is not None:
        return settings
    state = settings.state_dir
    running = running_stack(state)
    if running is None or running.database_url is None:
        raise SettingsProblem(
            f"No database is set, and no stack runs on {state}.",
            "Set DATABASE_URL, or start `entente up` and name its directory with --state-dir.",
        )
    signer = CommandSigner.load(state / "command-key.pem")
    return read_settings(
        state_dir=state,
        database_url=running.database_url,
        log_key_file=settings.log_key_file or state / "log.key",
        command_public_keys=(*settings.command_public_keys, signer.public_key),
    )


def installation(state_dir: Path | None = None, *, erasing: bool = False) -> tuple[Settings, str]:
    """The settings of what the environment names, or of the stack that runs on the state directory; and which it is.

    Unlike :func:`settings_here` it takes what there is: what is missing is for the caller to find. With ``erasing``
    that stack's database is entered as who erases.

    Raises:
        SettingsProblem: the environment cannot be read.
    """
    settings = read_settings() if state_dir is None else read_settings(state_dir=state_dir)
    state = settings.state_dir
    running = running_stack(state)
    if settings.database_url is not None or running is None:
        return settings, "from the environment"
    key = state / "command-key.pem"
    trusted = settings.command_public_keys
    with contextlib.suppress(SettingsProblem):
        trusted = (*trusted, CommandSigner.load(key).public_key)
    overrides: dict[str, object] = {
        "state_dir": state,
        "database_url": running.erasing_url if erasing else running.database_url,
        "command_key_file": settings.command_key_file or key,
        "command_public_keys": trusted,
        "log_key_file": settings.log_key_file or state / "log.key",
    }
    if settings.temporal.address is None and running.temporal_address is not None:
        overrides["temporal"] = ClientConfigProfile(address=running.temporal_address)
    return read_settings(**overrides), f"of the stack that runs on {state}"
