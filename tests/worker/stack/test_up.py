"""`entente up` leaves nothing running however it ends, and finds everything again at the next start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from tests.worker.stack.running import (
    GONE_SECONDS,
    READY_SECONDS,
    Up,
    command_line,
    left_of,
    state_directory,
    until,
)
from worker.stack.ports import any_free


@pytest.fixture
def state() -> Iterator[Path]:
    with state_directory() as directory:
        yield directory


async def _leave_a_mark(up: Up) -> None:
    connection = await asyncpg.connect(up.database_url())
    await connection.execute("CREATE TABLE mark AS SELECT 42 AS value")
    await connection.close()
    client = await Client.connect(up.ready["addresses"]["temporal"])
    await client.start_workflow("Mark", id="mark", task_queue="nobody-polls")


async def _find_the_mark(up: Up) -> None:
    connection = await asyncpg.connect(up.database_url())
    assert await connection.fetchval("SELECT value FROM mark") == 42
    await connection.close()
    client = await Client.connect(up.ready["addresses"]["temporal"])
    assert (await client.get_workflow_handle("mark").describe()).task_queue == "nobody-polls"


async def test_sigterm_stops_in_order_and_the_next_start_finds_everything(state: Path) -> None:
    with Up(state, "--servers") as up:
        await _leave_a_mark(up.wait_ready())
        assert up.end(signal.SIGTERM)[0] == 0
    assert left_of(state) == set()
    assert not (state / "up.json").exists()
    with Up(state, "--servers", ports=up.ports) as again:
        assert again.wait_ready().ready["addresses"] == up.ready["addresses"]
        await _find_the_mark(again)
        # Ctrl-C twice: at once.
        again.process.send_signal(signal.SIGINT)
        assert again.end(signal.SIGINT)[0] == 0
    assert left_of(state) == set()


async def test_nothing_outlives_kill_9_of_up(state: Path) -> None:
    with Up(state, "--servers") as up:
        await _leave_a_mark(up.wait_ready())
        running = left_of(state)
        assert set(up.ready["processes"].values()) < running
        up.end(signal.SIGKILL)
    assert until(lambda: not left_of(state), GONE_SECONDS)
    assert not any(command_line(pid) for pid in running)
    with Up(state, "--servers") as again:
        await _find_the_mark(again.wait_ready())


async def test_nothing_outlives_kill_9_of_everything_at_once_and_the_data_survive(state: Path) -> None:
    with Up(state, "--servers") as up:
        await _leave_a_mark(up.wait_ready())
        keepers = {pid for pid in left_of(state) if b"child.py" in command_line(pid)}
        assert len(keepers) == 2
        for pid in keepers:
            os.kill(pid, signal.SIGKILL)
        up.end(signal.SIGKILL)
    # The next start does not wait to be told that the rest is gone.
    with Up(state, "--servers", ports=up.ports) as again:
        await _find_the_mark(again.wait_ready())


async def test_a_killed_server_is_started_again_where_it_was(state: Path) -> None:
    with Up(state, "--servers") as up:
        await _leave_a_mark(up.wait_ready())
        for pid in up.ready["processes"].values():
            os.kill(pid, signal.SIGKILL)

        async def found() -> bool:
            try:
                await _find_the_mark(up)
            except (OSError, RuntimeError, asyncpg.PostgresError):
                return False
            return True

        for _ in range(60):
            if await found():
                break
            await _pause()
        await _find_the_mark(up)


async def _pause() -> None:
    import asyncio

    await asyncio.sleep(0.5)


async def test_any_directory_will_do(state: Path) -> None:
    odd = state.parent / "a state, with 'odd' characters" / "état"
    with Up(odd, "--servers") as up:
        await _leave_a_mark(up.wait_ready())
        await _find_the_mark(up)
    assert left_of(odd) == set()


@pytest.mark.parametrize("announced", [True, False])
def test_a_closed_terminal_does_not_stop_it(state: Path, announced: bool) -> None:
    with Up(state, "--servers") as up:
        assert up.process.stderr is not None
        assert up.process.stdout is not None
        up.process.stderr.close()
        up.process.stderr = None
        if not announced:
            up.process.stdout.close()
            up.process.stdout = None
            assert until((state / "up.json").exists, READY_SECONDS)
        else:
            up.wait_ready()
        assert up.end(signal.SIGTERM)[0] == 0


def test_a_database_of_one_s_own_is_used_and_told_when_it_is_not_there(state: Path) -> None:
    up = Up(state, "--servers", DATABASE_URL=f"postgresql://u:hunter2@127.0.0.1:{any_free()}/x")
    code, errors = up.finish()
    assert code == 3
    assert "hunter2" not in errors
    assert "DATABASE_URL" in json.loads(errors.splitlines()[-1])["error"]["what"]
    assert not (state / "postgres").exists()
    assert left_of(state) == set()


def test_servers_of_one_s_own_are_not_started_again(
    state: Path, database_url: str, temporal_address: str
) -> None:
    with Up(state, "--servers", DATABASE_URL=database_url, TEMPORAL_ADDRESS=temporal_address) as up:
        ready = up.wait_ready().ready
        assert ready["processes"] == {}
        assert ready["addresses"]["temporal"] == temporal_address
        assert "postgres" not in ready["addresses"]


def test_taken_ports_are_left_to_their_owners(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = (one.getsockname()[1], two.getsockname()[1])
        with Up(state, "--servers", ports=(*taken, any_free())) as up:
            addresses = up.wait_ready().ready["addresses"]
    for name, port in zip(("postgres", "temporal"), taken, strict=True):
        assert port < int(addresses[name].split(":")[1]) <= port + 100


@pytest.fixture(scope="module")
def standing() -> Iterator[Up]:
    """One that runs, for what only looks at it."""
    with state_directory() as directory, Up(directory, "--servers") as up:
        yield up.wait_ready()


def test_two_on_one_directory_are_one_too_many(standing: Up) -> None:
    with Up(standing.state, "--servers") as second:
        code, errors = second.finish()
    assert code == 4
    problem = json.loads(errors.splitlines()[-1])["error"]
    assert str(standing.state) in problem["what"]
    assert str(standing.process.pid) in problem["what"]
    assert "--state-dir" in problem["remedy"]
    assert standing.process.poll() is None


def test_secrets_are_for_the_owner_only(standing: Up) -> None:
    for name in ("postgres.password", "command-key.pem", "temporal.db", "logs/postgres.log"):
        assert (standing.state / name).stat().st_mode & 0o077 == 0, name
    password = (standing.state / "postgres.password").read_text().strip()
    assert password not in json.dumps(standing.ready)
    assert not any(password.encode() in command_line(pid) for pid in left_of(standing.state))


def _entente(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "worker.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**plain, **environment},
    )


def test_migrate_says_what_it_did_and_is_idempotent(database_url: str) -> None:
    done = _entente("migrate", "--json", DATABASE_URL=database_url)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"applied": []})


@pytest.mark.parametrize(
    ("environment", "code", "word"),
    [
        ({}, 2, "DATABASE_URL"),
        ({"ENTENTE_API_PORT": "many"}, 2, "ENTENTE_API_PORT"),
        ({"DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{any_free()}/x"}, 3, "database"),
    ],
)
def test_errors_are_one_message_and_an_exit_code(environment: dict[str, str], code: int, word: str) -> None:
    done = _entente("migrate", **environment)
    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert done.stdout == ""
