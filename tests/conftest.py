"""Servers and databases for the tests: one Postgres and one Temporal server for a run, a database for a test.

Without xdist the servers start when the first test needs them. With it the controller starts them and tells
the workers where they are, so that they outlive every worker, and end with the controller however it ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from tests.longest import LONGEST
from worker.stack.place import forget
from worker.stack.postgres import Postgres
from worker.stack.temporal import Temporal

TEMPLATE = "entente_template"
_TEMPLATE_LOCK = 0x74657374
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory with a random name is made in it
_ROOM = 2**31

SOON_DRAINED = {
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod": '"1s"',
    "matching.wv.VersionDrainageStatusRefreshInterval": '"1s"',
}
"""A server otherwise looks some minutes later whether anything is open on an old version of the workers."""


class Servers(Protocol):
    """Where the run's servers are."""

    def postgres_url(self) -> str: ...

    def temporal_address(self) -> str: ...


class OwnServers:
    """Servers that this process starts when they are first asked for, and ends."""

    def __init__(self) -> None:
        self._state: Path | None = None
        self._postgres: Postgres | None = None
        self._temporal: Temporal | None = None

    def postgres_url(self) -> str:
        if self._postgres is None:
            self._postgres = Postgres(self._directory(), port=0, durable=False)
            _run(self._postgres.start)
        return self._postgres.url("postgres")

    def temporal_address(self) -> str:
        if self._temporal is None:
            self._temporal = Temporal(
                self._directory(), port=0, ui_port=None, durable=False, dynamic_config=SOON_DRAINED
            )
            _run(self._temporal.start)
        return self._temporal.address

    def start_all(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            self._directory()
            for started in [pool.submit(self.postgres_url), pool.submit(self.temporal_address)]:
                started.result()

    def close(self) -> None:
        for server in (self._temporal, self._postgres):
            if server is not None:
                _run(server.stop)
        self._temporal = self._postgres = None
        if self._state is not None:
            forget(self._state)
            shutil.rmtree(self._state)
            self._state = None

    def _directory(self) -> Path:
        if self._state is None:
            self._state = Path(tempfile.mkdtemp(prefix="entente-tests-", dir=_memory()))
            # The unprivileged user that Postgres runs as has to pass through when root runs the tests.
            self._state.chmod(0o711)
        return self._state


class GivenServers:
    """Servers that the xdist controller runs."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given

    def postgres_url(self) -> str:
        return self._given["postgres"]

    def temporal_address(self) -> str:
        return self._given["temporal"]


def _memory() -> Path | None:
    """A directory in memory, where there is one with room: nearly every test makes a database, of 300 files.

    On a disk that others write to as well that takes several times as long. Where the system starts no programs
    from there it does not serve, since the server's user may need a copy of Postgres beside its data.
    """
    try:
        there = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return None
    roomy = there.f_bavail * there.f_frsize >= _ROOM
    return _SHARED_MEMORY if roomy and not there.f_flag & os.ST_NOEXEC else None


def _run(start_or_stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to its end in a thread with a loop of its own, since the tests' loop may be running here."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(start_or_stop())).result()


_SERVERS = pytest.StashKey[OwnServers | GivenServers]()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    config.stash[_SERVERS] = OwnServers() if given is None else GivenServers(given["entente"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """On the xdist controller, for each worker before it starts."""
    servers = node.config.stash[_SERVERS]
    servers.start_all()
    node.workerinput["entente"] = {
        "postgres": servers.postgres_url(),
        "temporal": servers.temporal_address(),
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    servers = config.stash.get(_SERVERS, None)
    if isinstance(servers, OwnServers):
        servers.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first. Within a file nothing moves, nor do files of which nothing is known."""
    rank = {path: number for number, path in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def with_database(url: str, name: str) -> str:
    """``url`` with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    return pytestconfig.stash[_SERVERS]


@pytest.fixture(scope="session")
def postgres_url(servers: Servers) -> str:
    """The address of the run's Postgres: its maintenance database, as superuser."""
    return servers.postgres_url()


@pytest.fixture(scope="session")
def temporal_address(servers: Servers) -> str:
    """Host and port of the run's Temporal server; take a task queue of your own."""
    return servers.temporal_address()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template_database(postgres_url: str) -> str:
    """The name of a migrated database to clone; made by whichever worker comes first."""
    from activities.ledger.migrate import migrate

    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", TEMPLATE):
            # Gets its name only when it is complete.
            unfinished = f"{TEMPLATE}_{uuid.uuid4().hex}"
            await connection.execute(f'CREATE DATABASE "{unfinished}"')
            await migrate(with_database(postgres_url, unfinished))
            await connection.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{TEMPLATE}"')
    finally:
        await connection.close()
    return TEMPLATE


@pytest_asyncio.fixture(loop_scope="session")
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated database, which is dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY'
        )
        yield with_database(postgres_url, name)
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_client(temporal_address: str) -> Client:
    """A client with the project's own plugin, as API and worker have it."""
    return await connect(read_settings(), target=temporal_address)
