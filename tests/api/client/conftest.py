"""The whole of an Entente behind a socket: worker, API, log key; and its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client

from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from api.client import Entente
from tests.api.conftest import Api, on_a_socket
from worker.main import accord_worker


@dataclass
class Reached:
    """An API's address, and keys to it."""

    url: str
    api: Api

    async def client(self, by: str) -> Entente:
        kind = "operator" if by == "operator" else "delegate"
        return Entente(self.url, await self.api.token(by, kind))


@pytest_asyncio.fixture(loop_scope="session")
async def reached(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> AsyncIterator[Reached]:
    LogKeys.create(tmp_path / "log.key", "entente.test")
    settings = make_settings(
        database_url,
        temporal_address,
        api_port=0,
        log_key_file=tmp_path / "log.key",
        log_origin="entente.test",
    )
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        on_a_socket(settings) as (app, port),
    ):
        api = Api(app, settings)
        async with api.http:
            yield Reached(f"http://127.0.0.1:{port}", api)
