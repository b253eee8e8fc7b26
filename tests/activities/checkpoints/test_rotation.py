"""The record says which key of the log counts at which size; readers follow by a chain."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from activities.tlog.note import Ed25519Verifier
from activities.verifier.findings import Report
from activities.verifier.held import parse_held
from activities.verifier.outside import EntryTimes
from activities.verifier.verify import verify_bundle
from activities.verifier.witnessed import Witnessed
from tests.activities.checkpoints.changing import Rotated, rotated_and_retired, signer, statuses
from tests.activities.verifier.record import ORIGIN, negotiated, on_lines, rewritten
from workflows.record.logkeys import MOST_LOG_KEYS


@pytest_asyncio.fixture
async def rotated() -> Rotated:
    return await rotated_and_retired()


async def test_a_reader_of_either_key_follows(rotated: Rotated, tmp_path: Path) -> None:
    for known in ((rotated.old,), (rotated.new,), (rotated.old, rotated.new)):
        report = await rotated.verified(tmp_path / "b", *known)
        assert statuses(report) == {}, report["signatures"].problems
        assert report.log_keys == (rotated.new.verifier.encoded(),)


async def test_a_reader_of_another_key_does_not(rotated: Rotated, tmp_path: Path) -> None:
    report = await rotated.verified(tmp_path / "b", signer())
    assert statuses(report) == {"signatures": "fails"}
    assert "no key that you know signed" in report["signatures"].problems[0]


async def test_without_a_checkpoint_of_the_overlap_nothing_leads_to_the_new_key(tmp_path: Path) -> None:
    found = Rotated(await negotiated())
    await found.rotate()
    await found.retire()
    await found.record.sign(log=found.new)
    assert statuses(await found.verified(tmp_path / "b", found.old)) == {"signatures": "fails"}
    assert statuses(await found.verified(tmp_path / "b", found.new)) == {}


async def test_during_the_overlap_either_signature_counts(tmp_path: Path) -> None:
    found = Rotated(await negotiated())
    await found.rotate()
    await found.both()
    for known in (found.old, found.new):
        assert statuses(await found.verified(tmp_path / "b", known)) == {}


async def test_a_key_does_not_count_before_it_is_named(tmp_path: Path) -> None:
    found = Rotated(await negotiated())
    await found.statement()
    await found.record.sign(log=found.new)
    await found.rotate()
    await found.both()
    report = await found.verified(tmp_path / "b", found.old)
    assert statuses(report) == {"signatures": "fails"}
    assert "not signed with the key that the record says it began with" in report["signatures"].problems[0]


async def test_held_checkpoints_of_the_old_key_still_hold(rotated: Rotated, tmp_path: Path) -> None:
    sizes = sorted(rotated.record.notes)
    held = tuple(parse_held(rotated.record.notes[size]) for size in sizes)
    assert statuses(await rotated.verified(tmp_path / "b", rotated.new, held=held)) == {}


async def test_where_facts_are_withheld_it_is_unproven_and_not_wrong(
    rotated: Rotated, tmp_path: Path
) -> None:
    """A bundle without payloads has the facts about the keys; where somebody takes those out, nothing is known."""
    keys = [key.verifier.encoded() for key in (rotated.old, rotated.new)]
    path = await rotated.record.export(tmp_path / "b", log_keys=keys, audience="none")
    assert verify_bundle(path, rotated.record.trust()).exit_code() == 0

    def out(lines: list[dict]) -> list[dict]:
        return [{**line, "facts": "withheld"} for line in lines]

    rewritten(path, {"payloads/000.jsonl": on_lines(out)})
    report = verify_bundle(path, rotated.record.trust())
    assert report["signatures"].status == "unproven"
    assert report.exit_code() == 20


@pytest.mark.parametrize("retirement_alone", [True, False])
async def test_a_retirement_withheld_whole_does_not_let_the_retired_key_hold(
    tmp_path: Path, *, retirement_alone: bool
) -> None:
    found = Rotated(await negotiated())
    await found.rotate()
    await found.both()
    await found.retire()
    retirement = await found.record.size() - 1
    gone = {retirement} if retirement_alone else {retirement, retirement - 1}
    await found.statement()
    await found.record.sign(log=found.old)
    path = await found.record.export(
        tmp_path / "b",
        log_keys=[found.old.verifier.encoded()],
        withhold=lambda entry: entry.position in gone,
    )
    report = verify_bundle(path, found.record.trust())
    assert {report[name].status for name in ("signatures", "quorum")} == {"unproven"}
    assert report.exit_code(strict=True) != 0


def test_forged_rotations_without_end_are_refused() -> None:
    report = Report("visit", ORIGIN, 1)
    keys = [signer().verifier.encoded() for _ in range(MOST_LOG_KEYS + 5)]
    old = Ed25519Verifier.decoded(keys[0])
    witnessed = Witnessed(report, iter(()), [old], None, EntryTimes(), given=None)
    for position, key in enumerate(keys[1:]):
        witnessed.tell(position, "log_key_rotated", {"event": {"old": keys[0], "new": key}})
    assert len(witnessed.standing.keys) == MOST_LOG_KEYS
    assert report["signatures"].failures == 5
