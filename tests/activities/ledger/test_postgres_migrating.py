"""Migrations that run while the service does: from the oldest schema on, with rows in it and acts going on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from activities.errors import Locked
from activities.ledger.migrate import Migration, load, migrate, parse, pending
from activities.ledger.postgres import PostgresLedger
from tests.activities.ledger.making import append
from tests.activities.ledger.test_postgres_schema import connected, empty_database

__all__ = ["empty_database"]

FILES = resources.files("activities.ledger.migrations")
ACCORDS = ("a", "b", "c")

CATALOGUE = {
    "columns": "select table_name, column_name, data_type, is_nullable, column_default, is_identity "
    "from information_schema.columns where table_schema = 'public' order by 1, 2",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    "constraints": "select conrelid::regclass::text, pg_get_constraintdef(oid), convalidated from pg_constraint "
    "where connamespace = 'public'::regnamespace order by 1, 2",
    "functions": "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    "triggers": "select pg_get_triggerdef(oid), tgenabled from pg_trigger where not tgisinternal order by 1",
    "privileges": "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace order by 1",
    "privileges of columns": "select attrelid::regclass::text, attname, attacl::text from pg_attribute "
    "where attacl is not null order by 1, 2",
}


@asynccontextmanager
async def acting(url: str) -> AsyncIterator[dict[str, int]]:
    """Acts on every accord, one after the other, while the block runs; how many of each were recorded."""
    recorded = dict.fromkeys(ACCORDS, 0)
    stopping = asyncio.Event()

    async def act(ledger: PostgresLedger, accord: str) -> None:
        while not stopping.is_set():
            size = recorded[accord]
            [outcome] = await ledger.record([append(accord, size, f"d/{size}")])
            assert outcome.status == "appended", outcome
            recorded[accord] += 1
            await asyncio.sleep(0.01)

    async with PostgresLedger.connect(url) as ledger:
        tasks = [asyncio.create_task(act(ledger, accord)) for accord in ACCORDS]
        try:
            yield recorded
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


async def further(recorded: dict[str, int], before: dict[str, int]) -> None:
    """Wait until there was an act on every accord since ``before``."""
    async with asyncio.timeout(30):
        while any(recorded[accord] <= before[accord] for accord in ACCORDS):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def catalogue(url: str) -> dict[str, list[Any]]:
    async with connected(url) as connection:
        return {
            name: [tuple(row) for row in await connection.fetch(query)] for name, query in CATALOGUE.items()
        }


MANY = """
insert into accords (accord, stage, parties, members, position, ended, summary)
select 'many-' || n, 'signing', '{AA}', '{aa.contact}', 1, false, jsonb_build_object(
    'title', 'Title ' || n, 'words', jsonb_build_array('title', n::text), 'waiting', jsonb_build_object(
        'step', jsonb_build_object('kind', 'owe', 'who', jsonb_build_array('aa.contact'), 'parties', '[]'::jsonb)))
from generate_series(1, $1::int) n
"""


async def test_every_migration_from_the_oldest_on_runs_under_acts_and_loses_none(
    empty_database: str, database_url: str, tmp_path: Path
) -> None:
    first, *later = load()
    (tmp_path / first.name).write_text(FILES.joinpath(first.name).read_text())
    assert await migrate(empty_database, folder=tmp_path) == [first.name]
    # So many rows that whatever writes them anew under a lock keeps acts waiting for longer than they wait.
    async with connected(empty_database) as connection:
        await connection.execute(MANY, 20_000)
    async with acting(empty_database) as recorded:
        for migration in later:
            before = dict(recorded)
            (tmp_path / migration.name).write_text(FILES.joinpath(migration.name).read_text())
            assert await migrate(empty_database, folder=tmp_path) == [migration.name]
            await further(recorded, before)
    assert await pending(empty_database) == []
    async with PostgresLedger.connect(empty_database) as ledger:
        feed = await ledger.feed(limit=10_000)
        assert [entry.feed for entry in feed] == list(range(1, sum(recorded.values()) + 1))
        for accord in ACCORDS:
            head = await ledger.head(accord)
            assert head is not None
            assert head.size == recorded[accord] == len(await ledger.commands(accord))
    assert await catalogue(empty_database) == await catalogue(database_url)


SLOW = "-- migrate:up\nalter table entries add column probe int;\n-- migrate:down\nselect 1;\n"


async def test_a_migration_that_waits_for_a_lock_gives_way_to_acts(database_url: str, tmp_path: Path) -> None:
    for migration in load():
        (tmp_path / migration.name).write_text(FILES.joinpath(migration.name).read_text())
    (tmp_path / "9000_probe.sql").write_text(SLOW)
    async with connected(database_url) as reader, acting(database_url) as recorded:
        async with reader.transaction():
            await reader.execute("select count(*) from entries")
            # Nobody could act for as long as the reader reads, if the migration waited for it to end.
            migrating = asyncio.create_task(migrate(database_url, folder=tmp_path, pause=0.1))
            for _ in range(2):
                await asyncio.sleep(1.3)
                before = dict(recorded)
                await further(recorded, before)
            assert not migrating.done()
        assert await migrating == ["9000_probe.sql"]


async def test_a_migration_that_never_gets_its_lock_names_who_holds_it_and_leaves_nothing(
    database_url: str, tmp_path: Path
) -> None:
    for migration in load():
        (tmp_path / migration.name).write_text(FILES.joinpath(migration.name).read_text())
    (tmp_path / "9000_probe.sql").write_text(SLOW)
    async with connected(database_url) as reader, reader.transaction():
        pid = await reader.fetchval("select pg_backend_pid() from entries right join feed on true")
        with pytest.raises(Locked, match=rf"9000_probe\.sql.*pid {pid} of"):
            await migrate(database_url, folder=tmp_path, patience=0.5, pause=0.1)
    assert await pending(database_url, folder=tmp_path) == ["9000_probe.sql"]


async def test_an_index_is_made_beside_acts_and_one_that_was_cut_short_is_made_anew(
    empty_database: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_t.sql").write_text(
        "-- migrate:up\ncreate table t (x int);\n-- migrate:down\ndrop table t;\n"
    )
    await migrate(empty_database, folder=tmp_path)
    (tmp_path / "0002_index.sql").write_text(
        "-- migrate:up transaction:false\ncreate unique index concurrently t_x on t (x);\n"
        "-- migrate:down transaction:false\ndrop index concurrently t_x;\n"
    )
    async with connected(empty_database) as connection:
        await connection.execute("insert into t values (1), (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await migrate(empty_database, folder=tmp_path)
        assert not await connection.fetchval(
            "select indisvalid from pg_index where indexrelid = 't_x'::regclass"
        )
        await connection.execute("delete from t")
        assert await migrate(empty_database, folder=tmp_path) == ["0002_index.sql"]
        assert await connection.fetchval("select indisvalid from pg_index where indexrelid = 't_x'::regclass")


FILLING = (
    "-- migrate:up\nalter table accords add column label text;\n-- migrate:down\nselect 1;\n",
    (Path(__file__).parents[3] / "deploy/docs/postgres.md")
    .read_text()
    .split("```sql\n-- migrate:up")[1]
    .split("```")[0],
    "-- migrate:up transaction:false\ncreate index concurrently accords_label on accords (label);\n"
    "-- migrate:down\nselect 1;\n",
)
"""The steps by which a column comes to a large table: it, what is in it of what is there (as documented), its index."""


async def test_a_column_comes_to_a_large_table_by_steps_beside_acts(
    database_url: str, tmp_path: Path
) -> None:
    for migration in load():
        (tmp_path / migration.name).write_text(FILES.joinpath(migration.name).read_text())
    column, filled, index = FILLING
    names = ["9000_label.sql", "9001_labels.sql", "9002_label_index.sql"]
    filled = f"-- migrate:up{filled}-- migrate:down\nselect 1;\n"
    async with connected(database_url) as connection:
        await connection.execute(MANY, 5_000)
        async with acting(database_url) as recorded:
            (tmp_path / names[0]).write_text(column)
            assert await migrate(database_url, folder=tmp_path) == names[:1]
            before = dict(recorded)
            (tmp_path / names[1]).write_text(filled)
            filling = asyncio.create_task(migrate(database_url, folder=tmp_path))
            await further(recorded, before)
            assert not filling.done()
            assert await filling == names[1:2]
            (tmp_path / names[2]).write_text(index)
            assert await migrate(database_url, folder=tmp_path) == names[2:]
        left = "select count(*) from accords where label is distinct from coalesce(summary->>'title', '')"
        assert await connection.fetchval(left) == 0


LARGE = (
    "entries|payloads|commands|merkle_nodes|heads|accords|waiting|checkpoints|cosignatures|timestamps|idempotency_keys|"
    "files|file_namings|file_deposits|delegate_claims|payload_keys"
)
HOLDING = re.compile(
    rf"\bcreate (unique )?index (?!concurrently)\w+ on ({LARGE})\b"
    rf"|^(update|insert into|delete from) ({LARGE})\b"
    rf"|\balter table ({LARGE})\b[^;]*(\bstored\b|\balter column \w+ (type|set not null)"
    r"|\badd (constraint \w+ )?(primary key|unique|exclude)(?! using index)|\bcheck\b(?![^;,]* not valid))",
    re.IGNORECASE | re.MULTILINE,
)
"""What takes as long as a table is large, under a lock for which everybody waits."""


def holding(migration: Migration) -> bool:
    """Whether a migration holds up whoever writes to a large table that was there before."""
    text = re.sub(r"--.*", "", migration.up)
    made = re.findall(r"^create table (\w+)", text, re.MULTILINE)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL) if migration.in_transaction else ""
    return any(not set(made) & set(re.findall(r"\w+", match.group())) for match in HOLDING.finditer(text))


def test_no_migration_holds_up_acts_for_as_long_as_a_table_is_large() -> None:
    assert [migration.name for migration in load()[1:] if holding(migration)] == []


def test_what_holds_up_acts_is_recognised() -> None:
    made = "-- migrate:up\n{}\n-- migrate:down\nselect 1;\n"
    for statement in (
        "create index a on accords (b);", "update accords set a = 1;",
        "alter table accords\n add column b text generated always as (summary->>'b') stored;",
        "alter table waiting drop constraint a, add constraint a primary key (accord, who, key);",
        "alter table entries alter column a type bigint;", "alter table heads add check (size > 0);",
    ):  # fmt: skip
        assert holding(parse("0001_a.sql", made.format(statement)))
    for statement in (
        "alter table accords add column b text;", "create table waiting (a int);\ncreate index c on waiting (a);",
        "alter table waiting drop constraint a, add constraint a primary key using index b;", "drop index a;",
        "alter table heads add constraint a check (size > 0) not valid;", "create index a on webhooks (b);",
    ):  # fmt: skip
        assert not holding(parse("0001_a.sql", made.format(statement)))


BREAKING = re.compile(
    r"\b(drop|rename)\b(?! trigger| index| constraint (?P<made_anew>\w+), add constraint (?P=made_anew) )"
    r"|\balter column \w+ (type|set not null)"
    r"|\badd column [^,;]* not null(?![^,;]*(?:default|generated))",
    re.IGNORECASE,
)


def _plain(text: str) -> str:
    """The statements, without comments, and without what gives an index another name, by which no program calls it."""
    return re.sub(r"--.*|\balter index \w+ rename to \w+;", "", text)


def test_what_older_programs_cannot_go_on_with_says_so() -> None:
    """A migration that takes something away has to name the oldest program that goes on with it."""
    for migration in load():
        if migration.version > "0020" and BREAKING.search(_plain(migration.up)):
            assert f"update schema_support set oldest = '{migration.version}'" in migration.up


def test_taking_away_is_recognised() -> None:
    made = "-- migrate:up\n{}\n-- migrate:down\nselect 1;\n"
    for statement in (
        "alter table a drop column b;", "drop function f;", "alter table a rename to b;",
        "alter table a drop constraint b, add constraint c unique (d);",
    ):  # fmt: skip
        assert BREAKING.search(_plain(parse("0001_a.sql", made.format(statement)).up))
    for statement in (
        "alter table a add column b int;", "drop index a;", "create table a (b int not null);",
        "alter table a drop constraint b, add constraint b unique (c);", "alter index a rename to b;",
    ):  # fmt: skip
        assert not BREAKING.search(_plain(parse("0001_a.sql", made.format(statement)).up))
