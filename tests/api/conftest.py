"""The API in the test's own process, over real Postgres and Temporal; with a worker where a test needs one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile

from activities.identity.keys import Kind, create_key
from activities.identity.signing import CommandSigner
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings, read_settings
from api.app import create_app
from api.client import Entente
from api.main import Server, server_config
from tests.api.filling import Filler
from tests.api.receiving import delivering, receiver
from worker.main import accord_worker

__all__ = ["delivering", "receiver"]


class Api:
    """The API as its callers see it: each with a key of their own, made when first used."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=self._transport, base_url="http://api.test")
        self._tokens: dict[str, str] = {}

    async def token(self, principal: str, kind: Kind = "delegate") -> str:
        if principal not in self._tokens:
            connection = await asyncpg.connect(self.settings.database_dsn())
            try:
                self._tokens[principal] = await create_key(connection, principal, "a test's key", kind)
            finally:
                await connection.close()
        return self._tokens[principal]

    async def call(self, method: str, path: str, by: str | None, /, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if by is not None:
            kind: Kind = "operator" if by == "operator" else "auditor" if by == "auditor" else "delegate"
            headers["Authorization"] = f"Bearer {await self.token(by, kind)}"
        return await self.http.request(method, path, headers=headers, **options)

    async def client(self, by: str, **options: Any) -> Entente:
        """The client, as somebody's; without a socket, there is nothing to close."""
        return Entente("http://api.test", await self.token(by), transport=self._transport, **options)

    async def get(self, path: str, by: str | None = "aa.contact", /, **options: Any) -> httpx.Response:
        return await self.call("GET", f"/v1{path}", by, **options)

    async def post(
        self, path: str, by: str | None = "aa.contact", /, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex, **options.pop("headers", {})}
        return await self.call("POST", f"/v1{path}", by, headers=headers, **options)

    async def act(
        self, accord: str, act: str, by: str, /, key: str | None = None, **fields: Any
    ) -> httpx.Response:
        return await self.post(f"/accords/{accord}/{act.replace('_', '-')}", by, key=key, json=fields)

    async def done(self, accord: str, act: str, by: str, /, **fields: Any) -> dict[str, Any]:
        """An act that has to succeed; its receipt."""
        answer = await self.act(accord, act, by, **fields)
        assert answer.status_code == 200, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def opened(self, definition: dict[str, Any], by: str = "aa.contact") -> str:
        return (await (await self.client(by)).open(definition)).accord


async def sent(api: Api, method: str, path: str, token: str | None, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if method == "POST":
        headers["Idempotency-Key"] = options.pop("key", uuid.uuid4().hex)
    return await api.http.request(method, f"/v1{path}", headers=headers, **options)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is; fails if it is another one, or none."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (said["code"], said["status"], said["type"]) == (code, status, f"urn:entente:problem:{code}")
    assert said["title"]
    assert said["detail"]
    assert said["request_id"] == answer.headers["x-request-id"]
    return said


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    signer = CommandSigner.create(tmp_path / "command.pem")

    def make(database_url: str, temporal_address: str, **changes: Any) -> Settings:
        return read_settings(
            **{
                "database_url": database_url,
                "temporal": ClientConfigProfile(address=temporal_address),
                "task_queue": f"test-{uuid.uuid4().hex[:8]}",
                "command_key_file": tmp_path / "command.pem",
                "command_public_keys": (signer.public_key,),
                "files_url": str(tmp_path / "files"),
                **changes,
            }
        )

    return make


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Api]:
    """The API for these settings, until the end of the block."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        api = Api(app, settings)
        async with api.http:
            yield api


@asynccontextmanager
async def on_a_socket(settings: Settings) -> AsyncIterator[tuple[Any, int]]:
    """The API as it is served in production, in this process: the application, and the port."""
    server = Server(server_config(settings))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield server.config.app, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


@pytest.fixture
def key() -> str:
    """An idempotency key of this test alone: an accord's id follows from it, and all tests share one Temporal."""
    return uuid.uuid4().hex


@pytest.fixture
def nowhere() -> str:
    """An address at which no server is: port 9 (discard), which nobody serves here."""
    return "127.0.0.1:9"


@pytest_asyncio.fixture(loop_scope="session")
async def reading_api(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> AsyncIterator[Api]:
    """The API without Temporal: all that reading needs."""
    async with serving(make_settings(database_url, nowhere, api_deadline=3.0)) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="session")
async def filler(database_url: str) -> AsyncIterator[Filler]:
    """Fills the ledger without a workflow."""
    async with PostgresLedger.connect(database_url) as ledger:
        yield Filler(ledger)


@pytest_asyncio.fixture(loop_scope="session")
async def api(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> AsyncIterator[Api]:
    """The API with a worker behind it."""
    settings = make_settings(database_url, temporal_address)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        yield api
