"""Attacks by whoever carries the bundle, or makes it up, on what no signature of the log covers."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.errors import Malformed, SignatureInvalid
from activities.tlog import proofs
from activities.tlog.merkle import inclusion_proof
from activities.tlog.note import decode_base64
from activities.tlog.policy import parse as parse_policy
from activities.verifier.evidence import parse as parse_evidence
from activities.verifier.held import parse_held
from activities.verifier.unsigned import salted_digest
from activities.verifier.verify import verify_bundle
from tests.activities.checkpoints.changing import Changed, Rotated
from tests.activities.verifier.attacks.operator import resign, rewrite
from tests.activities.verifier.attacks.test_altered_record import failed
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from workflows.model.canonical import canonical, digest_of

COMMANDS = "commands.jsonl"
Lines = list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    return await negotiated()


async def verdict(record: Record, path: Path, change: Callable[[Lines], Lines]) -> set[str]:
    rewritten(await record.export(path), {COMMANDS: on_lines(change)})
    report = verify_bundle(path, record.trust())
    assert report.exit_code() != 0
    return failed(report)


def repeated(lines: Lines) -> int:
    """Where the command without entries stands."""
    return next(at for at, line in enumerate(lines) if not line["receipt"]["events"])


# Lines that nothing on the record bears out.


async def test_an_invented_line_without_events(record: Record, tmp_path: Path) -> None:
    """A refusal that was never given is put beside the record, under an id of its own."""

    def invent(lines: Lines) -> Lines:
        at = repeated(lines)
        made = deepcopy(lines[at])
        made["id"] = made["receipt"]["command"] = "bb.contact/invented"
        return [*lines[: at + 1], made, *lines[at + 1 :]]

    assert await verdict(record, tmp_path / "b", invent) == {"acts"}


async def test_an_invented_line_that_says_it_is_unsigned(record: Record, tmp_path: Path) -> None:
    def invent(lines: Lines) -> Lines:
        at = repeated(lines)
        made = deepcopy(lines[at])
        made["id"] = made["receipt"]["command"] = "unattributed/" + "0" * 32
        return [*lines[: at + 1], made, *lines[at + 1 :]]

    assert "acts" in await verdict(record, tmp_path / "b", invent)


async def test_a_repeat_that_points_at_no_refusal(record: Record, tmp_path: Path) -> None:
    def point(lines: Lines) -> Lines:
        receipt = lines[repeated(lines)]["receipt"]
        receipt["first_position"] = receipt["position"] = 0
        return lines

    assert "completeness" in await verdict(record, tmp_path / "b", point)


CHANGES: dict[str, Any] = {
    "accord": "another",
    "act": "another",
    "status": "refused",
    "time": "2031-01-01T00:00:00Z",
    "version": 3,
    "stage": "signing",
    "first_position": 2,
    "leaf": "0" * 64,
    "root": "0" * 64,
    "size": 9,
    "events": ["accord_opened"],
    "refusal": {"guard": "made_up", "reason": "made up", "remedy": "made up", "unmet": []},
}


@pytest.mark.parametrize("member", sorted(CHANGES))
async def test_a_receipt_that_was_rewritten(record: Record, tmp_path: Path, member: str) -> None:
    """The line of the fifth command: each of its receipt's members is held against the record."""

    def change(lines: Lines) -> Lines:
        lines[4]["receipt"][member] = CHANGES[member]
        return lines

    assert await verdict(record, tmp_path / "b", change) <= {"acts", "completeness", "fold"}


@pytest.mark.parametrize("member", sorted(set(CHANGES) - {"status", "time", "events", "refusal"}))
async def test_a_repeats_receipt_that_was_rewritten(record: Record, tmp_path: Path, member: str) -> None:
    def change(lines: Lines) -> Lines:
        lines[repeated(lines)]["receipt"][member] = CHANGES[member]
        return lines

    assert await verdict(record, tmp_path / "b", change) <= {"acts", "completeness", "fold"}


async def test_other_words_to_a_repeated_refusal_are_said_to_be_bound_to_nothing(
    record: Record, tmp_path: Path
) -> None:
    def change(lines: Lines) -> Lines:
        lines[repeated(lines)]["receipt"]["refusal"]["reason"] = "Because we say so"
        return lines

    path = rewritten(await record.export(tmp_path / "b"), {COMMANDS: on_lines(change)})
    report = verify_bundle(path, record.trust())
    assert report["completeness"].notes == [
        "what some callers were told of repeated refusals is bound to nothing"
    ]


@pytest.mark.parametrize("by", ["clock", "unattributed"])
async def test_an_unsigned_command_that_was_rewritten(record: Record, tmp_path: Path, by: str) -> None:
    """Nobody signed it; what it says is bound by its id, and its fingerprint made anew does not help."""

    def change(lines: Lines) -> Lines:
        line = next(line for line in lines if line["id"].startswith(by + "/"))
        said = json.loads(line["signed"])
        said["fields"] = {**said["fields"], "saw": "what nobody saw"}
        kept = {key: value for key, value in said.items() if key not in ("key_id", "signature")}
        line["fingerprint"] = salted_digest(digest_of(kept), decode_base64(line["salt"], "a salt"))
        line["signed"] = canonical(said).decode()
        return lines

    assert await verdict(record, tmp_path / "b", change) == {"acts"}


# Policies that nobody whom the reader knows agreed to.


async def test_a_known_policy_of_no_quorum_believes_no_later_one(tmp_path: Path) -> None:
    """Anybody satisfies it: it cannot vouch for the witnesses that a forged change names."""
    changed = Changed(await negotiated())
    await changed.change()
    await changed.sign(*changed.new)
    nobody = parse_policy(f"log {changed.record.log.verifier.encoded()}\nquorum none\n".encode())
    report = await changed.verified(tmp_path / "b", nobody)
    assert (report["quorum"].status, report.final_size, report.exit_code()) == ("unproven", None, 20)


@pytest.mark.parametrize("to", ["none", "own"])
async def test_a_forged_change_of_policy_makes_nothing_final(tmp_path: Path, to: str) -> None:
    """Exit code 14 stays: the quorum that the reader knows has not cosigned."""
    changed = Changed(await negotiated())
    if to == "none":
        changed.text = "quorum none\n"
    await changed.change()
    await changed.sign(*(changed.new if to == "own" else ()))
    report = await changed.verified(tmp_path / "b")
    assert (failed(report), report.exit_code()) == ({"quorum"}, 14)


async def test_another_policy_beside_the_record(tmp_path: Path) -> None:
    changed = Changed(await negotiated())
    await changed.change()
    await changed.sign(*changed.old, *changed.new)
    path = await changed.record.export(tmp_path / "b", policy=changed.record.policy_text)
    report = verify_bundle(path, changed.record.trust())
    assert failed(report) == {"quorum"}
    assert "not the one that the record names" in report["quorum"].problems[0]


# Without roots that the reader brought, nothing is sound.


async def test_a_forged_bundle_is_unproven_without_options(tmp_path: Path) -> None:
    report = verify_bundle(await (await negotiated()).export(tmp_path / "b"))
    assert {finding.status for finding in report.findings.values()} == {"unproven"}
    assert (report.exit_code(), report.final_size) == (20, None)


@pytest.mark.parametrize("missing", ["policy", "command_keys"])
async def test_each_missing_root_leaves_something_unproven(
    record: Record, tmp_path: Path, missing: str
) -> None:
    path = await record.export(tmp_path / "b")
    report = verify_bundle(path, replace(record.trust(), **{missing: None if missing == "policy" else ()}))
    assert (failed(report), report.exit_code()) == (set(), 20)


# What was kept from before.


async def test_a_kept_receipt_of_an_entry_that_is_another_now(tmp_path: Path) -> None:
    """The checkpoint alone would do, where the tree is as large; index and hashes say which entry was promised."""
    record = await negotiated()
    nodes = record.ledger._accords["visit"].nodes
    proof = inclusion_proof(7, 18, lambda level, index: nodes[level, index])
    receipt = proofs.TlogProof(7, proof, record.notes[18])
    path = await record.export(tmp_path / "b")
    assert failed(verify_bundle(path, record.trust(held=(parse_held(receipt.encoded()),)))) == set()
    for wrong in (replace(receipt, index=8), replace(receipt, hashes=(b"\0" * 32, *proof[1:]))):
        report = verify_bundle(path, record.trust(held=(parse_held(wrong.encoded()),)))
        assert failed(report) == {"consistency"}
        assert "is not of the entry" in report["consistency"].problems[0]


async def test_a_kept_receipt_from_beyond_an_old_copy_names_the_entry_that_was_changed(
    record: Record, tmp_path: Path
) -> None:
    nodes = record.ledger._accords["visit"].nodes
    proof = inclusion_proof(0, 18, lambda level, index: nodes[level, index])
    old = replace_notes(record, 1)
    path = await old.export(tmp_path / "b", size=1)
    for hashes, expected in ((proof, {"completeness"}), (proof[::-1], {"completeness", "consistency"})):
        held = parse_held(proofs.TlogProof(0, hashes, record.notes[18]).encoded())
        assert failed(verify_bundle(path, record.trust(held=(held,)))) == expected


def replace_notes(record: Record, size: int) -> Record:
    old = Record(api=record.api, log=record.log, ledger=record.ledger)
    old.witnesses = record.witnesses
    old.notes = {size: record.notes[size]}
    return old


async def test_evidence_of_a_fork_across_a_rotation_is_judged(tmp_path: Path) -> None:
    """The checkpoint that was kept has the old key's signature, the fork's the new one's: the record leads across."""
    rotated = Rotated(await negotiated())
    await rotated.statement()
    kept = await rotated.record.sign()
    base = max(rotated.record.notes)
    rewrite(rotated.record, lambda entries: entries[:-1])
    rotated.record.notes = {size: note for size, note in rotated.record.notes.items() if size < base}
    await rotated.rotate()
    await rotated.both()
    await rotated.retire()
    await rotated.statement()
    await rotated.record.sign(log=rotated.new)
    for known in (rotated.old, rotated.new):
        report = await rotated.verified(tmp_path / "b", known, held=(parse_held(kept),))
        assert "consistency" in failed(report)
        assert report.evidence is not None
        proved = parse_evidence(report.evidence).judge([known.verifier])
        assert f"whose first {base} are not" in proved
        without = replace(parse_evidence(report.evidence), rotations=())
        with pytest.raises(SignatureInvalid):
            without.judge([known.verifier])


async def test_a_rotation_in_evidence_that_no_known_key_vouches_for(record: Record, tmp_path: Path) -> None:
    """Whoever makes up a rotation to a key of its own cannot accuse the log with it."""
    forged = Rotated(await negotiated(Record(api=record.api)))
    await forged.statement()
    kept = await forged.record.sign()
    base = max(forged.record.notes)
    rewrite(forged.record, lambda entries: entries[:-1])
    forged.record.notes = {size: note for size, note in forged.record.notes.items() if size < base}
    await forged.rotate()
    await forged.both()
    report = await forged.verified(tmp_path / "b", forged.old, held=(parse_held(kept),))
    assert report.evidence is not None
    made_up = parse_evidence(report.evidence)
    assert made_up.judge([forged.old.verifier])
    # The first note is replaced by an honest one, as if the known key had come from the forged rotation.
    accused = replace(made_up, notes=(record.notes[18], made_up.notes[1]))
    with pytest.raises(SignatureInvalid):
        accused.judge([record.log.verifier])


# The file itself: two readers must never see two things.


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **more: Any) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, each in content.items():
            archive.writestr(name, each)
        if more.get("comment"):
            archive.comment = more["comment"]
    return made.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
async def test_other_compressions(record: Record, tmp_path: Path, method: int) -> None:
    path = await record.export(tmp_path / "b")
    path.write_bytes(packed(members(path), method))
    with pytest.raises(Malformed, match=r"neither stored nor deflated|other flags"):
        verify_bundle(path, record.trust())


async def test_bytes_before_between_and_after(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    whole = path.read_bytes()
    second = whole.index(b"PK\3\4", 4)
    directory = struct.unpack_from("<L", whole, len(whole) - 6)[0]
    for changed in (
        b"#!/bin/sh\n" + whole,
        whole + b"\0",
        whole[:second] + b"x" + whole[second:],
        whole[:directory] + b"x" + whole[directory:],
        packed(members(path), comment=b"read this first"),
    ):
        path.write_bytes(changed)
        with pytest.raises(Malformed):
            verify_bundle(path, record.trust())


JSON_TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "a member twice": lambda line: line.replace(b'{"fingerprint"', b'{"id":"x","fingerprint"', 1),
    "a float": lambda line: line.replace(b'"size":1,', b'"size":1.0,', 1),
    "a BOM": lambda line: b"\xef\xbb\xbf" + line,
    "a space": lambda line: b" " + line,
    "a number as text": lambda line: line.replace(b'"size":1,', b'"size":"1",', 1),
    "an escape": lambda line: line.replace(b'"aa.contact/', b'"\\u0061a.contact/', 1),
}


@pytest.mark.parametrize("trick", sorted(JSON_TRICKS))
async def test_json_that_reads_two_ways(record: Record, tmp_path: Path, trick: str) -> None:
    path = await record.export(tmp_path / "b")
    before = members(path)[COMMANDS]
    assert JSON_TRICKS[trick](before) != before
    rewritten(path, {COMMANDS: JSON_TRICKS[trick]})
    with pytest.raises(Malformed):
        verify_bundle(path, record.trust())


async def test_another_format_text(record: Record, tmp_path: Path) -> None:
    """A text that tells the reader's own programmer to believe less is no part of the record."""
    path = await record.export(tmp_path / "b")
    rewritten(path, {"FORMAT.md": lambda text: text.replace(b"has to", b"need not", 1)})
    report = verify_bundle(path, record.trust())
    assert failed(report) == {"record"}


# What is lawful is not called unsound.


async def test_a_partys_own_bundle_is_not_unsound(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b", audience="facts")
    report = verify_bundle(path, record.trust())
    assert (report.exit_code(), report.exit_code(strict=True)) == (0, 21)


async def test_an_observers_bundle_proves_record_and_quorum_across_a_rotation(tmp_path: Path) -> None:
    """Without payloads but those that say which keys and witnesses count, which are nobody's secret."""
    rotated = Rotated(await negotiated())
    await rotated.rotate()
    await rotated.both()
    keys = [key.verifier.encoded() for key in (rotated.old, rotated.new)]
    path = await rotated.record.export(tmp_path / "b", log_keys=keys, audience="none")
    report = verify_bundle(path, rotated.record.trust())
    held = {name for name, finding in report.findings.items() if finding.status == "holds"}
    assert held == {"record", "consistency", "signatures", "quorum"}
    assert (report.exit_code(), report.final_size) == (0, report.size)


async def test_an_erasure_that_is_on_record_is_not_unsound(tmp_path: Path) -> None:
    record = await negotiated()
    why = {"ground": "Article 17", "ordered_by": "Court"}
    await record.act("installation", "erase_particulars", positions=[7], **why)
    assert await record.ledger.erase("visit", 7)
    await resign(record, witnesses=2)
    report = verify_bundle(await record.export(tmp_path / "b"), record.trust())
    assert (failed(report), report.exit_code(), report.exit_code(strict=True)) == (set(), 0, 21)
