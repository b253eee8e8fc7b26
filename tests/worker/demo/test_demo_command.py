"""``entente demo``: on a stack of its own, and on one that runs already; and what it says without playing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from tests.worker.stack.running import Up, left_of, state_directory
from worker.demo.catalog import entries
from worker.demo.hosting import AUDITOR, OPERATOR


def _demo(*options: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    ours = ("TEMPORAL_", "ENTENTE_", "DATABASE_URL")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    command = [sys.executable, "-m", "worker.cli.main", "demo", *options]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=timeout, check=False
    )


def _lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


ANY_PORTS = ("--api-port=0", "--temporal-port=0", "--temporal-ui-port=0", "--postgres-port=0")


def test_it_names_every_play() -> None:
    listed = _lines(_demo("--list", "--json"))
    assert [one["name"] for one in listed] == [one.name for one in entries()]
    assert all(one["title"] for one in listed)
    shown = _demo("--list").stdout
    assert all(one["name"] in shown and one["title"] in shown for one in listed)


def test_an_unknown_name_is_wrong_usage() -> None:
    done = _demo("peace-on-earth")
    assert done.returncode == 2
    assert "There is no scenario 'peace-on-earth'" in done.stderr
    assert "state-visit/one-comma" in done.stderr
    assert _demo("state-visit", "--all").returncode == 2


async def _accords(api: str, token: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=api, trust_env=False) as client:
        answer = await client.get("/v1/accords", headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


async def _history(temporal: str, accord: str) -> tuple[str, int]:
    """Status and length of the accord's history in Temporal."""
    client = await Client.connect(temporal)
    found = await client.get_workflow_handle(accord).describe()
    return str(found.status.name if found.status else None), found.history_length


@pytest.mark.timeout(600)
async def test_the_state_visit_over_http_and_again_after_up() -> None:
    with state_directory() as state:
        done = _demo("--json", f"--state-dir={state}", *ANY_PORTS, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        lines = _lines(done)
        result = next(line for line in lines if line["event"] == "result")
        assert result["as_expected"] is True
        assert result["stage"] == "concluded"
        assert result["refusals"] == 18
        verified = next(line for line in lines if line["event"] == "verified")
        assert verified["holds"] is True
        assert [one["status"] for one in verified["findings"]].count("holds") == 6
        assert left_of(state) == set()

        keys = state / "demo-keys.json"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        tokens = json.loads(keys.read_text())
        assert {"ru.protocol", "kp.treaty", "registrar", "press", OPERATOR, AUDITOR} <= set(tokens)

        with Up(state, "--api-port=0") as up:
            addresses = up.wait_ready().ready["addresses"]
            assert up.ready["further"]["demo keys"] == str(keys)
            found = await _accords(addresses["api"], tokens["archive"])
            assert [one["accord"] for one in found] == result["accords"]
            assert found[0]["stage"] == "concluded"
            assert not found[0]["ended"]
            assert found[0]["size"] == result["entries"]
            status, length = await _history(addresses["temporal"], result["accords"][0])
            assert status == "RUNNING"
            assert length > 119

            again = _demo("state-visit/long-stop", f"--state-dir={state}", timeout=150)
            assert again.returncode == 0, again.stdout[-3000:] + again.stderr
            assert "Everything went as the play says" in again.stdout
            assert "[ Verification of conditions ]" in again.stdout
            assert "Nothing is wrong with the record" in again.stdout
            assert len(again.stdout.splitlines()) < 90, "the story fits two screens"
            assert json.loads(keys.read_text()) == tokens
            assert len(await _accords(addresses["api"], tokens["archive"])) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_play_over_http() -> None:
    with state_directory() as state:
        done = _demo("--all", "--json", f"--state-dir={state}", *ANY_PORTS, timeout=580)
        results = [line for line in _lines(done) if line["event"] == "result"]
        assert {line["play"]: line["differences"] for line in results} == {one.name: [] for one in entries()}
        assert done.returncode == 0
