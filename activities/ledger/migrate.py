"""Bring a database's schema up to date by numbered SQL files, which ``dbmate`` can run as well.

The files stand in ``activities/ledger/migrations``, are named ``<version>_<name>.sql`` and have one
``-- migrate:up`` and one ``-- migrate:down`` section. What was applied is in ``schema_migrations``, the
table that ``dbmate`` keeps, so that either tool can go on where the other stopped.

Migrations run while the service does. One that waits for a lock holds up everybody who comes behind it, so it waits
for a moment only, gives way, and tries again. ``-- migrate:up transaction:false`` is for one statement that must not
run in a transaction, such as ``create index concurrently``. And the programs of the release before go on with the new
schema until they are replaced: what they cannot go on with raises ``schema_support.oldest`` to its own version.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

import asyncpg

from activities.errors import Locked, MissingPrivilege, SchemaMismatch

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]

_NAME = re.compile(r"([0-9]+)_[a-z0-9_]+\.sql", re.ASCII)
_MARK = re.compile(r"^-- migrate:(.*)$", re.MULTILINE)

# Any constant does, as long as nobody else takes it in the same database.
_LOCK = 0x656E74656E7465

_ASK_AGAIN = 0.1

LOCK_SECONDS = 1.0
"""Seconds that a migration waits for a lock before it gives way: half as long as a writer's act waits behind it."""

PAUSE = 1.0
"""Seconds that it leaves to others before it tries again."""

PATIENCE = 300.0
"""Seconds after which a migration that never gets its lock is given up."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema: its file's name, its number, and the SQL in both directions."""

    name: str
    version: str
    up: str
    down: str
    in_transaction: bool = True


def parse(name: str, text: str) -> Migration:
    """Read one migration file; raises :class:`SchemaMismatch` where it is not in the form described above."""
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise SchemaMismatch(
            f"{name} is not the name of a migration", "Name it by number and words, as in 0002_webhooks.sql"
        )
    marks = list(_MARK.finditer(text))
    match [mark.group(1).split() for mark in marks]:
        case [["up"], ["down"]]:
            in_transaction = True
        case [["up", "transaction:false"], ["down"] | ["down", "transaction:false"]]:
            in_transaction = False
        case _:
            raise SchemaMismatch(
                f"{name} is not one '-- migrate:up' and one '-- migrate:down' section; "
                "the only option is transaction:false",
                "Write the two sections, in this order",
            )
    up, down = marks
    return Migration(
        name,
        matched.group(1),
        text[up.end() : down.start()].strip(),
        text[down.end() :].strip(),
        in_transaction,
    )


def load(folder: Traversable | None = None) -> list[Migration]:
    """All migrations of ``folder`` (by default those of this package), in the order of their numbers."""
    folder = folder or resources.files("activities.ledger.migrations")
    found = [
        parse(file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    found.sort(key=lambda migration: migration.version)
    versions = [migration.version for migration in found]
    if len(set(versions)) != len(versions) or len({len(version) for version in versions}) > 1:
        raise SchemaMismatch(
            f"the migrations {', '.join(migration.name for migration in found)} do not have distinct numbers "
            "of one length",
            "Number them anew",
        )
    return found


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its schema: the versions applied, and the oldest that a program may be made for."""

    applied: frozenset[str]
    oldest: str | None

    def pending(self, known: Sequence[Migration]) -> list[Migration]:
        """Those of ``known`` that are to be applied.

        Raises:
            SchemaMismatch: the database is of a later release, whose schema a program of this one cannot work with.
        """
        unknown = self.applied - {migration.version for migration in known}
        newest = known[-1].version if known else ""
        if unknown and (self.oldest is None or newest < self.oldest):
            raise SchemaMismatch(
                f"the database has the migrations {', '.join(sorted(unknown))}, which this version does not know",
                "Run the version of entente that made them, or a later one; this one would misread the data",
            )
        return [migration for migration in known if migration.version not in self.applied]


async def _schema(connection: Connection) -> Schema:
    there = await connection.fetchrow(
        "select to_regclass('schema_migrations') as migrations, to_regclass('schema_support') as support"
    )
    assert there is not None  # noqa: S101 - one row of constants
    if there["migrations"] is None:
        return Schema(frozenset(), None)
    applied = {row["version"] for row in await connection.fetch("select version from schema_migrations")}
    oldest = (
        None if there["support"] is None else await connection.fetchval("select oldest from schema_support")
    )
    return Schema(frozenset(applied), oldest)


async def migrate(
    dsn: str, *, folder: Traversable | None = None, patience: float = PATIENCE, pause: float = PAUSE
) -> list[str]:
    """Apply every migration that the database ``dsn`` lacks; returns the names of those applied, in order.

    Each runs in a transaction of its own. An advisory lock lets one migrator at a time work on a database; a
    second one waits, and then finds nothing left to do. The service may go on meanwhile: a migration waits
    ``LOCK_SECONDS`` for its locks, leaves ``pause`` seconds to others, and tries again for ``patience`` seconds.

    Raises:
        SchemaMismatch: where the database has migrations that this version does not know and cannot work with.
        MissingPrivilege: where the login may not create what a migration creates.
        Locked: where another session held a lock for all that time; what was applied before stays.
    """
    known = load(folder)
    connection = await asyncpg.connect(dsn)
    try:
        # An index over a large table takes its time, whatever the login's defaults are.
        await connection.execute("set statement_timeout = 0; set lock_timeout = 0")
        # Asked for again and again: a statement that waits would hold a snapshot, for whose end an index that is made
        # beside others waits.
        while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(_ASK_AGAIN)
        await connection.execute(
            "create table if not exists schema_migrations (version varchar not null primary key)"
        )
        done = []
        for migration in (await _schema(connection)).pending(known):
            await _apply(connection, migration, patience, pause)
            done.append(migration.name)
        return done
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPrivilege(
            f"the database login may not migrate: {error.args[0]}",
            error.hint or "Migrate as the owner of the database, who may create tables in its schema",
        ) from error
    finally:
        await connection.close()


async def _apply(
    connection: asyncpg.Connection[Any], migration: Migration, patience: float, pause: float
) -> None:
    deadline = time.monotonic() + patience
    noted = "insert into schema_migrations (version) values ($1)"
    while True:
        try:
            if not migration.in_transaction:
                # It waits for transactions to end while others write on; nobody waits for it.
                await _drop_unfinished_indexes(connection)
                await connection.execute(migration.up)
                await connection.execute(noted, migration.version)
                return
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = {round(LOCK_SECONDS * 1000)}")
                await connection.execute(migration.up)
                await connection.execute(noted, migration.version)
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if time.monotonic() >= deadline:
                raise Locked(
                    f"{migration.name} did not get its lock within {patience:g} s, and nothing of it was done. "
                    f"The longest transactions: {await _longest(connection)}",
                    "Let these end, or end them: select pg_terminate_backend(PID). Then migrate again",
                ) from error
        await asyncio.sleep(pause)


async def _drop_unfinished_indexes(connection: asyncpg.Connection[Any]) -> None:
    """Remove what ``create index concurrently`` leaves behind where it was cut short: it slows writers for nothing."""
    for row in await connection.fetch(
        "select format('%I.%I', n.nspname, c.relname) as name from pg_index i join pg_class c on c.oid = i.indexrelid "
        "join pg_namespace n on n.oid = c.relnamespace "
        "where not i.indisvalid and n.nspname = current_schema() and pg_has_role(c.relowner, 'usage')"
    ):
        await connection.execute(f"drop index concurrently if exists {row['name']}")


async def _longest(connection: asyncpg.Connection[Any]) -> str:
    rows = await connection.fetch(
        "select pid, usename, round(extract(epoch from now() - xact_start)) as seconds from pg_stat_activity "
        "where xact_start is not null and datname = current_database() and pid <> pg_backend_pid() "
        "order by xact_start limit 3"
    )
    if not await connection.fetchval("select pg_has_role('pg_read_all_stats', 'usage')"):
        return f"those of others only a member of pg_read_all_stats sees; of its own it has {len(rows)}"
    listed = [f"pid {row['pid']} of {row['usename']}, for {row['seconds']} s" for row in rows]
    return "; ".join(listed) or "none is left by now"


async def pending(dsn: str, *, folder: Traversable | None = None) -> list[str]:
    """The names of the migrations that the database ``dsn`` lacks; empty where the schema is up to date.

    Raises:
        SchemaMismatch: where the database has migrations that this version does not know and cannot work with.
        MissingPrivilege: where the login may not read which migrations were applied.
    """
    connection = await asyncpg.connect(dsn)
    try:
        return await pending_of(connection, folder=folder)
    finally:
        await connection.close()


async def pending_of(connection: Connection, *, folder: Traversable | None = None) -> list[str]:
    """:func:`pending` of the database that ``connection`` is open to."""
    try:
        return [migration.name for migration in (await _schema(connection)).pending(load(folder))]
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPrivilege(
            f"the database login may not read which migrations were applied: {error.args[0]}",
            "Use a login that has the role entente_reader, entente_writer or entente_eraser",
        ) from error
