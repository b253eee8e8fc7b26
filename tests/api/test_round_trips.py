"""How often one act asks the database, counted on the wire: what the driver sends of its own accord is counted too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from pydantic import SecretStr
from temporalio.client import Client

from activities.runtime.settings import Settings
from tests.api.conftest import serving
from tests.api.test_acting import founded
from tests.simulation.small import bare, digest
from worker.main import accord_worker


class Wire:
    """A TCP road to Postgres that counts round trips: how often the client speaks after the server has."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self.trips = 0
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        from_server, to_server = await asyncio.open_connection(*self._to)
        answered = True

        async def there() -> None:
            nonlocal answered
            while chunk := await reader.read(65536):
                self.trips += answered
                answered = False
                to_server.write(chunk)

        async def back() -> None:
            nonlocal answered
            while chunk := await from_server.read(65536):
                answered = True
                writer.write(chunk)

        ways = [asyncio.create_task(there()), asyncio.create_task(back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            to_server.close()


async def test_an_act_takes_two_round_trips_to_the_database(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(database_url, temporal_address)
    place = urlsplit(database_url)
    assert place.hostname is not None
    assert place.port is not None
    async with Wire(place.hostname, place.port).open() as wire:
        through = database_url.replace(f":{place.port}/", f":{wire.port}/")
        reading = settings.model_copy(update={"database_url": SecretStr(through)})
        async with (
            accord_worker(settings, temporal_client) as worker,
            worker,
            serving(settings) as direct,
            serving(reading) as api,
        ):
            accord = await founded(direct, bare())

            async def trips(words: str, **fields: str) -> int:
                before = wire.trips
                answer = await api.act(
                    accord, "record_statement", "aa.contact", key=words, **{"digest": digest(words), **fields}
                )
                assert answer.status_code == 200, answer.text
                return wire.trips - before

            # The key is read and held, a connection is made, the statement is prepared.
            await trips("first")
            assert await trips("second") == 2, "one before, one after"
            assert await trips("second") == 1, "what came of it stands in the ledger"
            # What somebody else did meanwhile comes along.
            await direct.done(accord, "record_statement", "bb.contact", digest=digest("other"))
            assert await trips("third") == 2
            refused = wire.trips
            answer = await api.act(accord, "accept_invitation", "aa.contact")
            assert answer.status_code == 409
            assert wire.trips - refused == 2, "who sees the reasons is told by what was read already"
