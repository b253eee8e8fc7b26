"""What is about the log itself, over the API: by an operator's key alone; and the record verifies afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest_asyncio
from temporalio.client import Client

from activities.bundle.export import export_accord
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.erasing import finish_erasing
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from activities.tlog.note import Ed25519Verifier
from activities.tlog.note import parse as parse_note
from activities.tlog.policy import NONE, Policy
from activities.tlog.policy import parse as parse_policy
from activities.verifier.findings import Report
from activities.verifier.verify import Trust, verify_bundle
from tests.api.conftest import Api, problem, serving
from tests.simulation.small import digest, small
from worker.main import accord_worker
from workflows.model.definition import Definition

ERASE = {"ground": "Article 17", "ordered_by": "Court"}


@dataclass
class Running:
    """The API with a worker behind it, over a key file that has two secrets."""

    api: Api
    checkpoints: Checkpoints
    ledger: PostgresLedger
    settings: Settings

    async def verified(self, accord: str, path: Path, log: Ed25519Verifier) -> Report:
        keys = self.settings.command_public_keys
        await export_accord(path, self.checkpoints, self.ledger, accord, command_keys=keys)
        return verify_bundle(path, Trust(Policy((log,), {}, {}, NONE), keys))


@pytest_asyncio.fixture(loop_scope="session")
async def running(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> AsyncIterator[Running]:
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")
    LogKeys.add(key_file, "entente.test")
    settings = make_settings(database_url, temporal_address, log_key_file=key_file, log_origin="entente.test")
    keys, guard = LogKeys.load(key_file, "entente.test"), Guard(guard_directory(key_file))
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        serving(settings) as api,
        asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool,
    ):
        ledger = PostgresLedger(pool)
        yield Running(api, Checkpoints(ledger, pool, keys, guard), ledger, settings)


async def founded(api: Api) -> str:
    accord = await api.opened(small())
    for party in ("aa", "bb"):
        named = Definition.model_validate(small()).digest()
        await api.done(accord, "adopt_definition", f"{party}.contact", digest=named)
    return accord


def unsure(report: Report) -> set[str]:
    return {name for name, finding in report.findings.items() if finding.status != "holds"}


async def test_the_logs_key_is_rotated_and_retired_on_the_record(running: Running, tmp_path: Path) -> None:
    api = running.api
    accord = await founded(api)
    new, old = running.checkpoints.keys.verifiers(accord)
    early = (await api.get(f"/accords/{accord}/proof/1")).content
    wanted = {"old": old.encoded(), "new": new.encoded()}
    for by in ("aa.contact", "registrar"):
        said = problem(await api.act(accord, "rotate_log_key", by, **wanted), 409, "refused")
        assert said["guard"] == "authority"
    problem(await api.act(accord, "rotate_log_key", "auditor", **wanted), 403, "forbidden")
    problem(await api.act(accord, "record_statement", "operator", digest=digest("x")), 403, "forbidden")

    first = await api.act(accord, "rotate_log_key", "operator", key="k1", **wanted)
    assert first.status_code == 200, first.text
    assert first.json()["command"] == "installation/operator:k1", "the record says which operator it was"
    assert (await api.act(accord, "rotate_log_key", "operator", key="k1", **wanted)).json() == first.json()
    during = parse_note((await api.get(f"/accords/{accord}/checkpoint")).content)
    assert {signature.key_id for signature in during.signatures} == {old.key_id, new.key_id}

    retired = await api.post(f"/accords/{accord}/retire-log-key", "operator", json={"key": old.encoded()})
    assert retired.status_code == 200, retired.text
    after = parse_note((await api.get(f"/accords/{accord}/checkpoint")).content)
    assert {signature.key_id for signature in after.signatures} == {new.key_id}
    assert parse_policy((await api.get(f"/accords/{accord}/policy")).content).logs == (new,)
    assert (await api.get(f"/accords/{accord}/proof/1")).content == early, "a receipt stays the same"
    for known in (old, new):
        report = await running.verified(accord, tmp_path / "b", known)
        assert unsure(report) == {"quorum"}, report.as_json()
        assert report.log_keys == (new.encoded(),)


async def test_an_erasure_is_seen_by_all_and_finished_after_a_crash(running: Running, tmp_path: Path) -> None:
    api = running.api
    accord = await founded(api)
    said = {"digest": digest("said"), "words": "A name that has to go"}
    first = await api.act(accord, "record_statement", "aa.contact", key="s1", **said)
    at = first.json()["position"]
    bare = {"positions": [0], **ERASE}
    foreseen = await api.call(
        "POST",
        f"/v1/accords/{accord}/erase-particulars",
        "operator",
        params={"dry_run": "true"},
        json=bare,
    )
    refused = await api.act(accord, "erase_particulars", "operator", **bare)
    assert foreseen.json()["detail"] == refused.json()["detail"], "a dry run tells what an act would be told"
    assert "no names and no free text in the entries 0" in problem(refused, 422, "malformed")["detail"]
    await api.done(accord, "erase_particulars", "operator", positions=[at], **ERASE)
    # As if whoever erases had been killed here: it is on record, and still to be done.
    [known] = running.checkpoints.keys.verifiers(accord)[1:]
    report = await running.verified(accord, tmp_path / "b", known)
    assert any("erasing is not finished" in note for note in report["completeness"].notes)
    assert await finish_erasing(running.ledger, running.ledger, accord) == [at]
    assert await finish_erasing(running.ledger, running.ledger, accord) == []
    report = await running.verified(accord, tmp_path / "b", known)
    assert unsure(report) == {"quorum", "acts"}
    # No witness is named: the quorum is unproven, and what is erased is not unsound.
    assert (report.exit_code(), report["acts"].status) == (20, "withheld")
    entry = (await api.get(f"/accords/{accord}/events?after={at - 1}")).text
    assert "A name that has to go" not in entry

    again = await api.act(accord, "record_statement", "aa.contact", key="s1", **said)
    assert again.json() == first.json(), "a retry is still a retry"
    other = {**said, "digest": digest("other")}
    problem(
        await api.act(accord, "record_statement", "aa.contact", key="s1", **other),
        422,
        "idempotency_key_reused",
    )


async def test_what_the_law_demands_is_done_in_a_closed_accord(running: Running, tmp_path: Path) -> None:
    api = running.api
    accord = await founded(api)
    statement = await api.done(accord, "record_statement", "aa.contact", digest=digest("x"), words="A name")
    position = statement["position"]
    for party in ("aa", "bb"):
        await api.done(accord, "agree_termination", f"{party}.contact")
    await api.done(accord, "close_accord", "aa.contact")
    await api.done(accord, "erase_particulars", "operator", positions=[position], **ERASE)
    said = problem(
        await api.act(accord, "record_statement", "aa.contact", digest=digest("x")), 409, "refused"
    )
    assert said["guard"] == "accord_open"
    twice = problem(
        await api.act(accord, "erase_particulars", "operator", positions=[position], **ERASE), 409, "refused"
    )
    assert twice["guard"] == "not_erased_yet"
