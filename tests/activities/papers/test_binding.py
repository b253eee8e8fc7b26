"""What binds papers: receipts that a bundle confirms, codes of pages, and what a reader may not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.errors import Malformed
from activities.papers.binding import read_receipt, receipt_text
from activities.papers.checking import check_receipt
from activities.papers.making import job
from activities.papers.press import press
from activities.papers.source import read_source
from activities.reading.accords import BeyondRecord
from tests.activities.papers.sources import scenario
from tests.activities.verifier.record import negotiated
from workflows.tracks.documents.state import document_digest
from workflows.tracks.signing.pages import originals, page_code, seats_in_order


async def test_a_receipt_is_that_of_the_record_as_it_stood_and_of_no_other(tmp_path: Path) -> None:
    record = await negotiated()
    size = await record.size()
    bundle = await record.export(tmp_path / "bundle")
    for position in (0, 7, size - 1):
        source = await read_source(record.ledger, "visit", position)
        assert source is not None
        assert (source.bound.position, len(source.lines), source.state.size) == (
            position,
            position + 1,
            position + 1,
        )
        receipt = read_receipt(press(job(source, "protocol", "en")[0]).decode("latin-1"))
        assert receipt == read_receipt(receipt_text(source.bound))
        assert check_receipt(bundle, receipt).problem is None
    other = await negotiated()
    strange = await read_source(other.ledger, "visit", size - 1)
    assert strange is not None
    found = check_receipt(bundle, read_receipt(receipt_text(strange.bound))).problem
    assert found is not None
    assert "leaf" in found or "root" in found
    with pytest.raises(BeyondRecord):
        await read_source(record.ledger, "visit", size)
    assert await read_source(record.ledger, "another") is None
    with pytest.raises(Malformed, match="no receipt"):
        read_receipt("%PDF-1.7")


async def test_as_of_a_time_is_as_of_the_last_entry_until_then() -> None:
    record = await negotiated()
    whole = await read_source(record.ledger, "visit")
    assert whole is not None
    until = await read_source(record.ledger, "visit", whole.lines[4].time)
    assert until is not None
    assert until.lines == whole.lines[: until.bound.size]
    assert until.bound.time <= whole.lines[4].time < whole.lines[until.bound.size].time


async def test_names_of_persons_stand_where_the_reader_may_see_them() -> None:
    record = await negotiated()
    seen = await read_source(record.ledger, "visit")
    withheld = await read_source(record.ledger, "visit", may_read=lambda told: told.actor.party == "AA")
    assert seen is not None
    assert withheld is not None
    assert set(seen.persons) == {"aa.contact", "bb.contact"}
    assert set(withheld.persons) == {"aa.contact"}
    assert withheld.bound == seen.bound


async def test_each_page_of_each_original_has_a_code_of_its_own_that_changes_with_the_text() -> None:
    a = (await scenario("state-visit")).state
    codes = {
        page_code(a.id, str(document_digest(a, code)), seat, original or "")
        for code in a.definition.documents
        for original in originals(a, code)
        for seat, _ in seats_in_order(a, code, original)
    }
    assert len(codes) == 3 * 2 * 2
    assert page_code(a.id, "sha256:" + "0" * 64, "RU", "RU") not in codes
    assert all(len(one.replace("-", "")) * 5 == 100 for one in codes), "two texts of one code take 2^50 tries"


async def test_a_paper_of_two_receipts_is_not_believed() -> None:
    """A title, or a page put in, could hold a genuine one beside what the paper shows."""
    source = await read_source((await negotiated()).ledger, "visit")
    earlier = await read_source((await negotiated()).ledger, "visit", 3)
    assert source is not None
    assert earlier is not None
    one, other = receipt_text(source.bound), receipt_text(earlier.bound)
    assert read_receipt(f"{one} {one.replace('&', '&amp;')}").size == source.bound.size
    with pytest.raises(Malformed, match="2 receipts"):
        read_receipt(f"{one} {other}")


async def test_in_its_own_original_each_party_stands_first() -> None:
    a = (await scenario("state-visit")).state
    assert originals(a, "D2") == ["KP", "RU"]
    assert [seat.party for _, seat in seats_in_order(a, "D2", "RU")] == ["RU", "KP"]
    assert [seat.party for _, seat in seats_in_order(a, "D2", "KP")] == ["KP", "RU"]
    assert originals((await scenario("jv-closing")).state, "F1") == [None]
