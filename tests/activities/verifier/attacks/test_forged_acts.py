"""Attacks on what an entry says was done: acts that nobody asked for, and rules that are read otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.identity.signing import CommandSigner
from activities.ledger.store import StoredEntry
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.operator import (
    forge_signature,
    resign,
    rewrite,
    with_content,
    with_facts,
)
from tests.activities.verifier.attacks.test_altered_record import failed
from tests.activities.verifier.record import Record, negotiated
from workflows.model import upcasting
from workflows.model.commands import Actor
from workflows.tracks.invitation import InvitationIssued


@pytest_asyncio.fixture
async def record() -> Record:
    return await negotiated()


async def exported(record: Record, path: Path) -> Path:
    """After the operator's changes, signed anew, and by the witnesses too: only the content can tell."""
    await resign(record, witnesses=2)
    return await record.export(path)


async def test_an_act_that_the_api_did_not_sign(record: Record, tmp_path: Path) -> None:
    """A key that is not the API's signs a consent that was never given; rules and tree are all in order."""
    record.api, real = CommandSigner(Ed25519PrivateKey.generate()), record.api
    await record.act(
        "aa.contact", "record_statement", digest="sha256:" + "2" * 64, words="We agree to everything"
    )
    record.api = real
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert failed(report) == {"acts"}
    assert "no known key made the signature" in report["acts"].problems[0]


async def test_an_act_that_the_api_did_not_sign_and_that_was_then_erased(
    record: Record, tmp_path: Path
) -> None:
    """With an act's free text its signature goes: that it was asked for rests on who erased, which is said."""
    record.api, real = CommandSigner(Ed25519PrivateKey.generate()), record.api
    await record.act("aa.contact", "record_statement", digest="sha256:" + "2" * 64, words="We agree")
    record.api = real
    forged = await record.size() - 1
    why = {"ground": "Article 17", "ordered_by": "Court"}
    await record.act("installation", "erase_particulars", positions=[forged], **why)
    assert await record.ledger.erase("visit", forged)
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert (failed(report), report.exit_code(), report.exit_code(strict=True)) == (set(), 0, 21)
    [said] = report["acts"].absent
    assert "rests on the word of whoever erased them" in said


async def test_a_signed_command_that_was_altered(record: Record, tmp_path: Path) -> None:
    forge_signature(record, "aa.contact/7", lambda value: value["fields"].update(note="Without compliments"))
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert failed(report) == {"acts"}


async def test_an_act_put_into_anothers_mouth(record: Record, tmp_path: Path) -> None:
    def change(entries: list[StoredEntry]) -> list[StoredEntry]:
        actor = Actor(delegate="aa.contact", party="AA", role="protocol")
        entries[8] = with_content(entries[8], actor=actor)
        return entries

    rewrite(record, change)
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert failed(report) >= {"acts", "fold"}


async def test_a_gate_that_was_not_open(record: Record, tmp_path: Path) -> None:
    """The finding that C1 is met comes before its evidence; the acts are those that were signed."""
    rewrite(record, lambda e: [*e[:9], e[11], e[12], e[9], e[10], *e[13:]])
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert "fold" in failed(report)
    assert "follows" in report["fold"].problems[0]


async def test_a_deadline_that_did_not_pass(record: Record, tmp_path: Path) -> None:
    """The clock's entries are unsigned, and still nobody can make one up."""

    def earlier(entries: list[StoredEntry]) -> list[StoredEntry]:
        entries[9] = with_content(entries[9], time=entries[8].entry().time)
        return entries

    rewrite(record, earlier)
    report = verify_bundle(await exported(record, tmp_path / "b"), record.trust())
    assert "fold" in failed(report)


async def test_backdating(record: Record, tmp_path: Path) -> None:
    """An act is dated before the one that stands before it."""

    def earlier(entries: list[StoredEntry]) -> list[StoredEntry]:
        entries[8] = with_content(entries[8], time=entries[0].entry().time)
        return entries

    rewrite(record, earlier)
    assert "fold" in failed(verify_bundle(await exported(record, tmp_path / "b"), record.trust()))


async def test_facts_that_break_the_model(record: Record, tmp_path: Path) -> None:
    """Whatever stands in an entry, the verdict is a finding, never a traceback."""
    broken: list[Any] = [
        {},
        {"event": None},
        {"event": []},
        {"event": {"condition": "C9"}, "act": {"name": 3}},
    ]
    for facts in broken:
        trial = await negotiated()

        def change(entries: list[StoredEntry], facts: Any = facts) -> list[StoredEntry]:
            def replaced(value: dict[str, Any]) -> None:
                value.clear()
                value.update(facts)

            entries[10] = with_facts(entries[10], replaced)
            return entries

        rewrite(trial, change)
        report = verify_bundle(await exported(trial, tmp_path / "b"), trial.trust())
        assert "fold" in failed(report)
        assert "entry 9" in report["fold"].problems[0] or "entry 10" in report["fold"].problems[0]


async def test_upcaster_tampering(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service reads its old entries by an upcaster that changes what they say, and claims the state it gets.

    The verifier reads them by its own upcasters: state and receipts are then not those claimed.
    """
    key = (InvitationIssued.type, 1)
    monkeypatch.setattr(InvitationIssued, "version", 2)
    monkeypatch.setitem(upcasting.UPCASTERS, key, lambda facts: facts)
    honest = verify_bundle(await record.export(tmp_path / "b"), record.trust())
    assert failed(honest) == set()

    monkeypatch.setitem(
        upcasting.UPCASTERS, key, lambda facts: {**facts, "valid_until": "2040-01-01T00:00:00Z"}
    )
    tampered = await record.export(tmp_path / "b")
    monkeypatch.setitem(upcasting.UPCASTERS, key, lambda facts: facts)
    report = verify_bundle(tampered, record.trust())
    assert failed(report) == {"fold"}
    assert "the state claimed" in report["fold"].problems[0]
