"""An old backup of the database is restored. The service refuses to sign, and says what to do.

The backup and its restoration are real: a database is copied by Postgres, written on, signed, and put back.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from activities.bundle.export import export_accord
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard, RolledBack
from activities.ledger.postgres import PostgresLedger
from tests.activities.ledger.making import append
from tests.conftest import with_database


@asynccontextmanager
async def service(database: str, key_file: Path) -> AsyncIterator[tuple[PostgresLedger, Checkpoints]]:
    """The service on a database: everything else that it has is the key and the guard beside it."""
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        keys = LogKeys.load(key_file, "entente.test")
        yield ledger, Checkpoints(ledger, pool, keys, Guard(guard_directory(key_file)))


async def copy(postgres_url: str, source: str, target: str) -> None:
    """Copy a database, in place of ``target``, as a restored backup would be put in place."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f'drop database if exists "{target}" with (force)')
        await connection.execute(f'create database "{target}" template "{source}"')
    finally:
        await connection.close()


async def drop(postgres_url: str, name: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f'drop database if exists "{name}" with (force)')
    finally:
        await connection.close()


async def test_an_old_backup_is_not_signed(postgres_url: str, database_url: str, tmp_path: Path) -> None:
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")
    live = database_url.rpartition("/")[2]
    backup = f"backup_{uuid.uuid4().hex}"
    try:
        async with service(database_url, key_file) as (ledger, checkpoints):
            await ledger.record([append("a", 0, "d/1", count=3), append("b", 0, "d/1")])
            before = await checkpoints.sign("a")
            await checkpoints.sign("b")
        await copy(postgres_url, live, backup)
        async with service(database_url, key_file) as (ledger, checkpoints):
            await ledger.record([append("a", 3, "d/2", count=2)])
            receipt = await checkpoints.receipt("a", 4)

        await copy(postgres_url, backup, live)
        async with service(database_url, key_file) as (ledger, checkpoints):
            with pytest.raises(RolledBack, match=r"has 3 entries of .*, and 5 were signed") as refused:
                await checkpoints.sign("a")
            assert "Bring back the latest one" in refused.value.remedy
            with pytest.raises(RolledBack):
                await export_accord(tmp_path / "a.bundle", checkpoints, ledger, "a")
            assert not (tmp_path / "a.bundle").exists()
            # What did not go on since the backup is as it was, and is signed.
            assert (await checkpoints.sign("b")).checkpoint.size == 1
            assert (await checkpoints.sign("a", 3)).note == before.note

            # Writing on does not help: what stands there now is not what was signed.
            await ledger.record([append("a", 3, "d/3", count=2)])
            with pytest.raises(RolledBack, match="do not begin with the 5"):
                await checkpoints.sign("a")
            await ledger.record([append("a", 5, "d/4")])
            with pytest.raises(RolledBack, match="do not begin with the 5"):
                await checkpoints.receipt("a", 5)
            assert await checkpoints.store.at("a", 6) is None
        assert receipt.index == 4
    finally:
        await drop(postgres_url, backup)


async def test_the_latest_backup_goes_on(postgres_url: str, database_url: str, tmp_path: Path) -> None:
    """A backup that has all that was signed is no rollback."""
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")
    backup = f"backup_{uuid.uuid4().hex}"
    try:
        async with service(database_url, key_file) as (ledger, checkpoints):
            await ledger.record([append("a", 0, "d/1", count=3)])
            await checkpoints.sign("a")
        await copy(postgres_url, database_url.rpartition("/")[2], backup)
        async with service(with_database(postgres_url, backup), key_file) as (ledger, checkpoints):
            await ledger.record([append("a", 3, "d/2")])
            assert (await checkpoints.sign("a")).checkpoint.size == 4
    finally:
        await drop(postgres_url, backup)
