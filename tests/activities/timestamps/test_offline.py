"""From an act on real servers to outside times that verify offline: by our command, and by openssl's."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.serialization import Encoding
from temporalio.client import Client

from activities.bundle.export import export_accord
from activities.bundle.format import Bundle
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.postgres import PostgresLedger
from activities.witness.witness import Witness
from tests.activities.bundle.test_export import run
from tests.activities.timestamps.authority import known_authority, stamping_service
from tests.activities.witness.serving import served
from tests.simulation.small import small
from tests.workflows.harness import running_engine
from worker.background.finality import collecting_cosignatures
from worker.background.stamping import stamping
from worker.doctor.timestamps import timestamps
from worker.stack.ports import any_free
from workflows.model.definition import Definition


async def test_tokens_are_gathered_by_the_worker_and_verified_with_the_network_off(
    database_url: str, temporal_client: Client, tmp_path: Path
) -> None:
    authority = known_authority()
    key_file, roots, bundle, policy = (tmp_path / name for name in ("log.key", "roots.pem", "b", "policy"))
    roots.write_bytes(authority.pem)
    LogKeys.create(key_file, "entente.test")
    witness, port = Witness.create(tmp_path / "w", "w.test/1"), any_free()
    async with (
        running_engine(database_url, temporal_client) as engine,
        stamping_service(authority.answer) as service,
        asyncpg.create_pool(database_url, min_size=1, max_size=3) as pool,
        served(witness, port),
    ):
        settings = engine.settings.model_copy(
            update={
                "log_key_file": key_file,
                "log_origin": "entente.test",
                "witness_networks": ("127.0.0.0/8",),
                "tsa": (service.url, f"http://127.0.0.1:{any_free()}"),
                "tsa_networks": ("127.0.0.0/8",),
                "tsa_certificates": roots,
            }
        )
        keys = LogKeys.load(key_file, "entente.test")
        ledger = PostgresLedger(pool)
        checkpoints = Checkpoints(ledger, pool, keys, Guard(guard_directory(key_file)))
        definition = small()
        accord = await engine.open(definition)
        log = checkpoints.keys.verifiers(accord)[0].encoded()
        witness.add_log(log)
        line = f"witness W {witness.verifier.encoded()} http://127.0.0.1:{port}"
        policy.write_text(f"log {log}\n{line}\nquorum W\n")
        await checkpoints.set_policy(accord, policy.read_bytes())
        async with collecting_cosignatures(settings), stamping(settings, 0.1):
            receipt = await engine.found(accord, Definition.model_validate(definition).digest())
            head = await ledger.head(accord)
            assert head is not None
            for _ in range(600):
                found = await checkpoints.timestamps.latest(accord, 1)
                if found and found[0].size == head.size:
                    break
                await asyncio.sleep(0.05)
        assert [one.size for one in found] == [head.size], receipt
        said = [(one.check, one.level) async for one in timestamps(settings)]
        size = await export_accord(
            bundle, checkpoints, ledger, accord, command_keys=[engine.signer.public_key]
        )
        api = engine.signer.public_key
    # The authority that is down is the doctor's to tell, and held up nothing.
    down = f"authority {settings.tsa[1]}"
    assert said == [
        (f"authority {service.url}", "ok"),
        (f"clock of {service.url}", "ok"),
        (down, "warning"),
    ]

    # Servers are gone from here on.
    known = ("--policy", str(policy), "--command-key", api)
    verified = run("verify", str(bundle), *known, "--tsa-certificate", str(roots), "--json")
    report = json.loads(verified.stdout)
    assert (verified.returncode, report["exit_code"]) == (0, 0), verified.stdout
    assert {one["question"]: one["status"] for one in report["findings"]}["timestamps"] == "holds"
    outside = report["time"]["outside"]
    assert (outside[0]["first"], outside[-1]["last"]) == (0, size - 1)
    assert {one["kind"] for one in outside} <= {"authority", "witness"}
    without = await asyncio.to_thread(run, "verify", str(bundle), *known)
    assert without.returncode == 0
    assert "you gave no certificate of an authority" in without.stdout
    assert "Not asked, and of no weight: timestamps" in without.stdout
    assert "by the witness w.test/1" in without.stdout
    # What stands between root and signer may be in a file of its own; alone it leads nowhere.
    (tmp_path / "between.der").write_bytes(authority.between.public_bytes(Encoding.DER))
    between = ("--tsa-certificate", str(tmp_path / "between.der"))
    both = await asyncio.to_thread(
        run, "verify", str(bundle), *known, *between, "--tsa-certificate", str(roots)
    )
    assert both.returncode == 0, both.stdout
    alone = await asyncio.to_thread(run, "verify", str(bundle), *known, *between)
    assert alone.returncode == 2
    assert "issued by CN=Illustrative root" in " ".join(alone.stderr.replace("│", " ").split())

    with Bundle(bundle) as opened:
        token = list(opened.timestamps())[-1]
        text = list(opened.checkpoints())[-1].partition(b"\n\n")[0] + b"\n"
    (tmp_path / "token").write_bytes(token.token)
    (tmp_path / "text").write_bytes(text)
    command = [
        "openssl",
        "ts",
        "-verify",
        "-token_in",
        "-in",
        "token",
        "-data",
        "text",
        "-CAfile",
        "roots.pem",
    ]
    try:
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return
    assert "Verification: OK" in checked.stdout + checked.stderr, checked
