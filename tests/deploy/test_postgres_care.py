"""Backup, restore to a point in time, and moving: the commands of `deploy/docs/postgres.md`, run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard, RolledBack
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from tests.activities.ledger.making import append, event
from tests.conftest import with_database
from tests.worker.stack.running import state_directory
from worker.stack.place import Place, settle
from worker.stack.ports import any_free
from worker.stack.postgres import Postgres

PAGE = (Path(__file__).parents[2] / "deploy" / "docs" / "postgres.md").read_text(encoding="utf-8")
BLOCKS = {
    name: re.sub(r"^   ", "", block, flags=re.MULTILINE)
    for name, block in re.findall(r"<!-- tried: ([^>]*) -->\n\s*```sh\n(.*?)\s*```", PAGE, re.DOTALL)
}


@dataclass
class Operator:
    """Somebody at a shell on the database's machine, who has read the page."""

    place: Place
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def does(self, name: str, *, ours: bool = False, **variables: str) -> str:
        """Run one of the page's blocks, as the server's user, or as ours where the command is `entente`."""
        self.variables |= variables
        script = BLOCKS[name].replace("/srv/", f"{self.folder}/")
        path = f"{self.place.binaries}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC", **self.variables},
            cwd=self.folder,
            user=None if ours else self.place.user,
            capture_output=True,
            text=True,
            timeout=90,
        )
        logs = "".join(log.read_text() for log in self.folder.glob("*.log"))
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}{logs}"
        return done.stdout

    def stops(self, data: str) -> None:
        subprocess.run(
            [str(self.place.binaries / "pg_ctl"), "-D", str(self.folder / data), "-m", "fast", "stop"],
            user=self.place.user,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )


@asynccontextmanager
async def service(database: str, key_file: Path) -> AsyncIterator[tuple[PostgresLedger, Checkpoints]]:
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        keys = LogKeys.load(key_file, "entente.test")
        yield ledger, Checkpoints(ledger, pool, keys, Guard(guard_directory(key_file)))


@pytest.fixture
def state() -> Iterator[Path]:
    with state_directory() as directory:
        directory.mkdir(mode=0o755)
        yield directory


@pytest_asyncio.fixture
async def server(state: Path) -> AsyncIterator[Postgres]:
    """A server that keeps what it commits, as one in earnest does: the tests' own has no log to restore from."""
    async with Postgres(state, port=0) as running:
        await migrate(running.url())
        yield running


ERASED = event(
    "particulars_erased",
    facts={"event": {"positions": [0], "ground": "Article 17", "ordered_by": "Data office"}},
    particulars={},
)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_what_was_backed_up_can_be_had_again_to_the_last_or_any_moment(
    server: Postgres, state: Path, tmp_path: Path, temporal_address: str
) -> None:
    place = settle(state)
    folder = place.base / "srv"
    place.make_owned(folder)
    operator = Operator(place, folder, {"ADMIN_URL": server.url()})
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")

    operator.does("archive")
    await server.stop()
    await server.start()
    async with service(server.url(), key_file) as (ledger, checkpoints):
        await ledger.record([append("a", 0, "d/1", count=3), append("b", 0, "d/1")])
        await checkpoints.sign("b")
        operator.does("nightly")
        await ledger.record([append("a", 3, "d/2"), append("a", 4, "d/3", events=(ERASED,))])
        before = await ledger.entries("a")
        moment = await _moment(server.url())
        assert await ledger.erase("a", 0)
        await ledger.record([append("a", 5, "d/4", count=2)])
        signed = await checkpoints.sign("a")
        whole = await ledger.entries("a")
    await _archived(server.url())
    await server.stop()

    [night] = (folder / "backup" / "base").iterdir()
    port = any_free()
    restored = server.url().replace(f":{server.port}/", f":{port}/")
    operator.does("restore", night=str(night), PORT=str(port))
    try:
        await _promoted(restored)
        async with service(restored, key_file) as (ledger, checkpoints):
            assert await ledger.entries("a") == whole
            assert (await checkpoints.sign("a")).note == signed.note
            [outcome] = await ledger.record([append("a", 3, "d/2")])
            assert outcome.status == "duplicate"
        moved = {
            "NEW_ADMIN_URL": with_database(restored, "postgres"),
            "NEW_DATABASE_URL": with_database(restored, "entente_moved"),
        }
        operator.does("move", DATABASE_URL=restored, **moved)
        async with service(moved["NEW_DATABASE_URL"], key_file) as (ledger, checkpoints):
            assert await ledger.entries("a") == whole
            assert (await checkpoints.sign("a")).note == signed.note
            await ledger.record([append("a", 7, "d/5")])
            assert (await ledger.feed())[-1].feed == 9
    finally:
        operator.stops("restored")

    operator.does("point in time", PORT=str(port), MOMENT=moment)
    try:
        await _promoted(restored)
        async with service(restored, key_file) as (ledger, checkpoints):
            assert await ledger.entries("a") == before
            assert before[0].particulars is not None
            with pytest.raises(RolledBack, match=r"has 5 entries of .*, and 7 were signed before"):
                await checkpoints.sign("a")
            assert (await checkpoints.sign("b")).checkpoint.size == 1
            erased = operator.does("erase again", ours=True, TEMPORAL_ADDRESS=temporal_address)
            assert "Deleted the particulars of the entries 0." in erased
            assert (await ledger.entries("a"))[0].particulars is None
    finally:
        operator.stops("earlier")


async def _moment(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        moment: datetime = await connection.fetchval("select clock_timestamp()")
        return moment.isoformat()
    finally:
        await connection.close()


_LAST_ARCHIVED = "select last_archived_wal from pg_stat_archiver"


async def _archived(url: str) -> None:
    """Return when all that was committed until now is in the archive."""
    connection = await asyncpg.connect(url)
    try:
        last = await connection.fetchval("select pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(60):
            while (await connection.fetchval(_LAST_ARCHIVED) or "") < last:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _promoted(url: str) -> None:
    """Return when the server has replayed all that it was to replay, and takes what is written."""
    async with asyncio.timeout(60):
        while True:
            try:
                connection = await asyncpg.connect(url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
                continue
            try:
                if not await connection.fetchval("select pg_is_in_recovery()"):
                    return
            finally:
                await connection.close()
            await asyncio.sleep(0.1)


def test_every_block_is_tried_once() -> None:
    assert sorted(BLOCKS) == ["archive", "erase again", "move", "nightly", "point in time", "restore"]
    assert PAGE.count("```sh") == len(BLOCKS)
