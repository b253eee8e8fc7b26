"""The schema: migrations, what the database itself refuses, and what each role may do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from activities.errors import MissingPrivilege, SchemaMismatch
from activities.ledger.migrate import load, migrate, parse, pending
from activities.ledger.postgres import PostgresLedger
from tests.activities.ledger.making import append

SQL = "-- migrate:up\ncreate table t{n} (x int);\n-- migrate:down\ndrop table t{n};\n"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def renamed(url: str, *, database: str | None = None, user: str | None = None) -> str:
    parts = urlsplit(url)
    if user is not None:
        parts = parts._replace(netloc=f"{user}:secret@{parts.hostname}:{parts.port}")
    if database is not None:
        parts = parts._replace(path=f"/{database}")
    return urlunsplit(parts)


@pytest_asyncio.fixture
async def empty_database(postgres_url: str) -> AsyncIterator[str]:
    name = f"empty_{uuid.uuid4().hex}"
    async with connected(postgres_url) as connection:
        await connection.execute(f"create database {name}")
        yield renamed(postgres_url, database=name)
        await connection.execute(f"drop database {name} with (force)")


Login = Callable[[str], Awaitable[str]]


@pytest_asyncio.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """Makes a login that is a member of one role only, and gives its address."""
    made = []
    async with connected(database_url) as connection:

        async def make(role: str) -> str:
            name = f"login_{uuid.uuid4().hex}"
            await connection.execute(f"create role {name} login password 'secret'")
            made.append(name)
            if role:
                await connection.execute(f"grant {role} to {name}")
            return renamed(database_url, user=name)

        yield make
        for name in made:
            await connection.execute(f"drop owned by {name}")
            await connection.execute(f"drop role {name}")


async def test_migrating_twice_and_at_the_same_time_applies_each_once(empty_database: str) -> None:
    names = [migration.name for migration in load()]
    assert await pending(empty_database) == names
    applied = await asyncio.gather(*(migrate(empty_database) for _ in range(3)))
    assert sorted(applied, key=len) == [[], [], names]
    assert await pending(empty_database) == []
    assert await migrate(empty_database) == []


async def test_down_undoes_up(empty_database: str) -> None:
    objects = (
        "select (select count(*) from pg_class where relnamespace = 'public'::regnamespace), "
        "(select count(*) from pg_proc where pronamespace = 'public'::regnamespace)"
    )
    async with connected(empty_database) as connection:
        # Whoever migrates makes this table before the first migration; it and its index stay.
        await connection.execute("create table schema_migrations (version varchar primary key)")
        await connection.execute(load()[0].up)
        [found] = await connection.fetch(objects)
        assert tuple(found) > (7, 2)
        for migration in reversed(load()[:1]):
            await connection.execute(migration.down)
        [found] = await connection.fetch(objects)
        assert tuple(found) == (2, 0)


async def test_a_schema_from_the_future_is_refused_where_it_does_not_support_us(database_url: str) -> None:
    async with connected(database_url) as connection:
        await connection.execute("insert into schema_migrations values ('9999')")
        # What is only added is no obstacle: the release before goes on until it is replaced, and can be gone back to.
        assert await migrate(database_url) == await pending(database_url) == []
        await connection.execute("update schema_support set oldest = '9999'")
    with pytest.raises(SchemaMismatch, match="9999"):
        await migrate(database_url)
    with pytest.raises(SchemaMismatch, match="9999"):
        await pending(database_url)


async def test_a_later_version_goes_on_where_the_earlier_stopped(empty_database: str, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text(SQL.format(n=1))
    assert await migrate(empty_database, folder=tmp_path) == ["0001_one.sql"]
    (tmp_path / "0002_two.sql").write_text(SQL.format(n=2))
    assert await pending(empty_database, folder=tmp_path) == ["0002_two.sql"]
    assert await migrate(empty_database, folder=tmp_path) == ["0002_two.sql"]


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text(SQL.format(n=1).replace("(x int);", "(x int); select 1/0;"))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database, folder=tmp_path)
    async with connected(empty_database) as connection:
        assert await connection.fetchval("select to_regclass('t1')") is None
    assert await pending(empty_database, folder=tmp_path) == ["0001_one.sql"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ledger.sql", SQL),
        ("0001_a.sql", "create table t (x int);"),
        ("0001_a.sql", "-- migrate:up\n"),
        ("0001_a.sql", "-- migrate:down\n-- migrate:up\n"),
        ("0001_a.sql", SQL.replace("up", "up transaction:maybe")),
        ("0001_a.sql", SQL.replace("down", "down now")),
    ],
)
def test_files_that_are_no_migrations_are_refused(name: str, text: str) -> None:
    with pytest.raises(SchemaMismatch):
        parse(name, text)


def test_numbers_are_distinct_and_of_one_length(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text(SQL)
    with pytest.raises(SchemaMismatch, match="distinct"):
        load(tmp_path)
    (tmp_path / "0001_b.sql").rename(tmp_path / "2_b.sql")
    with pytest.raises(SchemaMismatch, match="one length"):
        load(tmp_path)


def test_the_package_carries_its_migrations() -> None:
    files = [file.name for file in resources.files("activities.ledger.migrations").iterdir()]
    assert [migration.name for migration in load()] == sorted(name for name in files if name.endswith(".sql"))


async def test_a_login_that_may_not_create_is_told(empty_database: str, login: Login) -> None:
    user = urlsplit(await login("")).username
    with pytest.raises(MissingPrivilege, match="may not migrate"):
        await migrate(renamed(empty_database, user=user))


FORBIDDEN = [
    "update entries set type = 'other'",
    "delete from entries",
    "truncate entries",
    "update payloads set bytes = ''",
    "truncate payloads",
    "delete from payloads where kind = 'facts'",
    "update commands set fingerprint = 'other'",
    "update commands set receipt = '{}', signed = null",
    "update commands set signed = 'other'",
    "delete from commands",
    "truncate commands",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
@pytest.mark.parametrize("replica", [False, True])
async def test_the_record_cannot_be_changed_by_its_owner_either(
    database_url: str, statement: str, replica: bool
) -> None:
    async with PostgresLedger.connect(database_url) as ledger, connected(database_url) as connection:
        await ledger.record([append("a", 0, "d/1")])
        before = (await ledger.entries("a"), await ledger.commands("a"))
        if replica:
            await connection.execute("set session_replication_role = replica")
        with pytest.raises(asyncpg.RestrictViolationError, match="refused"):
            await connection.execute(statement)
        assert (await ledger.entries("a"), await ledger.commands("a")) == before


async def test_a_writer_records_and_reads_and_may_not_erase(database_url: str, login: Login) -> None:
    async with PostgresLedger.connect(await login("entente_writer")) as ledger:
        [outcome] = await ledger.record([append("a", 0, "d/1", count=2)])
        assert outcome.status == "appended"
        assert [o.status for o in await ledger.record([append("a", 2, "d/2"), append("a", 0, "d/1")])] == [
            "appended",
            "duplicate",
        ]
        assert len(await ledger.feed()) == 3
        assert await ledger.summary("a") is not None
        assert await ledger.nodes("a", [(0, 0), (1, 0)])
        with pytest.raises(MissingPrivilege, match="entente_eraser"):
            await ledger.erase("a", 0)


async def test_a_reader_reads_and_may_not_record(database_url: str, login: Login) -> None:
    async with PostgresLedger.connect(database_url) as owner:
        await owner.record([append("a", 0, "d/1", count=2)])
        async with PostgresLedger.connect(await login("entente_reader")) as ledger:
            assert await ledger.entries("a") == await owner.entries("a")
            assert await ledger.commands("a") == await owner.commands("a")
            assert await ledger.outcome("a", "d/1") == await owner.outcome("a", "d/1")
            assert await ledger.summary("a") == await owner.summary("a")
            assert await ledger.nodes("a", [(1, 0)]) == await owner.nodes("a", [(1, 0)])
            assert await ledger.head("a") == await owner.head("a")
            assert await ledger.feed_position() == 2
            with pytest.raises(MissingPrivilege, match="entente_writer"):
                await ledger.record([append("a", 2, "d/2")])


async def test_an_eraser_erases_and_reads_nothing(database_url: str, login: Login) -> None:
    async with PostgresLedger.connect(database_url) as owner:
        await owner.record([append("a", 0, "d/1", count=2)])
        async with PostgresLedger.connect(await login("entente_eraser")) as ledger:
            assert await ledger.erase("a", 1)
            assert not await ledger.erase("a", 1)
            with pytest.raises(MissingPrivilege, match="entente_reader"):
                await ledger.entries("a")
        assert [entry.particulars is None for entry in await owner.entries("a")] == [False, True]
        assert [command.signed for command in await owner.commands("a")] == [None]


async def test_a_login_without_a_role_may_do_nothing(login: Login) -> None:
    async with PostgresLedger.connect(await login("")) as ledger:
        with pytest.raises(MissingPrivilege):
            await ledger.head("a")


async def test_a_database_that_was_not_migrated_is_said_so(empty_database: str) -> None:
    async with PostgresLedger.connect(empty_database) as ledger:
        with pytest.raises(SchemaMismatch, match="no ledger"):
            await ledger.entries("a")
        with pytest.raises(SchemaMismatch, match="no ledger"):
            await ledger.record([append("a", 0, "d/1")])
