"""From an act on a real server to a file that verifies: Temporal, Postgres, checkpoints, export, the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
from temporalio.client import Client

from activities.bundle.export import export_accord
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.postgres import PostgresLedger
from activities.tlog.policy import parse as parse_policy
from activities.verifier.verify import Trust, verify_bundle
from tests.activities.verifier.record import negotiated, rewritten
from tests.simulation.small import small
from tests.workflows.harness import running_engine
from workflows.model.definition import Definition


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from worker.cli.main import main; sys.argv[0] = 'entente'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


async def test_from_an_act_to_a_verified_file(
    database_url: str, temporal_client: Client, tmp_path: Path
) -> None:
    key_file = tmp_path / "log.key"
    assert run("log-key", str(key_file), ENTENTE_LOG_ORIGIN="entente.test").returncode == 0
    async with running_engine(database_url, temporal_client) as engine:
        definition = small()
        accord = await engine.open(definition)
        await engine.found(accord, Definition.model_validate(definition).digest())
        await engine.act(accord, "aa.contact", "issue_invitation", note="Welcome")
        for _ in range(2):
            await engine.failure(accord, "bb.contact", "issue_invitation")
        await engine.act(accord, "bb.contact", "accept_invitation")
        await engine.handle(accord).signal("weather", {"sunny": True})
        api = engine.signer.public_key

    environment = {
        "DATABASE_URL": database_url,
        "ENTENTE_LOG_KEY_FILE": str(key_file),
        "ENTENTE_LOG_ORIGIN": "entente.test",
        "ENTENTE_COMMAND_PUBLIC_KEYS": api,
    }
    begun = json.loads(run("policy", accord, "--json", **environment).stdout)
    policy = tmp_path / "policy"
    policy.write_text(f"log {begun['log_key']}\nquorum none\n")
    assert run("policy", accord, "--set", str(policy), **environment).returncode == 0

    bundle = tmp_path / "b"
    exported = run("export", accord, "-o", str(bundle), "--json", **environment)
    assert exported.returncode == 0, exported.stderr
    size = json.loads(exported.stdout)["size"]
    assert size > 8
    arguments = ("verify", str(bundle), "--policy", str(policy), "--command-key", api, "--json")
    verified = run(*arguments)
    assert verified.returncode == 20, verified.stdout
    statuses = {each["question"]: each["status"] for each in json.loads(verified.stdout)["findings"]}
    # No witness is named, so that nobody but the log vouches for it.
    assert statuses.pop("quorum") == "unproven"
    assert set(statuses.values()) == {"holds"}
    assert run(*arguments, "--strict").returncode == 20

    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        guard = Guard(guard_directory(key_file))
        checkpoints = Checkpoints(ledger, pool, LogKeys.load(key_file, "entente.test"), guard)
        await ledger.erase(accord, 6)
        await export_accord(bundle, checkpoints, ledger, accord, command_keys=[api])
    report = verify_bundle(bundle, Trust(parse_policy(policy.read_bytes()), (api,)))
    assert report.erased == 1
    assert report["fold"].status == "holds"
    assert report["acts"].status == "withheld"


async def test_the_command_says_what_failed(tmp_path: Path) -> None:
    record = await negotiated()
    bundle, policy, held = tmp_path / "b", tmp_path / "policy", tmp_path / "held"
    policy.write_bytes(record.policy_text)
    await record.export(bundle)
    given = ("--policy", str(policy), "--command-key", record.api.public_key)

    naive = run("verify", str(bundle))
    assert naive.returncode == 20
    assert "Unproven: record, consistency, signatures, quorum, acts, completeness, fold" in naive.stdout
    assert "holds" not in naive.stdout
    assert "final: not proved" in naive.stdout
    assert run("verify", str(bundle), "--strict").returncode == 20
    whole = run("verify", str(bundle), *given, "--strict")
    assert whole.returncode == 0
    assert "ILLUSTRATIVE" in whole.stdout

    rewritten(bundle, {"tile/0/000.p/18": lambda content: bytes(32) + content[32:]})
    altered = run("verify", str(bundle), *given)
    assert altered.returncode == 11
    assert "✗ FAILS" in altered.stdout

    bundle.write_bytes(b"PK")
    for arguments in (
        (str(bundle),),
        (str(bundle), "--json"),
        (str(tmp_path / "nowhere"),),
        (str(tmp_path),),
    ):
        refused = run("verify", *arguments)
        assert refused.returncode == (10 if str(bundle) in arguments else 1)
        assert "Traceback" not in refused.stderr
        assert refused.stderr
    # A wrong option is wrong usage, whatever the file is.
    held.write_bytes(b"nonsense")
    for option, value in (
        ("--held", str(held)),
        ("--held", str(tmp_path / "nowhere")),
        ("--policy", str(held)),
        ("--policy", str(tmp_path / "nowhere")),
        ("--command-key", "nonsense"),
    ):
        wrong = run("verify", str(bundle), option, value)
        assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False), wrong.stderr


async def test_the_command_writes_and_judges_evidence(tmp_path: Path) -> None:
    from tests.activities.verifier.attacks.test_forked_log import forked

    record = await negotiated()
    other = await forked(record)
    bundle, policy = tmp_path / "b", tmp_path / "policy"
    held, evidence = tmp_path / "held", tmp_path / "evidence.json"
    policy.write_bytes(record.policy_text)
    held.write_bytes(await record.sign(9))
    await other.export(bundle)
    found = run(
        "verify", str(bundle), "--policy", str(policy), "--held", str(held), "--evidence", str(evidence)
    )
    assert found.returncode == 12
    judged = run("verify", str(evidence), "--policy", str(policy))
    assert judged.returncode == 18
    assert "EQUIVOCATION PROVED" in judged.stdout
    assert run("verify", str(evidence)).returncode == 2

    value = json.loads(evidence.read_bytes())
    value["checkpoints"] = [value["checkpoints"][0]] * 2
    evidence.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    nothing = run("verify", str(evidence), "--policy", str(policy), "--json")
    assert nothing.returncode == 19
    assert json.loads(nothing.stdout)["proves"] == "nothing"
