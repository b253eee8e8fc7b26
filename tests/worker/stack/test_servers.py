"""The run's own servers are what the embedded stack starts; so is what it promises of them."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from activities.identity.keys import create_key
from activities.ledger.migrate import migrate
from worker.stack.errors import PortTaken
from worker.stack.logins import make_logins, password_of, role_of
from worker.stack.ports import LOOPBACK, any_free
from worker.stack.postgres import Postgres
from worker.stack.server import Server
from worker.stack.temporal import NAMESPACE, SEARCH_ATTRIBUTES, Temporal


async def test_postgres_is_18_in_utf8_and_sorts_by_code_point(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert str(await connection.fetchval("SHOW server_version")).startswith("18.")
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert await connection.fetchval("SELECT 'a' > 'Z'")
    finally:
        await connection.close()


async def test_postgres_wants_the_password(postgres_url: str) -> None:
    try:
        connection = await asyncpg.connect(postgres_url, password="guess")
    except asyncpg.InvalidPasswordError:
        return
    await connection.close()
    raise AssertionError("Postgres let a wrong password in")


async def test_temporal_keeps_histories_and_knows_the_search_attributes(temporal_address: str) -> None:
    client = await Client.connect(temporal_address, namespace=NAMESPACE)
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert found.config.workflow_execution_retention_ttl.ToTimedelta() >= timedelta(days=30)
    attributes = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=NAMESPACE)
    )
    assert set(SEARCH_ATTRIBUTES) <= set(attributes.custom_attributes)


async def test_what_a_superuser_migrated_before_is_given_to_who_migrates_now(database_url: str) -> None:
    """As in a state directory of before; then the next migration is the owner's."""
    await make_logins(database_url, "secret")
    # Whatever is right already stays.
    await make_logins(database_url, "secret")
    parts = urlsplit(database_url)
    place = parts.netloc.rpartition("@")[2]
    owner = f"{role_of('migrator')}:{password_of('migrator', 'secret')}"
    url = urlunsplit(parts._replace(netloc=f"{owner}@{place}"))
    assert await migrate(url) == []
    connection = await asyncpg.connect(url)
    try:
        assert not await connection.fetchval(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
            "and pg_get_userbyid(relowner) <> current_user"
        )
        await connection.execute("alter table accords add column probe text")
        await connection.execute("create table probe (x int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create role probe")
        # Functions that act with their owner's rights go on doing what they are for.
        assert await create_key(connection, "aa.contact", "test")
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", [Postgres, Temporal])
async def test_a_server_waits_for_the_port_by_which_others_know_it(
    kind: type[Postgres | Temporal], tmp_path: Path
) -> None:
    tmp_path.chmod(0o711)
    server: Server = kind(tmp_path / "state", port=0)
    async with server:
        port = server.port
    with socket.create_server((LOOPBACK, port)):
        with pytest.raises(PortTaken):
            await server.start(patience=1.0)
        again = asyncio.create_task(server.start())
        await asyncio.sleep(1.0)
        assert not again.done()
    try:
        await again
        assert server.port == port
    finally:
        await server.stop()


def test_ports_that_last_are_none_of_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if lowest > 10240:
        assert all(10240 <= any_free() < lowest for _ in range(200))
