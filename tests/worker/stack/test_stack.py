"""The stack as a whole: every process works, is started again after a crash, and gets what it needs and no more."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from temporalio.envconfig import ClientConfigProfile

from activities.identity.signing import CommandSigner
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import connect
from tests.simulation.small import small
from tests.worker.stack.running import left_of, state_directory
from tests.workflows.harness import Engine
from worker.rollout.version import this_version
from worker.stack.errors import AlreadyRunning, StackError
from worker.stack.logins import role_of
from worker.stack.running import installation
from worker.stack.service import polls
from worker.stack.stack import Ports, Stack

ANY = Ports(0, 0, 0)


def _settings(state: Path, **changes: object) -> Settings:
    given = {"state_dir": state, "api_port": 0, "temporal": ClientConfigProfile(), "database_url": None}
    return read_settings(**{**given, **changes})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    with state_directory() as state:
        events: list[str] = []
        async with Stack(_settings(state), ports=ANY, durable=False, on_event=events.append) as stack:
            yield stack
        assert left_of(state) == set()
        assert all(pid is None for pid in stack.processes.values())
        assert any("worker ended" in event for event in events)


async def _until_new(stack: Stack, name: str, old: int | None) -> int:
    for _ in range(600):
        pid = stack.processes[name]
        if pid not in (None, old):
            return pid
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} was not started again")


async def _status(stack: Stack, path: str) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        try:
            return (await client.get(stack.api_url + path)).status_code
        except httpx.TransportError:
            return 0


async def test_everything_works_and_says_where(stack: Stack) -> None:
    assert set(stack.processes) == {"postgres", "temporal", "worker", "api"}
    assert all(stack.processes.values())
    assert stack.applied_migrations
    for path in ("/livez", "/readyz", "/docs"):
        assert await _status(stack, path) == 200
    assert stack.temporal_ui_url is not None
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        assert (await client.get(stack.temporal_ui_url)).status_code == 200


async def test_a_killed_worker_is_started_again_and_works(stack: Stack) -> None:
    old = stack.processes["worker"]
    stack.kill("worker")
    await _until_new(stack, "worker", old)
    child = stack.services["worker"].child
    assert child is not None
    probe = polls(lambda: connect(stack.settings, target=stack.temporal_address), stack.settings.task_queue)
    for _ in range(300):
        if await probe(child):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the new worker does not poll")


async def test_a_killed_api_answers_again_at_the_same_address(stack: Stack) -> None:
    old = stack.processes["api"]
    stack.kill("api")
    await _until_new(stack, "api", old)
    for _ in range(600):
        if await _status(stack, "/readyz") == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the new API is not ready")


async def test_what_is_held_stays_down_until_it_is_resumed(stack: Stack) -> None:
    await stack.hold("api")
    await asyncio.sleep(1.5)
    assert stack.processes["api"] is None
    assert await _status(stack, "/livez") == 0
    await stack.resume("api")
    assert await _status(stack, "/readyz") == 200


@pytest.mark.parametrize("name", ["worker", "api"])
async def test_asked_to_stop_they_end_without_an_error(stack: Stack, name: str) -> None:
    child = stack.services[name].child
    assert child is not None
    await stack.restart(name)
    assert child.exit_code == 0


async def test_only_the_api_is_told_where_the_signing_key_is(stack: Stack) -> None:
    def has(name: str, variable: str) -> bool:
        environment = Path(f"/proc/{stack.processes[name]}/environ").read_bytes()
        return any(entry.startswith(variable.encode() + b"=") for entry in environment.split(b"\0"))

    assert has("api", "ENTENTE_COMMAND_KEY_FILE")
    assert not has("worker", "ENTENTE_COMMAND_KEY_FILE")
    assert has("worker", "ENTENTE_COMMAND_PUBLIC_KEYS")
    for server in ("postgres", "temporal"):
        assert not has(server, "DATABASE_URL")


ALLOWED = {
    # Who owns the tables may do anything to them that no trigger refuses; but it makes no roles and no databases.
    "migrator": {
        "insert into entries": True,
        "delete from payloads": True,
        "update entries": True,
        "read api_keys": True,
    },
    "worker": {
        "insert into entries": True,
        "delete from payloads": False,
        "update entries": False,
        "read api_keys": False,
    },
    "api": {"insert into entries": False, "delete from payloads": False, "read api_keys": True},
    "eraser": {"insert into entries": False, "delete from payloads": True, "read api_keys": False},
}
_ASKED = {
    "insert into entries": "select has_table_privilege('entries', 'insert')",
    "delete from payloads": "select has_table_privilege('payloads', 'delete')",
    "update entries": "select has_table_privilege('entries', 'update')",
    "read api_keys": "select has_table_privilege('api_keys', 'select')",
}


async def test_each_process_enters_the_database_as_who_may_do_what_it_has_to(stack: Stack) -> None:
    erasing = installation(stack.state, erasing=True)[0].database_dsn()
    urls = {name: _entered(stack, name) for name in ("worker", "api")} | {"eraser": erasing}
    urls["migrator"] = installation(stack.state)[0].database_dsn()
    for login, url in urls.items():
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("select current_user") == role_of(login)  # type: ignore[arg-type]
            assert not await connection.fetchval(
                "select bool_or(rolsuper or rolcreaterole or rolcreatedb) from pg_roles where pg_has_role(oid, 'usage')"
            )
            assert {what: await connection.fetchval(_ASKED[what]) for what in ALLOWED[login]} == ALLOWED[
                login
            ]
        finally:
            await connection.close()


def _entered(stack: Stack, name: str) -> str:
    environment = Path(f"/proc/{stack.processes[name]}/environ").read_bytes().split(b"\0")
    [url] = [entry.partition(b"=")[2] for entry in environment if entry.startswith(b"DATABASE_URL=")]
    return url.decode()


async def test_after_an_upgrade_the_new_version_takes_over_what_is_open(stack: Stack) -> None:
    client = await connect(stack.settings, target=stack.temporal_address)
    signer = CommandSigner.load(stack.state / "command-key.pem")
    async with PostgresLedger.connect(stack.database_url) as ledger:
        engine = Engine(client, stack.settings, signer, ledger)
        accord = await engine.open(small())
        old = this_version(stack.settings).build_id
        assert await _carried_by(engine, accord) == old

        await stack.hold("worker")
        stack.settings = stack.settings.model_copy(update={"build_id": "after-the-upgrade"})
        await stack.take_over()
        await stack.resume("worker")
        receipt = await asyncio.wait_for(engine.act(accord, "bb.contact", "decline_definition"), 60)
        assert receipt.stage == "terminated"
        assert await _carried_by(engine, accord) == "after-the-upgrade"
    command = [sys.executable, "-m", "worker.cli.main", "rollout", "status", "--json"]
    status = await asyncio.to_thread(
        subprocess.run, [*command, "--state-dir", str(stack.state)], capture_output=True, check=True
    )
    versions = {each["build_id"]: each for each in json.loads(status.stdout)["versions"]}
    assert set(versions) == {old, "after-the-upgrade"}
    assert versions["after-the-upgrade"]["status"] == "current"
    assert versions["after-the-upgrade"]["has_workers"]


async def _carried_by(engine: Engine, accord: str) -> str:
    described = await engine.handle(accord).describe()
    info = described.raw_description.workflow_execution_info.versioning_info
    return str(info.deployment_version.build_id)


async def test_a_second_stack_here_is_refused_and_leaves_the_first_alone(stack: Stack) -> None:
    with pytest.raises(AlreadyRunning):
        await Stack(_settings(stack.state), ports=ANY).start()
    assert await _status(stack, "/readyz") == 200


async def test_a_process_that_cannot_start_stops_what_had_been_started() -> None:
    with state_directory() as state:
        broken = _settings(state, command_public_keys=("no key",))
        with pytest.raises(StackError, match=r"(?s)worker ended while it was starting.*no key"):
            await Stack(broken, ports=ANY, durable=False).start()
        assert left_of(state) == set()
        assert not (state / "up.json").exists()


async def test_a_stack_that_is_cancelled_while_it_starts_leaves_nothing() -> None:
    with state_directory() as state:
        for delay in (0.05, 0.4, 1.0):
            starting = asyncio.create_task(Stack(_settings(state), ports=ANY, durable=False).start())
            await asyncio.sleep(delay)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            assert left_of(state) == set()
