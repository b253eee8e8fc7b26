"""What an operator and a party's witness type when the log's key is rotated, and when something is erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.checkpoints.logkeys import LogKeys
from activities.identity.signing import CommandSigner
from tests.simulation.small import bare, digest
from tests.worker.cli.conftest import Done, Served, entente, write
from workflows.model.definition import Definition


@pytest.mark.timeout(480)
async def test_a_rotation_an_erasure_and_a_witness_that_follows(
    served: Served, database_url: str, temporal_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.key"
    LogKeys.create(file, "entente.test")
    key = await served.api.token("operator", "operator")
    here = {
        "ENTENTE_SERVER": served.url,
        "ENTENTE_KEY": key,
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_address,
        "ENTENTE_LOG_KEY_FILE": str(file),
        "ENTENTE_FILES_URL": str(tmp_path / "files"),
        "ENTENTE_LOG_ORIGIN": "entente.test",
        "ENTENTE_COMMAND_PUBLIC_KEYS": CommandSigner.load(tmp_path / "command.pem").public_key,
    }

    async def run(*words: str) -> Done:
        return await entente(*words, **here)

    started = await served.run("aa.contact", "start", write(tmp_path, bare()), "--json")
    accord = started.json["receipt"]["accord"]
    named = Definition.model_validate(bare()).digest()
    for by in ("aa.contact", "bb.contact"):
        assert (await served.run(by, "act", accord, "adopt-definition", "--digest", named)).code == 0
    old = (await run("policy", accord, "--json")).json["log_key"]
    watch = str(tmp_path / "w")
    assert (await entente("witness", watch, "--init", "witness.test/w1")).code == 0
    assert (await entente("witness", watch, "--add-log", old)).code == 0
    assert (await run("export", accord, "-o", str(tmp_path / "first"))).code == 0

    too_early = await run("rotation", "begin", accord)
    assert too_early.code != 0
    assert "log-key FILE --another" in too_early.err
    assert "Begin a rotation" in (await run("rotation", "end", accord)).err
    assert (await run("log-key", str(file), "--another")).code == 0
    begun = await run("rotation", "begin", accord, "--json")
    assert begun.code == 0, begun.err
    assert len(begun.json["log_keys"]) == 2
    ended = await run("rotation", "end", accord, "--json")
    assert ended.code == 0, ended.err
    [new] = ended.json["log_keys"]
    assert new != old

    bundle = str(tmp_path / "visit.bundle")
    assert (await run("export", accord, "-o", bundle)).code == 0
    verified = await entente("verify", bundle, "--json")
    # Nothing is wrong with it, and without keys that the reader brought nothing is proven.
    assert (verified.code, verified.json["log_keys"]) == (20, [new])
    without = await entente("witness", watch, "--follow", bundle)
    assert (without.code, "--command-key" in without.err) == (2, True)
    api = ("--command-key", here["ENTENTE_COMMAND_PUBLIC_KEYS"])
    followed = await entente("witness", watch, "--follow", bundle, *api)
    assert followed.out == f"watches {new}\n", followed.err
    for absent in (tmp_path / "absent", tmp_path):
        missing = await entente("witness", watch, "--follow", str(absent), *api)
        assert (missing.code, f"{absent} cannot be read" in missing.err) == (2, True), missing.err
    stale = await entente("witness", watch, "--follow", str(tmp_path / "first"), *api)
    assert stale.code != 0
    assert "does not lead to another key" in stale.err
    assert (await entente("witness", watch, "--drop-log", old)).out == "did not watch by that key\n"

    said = await served.run(
        "aa.contact",
        "act",
        accord,
        "record-statement",
        "--digest",
        digest("x"),
        "--words",
        "A name",
        "--json",
    )
    assert said.code == 0, said.err
    position = str(said.json["receipt"]["position"])
    assert (await run("erase", accord)).code == 2
    why = ("--ground", "Article 17", "--ordered-by", "Court")
    erased = await run("erase", accord, "--position", position, *why, "--json")
    assert (erased.code, erased.json["deleted"]) == (0, [int(position)]), erased.err
    # The run in which it was said has been continued, and is deleted.
    assert (erased.json["finished"], erased.json["runs_deleted"]) == (True, 1)
    assert (await run("erase", accord, "--finish", "--json")).json["deleted"] == []
    twice = await run("erase", accord, "--position", position, *why)
    assert (twice.code, "it is on record already" in twice.out + twice.err) == (5, True)
    sent = await served.run("aa.contact", "file", "put", accord, str(file))
    content = await run("erase", accord, "--file", sent.out.strip(), *why, "--json")
    assert content.json["contents"] == [sent.out.strip()], sent.err + content.err
    again = await served.run("aa.contact", "file", "put", accord, str(file))
    assert (again.code, "was erased" in again.err) == (1, True)
    refused = await served.run("aa.contact", "erase", accord, "--position", "1", *why)
    assert refused.code == 5
    last = await run("export", accord, "-o", bundle)
    assert last.code == 0
    final = await entente("verify", bundle, "--json")
    assert (final.code, final.json["erased"]) == (20, 1)
