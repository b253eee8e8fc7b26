"""Finding the stack that runs on a state directory, from another process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from worker.embedded.postgres import DATABASE, SUPERUSER


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running stack can be reached. Its database's address has credentials in it."""

    api_url: str
    temporal_ui_url: str | None
    database_url: str | None


def running_stack(state_dir: Path) -> Running | None:
    """The stack that runs on ``state_dir``, or none. Needs the rights of whoever started it."""
    state = state_dir.resolve()
    try:
        addresses = json.loads((state / "up.json").read_text())["addresses"]
        postgres = addresses.get("postgres")
        password = (state / "postgres.password").read_text().strip() if postgres else ""
    except (OSError, ValueError, KeyError):
        return None
    url = f"postgresql://{SUPERUSER}:{quote(password)}@{postgres}/{DATABASE}" if postgres else None
    return Running(addresses.get("api", ""), addresses.get("temporal_ui"), url)
