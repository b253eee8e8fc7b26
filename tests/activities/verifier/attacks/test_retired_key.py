"""A key of the log was rotated and retired; then somebody who had stolen the old one signs with it."""

from __future__ import annotations

from pathlib import Path

import pytest_asyncio

from activities.verifier.held import parse_held
from activities.verifier.verify import verify_bundle
from tests.activities.checkpoints.changing import Rotated, rotated_and_retired
from tests.activities.verifier.attacks.operator import rewrite
from tests.activities.verifier.attacks.test_altered_record import failed
from tests.activities.verifier.record import Record, negotiated


@pytest_asyncio.fixture
async def rotated() -> Rotated:
    return await rotated_and_retired()


async def test_a_stolen_key_that_is_retired(rotated: Rotated, tmp_path: Path) -> None:
    """The thief goes on with the true record and signs it with the old key: it counts no more, for either reader."""
    await rotated.statement()
    await rotated.record.sign(log=rotated.old)
    for known in (rotated.old, rotated.new):
        report = await rotated.verified(tmp_path / "b", known)
        assert failed(report) == {"signatures", "quorum"}
        assert "a key signed it that is retired" in report["signatures"].problems[0]


async def test_a_stolen_key_and_a_history_without_its_retirement(rotated: Rotated, tmp_path: Path) -> None:
    """The thief cuts the record off before the retirement: the old key counts there, and no witness agrees."""
    held = parse_held(rotated.record.notes[max(rotated.record.notes)])
    thief: Record = rotated.record
    cut = len(thief.ledger._accords["visit"].entries) - 2
    rewrite(thief, lambda entries: entries[:cut])
    thief.notes = {size: note for size, note in thief.notes.items() if size < cut}
    await thief.sign(witnesses=0, log=rotated.old)
    path = tmp_path / "b"
    assert failed(await rotated.verified(path, rotated.old)) == {"quorum"}
    assert "completeness" in failed(await rotated.verified(path, rotated.old, held=(held,)))


async def test_a_stolen_key_and_a_history_without_any_rotation(rotated: Rotated, tmp_path: Path) -> None:
    """As if nothing had ever been rotated: no key that the reader knows signed it."""
    thief = await negotiated(Record(log=rotated.old, api=rotated.record.api))
    path = await thief.export(tmp_path / "b")
    policy = (rotated.record.policy.__class__)(
        (rotated.new.verifier,),
        rotated.record.policy.witnesses,
        rotated.record.policy.groups,
        rotated.record.policy.quorum,
    )
    report = verify_bundle(path, rotated.record.trust(policy=policy))
    assert failed(report) == {"signatures", "quorum"}


async def test_a_rotation_that_nobody_who_is_trusted_signed(tmp_path: Path) -> None:
    """Without the old key, but with the database and the API, another key is put on record: nothing leads to it."""
    found = Rotated(await negotiated())
    await found.rotate()
    await found.record.sign(log=found.new)
    assert failed(await found.verified(tmp_path / "b", found.old)) == {"signatures"}
