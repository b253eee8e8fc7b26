"""Where Postgres lives: as root, as an ordinary user, below a directory that nobody else can enter."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.worker.stack.running import state_directory
from worker.stack.errors import StackError
from worker.stack.place import forget, reaches, settle
from worker.stack.postgres import Postgres

ROOT = Path(__file__).parents[3]
PACKAGES = Path(asyncpg.__file__).parents[1]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about being started by root")


@pytest.fixture
def state() -> Iterator[Path]:
    with state_directory() as directory:
        directory.mkdir(mode=0o755)
        yield directory


@pytest.fixture
def closed_state(tmp_path: Path) -> Iterator[Path]:
    """A state directory below one that only its owner can enter."""
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o700)
    state = parent / "state"
    state.mkdir()
    yield state
    forget(state)


def _postgres(state: Path) -> Postgres:
    return Postgres(state, port=0, durable=False)


async def _owner(server: Postgres) -> str:
    assert server.child is not None
    return pwd.getpwuid(Path(f"/proc/{server.child.pid}").stat().st_uid).pw_name


@as_root
async def test_root_s_server_runs_as_a_named_unprivileged_user(state: Path) -> None:
    async with _postgres(state) as server:
        assert await _owner(server) == settle(state).user != "root"
    assert stat.S_IMODE(settle(state).data.stat().st_mode) == 0o700


@as_root
async def test_data_go_elsewhere_when_that_user_cannot_reach_them(closed_state: Path) -> None:
    async with _postgres(closed_state) as server:
        connection = await asyncpg.connect(server.url())
        await connection.execute("CREATE TABLE mark AS SELECT 42 AS value")
        await connection.close()
    place = settle(closed_state)
    assert not place.base.is_relative_to(closed_state)
    assert stat.S_IMODE(closed_state.parent.stat().st_mode) == 0o700
    async with _postgres(closed_state) as server:
        connection = await asyncpg.connect(server.url())
        assert await connection.fetchval("SELECT value FROM mark") == 42
        await connection.close()
    forget(closed_state)
    assert not place.base.exists()


@as_root
def test_data_that_are_gone_are_not_silently_made_anew(closed_state: Path) -> None:
    base = settle(closed_state).base
    moved = base.with_name(base.name + "-moved")
    base.rename(moved)
    with pytest.raises(StackError, match="gone") as problem:
        settle(closed_state)
    moved.rename(base)
    assert str(closed_state) in problem.value.remedy


@as_root
def test_programs_that_the_user_cannot_reach_are_copied(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = settle(state)
    assert place.user is not None
    installation = tmp_path / "installation"
    shutil.copytree(place.binaries.parent, installation, symlinks=True)
    installation.chmod(0o700)
    assert not reaches(place.user, installation / "bin")
    monkeypatch.setattr("worker.stack.place.installed", lambda: installation)
    copied = settle(state)
    assert copied.binaries.is_relative_to(copied.base)
    assert reaches(place.user, copied.binaries)
    assert settle(state) == copied


async def test_a_process_id_file_left_by_a_killed_server_is_no_obstacle(state: Path) -> None:
    async with _postgres(state):
        pass
    place = settle(state)
    # Some other process of the same user has that pid by now: Postgres itself would refuse to start.
    with subprocess.Popen(["sleep", "60"], user=place.user) as other:
        try:
            (place.data / "postmaster.pid").write_text(f"{other.pid}\n{place.data}\n1\n5\n\n\n0 0\n")
            if place.user:
                shutil.chown(place.data / "postmaster.pid", place.user)
            async with _postgres(state) as server:
                connection = await asyncpg.connect(server.url())
                await connection.close()
            assert other.poll() is None
        finally:
            other.kill()


async def test_a_server_started_by_hand_on_these_data_is_stopped_first(state: Path) -> None:
    async with _postgres(state):
        pass
    place = settle(state)
    command = [str(place.binaries / "postgres"), "-D", str(place.data), "-c", "listen_addresses="]
    with subprocess.Popen(
        [*command, "-c", f"unix_socket_directories={place.base / 'socket'}"],
        user=place.user,
        cwd=place.base,
        stderr=subprocess.DEVNULL,
    ) as by_hand:
        while not (place.data / "postmaster.pid").exists():
            assert by_hand.poll() is None
        async with _postgres(state) as server:
            assert by_hand.wait(10) is not None
            connection = await asyncpg.connect(server.url())
            await connection.close()


async def test_a_lost_password_is_said_and_not_replaced(state: Path) -> None:
    async with _postgres(state):
        pass
    (state / "postgres.password").unlink()
    with pytest.raises(StackError, match=r"postgres\.password"):
        await _postgres(state).start()
    (state / "postgres.password").write_text("another\n")
    with pytest.raises(StackError, match="refuses the password"):
        async with _postgres(state):
            pass


async def test_a_broken_configuration_is_told_in_postgres_s_own_words(state: Path) -> None:
    async with _postgres(state):
        pass
    (settle(state).data / "postgresql.conf").write_text("no_such_parameter = on\n")
    with pytest.raises(StackError, match="no_such_parameter"):
        async with _postgres(state):
            pass


AS_ORDINARY_USER = """
import asyncio, json, os, sys
from pathlib import Path
from worker.stack.postgres import Postgres

async def main():
    async with Postgres(Path(sys.argv[1]), port=0, durable=False) as server:
        print(json.dumps({"uid": os.getuid(), "server": os.stat(f"/proc/{server.child.pid}").st_uid}))

asyncio.run(main())
"""


def _python_for(user: str) -> str | None:
    """A Python that `user` can run, with the packages of this one; none where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            done = subprocess.run(
                [python, "-c", "import sys, asyncpg; print(sys.version_info[:2])"],
                user=user,
                cwd="/",
                env={"PYTHONPATH": str(PACKAGES)},
                capture_output=True,
                text=True,
            )
            if done.stdout.strip() == str(sys.version_info[:2]):
                return python
    return None


@as_root
def test_an_ordinary_user_s_server_runs_as_that_user() -> None:
    python = _python_for("nobody")
    if python is None or not reaches("nobody", ROOT / "worker"):
        # Reason: under root's own home neither can be entered by another user, and no test may open that up.
        pytest.skip("the user nobody can reach no Python here, or not this clone")  # see the reason above
    state = Path(tempfile.mkdtemp(prefix="entente-ordinary-"))
    shutil.chown(state, "nobody")
    try:
        done = subprocess.run(
            [python, "-c", AS_ORDINARY_USER, str(state)],
            user="nobody",
            group=pwd.getpwnam("nobody").pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PYTHONPATH": f"{ROOT}:{PACKAGES}", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        ran = json.loads(done.stdout)
        assert ran["uid"] == ran["server"] == pwd.getpwnam("nobody").pw_uid
        assert (state / "postgres" / "data" / "PG_VERSION").exists()
    finally:
        shutil.rmtree(state)
