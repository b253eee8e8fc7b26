"""The doctor on real servers, with one thing after the other broken on purpose."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile

import worker
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.errors import SettingsProblem
from activities.identity.signing import CommandSigner
from activities.ledger.connections import reading_pool
from activities.ledger.installation import InstallationKey
from activities.ledger.payload_keys import PayloadKeys
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import connect
from tests.activities.papers.pades.material import PASSPHRASE, Certified, certified
from tests.worker.stack.running import Up, state_directory
from worker.doctor import machine
from worker.doctor.clocks import skew
from worker.doctor.configured import configured
from worker.doctor.contents import contents
from worker.doctor.examination import examine
from worker.doctor.finding import Finding
from worker.doctor.postgres import database
from worker.doctor.temporal import temporal
from worker.search_attributes import check_search_attributes
from worker.stack.ports import any_free


async def found(findings: AsyncIterator[Finding]) -> dict[str, Finding]:
    return {finding.check: finding async for finding in findings}


@pytest.fixture
def settings(tmp_path: Path, database_url: str, temporal_address: str) -> Settings:
    signer = CommandSigner.create(tmp_path / "command.pem")
    LogKeys.create(tmp_path / "log.key", "entente.test")
    return read_settings(
        database_url=database_url,
        temporal=ClientConfigProfile(address=temporal_address),
        state_dir=tmp_path,
        task_queue=f"test-{uuid.uuid4().hex[:8]}",
        command_key_file=tmp_path / "command.pem",
        command_public_keys=(signer.public_key,),
        log_key_file=tmp_path / "log.key",
        log_origin="entente.test",
    )


async def test_what_is_as_it_has_to_be_is_said_to_be(settings: Settings) -> None:
    all_ = await found(examine(settings, "from a test"))
    # The tests' own Postgres does without the disk, and no worker runs.
    assert all_.pop("durability").level == "wrong"
    assert all_.pop("worker").level == "warning"
    # They enter it as the superuser.
    assert all_.pop("privileges").level == "warning"
    assert all_.pop("payload key").level == "skipped"
    assert all_.pop("sign-in").level == "skipped"
    assert all_.pop("mail").level == "skipped"
    assert all_.pop("paper key").level == "skipped"
    assert all_.pop("time-stamp authorities").level == "skipped"
    assert all_.pop("disk").level in ("ok", "warning")
    assert {finding.level for finding in all_.values()} == {"ok"}, all_
    assert {"schema", "search attributes", "retention", "clock of Postgres", "clock of Temporal"} <= set(all_)


@pytest.mark.parametrize("file", ["command.pem", "log.key", "log.key.seen"])
def test_a_key_that_others_can_read(settings: Settings, tmp_path: Path, file: str) -> None:
    (tmp_path / file).chmod(0o755)
    wrong = [finding for finding in machine.keys(settings) if finding.level == "wrong"]
    assert len(wrong) == 1
    assert "mode 755" in wrong[0].what
    assert str(tmp_path / file) in wrong[0].remedy


def test_keys_that_do_not_fit_or_are_gone(settings: Settings, tmp_path: Path) -> None:
    other = CommandSigner.create(tmp_path / "other.pem")
    changed = settings.model_copy(update={"command_public_keys": (other.public_key,)})
    [wrong] = [finding for finding in machine.keys(changed) if finding.level == "wrong"]
    assert wrong.check == "trusted keys"
    assert CommandSigner.load(tmp_path / "command.pem").public_key in wrong.remedy
    (tmp_path / "command.pem").write_text("no key")
    guard_directory(tmp_path / "log.key").rmdir()
    wrong_ = {finding.check for finding in machine.keys(settings) if finding.level == "wrong"}
    assert wrong_ == {"command key", "rollback guard"}
    (tmp_path / "log.key").write_text("no secret")
    assert "log key" in {finding.check for finding in machine.keys(settings) if finding.level == "wrong"}


def test_the_key_that_signs_papers(settings: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)

    def finding(made: Certified) -> Finding:
        file = made.file(tmp_path)
        file.chmod(0o600)
        named = settings.model_copy(update={"papers_p12": file, "papers_p12_passphrase_file": secret})
        return next(one for one in machine.keys(named) if one.check == "paper key")

    assert finding(certified(ends=timedelta(days=90))).level == "ok"
    assert "until" in finding(certified(ends=timedelta(days=9))).what
    day = timedelta(days=1)
    expired = finding(certified(begins=-3 * day, ends=-day))
    assert (expired.level, "has expired" in expired.what) == ("wrong", True)


async def test_a_schema_that_lacks_migrations_or_has_too_many(settings: Settings, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        last = await connection.fetchval("select max(version) from schema_migrations")
        await connection.execute("delete from schema_migrations where version = $1", last)
        schema = (await found(database(settings)))["schema"]
        assert (schema.level, schema.remedy) == ("wrong", "Run `entente migrate`.")
        assert last in schema.what
        await connection.execute("insert into schema_migrations values ($1), ('9999')", last)
        assert (await found(database(settings)))["schema"].level == "ok"
        await connection.execute("update schema_support set oldest = '9999'")
        schema = (await found(database(settings)))["schema"]
        assert schema.level == "wrong"
        assert "9999" in schema.what
    finally:
        await connection.close()


async def test_a_login_that_may_not_write(settings: Settings, database_url: str) -> None:
    login = f"reader_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"create role {login} login password 'x' in role entente_reader")
        parts = urlsplit(database_url)
        there = urlunsplit(parts._replace(netloc=f"{login}:x@{parts.netloc.rpartition('@')[2]}"))
        lesser = read_settings(database_url=there)
        privileges = (await found(database(lesser)))["privileges"]
        assert privileges.level == "warning"
        assert f"GRANT entente_reader, entente_writer TO {login};" in privileges.remedy
        await connection.execute(f"grant entente_api to {login}")
        assert (await found(database(lesser)))["privileges"].level == "ok"
        # Whoever owns the tables needs no role; whoever may more is told.
        tables = (
            "select relname from pg_class where relname in ('entries', 'schema_migrations', 'schema_support')"
        )
        for row in await connection.fetch(f"{tables} and relkind = 'r'"):
            await connection.execute(f"alter table {row[0]} owner to {login}")
        privileges = (await found(database(lesser)))["privileges"]
        assert (privileges.level, "owns the tables" in privileges.what) == ("ok", True)
        await connection.execute(f"alter role {login} createrole")
        privileges = (await found(database(lesser)))["privileges"]
        assert (privileges.level, "it makes roles" in privileges.what) == ("warning", True)
        assert "is a superuser" in (await found(database(settings)))["privileges"].what
    finally:
        await connection.execute(f"reassign owned by {login} to current_user")
        await connection.execute(f"drop owned by {login}")
        await connection.execute(f"drop role {login}")
        await connection.close()


async def test_a_key_file_that_does_not_open_the_data_keys(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    async def level(file: Path | None) -> str:
        given = settings.model_copy(update={"payload_key_file": file})
        return (await found(database(given)))["data keys"].level

    file, other = tmp_path / "payload-key", tmp_path / "other"
    assert "data keys" not in await found(database(settings))
    installation = InstallationKey.create(file)
    InstallationKey.create(other)
    async with reading_pool(database_url, min_size=0, max_size=1) as pool:
        await PayloadKeys(pool, installation).newest("one")
    assert await level(file) == "ok"
    assert await level(None) == "wrong"
    assert await level(other) == "wrong"
    InstallationKey.add(file)
    assert await level(file) == "warning"


async def test_what_is_only_read_when_a_process_starts(settings: Settings, tmp_path: Path) -> None:
    def level(check: str, **changes: object) -> str:
        [finding] = [each for each in configured(settings.model_copy(update=changes)) if each.check == check]
        return finding.level

    file = tmp_path / "providers.json"
    assert level("sign-in") == "skipped"
    assert level("sign-in", oidc_file=file) == "wrong"
    file.write_text('[{"issuer": "https://login.example", "audience": "entente"}]')
    assert level("sign-in", oidc_file=file) == "ok"
    server = {"smtp_url": SecretStr("smtp://mail.example")}
    assert level("mail") == "skipped"
    assert level("mail", **server) == "wrong"
    assert level("mail", **server, mail_from="entente@example.org") == "ok"


async def test_a_directory_for_contents_that_cannot_be_written_to(settings: Settings, tmp_path: Path) -> None:
    wanted = tmp_path / "a file"
    assert (await contents(settings.model_copy(update={"files_url": str(wanted)}))).level == "ok"
    wanted.write_text("in the way")
    finding = await contents(settings.model_copy(update={"files_url": str(wanted / "below")}))
    assert (finding.level, str(wanted) in finding.what) == ("wrong", True)


async def test_servers_that_are_not_there(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"temporal": ClientConfigProfile(address=f"127.0.0.1:{any_free()}")})
    assert (await found(temporal(nowhere)))["temporal"].level == "wrong"
    gone = read_settings(database_url=f"postgresql://u:hunter2@127.0.0.1:{any_free()}/x")
    [finding] = (await found(database(gone))).values()
    assert finding.level == "wrong"
    assert "hunter2" not in finding.what


async def test_a_namespace_that_is_not_there_or_not_set_up(
    settings: Settings, temporal_client: Client
) -> None:
    name = f"bare-{uuid.uuid4().hex[:8]}"
    profile = ClientConfigProfile(address=settings.temporal_address, namespace=name)
    there = settings.model_copy(update={"temporal": profile})
    [finding] = (await found(temporal(there))).values()
    assert (finding.level, f"namespace {name}" in finding.what) == ("wrong", True)
    day = Duration()
    day.FromTimedelta(timedelta(days=1))
    await temporal_client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=day)
    )
    for _ in range(60):
        all_ = await found(temporal(there))
        if "search attributes" in all_ and "does not tell" not in all_["search attributes"].what:
            break
        await asyncio.sleep(0.5)
    assert all_["retention"].level == "warning"
    assert all_["search attributes"].level == "wrong"
    assert "--name EntenteStage --type Keyword --name EntenteParties --type KeywordList" in (
        all_["search attributes"].remedy
    )
    with pytest.raises(SettingsProblem, match="EntenteStage, EntenteParties") as refused:
        await check_search_attributes(await connect(there))
    assert "tcld namespace search-attributes add" in refused.value.remedy
    assert '--search-attribute "EntenteParties=KeywordList"' in refused.value.remedy


async def test_a_worker_s_own_namespace_is_found_in_order(temporal_client: Client) -> None:
    await check_search_attributes(temporal_client)


def test_no_program_of_ours_asks_the_operator_service() -> None:
    """Temporal Cloud closes it to a namespace's keys."""
    root = Path(worker.__file__).parents[1]
    for room in ("activities", "api", "worker", "workflows"):
        for file in (root / room).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert "operator_service" not in text, file
            assert "operatorservice" not in text, file


@pytest.mark.parametrize(
    ("off", "took", "level"),
    [(0.1, 0.02, "ok"), (5, 0.02, "warning"), (-5, 0.02, "warning"), (-300, 0.1, "wrong"), (5, 12, "ok")],
)
def test_a_clock_is_off_only_as_far_as_the_round_trip_proves(off: float, took: float, level: str) -> None:
    before = datetime(2030, 1, 1, tzinfo=UTC)
    assert skew("clock", before, took, before + timedelta(seconds=off + took / 2)).level == level


def test_disk_and_files_that_run_short(tmp_path: Path) -> None:
    assert machine.disk(tmp_path, least=1 << 60).level == "wrong"
    assert machine.disk(tmp_path, least=0, little=1 << 60).level == "warning"
    assert machine.disk(tmp_path, least=0, little=0).level == "ok"
    assert machine.disk(tmp_path / "absent").level == "skipped"
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert machine.file_limit().level == "warning"
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        assert machine.file_limit().level == "wrong"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_traces_to_an_exporter_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.traces().level == "ok"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    assert machine.traces().level == "ok"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "nowhere")
    assert machine.traces().level == "wrong"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert machine.traces().level == "ok"


def doctor(*arguments: str, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    plain = {
        key: value
        for key, value in os.environ.items()
        if key != "DATABASE_URL" and not key.startswith(("ENTENTE_", "TEMPORAL_", "OTEL_"))
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "worker.cli.main", "doctor", "--json", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env=plain | {"TEMPORAL_CONFIG_FILE": os.devnull} | environment,
    )
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert said["healthy"] is (done.returncode == 0)
    return done.returncode, {one["check"]: one for one in said["findings"]}


@pytest.fixture
def state() -> Iterator[Path]:
    with state_directory() as directory:
        yield directory


def test_the_command_examines_the_embedded_stack(state: Path) -> None:
    with Up(state) as up:
        up.wait_ready()
        code, all_ = doctor("--state-dir", str(state))
        assert code == 0, all_
        assert "stack" in all_["settings"]["what"]
        for check in (
            "command key",
            "trusted keys",
            "log key",
            "rollback guard",
            "schema",
            "durability",
            "worker",
        ):
            assert all_[check]["level"] == "ok", all_[check]
        (state / "command-key.pem").chmod(0o644)
        code, all_ = doctor("--state-dir", str(state))
        assert (code, all_["command key"]["level"]) == (1, "wrong")


def test_the_command_examines_what_the_environment_names(database_url: str, temporal_address: str) -> None:
    code, all_ = doctor(DATABASE_URL=database_url, TEMPORAL_ADDRESS=temporal_address)
    assert code == 1
    assert all_["settings"]["what"] == "from the environment"
    assert all_["durability"]["level"] == "wrong"
    assert all_["schema"]["level"] == "ok"


async def test_where_contents_are_kept_is_looked_at(settings: Settings, tmp_path: Path) -> None:
    assert (await contents(settings)).level == "ok"
    (tmp_path / "file").write_text("no directory")
    broken = await contents(settings.model_copy(update={"files_url": str(tmp_path / "file")}))
    assert (broken.level, "object store" in broken.what) == ("wrong", True)
    none = await contents(settings.model_copy(update={"files_url": "nowhere://bucket"}))
    assert none.level == "wrong"
