"""Bring a database's schema up to date by numbered SQL files, which ``dbmate`` can run as well.

The files stand in ``activities/ledger/migrations``, are named ``<version>_<name>.sql`` and have one
``-- migrate:up`` and one ``-- migrate:down`` section. What was applied is in ``schema_migrations``, the
table that ``dbmate`` keeps, so that either tool can go on where the other stopped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg

from activities.errors import MissingPrivilege, SchemaMismatch

_NAME = re.compile(r"([0-9]+)_[a-z0-9_]+\.sql", re.ASCII)
_MARK = re.compile(r"^-- migrate:(.*)$", re.MULTILINE)

# Any constant does, as long as nobody else takes it in the same database.
_LOCK = 0x656E74656E7465


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema: its file's name, its number, and the SQL in both directions."""

    name: str
    version: str
    up: str
    down: str


def parse(name: str, text: str) -> Migration:
    """Read one migration file; raises :class:`SchemaMismatch` where it is not in the form described above."""
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise SchemaMismatch(
            f"{name} is not the name of a migration", "Name it by number and words, as in 0002_webhooks.sql"
        )
    marks = list(_MARK.finditer(text))
    if [mark.group(1).strip() for mark in marks] != ["up", "down"]:
        raise SchemaMismatch(
            f"{name} is not one '-- migrate:up' and one '-- migrate:down' section, without options",
            "Write the two sections, in this order",
        )
    up, down = marks
    return Migration(
        name, matched.group(1), text[up.end() : down.start()].strip(), text[down.end() :].strip()
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


def _pending(known: Sequence[Migration], applied: set[str]) -> list[Migration]:
    unknown = applied - {migration.version for migration in known}
    if unknown:
        raise SchemaMismatch(
            f"the database has the migrations {', '.join(sorted(unknown))}, which this version does not know",
            "Run the version of entente that made them, or a later one; this one would misread the data",
        )
    return [migration for migration in known if migration.version not in applied]


async def _applied(connection: asyncpg.Connection) -> set[str]:
    if await connection.fetchval("select to_regclass('schema_migrations')") is None:
        return set()
    return {row["version"] for row in await connection.fetch("select version from schema_migrations")}


async def migrate(dsn: str, *, folder: Traversable | None = None) -> list[str]:
    """Apply every migration that the database ``dsn`` lacks; returns the names of those applied, in order.

    Each runs in a transaction of its own. An advisory lock lets one migrator at a time work on a database; a
    second one waits, and then finds nothing left to do.

    Raises:
        SchemaMismatch: where the database has migrations that this version does not know.
        MissingPrivilege: where the login may not create what a migration creates.
    """
    known = load(folder)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "create table if not exists schema_migrations (version varchar not null primary key)"
        )
        done = []
        for migration in _pending(known, await _applied(connection)):
            async with connection.transaction():
                await connection.execute(migration.up)
                await connection.execute(
                    "insert into schema_migrations (version) values ($1)", migration.version
                )
            done.append(migration.name)
        return done
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPrivilege(
            f"the database login may not migrate: {error.args[0]}",
            error.hint or "Migrate as the owner of the database, who may create tables in its schema",
        ) from error
    finally:
        await connection.close()


async def pending(dsn: str, *, folder: Traversable | None = None) -> list[str]:
    """The names of the migrations that the database ``dsn`` lacks; empty where the schema is up to date.

    Raises:
        SchemaMismatch: where the database has migrations that this version does not know.
        MissingPrivilege: where the login may not read which migrations were applied.
    """
    connection = await asyncpg.connect(dsn)
    try:
        return [migration.name for migration in _pending(load(folder), await _applied(connection))]
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPrivilege(
            f"the database login may not read which migrations were applied: {error.args[0]}",
            "Use a login that has the role entente_reader, entente_writer or entente_eraser",
        ) from error
    finally:
        await connection.close()
