"""Real histories agree with the ledger and with a bundle of it; forged ones are told apart, with what is forged."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.audit.audit import EXIT_EXTRA, EXIT_FORGED, Verdict, audit
from activities.audit.history import parse
from activities.audit.record import Recorded, from_bundle, from_ledger
from activities.bundle.export import export_accord
from activities.bundle.format import Bundle
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.errors import Malformed
from activities.ledger.postgres import PostgresLedger
from tests.conftest import with_database
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine, running_engine
from worker.stack.temporal import executable
from workflows.model.definition import Definition

SIGNED = {
    "condition": "C1",
    "report": "r-1",
    "source": "Monitor",
    "observed_at": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Negotiated:
    """A run with acts done and refused, signals of each kind, and a deadline; its history and the ledger."""

    accord: str
    history: dict[str, Any]
    recorded: Recorded
    database_url: str
    key: str
    shown: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def run(
    postgres_url: str, template_database: str, temporal_client: Client, temporal_address: str
) -> Any:
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY')
    url = with_database(postgres_url, name)
    try:
        async with running_engine(url, temporal_client) as engine:
            yield await negotiated(engine, temporal_address)
    finally:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()


async def negotiated(engine: Engine, address: str) -> Negotiated:
    definition = small()
    definition["conditions"]["C1"]["due"] = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    await engine.act(accord, "aa.contact", "issue_invitation", note="Welcome")
    for _ in range(2):
        await engine.failure(accord, "bb.contact", "issue_invitation")
    await engine.failure(accord, "nobody", "record_statement", digest=digest("x"))
    handle = engine.handle(accord)
    await handle.signal("weather", {"sunny": True})
    await handle.signal("condition_changed", {"condition": "C1", "nonsense": 1})
    await handle.signal("condition_changed", SIGNED)
    await handle.signal(
        "condition_changed",
        engine.command(accord, "watch", "condition_changed", "k1", **{**SIGNED, "report": "r-2"}),
    )
    for _ in range(1200):
        if (await engine.state(accord)).conditions["C1"].overdue:
            break
        await asyncio.sleep(0.05)
    await engine.act(accord, "bb.contact", "accept_invitation")
    await engine.act(accord, "aa.contact", "record_statement", digest=digest("last"))
    text = (await handle.fetch_history()).to_json()
    shown = subprocess.run(
        [executable(), "workflow", "show", "--address", address, "--workflow-id", accord, "--output", "json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    recorded = await from_ledger(engine.ledger, accord, (engine.signer.public_key,))
    return Negotiated(
        accord, json.loads(text), recorded, engine.settings.database_dsn(), engine.signer.public_key, shown
    )


def audited(run: Negotiated, history: dict[str, Any]) -> Any:
    return audit(parse(json.dumps(history).encode()), run.recorded)


def items_of(found: Any, verdict: Verdict) -> list[Any]:
    return [item for item in found.items if item.verdict is verdict]


async def test_a_real_history_agrees_with_the_ledger(run: Negotiated) -> None:
    found = audited(run, run.history)
    assert found.exit_code == 0, items_of(found, Verdict.FORGED) + items_of(found, Verdict.EXTRA)
    updates = [item for item in found.items if item.kind == "update"]
    assert len(updates) == 11
    [stranger] = items_of(found, Verdict.LEFT_NO_TRACE)
    assert stranger.command.startswith("nobody/")
    signals = [item for item in found.items if item.kind == "signal"]
    assert [item.verdict for item in signals] == [Verdict.AGREES] * 4
    assert signals[-1].command == "watch/k1"
    # What each entry came from is told: none is left over but what the clock let fall.
    told = {at for item in found.items for at in item.positions}
    rest = [entry for at, entry in enumerate(run.recorded.entries) if at not in told and entry is not None]
    assert {entry.command.partition("/")[0] for entry in rest} <= {"clock"}
    assert any(entry is not None and entry.type == "condition_overdue" for entry in run.recorded.entries)


async def test_what_the_command_line_shows_is_read_as_well(run: Negotiated) -> None:
    found = audit(parse(run.shown.encode()), run.recorded)
    assert found.items == audited(run, run.history).items


def decoded(value: Any) -> Any:
    """A history with the values of its payloads in their place, as the command line's shorthand has them."""
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"payloads"}:
        return [
            json.loads(base64.b64decode(payload.get("data", "bnVsbA=="))) for payload in value["payloads"]
        ]
    return {name: decoded(each) for name, each in value.items()}


async def test_payloads_may_be_decoded_already(run: Negotiated) -> None:
    assert audited(run, decoded(run.history)).items == audited(run, run.history).items


def completed(history: dict[str, Any], act: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The events by which an act's update was accepted and completed; the last of that name."""
    [*_, accepted] = [
        event["workflowExecutionUpdateAcceptedEventAttributes"]
        for event in history["events"]
        if "workflowExecutionUpdateAcceptedEventAttributes" in event
        and event["workflowExecutionUpdateAcceptedEventAttributes"]["acceptedRequest"]["input"]["name"] == act
    ]
    [done] = [
        event["workflowExecutionUpdateCompletedEventAttributes"]
        for event in history["events"]
        if "workflowExecutionUpdateCompletedEventAttributes" in event
        and event["workflowExecutionUpdateCompletedEventAttributes"]["meta"]["updateId"]
        == accepted["protocolInstanceId"]
    ]
    return accepted, done


def rewrite(payloads: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    [payload] = payloads["payloads"]
    value = json.loads(base64.b64decode(payload["data"]))
    change(value)
    payload["data"] = base64.b64encode(json.dumps(value).encode()).decode()


def another_root(value: dict[str, Any]) -> None:
    value["root"] = "0" * 64


def another_digest(value: dict[str, Any]) -> None:
    value["fields"]["digest"] = digest("never stated")


def another_id(value: dict[str, Any]) -> None:
    value["id"] = "aa.contact/never"


def receipt_of_another(value: dict[str, Any]) -> None:
    value["command"] = "aa.contact/never"


@pytest.mark.parametrize(
    ("forge", "of"),
    [
        (another_root, "done"),
        (receipt_of_another, "done"),
        (another_digest, "accepted"),
        (another_id, "accepted"),
    ],
)
async def test_a_forged_act_is_named(run: Negotiated, forge: Any, of: str) -> None:
    history = copy.deepcopy(run.history)
    accepted, done = completed(history, "record_statement")
    if of == "done":
        rewrite(done["outcome"]["success"], forge)
    else:
        rewrite(accepted["acceptedRequest"]["input"]["args"], forge)
    found = audited(run, history)
    assert found.exit_code == EXIT_FORGED
    [forged] = items_of(found, Verdict.FORGED)
    assert forged.kind == "update"
    assert "record_statement" in forged.what


async def test_an_act_that_was_put_there_is_forged(run: Negotiated) -> None:
    """Somebody adds an act with its receipt, in every place in which a history has them."""
    history = copy.deepcopy(run.history)
    added = copy.deepcopy(
        [
            event
            for event in history["events"]
            if any(name.startswith("workflowExecutionUpdate") for name in event)
        ]
    )[-2:]
    for event in added:
        text = json.dumps(event)
        told = event.get("workflowExecutionUpdateAcceptedEventAttributes")
        if told is not None:
            told["protocolInstanceId"] = "aa.contact/added#1"
            rewrite(told["acceptedRequest"]["input"]["args"], another_id)
        else:
            told = event["workflowExecutionUpdateCompletedEventAttributes"]
            told["meta"]["updateId"] = "aa.contact/added#1"
            rewrite(told["outcome"]["success"], receipt_of_another)
        assert json.dumps(event) != text
    history["events"] += added
    found = audited(run, history)
    assert found.exit_code == EXIT_FORGED
    [forged] = items_of(found, Verdict.FORGED)
    assert forged.command == "aa.contact/never"
    assert forged.positions == ()


async def test_a_result_that_an_activity_was_given_by_hand_is_forged(run: Negotiated) -> None:
    history = copy.deepcopy(run.history)
    markers = [
        event["markerRecordedEventAttributes"]["details"]
        for event in history["events"]
        if "markerRecordedEventAttributes" in event
        and b'"record"'
        in base64.b64decode(event["markerRecordedEventAttributes"]["details"]["data"]["payloads"][0]["data"])
    ]

    def forge(value: dict[str, Any]) -> None:
        value["receipt"]["position"] += 1

    rewrite(markers[-1]["result"], forge)
    [forged] = items_of(audited(run, history), Verdict.FORGED)
    assert forged.kind == "answer"


async def test_a_signal_that_was_never_recorded_is_forged(run: Negotiated) -> None:
    history = copy.deepcopy(run.history)
    requests = [
        event["activityTaskScheduledEventAttributes"]["input"]
        for event in history["events"]
        if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")
        == "record_signals"
    ]

    def forge(value: dict[str, Any]) -> None:
        value["signals"][0]["name"] = "storm"
        value["signals"][0]["digest"] = digest("storm")

    rewrite(requests[0], forge)
    found = audited(run, history)
    [forged] = items_of(found, Verdict.FORGED)
    assert (forged.kind, forged.what) == ("signal", "the signal storm is said to be recorded, and is not")


async def test_an_act_that_the_history_leaves_out_is_extra(run: Negotiated) -> None:
    history = copy.deepcopy(run.history)
    accepted, _ = completed(history, "accept_invitation")
    identity = accepted["protocolInstanceId"]
    command = json.loads(
        base64.b64decode(accepted["acceptedRequest"]["input"]["args"]["payloads"][0]["data"])
    )["id"]
    encoded = [base64.b64encode(command.encode()[cut:])[4:-4].decode() for cut in range(3)]
    history["events"] = [
        event
        for event in history["events"]
        if identity not in json.dumps(event) and not any(part in json.dumps(event) for part in encoded)
    ]
    found = audited(run, history)
    assert found.exit_code == EXIT_EXTRA
    assert {item.command for item in items_of(found, Verdict.EXTRA)} == {command}


async def test_a_bundle_serves_as_well_as_the_database(run: Negotiated, tmp_path: Path) -> None:
    bundle = await exported(run, tmp_path)
    with Bundle(bundle) as opened:
        found = audit(parse(json.dumps(run.history).encode()), from_bundle(opened, (run.key,)))
    assert found.items == audited(run, run.history).items


async def exported(run: Negotiated, directory: Path) -> Path:
    path, key_file = directory / "run.bundle", directory / "log.key"
    LogKeys.create(key_file, "entente.test")
    keys, guard = LogKeys.load(key_file, "entente.test"), Guard(guard_directory(key_file))
    async with asyncpg.create_pool(run.database_url, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        await export_accord(
            path, Checkpoints(ledger, pool, keys, guard), ledger, run.accord, command_keys=[run.key]
        )
    return path


async def test_the_command_compares_and_says_so_by_its_exit_code(run: Negotiated, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(run.history))
    history = copy.deepcopy(run.history)
    rewrite(completed(history, "record_statement")[1]["outcome"]["success"], another_root)
    bad.write_text(json.dumps(history))
    nothing = tmp_path / "nothing.json"
    nothing.write_text("{}")

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"DATABASE_URL": run.database_url, "ENTENTE_COMMAND_PUBLIC_KEYS": run.key}
        return subprocess.run(
            [sys.executable, "-P", "-m", "worker.cli.main", "audit-history", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )

    agreeing = command(str(good))
    assert agreeing.returncode == 0, agreeing.stderr + agreeing.stdout
    assert "0 forged, 0 extra" in agreeing.stdout
    forged = command(str(bad), "--json")
    assert forged.returncode == EXIT_FORGED
    told = json.loads(forged.stdout)
    assert [item["verdict"] for item in told["items"]].count("forged") == 1
    unreadable = command(str(nothing))
    assert unreadable.returncode == 1
    assert "no events" in unreadable.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"events": [{}]}',
        b'{"events": [1]}',
        b"[" * 100_000,
        b'{"events": [{"eventId": "1", "workflowExecutionStartedEventAttributes": {"input": {"payloads": []}}}]}',
        b'{"events": [{"eventId": "1", "workflowExecutionStartedEventAttributes": {"input": {"payloads": [7]}}}]}',
    ],
)
def test_what_is_no_history_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Malformed):
        parse(content)


async def test_an_encrypted_history_is_to_be_exported_decoded(run: Negotiated) -> None:
    history = copy.deepcopy(run.history)
    [payload] = history["events"][0]["workflowExecutionStartedEventAttributes"]["input"]["payloads"]
    payload["metadata"]["encoding"] = base64.b64encode(b"binary/encrypted").decode()
    with pytest.raises(Malformed, match="binary/encrypted"):
        parse(json.dumps(history).encode())
