"""Servers that go away, come back, or say nothing: the API answers in time, and recovers by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from temporalio.client import Client

from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.simulation.small import bare
from worker.main import accord_worker


class Road:
    """A TCP road to a server, which can be closed and opened again, or swallow whatever is sent."""

    def __init__(self, to: str) -> None:
        self._host, _, port = to.rpartition(":")
        self._port = int(port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.swallows = False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self.swallows:
                while await reader.read(65536):
                    pass
                return
            there, back = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.wait(
                    [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                back.close()
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def road(to: str) -> AsyncIterator[Road]:
    way = Road(to)
    await way.open()
    try:
        yield way
    finally:
        await way.close()


async def opened_at_last(api: Api, key: str) -> None:
    """The same request again, as a client does that was told to."""
    for _ in range(300):
        answer = await api.post("/accords", json=bare(), key=key)
        if answer.status_code == 201:
            return
        problem(answer, 503, "unavailable")
        await asyncio.sleep(0.2)
    raise AssertionError("it did not recover")


async def test_temporal_goes_away_and_comes_back(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    key: str,
) -> None:
    async with road(temporal_address) as way:
        settings = make_settings(database_url, way.address, api_deadline=2.0)
        await way.close()
        async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
            # Away from the beginning.
            problem(await api.post("/accords", json=bare(), key=key), 503, "unavailable")
            assert (await api.http.get("/readyz")).json()["temporal"] != "ok"
            await way.open()
            await opened_at_last(api, key)
            assert (await api.http.get("/readyz")).json()["status"] == "ready"
            # Away later on, with a connection that was made.
            await way.close()
            problem(await api.post("/accords", json=bare(), key=f"{key}-2"), 503, "unavailable")
            await way.open()
            await opened_at_last(api, f"{key}-2")
            assert len((await api.get("/accords")).json()["items"]) == 2


async def test_postgres_goes_away_and_comes_back(
    database_url: str, postgres_url: str, reading_api: Api, filler: Filler
) -> None:
    await filler.open("a", bare())
    assert (await reading_api.get("/accords/a")).status_code == 200
    name = database_url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute(f'alter database "{name}" allow_connections false')
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        for path in ("/accords", "/accords/a", "/accords/a/events"):
            problem(await reading_api.get(path), 503, "unavailable")
        assert (await reading_api.http.get("/livez")).status_code == 200
        assert (await reading_api.http.get("/readyz")).status_code == 503
        await admin.execute(f'alter database "{name}" allow_connections true')
    finally:
        await admin.close()
    assert (await reading_api.get("/accords/a")).status_code == 200


@pytest.mark.parametrize("silent", ["temporal", "postgres"])
async def test_a_server_that_says_nothing_holds_nobody_up(
    database_url: str,
    temporal_address: str,
    make_settings: Callable[..., Settings],
    filler: Filler,
    silent: str,
) -> None:
    await filler.open("a", bare(clock="simulated"))
    target = temporal_address if silent == "temporal" else database_url.rpartition("@")[2].partition("/")[0]
    async with road(target) as way:
        settings = make_settings(
            database_url if silent == "temporal" else database_url.replace(target, way.address),
            way.address if silent == "temporal" else temporal_address,
            api_deadline=1.0,
        )
        async with serving(settings) as api:
            token = await api.token("aa.contact")
            way.swallows = True
            if silent == "postgres":
                await api.app.state.backend.pool.expire_connections()
            began = asyncio.get_running_loop().time()
            headers = {"Authorization": f"Bearer {token}"}
            answers = await asyncio.gather(
                *(
                    api.act("a", "adopt_definition", "aa.contact", digest="sha256:" + "0" * 64)
                    for _ in range(20)
                ),
                api.call("GET", "/v1/accords", None, headers=headers),
            )
            assert asyncio.get_running_loop().time() - began < 4
            for answer in answers[:-1]:
                problem(answer, 503, "unavailable")
            assert answers[-1].status_code == (200 if silent == "temporal" else 503)
            assert (await api.http.get("/livez")).status_code == 200
            assert (await api.http.get("/readyz")).json()[
                silent if silent == "temporal" else "database"
            ] != "ok"
            way.swallows = False
