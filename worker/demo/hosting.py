"""Where a demonstration plays: the stack that runs already on the state directory, or one that is started for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from activities.errors import SettingsProblem
from activities.identity.keys import Kind, create_key
from activities.runtime.durable import replace_private
from activities.runtime.settings import Settings
from worker.stack.running import running_stack
from worker.stack.stack import DEMO_KEYS, Ports, Stack

KEYS = DEMO_KEYS

OPERATOR = "demo.operator"
"""Whose key moves the clock."""

AUDITOR = "demo.auditor"
"""Whose key takes the whole record away, particulars and signed commands too."""

_KINDS: dict[str, Kind] = {OPERATOR: "operator", AUDITOR: "auditor"}

LABEL = "entente demo"


@dataclass(frozen=True, slots=True)
class Place:
    """A stack to play on. ``started`` says that it was started for this, and ends with it."""

    api_url: str
    temporal_ui_url: str | None
    database_url: str
    state: Path
    started: bool


@asynccontextmanager
async def a_stack(settings: Settings, *, ports: Ports, tell: Callable[[str], None]) -> AsyncIterator[Place]:
    """The stack that runs on ``settings.state_dir``, or one that runs until the end of the block.

    Raises:
        StackError: it cannot be started.
        SettingsProblem: the running one's database is not known here.
    """
    state = settings.state_dir.resolve()
    running = running_stack(state)
    if running is not None and await _answers(running.api_url):
        url = running.database_url
        if url is None and settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        if url is None:
            raise SettingsProblem(
                f"The stack that runs on {state} uses a database of its own.",
                "Set DATABASE_URL to that database.",
            )
        yield Place(running.api_url, running.temporal_ui_url, url, state, False)
        return
    tell("starting Postgres, Temporal, worker and API")
    async with Stack(settings, ports=ports) as stack:
        yield Place(stack.api_url, stack.temporal_ui_url, stack.database_url, state, True)


async def _answers(api_url: str) -> bool:
    if not api_url:
        return False
    try:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            return (await client.get(f"{api_url}/livez")).status_code == 200
    except httpx.HTTPError:
        return False


async def keys_for(place: Place, principals: Iterable[str]) -> dict[str, str]:
    """A key for each of ``principals``, for the operator and an auditor: those of an earlier demonstration, or new.

    They are kept in the state directory, in a file that only its owner reads. Who has it can act as anybody in the
    demonstration, and in nothing else that has other delegates.
    """
    file = place.state / KEYS
    kept = await _in_force(_read(file), place.api_url)
    wanted = [*dict.fromkeys(principals), *_KINDS]
    missing = [one for one in wanted if one not in kept]
    if missing:
        connection = await asyncpg.connect(place.database_url)
        try:
            for one in missing:
                kept[one] = await create_key(connection, one, LABEL, _KINDS.get(one, "delegate"))
        finally:
            await connection.close()
        replace_private(file, json.dumps(kept, indent=2).encode() + b"\n")
    return {one: kept[one] for one in wanted}


def _read(file: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


async def _in_force(keys: Mapping[str, str], api_url: str) -> dict[str, str]:
    """Those of ``keys`` that the API still takes."""
    found = {}
    async with httpx.AsyncClient(base_url=api_url, timeout=10.0, trust_env=False) as client:
        for name, token in keys.items():
            answer = await client.get("/v1/accords?limit=1", headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 401:
                found[name] = token
    return found
