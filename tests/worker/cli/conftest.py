"""The command as people run it: a process of its own, against an API in this one that listens on a port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
import uvicorn
from temporalio.client import Client

from activities.runtime.settings import Settings
from tests.api.conftest import Api, make_settings, nowhere, serving
from worker.main import accord_worker

__all__ = ["make_settings", "nowhere"]

OURS = ("TEMPORAL_", "ENTENTE_", "DATABASE_URL")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def entente(*words: str, **environment: str) -> Done:
    """Run the command."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker.cli.main",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**inherited, "XDG_CONFIG_HOME": "/nowhere", "TERMINAL_WIDTH": "110", **environment},
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return Done(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Served:
    """An API that listens, and the command as different delegates run it."""

    url: str
    api: Api

    async def run(self, by: str, *words: str) -> Done:
        return await entente(*words, ENTENTE_SERVER=self.url, ENTENTE_KEY=await self.api.token(by))


@pytest_asyncio.fixture(loop_scope="session")
async def served(
    database_url: str, temporal_address: str, temporal_client: Client, make_settings: Callable[..., Settings]
) -> AsyncIterator[Served]:
    """The API with a worker behind it, on a free port of the loopback interface."""
    settings = make_settings(database_url, temporal_address)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        # The application's life is `serving`'s; the server only listens.
        config = uvicorn.Config(api.app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serve = asyncio.create_task(server.serve())
        try:
            async with asyncio.timeout(60):
                while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
                    await asyncio.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Served(f"http://127.0.0.1:{port}", api)
        finally:
            server.should_exit = True
            await serve


def write(folder: Path, value: dict[str, Any]) -> str:
    """A definition file with this value."""
    file = folder / "definition.json"
    file.write_text(json.dumps(value))
    return str(file)
