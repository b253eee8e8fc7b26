"""The record says which witness policy counts at which size; readers follow by a chain."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from activities.verifier.verify import verify_bundle
from tests.activities.checkpoints.changing import (
    Changed,
    known,
    policy_of,
    statuses,
    witnesses,
)
from tests.activities.verifier.record import negotiated
from tests.simulation.small import digest


@pytest_asyncio.fixture
async def changed() -> Changed:
    found = Changed(await negotiated())
    await found.change()
    return found


async def test_finality_is_judged_by_the_policy_of_its_size(changed: Changed, tmp_path: Path) -> None:
    await changed.sign(*changed.old, *changed.new)
    await changed.record.act("aa.contact", "record_statement", digest=digest("said"), words="Said")
    await changed.sign(*changed.new)
    assert statuses(await changed.verified(tmp_path / "b")) == {}
    assert statuses(await changed.verified(tmp_path / "b", known(changed.record, changed.text))) == {}


async def test_the_old_quorum_does_not_make_the_later_record_final(changed: Changed, tmp_path: Path) -> None:
    await changed.sign(*changed.old)
    report = await changed.verified(tmp_path / "b")
    assert statuses(report) == {"quorum": "fails"}
    assert report.final_size == sorted(changed.record.notes)[-2]


async def test_a_change_that_the_quorum_before_it_never_saw_is_not_believed(
    changed: Changed, tmp_path: Path
) -> None:
    """An operator who forges all parties' acts could name witnesses of its own: the known quorum has to agree."""
    before = sorted(changed.record.notes)[-1]
    await changed.sign(*changed.new)
    report = await changed.verified(tmp_path / "b")
    assert statuses(report) == {"quorum": "fails"}
    assert (report.exit_code(), report.final_size) == (14, before)
    assert "give --policy with the present one" in report["quorum"].problems[0]
    assert statuses(await changed.verified(tmp_path / "b", known(changed.record, changed.text))) == {}


@pytest.mark.parametrize("by_the_new", [True, False])
async def test_where_the_changed_policy_is_withheld_the_quorum_is_unproven(
    changed: Changed, tmp_path: Path, *, by_the_new: bool
) -> None:
    before = sorted(changed.record.notes)[-1]
    await changed.sign(*(changed.new if by_the_new else changed.old))
    path = await changed.record.export(
        tmp_path / "b", withhold=lambda entry: entry.entry().type == "witness_policy_changed"
    )
    report = verify_bundle(path, changed.record.trust(policy=changed.record.policy))
    assert report["quorum"].status == "unproven"
    assert (report.final_size, report.exit_code()) == (before, 20)


@pytest.mark.parametrize("who", ["aa", "bb"])
async def test_one_party_alone_changes_nothing(who: str, tmp_path: Path) -> None:
    record = await negotiated()
    await record.act(f"{who}.contact", "propose_witness_policy", policy=policy_of(witnesses("cc")))
    await record.sign()
    assert statuses(await record.verified(tmp_path / "b")) == {}


async def test_an_attested_state_that_is_wrong_breaks_the_fold(tmp_path: Path) -> None:
    from tests.activities.verifier.attacks.operator import resign, rewrite, with_facts
    from workflows.model.attested import state_digest

    record = await negotiated()
    assert record.state is not None
    await record.act(
        "aa.contact", "attest_state", position=record.state.version, digest=state_digest(record.state)
    )
    await record.sign()
    report = await record.verified(tmp_path / "b")
    assert statuses(report) == {}
    assert (report.state, report.version) == (state_digest(record.state), record.state.version)

    def lie(value: dict) -> None:
        value["event"]["digest"] = value["act"]["fields"]["digest"] = digest("other")

    rewrite(record, lambda entries: [*entries[:-1], with_facts(entries[-1], lie)])
    await resign(record, witnesses=2)
    assert statuses(await record.verified(tmp_path / "b"))["fold"] == "fails"
