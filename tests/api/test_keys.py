"""The keys that records are verified by, published to everybody, and what a bundle comes to by them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from activities.tlog.policy import parse
from activities.verifier.verify import Trust, verify_bundle
from tests.api.conftest import on_a_socket, problem, serving
from tests.api.filling import Filler
from tests.simulation.small import small


@pytest.fixture
def log_key(tmp_path: Path) -> Path:
    path = tmp_path / "log.key"
    LogKeys.create(path, "entente.localhost")
    return path


async def test_a_record_is_verified_by_the_keys_that_are_published(
    database_url: str,
    nowhere: str,
    make_settings: Callable[..., Settings],
    log_key: Path,
    filler: Filler,
    tmp_path: Path,
) -> None:
    await filler.found("a", small())
    async with serving(make_settings(database_url, nowhere, log_key_file=log_key)) as api:
        found = (await api.http.get("/v1/keys", params={"accord": "a"})).json()
        bundle = await api.get("/accords/a/bundle", "aa.contact")
    assert [one["public_key"] for one in found["command_keys"]] == list(api.settings.command_public_keys)
    policy = parse("".join([*(f"log {key}\n" for key in found["log_keys"]), "quorum none\n"]).encode())
    (tmp_path / "b").write_bytes(bundle.content)
    trust = Trust(policy, tuple(one["public_key"] for one in found["command_keys"]))
    report = verify_bundle(tmp_path / "b", trust)
    assert {name: each.status for name, each in report.findings.items() if each.status != "holds"} == {
        "quorum": "unproven",
        "acts": "withheld",
    }


async def test_keys_tell_nobody_which_accords_there_are(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], log_key: Path, filler: Filler
) -> None:
    await filler.open("a", small())
    async with serving(make_settings(database_url, nowhere, log_key_file=log_key)) as api:
        for accord in ("a", "there-is-none"):
            answer = await api.http.get("/v1/keys", params={"accord": accord})
            assert answer.status_code == 200
            assert [len(answer.json()[name]) for name in ("command_keys", "log_keys")] == [1, 1]
        assert (await api.http.get("/v1/keys")).json()["log_keys"] == []
        problem(await api.http.get("/v1/keys", params={"accord": "../a"}), 422, "malformed")
        problem(await api.http.get("/v1/keys", params={"acord": "a"}), 422, "malformed")
    async with serving(make_settings(database_url, nowhere)) as api:
        assert (await api.http.get("/v1/keys")).status_code == 200
        problem(await api.http.get("/v1/keys", params={"accord": "a"}), 503, "unavailable")


async def test_the_command_begins_a_policy_by_a_servers_keys(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], log_key: Path
) -> None:
    settings = make_settings(database_url, nowhere, api_port=0, log_key_file=log_key)
    async with on_a_socket(settings) as (_, port):

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            code = "import sys; from worker.cli.main import main; sys.argv[0] = 'entente'; main()"
            where = f"http://127.0.0.1:{port}"
            return subprocess.run(
                [sys.executable, "-c", code, "policy", "visit", "--server", where, *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        told, shown, wrong = await asyncio.gather(
            asyncio.to_thread(run),
            asyncio.to_thread(run, "--json"),
            asyncio.to_thread(run, "--set", str(log_key)),
        )
    assert told.returncode == 0, told.stderr
    policy = parse(told.stdout.encode())
    found = json.loads(shown.stdout)
    assert [key.encoded() for key in policy.logs] == found["log_keys"]
    assert policy.quorum == "none"
    assert all(one["public_key"] in told.stdout for one in found["command_keys"])
    assert "Compare them" in told.stdout
    assert wrong.returncode == 2
