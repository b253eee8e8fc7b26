"""Attacks on the record itself: by whoever carries the bundle, and by the operator who has the log's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest_asyncio

from activities.ledger.store import StoredEntry
from activities.tlog.tiles import Tile, decode_entries, encode_entries
from activities.verifier.findings import Report
from activities.verifier.held import parse_held
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.operator import resign, rewrite, with_facts
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten

BUNDLE = Tile(None, 0, 18)
PAYLOADS = "payloads/000.jsonl"


@pytest_asyncio.fixture
async def record() -> Record:
    return await negotiated()


def failed(report: Report) -> set[str]:
    """The questions whose answer is no."""
    return {finding.question for finding in report.findings.values() if finding.status == "fails"}


def on_entries(change: Any) -> Any:
    return lambda content: encode_entries(change(decode_entries(BUNDLE, content)))


async def test_an_untouched_record_stands(record: Record, tmp_path: Path) -> None:
    report = await record.verified(tmp_path / "b")
    assert failed(report) == set()
    assert report.exit_code(strict=True) == 0


# By whoever carries the file: nothing that is altered in it survives.


async def test_rewrite_in_the_file(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    rewritten(
        path,
        {BUNDLE.path(): on_entries(lambda e: [*e[:7], e[7].replace(b"aa.contact", b"bb.contact"), *e[8:]])},
    )
    report = verify_bundle(path, record.trust())
    assert "record" in failed(report)
    assert "entry 7" in report["record"].problems[0]


async def test_reorder_in_the_file(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    rewritten(path, {BUNDLE.path(): on_entries(lambda e: [*e[:4], e[5], e[4], *e[6:]])})
    report = verify_bundle(path, record.trust())
    assert {"record"} <= failed(report)
    assert report.exit_code() == 11


async def test_swapped_payload(record: Record, tmp_path: Path) -> None:
    """The facts of two entries are exchanged."""

    def swap(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[1]["facts"], lines[2]["facts"] = lines[2]["facts"], lines[1]["facts"]
        return lines

    path = rewritten(await record.export(tmp_path / "b"), {PAYLOADS: on_lines(swap)})
    report = verify_bundle(path, record.trust())
    assert "record" in failed(report)
    assert sum("facts" in problem for problem in report["record"].problems) == 2


async def test_altered_salt(record: Record, tmp_path: Path) -> None:
    def alter(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[7]["particulars"]["salt"] = "AAAAAAAAAAAAAAAAAAAAAA=="
        return lines

    path = rewritten(await record.export(tmp_path / "b"), {PAYLOADS: on_lines(alter)})
    report = verify_bundle(path, record.trust())
    assert failed(report) == {"record"}
    assert "entry 7: particulars" in report["record"].problems[0]


async def test_erasure_cannot_hide_a_forgery(record: Record, tmp_path: Path) -> None:
    """A signed command that is said to be erased, though its particulars are there, counts as missing."""

    def erase(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**line, "signed": "erased"} if line["id"] == "aa.contact/7" else line for line in lines]

    path = rewritten(await record.export(tmp_path / "b"), {"commands.jsonl": on_lines(erase)})
    assert failed(verify_bundle(path, record.trust())) == {"acts"}


async def test_a_command_left_out_of_the_file(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    rewritten(path, {"commands.jsonl": on_lines(lambda lines: [*lines[:3], *lines[4:]])})
    report = verify_bundle(path, record.trust())
    assert "completeness" in failed(report)


async def test_truncate_with_all_checkpoints(record: Record, tmp_path: Path) -> None:
    """The last entries are left out, and the checkpoints over them are not."""
    path = await record.export(tmp_path / "b", size=15)
    report = verify_bundle(path, record.trust())
    assert {"signatures", "quorum", "completeness"} <= failed(report)


async def test_truncate_to_an_older_checkpoint(record: Record, tmp_path: Path) -> None:
    """An old bundle is whole in itself: what you hold from later shows that it is old."""
    later = parse_held(record.notes[18])
    first = record.notes[1]
    record.notes = {1: first}
    path = await record.export(tmp_path / "b", size=1)
    assert failed(verify_bundle(path, record.trust())) == set()
    report = verify_bundle(path, record.trust(held=(later,)))
    assert failed(report) == {"completeness"}
    assert "you hold a checkpoint of 18 entries" in report["completeness"].problems[0]


# By the operator, who makes everything in the database fit and signs it anew with the log's own key.


async def verdict(record: Record, path: Path, kept: bytes) -> tuple[Report, Report]:
    """The verdict without, and with, a checkpoint that a party kept."""
    await resign(record)
    size = await record.size()
    await record.export(path, size=size)
    return (
        verify_bundle(path, record.trust()),
        verify_bundle(path, record.trust(held=(parse_held(kept),))),
    )


async def test_rewrite_by_the_operator(record: Record, tmp_path: Path) -> None:
    """The invitation is rewritten to have been declined: tree, receipts and the log's signature all fit."""

    def decline(entries: list[StoredEntry]) -> list[StoredEntry]:
        def change(facts: dict[str, Any]) -> None:
            facts["event"]["answer"] = "declined"
            facts["act"] = {"name": "decline_invitation", "fields": {}}

        entries[8] = with_facts(entries[8], change)
        return entries

    kept = record.notes[18]
    rewrite(record, decline)
    alone, held = await verdict(record, tmp_path / "b", kept)
    # The witnesses did not follow; the act is not the one signed; and what follows does not follow from it.
    assert {"quorum", "acts", "fold"} <= failed(alone)
    assert "record" not in failed(alone)
    assert "signatures" not in failed(alone)
    assert "consistency" in failed(held)
    assert held.evidence is not None


async def test_insert_by_the_operator(record: Record, tmp_path: Path) -> None:
    """An entry is inserted that nobody asked for: the host's act a second time."""
    kept = record.notes[18]
    rewrite(record, lambda entries: [*entries[:8], entries[7], *entries[8:]])
    alone, held = await verdict(record, tmp_path / "b", kept)
    assert {"quorum", "completeness", "fold"} <= failed(alone)
    assert "consistency" in failed(held)


async def test_reorder_by_the_operator(record: Record, tmp_path: Path) -> None:
    """The refusal is moved behind the act that it was refused before."""
    kept = record.notes[18]
    rewrite(record, lambda entries: [*entries[:6], entries[7], entries[6], *entries[8:]])
    alone, held = await verdict(record, tmp_path / "b", kept)
    assert {"quorum", "fold"} <= failed(alone)
    assert "consistency" in failed(held)


async def test_taking_out_a_refusal_leaves_the_rules_whole_and_the_witnesses_not(
    record: Record, tmp_path: Path
) -> None:
    """A refusal changes no state: without it the record obeys all rules. Only what others hold tells."""
    kept = record.notes[18]

    def without(entries: list[StoredEntry]) -> list[StoredEntry]:
        return [*entries[:6], *entries[7:]]

    rewrite(record, without)
    alone, held = await verdict(record, tmp_path / "b", kept)
    assert {"quorum"} <= failed(alone)
    assert "acts" not in failed(alone)
    assert failed(held) >= {"quorum", "completeness"}


async def test_truncate_by_the_operator(record: Record, tmp_path: Path) -> None:
    kept = record.notes[18]
    rewrite(record, lambda entries: entries[:13])
    alone, held = await verdict(record, tmp_path / "b", kept)
    assert failed(alone) == {"quorum"}
    assert failed(held) == {"quorum", "completeness"}
