"""Attacks by whoever has the log's key: two histories, forged agreement, old receipts, a stolen key."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from activities.errors import LedgerError, Malformed, ProofInvalid, SignatureInvalid
from activities.tlog import proofs
from activities.tlog.checkpoint import open_checkpoint
from activities.tlog.merkle import inclusion_proof
from activities.tlog.note import Ed25519Signer, Signature
from activities.tlog.note import parse as parse_note
from activities.verifier.evidence import Evidence
from activities.verifier.evidence import parse as parse_evidence
from activities.verifier.held import parse_held
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.operator import resign, rewrite
from tests.activities.verifier.attacks.test_altered_record import failed
from tests.activities.verifier.record import ORIGIN, Record, negotiated, on_lines, rewritten
from worker.cli.main import make_app


@pytest_asyncio.fixture
async def record() -> Record:
    return await negotiated()


async def forked(record: Record, *, more: int = 1) -> Record:
    """The history as it would have gone on otherwise after entry 7, under the same keys."""
    other = Record(api=record.api, log=record.log, time=record.time)
    other.witnesses = record.witnesses
    other.ledger = deepcopy(record.ledger)
    rewrite(other, lambda entries: entries[:8])
    other.state = None
    from workflows.model.fold import evolve

    for entry in await other.ledger.entries(record.accord):
        other.state = evolve(other.state, entry.recorded())
    other._keys = iter(range(100, 1000))
    await other.act("bb.contact", "decline_invitation", note="With regret")
    for _ in range(more - 1):
        await other.act("aa.contact", "acknowledge_invitation")
    await resign(other)
    return other


async def test_split_view_is_proved_by_two_checkpoints(record: Record, tmp_path: Path) -> None:
    """Two parties are shown two histories, each by the rules. Comparing checkpoints proves it to anybody."""
    other = await forked(record)
    path = await other.export(tmp_path / "b")
    alone = verify_bundle(path, record.trust())
    assert failed(alone) == {"quorum"}

    kept = await record.sign(await other.size())
    report = verify_bundle(path, record.trust(held=(parse_held(kept),)))
    assert failed(report) == {"quorum", "consistency"}
    assert report.evidence is not None
    evidence = parse_evidence(report.evidence)
    assert evidence.root is None
    assert f"two different records of {report.size} entries" in evidence.judge(record.policy.logs)


async def test_split_view_of_different_lengths_is_proved_too(record: Record, tmp_path: Path) -> None:
    other = await forked(record, more=3)
    path = await other.export(tmp_path / "b")
    for held in (9, 10, 11):
        kept = await record.sign(held)
        report = verify_bundle(path, record.trust(held=(parse_held(kept),)))
        assert "consistency" in failed(report)
        assert report.evidence is not None
        assert f"whose first {held} are not" in parse_evidence(report.evidence).judge(record.policy.logs)


async def test_evidence_cannot_be_made_up(record: Record) -> None:
    """From honest checkpoints no evidence can be made, nor from ones that the log did not sign."""
    honest = (await record.sign(9), await record.sign(12))
    nodes = record.ledger._accords["visit"].nodes
    from activities.tlog.merkle import consistency_proof, root_at

    def lookup(level: int, index: int) -> bytes:
        return nodes[level, index]

    proof = consistency_proof(9, 12, lookup)
    for made_up in (
        Evidence((honest[0], honest[0])),
        Evidence(honest),
        Evidence(honest, root_at(9, lookup), proof),
        Evidence(honest, b"\7" * 32, proof),
        Evidence((honest[1], honest[0]), root_at(9, lookup), proof),
    ):
        with pytest.raises(ProofInvalid):
            parse_evidence(made_up.encoded()).judge(record.policy.logs)
    stranger = Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate())
    forged = await (await forked(record)).sign(9, log=stranger, witnesses=0)
    with pytest.raises(SignatureInvalid):
        Evidence((honest[0], forged)).judge(record.policy.logs)


async def test_forged_cosignature(record: Record, tmp_path: Path) -> None:
    """The operator puts a witness's name below a checkpoint that it never saw."""
    other = await forked(record)
    size = await other.size()
    cosigned = parse_note(record.notes[18]).signatures[1]
    note = parse_note(other.notes[size])
    for signature in (cosigned, Signature(cosigned.name, cosigned.key_id, bytes(72))):
        other.notes[size] = note.with_signatures([signature]).encoded()
        report = verify_bundle(await other.export(tmp_path / "b"), record.trust())
        assert failed(report) == {"signatures", "quorum"}
        assert "witness.aa.test" in report["signatures"].problems[0]


async def test_a_witness_of_the_operators_own_is_not_the_parties(record: Record, tmp_path: Path) -> None:
    """The operator brings a policy along with witnesses of its own: it counts as nothing but what it is."""
    other = await forked(record)
    other.witnesses = Record().witnesses
    other.notes.clear()
    await other.sign()
    path = await other.export(tmp_path / "b")
    assert verify_bundle(path)["quorum"].status == "unproven"
    assert failed(verify_bundle(path, record.trust())) == {"quorum"}


async def test_replayed_receipt(record: Record) -> None:
    """A receipt of one entry is handed out for another, or with another index, or out of another log."""
    entries = await record.ledger.entries("visit")
    nodes = record.ledger._accords["visit"].nodes
    proof = proofs.TlogProof(
        7, inclusion_proof(7, 18, lambda level, index: nodes[level, index]), record.notes[18]
    )
    proof.verify(entries[7].leaf, record.policy.open)
    with pytest.raises(ProofInvalid):
        proof.verify(entries[8].leaf, record.policy.open)
    with pytest.raises(ProofInvalid):
        proofs.TlogProof(8, proof.hashes, proof.checkpoint).verify(entries[7].leaf, record.policy.open)
    elsewhere = Ed25519Signer("entente.test/accords/other", record.log.private)
    with pytest.raises(SignatureInvalid):
        proof.verify(entries[7].leaf, lambda note: open_checkpoint(note, [elsewhere.verifier]))


async def test_stolen_log_key(record: Record, tmp_path: Path) -> None:
    """A thief signs a history of its own: without the API's and the witnesses' keys it convinces nobody."""
    thief = Record(log=record.log)
    thief = await negotiated(thief)
    report = verify_bundle(await thief.export(tmp_path / "b"), record.trust())
    assert failed(report) == {"quorum", "acts"}
    assert report.exit_code() == 14


async def test_a_bundle_with_keys_of_its_own(record: Record, tmp_path: Path) -> None:
    """Whoever makes everything up, keys included, is found out by the first key that a party knows."""
    other = await negotiated()
    path = await other.export(tmp_path / "b")
    naive = verify_bundle(path)
    assert failed(naive) == set()
    assert {each.status for each in naive.findings.values()} == {"unproven"}
    assert (naive.exit_code(), naive.exit_code(strict=True), naive.final_size) == (20, 20, None)
    assert {"signatures", "quorum", "acts"} <= failed(verify_bundle(path, record.trust()))


@pytest.mark.parametrize("member", ["accord", "origin", "state"])
async def test_a_manifest_that_claims_something_else(record: Record, tmp_path: Path, member: str) -> None:
    path = await record.export(tmp_path / "b")

    def change(content: bytes) -> bytes:
        value = json.loads(content)
        value[member] = "sha256:" + "1" * 64 if member == "state" else "another"
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    report = verify_bundle(rewritten(path, {"manifest.json": change}), record.trust())
    assert failed(report) >= {{"accord": "record", "origin": "consistency", "state": "fold"}[member]}


async def test_notes_that_are_none(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")

    def garble(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"note": line["note"].replace("—", "-")} for line in lines]

    with pytest.raises(Malformed):
        verify_bundle(rewritten(path, {"checkpoints.jsonl": on_lines(garble)}), record.trust())
    with pytest.raises(LedgerError):
        parse_held(b"\n\n")


async def test_evidence_that_cannot_be_written_hides_nothing(record: Record, tmp_path: Path) -> None:
    """The exit code is that of the finding, and what was found is said."""
    other = await forked(record)
    path = await other.export(tmp_path / "b")
    (tmp_path / "kept").write_bytes(await record.sign(await other.size()))
    (tmp_path / "policy").write_bytes(record.policy_text)
    asked = ["verify", str(path), "--policy", str(tmp_path / "policy"), "--held", str(tmp_path / "kept")]
    asked += ["--command-key", record.api.public_key]
    for place in (tmp_path, tmp_path / "nowhere" / "evidence"):
        done = CliRunner().invoke(make_app(), [*asked, "--evidence", str(place)])
        assert done.exit_code == 12, done.output
        assert "two histories were shown" in done.output
        assert "could not be written" in done.output
    done = CliRunner().invoke(make_app(), [*asked, "--evidence", str(tmp_path / "evidence")])
    assert done.exit_code == 12
    judged = CliRunner().invoke(
        make_app(), ["verify", str(tmp_path / "evidence"), "--policy", str(tmp_path / "policy")]
    )
    assert judged.exit_code == 18, judged.output
