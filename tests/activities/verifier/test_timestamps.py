"""Tokens of time in a bundle: over this record, by an authority that the reader knows; nothing else is believed.

Every bundle here is verified twice: by us, and by the verifier written from FORMAT.md alone.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from activities.errors import Malformed
from activities.tlog.note import encode_base64
from activities.tlog.note import parse as parse_note
from activities.verifier.findings import Report
from activities.verifier.outside import OutsideTime, covering, stretches
from tests.activities.timestamps.authority import START, YEAR, TestAuthority, certificate, known_authority
from tests.activities.verifier.agreement import agreed
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten

LATER = datetime(2030, 6, 1, 12, tzinfo=UTC)
"""After all entries of the record."""


class Stream:
    """Tokens as an export takes them, any number of times."""

    def __init__(self, tokens: list[tuple[int, bytes]]) -> None:
        self.tokens = sorted(tokens, key=lambda told: (told[0], encode_base64(told[1])))

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        for one in self.tokens:
            yield one


def text_of(record: Record, size: int) -> bytes:
    return parse_note(record.notes[size]).text.encode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    return await negotiated()


@pytest.fixture
def authority() -> TestAuthority:
    return known_authority()


async def told(
    record: Record, path: Path, tokens: list[tuple[int, bytes]], *brought: x509.Certificate, **given: Any
) -> Report:
    """What both verifiers say of a bundle with these tokens to who brought these certificates."""
    await record.export(path / "b", timestamps=Stream(tokens), **given)
    return agreed(path / "b", record.trust(authorities=brought))


async def test_entries_existed_before_what_an_authority_says(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    first, *_, whole = sorted(record.notes)
    early = datetime(2030, 1, 1, 12, tzinfo=UTC)
    tokens = [
        (first, authority.token(text_of(record, first), early)),
        (whole, authority.token(text_of(record, whole), LATER)),
    ]
    report = await told(record, tmp_path, tokens, authority.root)
    assert (report.exit_code(strict=True), report["timestamps"].status) == (0, "holds"), report["timestamps"]
    assert report["timestamps"].checked == 2
    by_authority = [one for one in report.outside if one.kind == "authority"]
    assert {one.by for one in by_authority} == {"CN=Illustrative TSA"}
    said = report.as_json()["time"]
    assert said["clock"] == "operator"
    assert said["lower_bounds"] == []
    # A bundle without them says nothing of authorities.
    plain = agreed(await record.export(tmp_path / "c"), record.trust())
    assert "timestamps" not in plain.findings
    assert all(one.kind == "witness" for one in plain.outside)
    again = (tmp_path / "b").read_bytes()
    await record.export(tmp_path / "b", timestamps=Stream(tokens))
    assert (tmp_path / "b").read_bytes() == again


async def test_what_nobody_is_known_for_is_not_believed(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    whole = max(record.notes)
    other = TestAuthority("Other", keys=(3, 4, 5))
    tokens = [(whole, authority.token(text_of(record, whole), LATER))]
    unknown = await told(record, tmp_path, tokens, other.root)
    assert (unknown.exit_code(), unknown["timestamps"].status) == (20, "unproven")
    assert all(one.kind == "witness" for one in unknown.outside)
    # Beside one that is believed another counts for nothing, and harms nothing.
    both = [*tokens, (whole, other.token(text_of(record, whole), LATER - timedelta(days=100)))]
    report = await told(record, tmp_path, both, authority.root)
    assert report.exit_code() == 0
    assert report["timestamps"].notes
    assert not any(one.by == "CN=Other TSA" for one in report.outside)
    # Without a key of the log of one's own the token proves all the same when this record existed.
    await record.export(tmp_path / "b", timestamps=Stream(tokens))
    alone = agreed(tmp_path / "b", record.trust(policy=None, authorities=(authority.root,)))
    assert alone["timestamps"].status == "holds"
    assert [(one.first, one.last + 1, one.before) for one in alone.outside] == [(0, whole, LATER)]


async def test_who_brings_no_certificate_is_told_that_nothing_was_asked_and_not_that_something_is_wrong(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    whole = max(record.notes)
    token = authority.token(text_of(record, whole), LATER)
    report = await told(record, tmp_path, [(whole, token)])
    # As of the same record without tokens.
    plain = agreed(await record.export(tmp_path / "c"), record.trust())
    assert (report.exit_code(strict=True), plain.exit_code(strict=True)) == (0, 0)
    assert (report["timestamps"].status, report["timestamps"].checked) == ("unchecked", 1)
    assert "nothing is believed by these tokens" in report["timestamps"].unchecked
    assert report.outside == plain.outside
    # A token that is over something else, or none, needs no certificate to be wrong.
    for wrong in (authority.token(b"something else"), token[:-1]):
        assert (await told(record, tmp_path, [(whole, wrong)])).exit_code() == 23


async def test_who_brings_a_certificate_is_told_that_the_tokens_were_taken_out(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    report = agreed(await record.export(tmp_path / "c"), record.trust(authorities=(authority.root,)))
    assert (report.exit_code(), report["timestamps"].status) == (20, "unproven")
    assert "no token of time in it" in str(report["timestamps"].gaps)


async def test_a_token_that_does_not_fit_is_found(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    first, *_, whole = sorted(record.notes)
    right = authority.token(text_of(record, whole), LATER)
    other = await negotiated(Record(accord="another"))
    moved = authority.token(text_of(other, max(other.notes)), LATER)
    altered = bytearray(right)
    altered[-5] ^= 1
    old = TestAuthority()
    old.root, old.between = authority.root, authority.between
    names = ("Illustrative between", 1)
    old.signer = certificate("Old", 2, *names, until=START + YEAR)
    outside = old.token(text_of(record, whole), LATER)
    old.signer = certificate("No stamps", 2, *names, usage=(ExtendedKeyUsageOID.CODE_SIGNING,))
    no_stamps = old.token(text_of(record, whole), LATER)
    old.signer = certificate("All", 2, *names, critical=False)
    uncritical = old.token(text_of(record, whole), LATER)
    old.signer = authority.signer
    old.between = certificate(names[0], 1, "Illustrative root", 0, authority=True, until=START + YEAR)
    expired = old.token(text_of(record, whole), LATER)
    for size, token in (
        (first, right),
        (whole, moved),
        (whole, bytes(altered)),
        (whole, outside),
        (whole, no_stamps),
        (whole, uncritical),
        (whole, expired),
        (whole, right + b"\0"),
        (whole, right[:-1]),
        (whole, b""),
        (whole, b"\x30\x80\0\0"),
    ):
        report = await told(record, tmp_path, [(size, token)], authority.root)
        assert (report.exit_code(), report["timestamps"].failures) == (23, 1), token[:20]
        assert all(one.kind == "witness" for one in report.outside)


async def test_entries_that_say_they_are_later_than_a_token_contradict_it(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    whole = max(record.notes)
    last = record.time
    text = text_of(record, whole)
    just = [(whole, authority.token(text, last - timedelta(seconds=50)))]
    report = await told(record, tmp_path, just, authority.root)
    assert report.exit_code() == 0
    assert "ahead" in str(report["timestamps"].notes)
    early = [(whole, authority.token(text, last - timedelta(days=2)))]
    report = await told(record, tmp_path, early, authority.root)
    assert report.exit_code() == 23
    assert "one of the two clocks was wrong" in report["timestamps"].problems[0]
    # Who does not know the authority is told nothing by it.
    assert (await told(record, tmp_path, early))["timestamps"].status == "unchecked"
    # Without the facts of the opening nobody knows whether the clock is real; a withheld entry has no time.
    assert (await told(record, tmp_path, early, authority.root, audience="none"))[
        "timestamps"
    ].status == "withheld"
    later = [(whole, authority.token(text, LATER))]
    hidden = await told(record, tmp_path, later, authority.root, withhold=lambda entry: entry.position == 3)
    assert hidden["timestamps"].status == "withheld"
    assert hidden["timestamps"].absent


async def test_a_simulated_clock_is_not_held_against_a_real_one(
    authority: TestAuthority, tmp_path: Path
) -> None:
    record = await negotiated(clock="simulated")
    whole = max(record.notes)
    token = authority.token(text_of(record, whole), datetime(2026, 1, 1, tzinfo=UTC))
    report = await told(record, tmp_path, [(whole, token)], authority.root)
    assert report["timestamps"].status == "holds"
    assert report.as_json()["time"]["clock"] == "simulated"


async def test_a_witness_bounds_entries_too_and_contradicts_what_says_it_is_later(tmp_path: Path) -> None:
    record = await negotiated()
    report = agreed(await record.export(tmp_path / "b"), record.trust())
    # The tests' witnesses sign as of one second in March, and the last entries are of April.
    assert {one.kind for one in report.outside} == {"witness"}
    assert "says that it existed before 2030-03-17T17:46:40Z" in str(report["quorum"].notes)
    assert report.exit_code() == 0
    unknown = agreed(tmp_path / "b", record.trust(policy=None))
    assert (unknown.outside, unknown["quorum"].notes) == ((), [])
    for witness in record.witnesses:
        object.__setattr__(witness, "clock", lambda: 253_402_300_799)
    await record.sign()
    assert agreed(await record.export(tmp_path / "b"), record.trust()).exit_code() == 0


def test_each_entry_has_the_earliest_time_of_those_that_cover_it() -> None:
    chance = random.Random(3)
    for _ in range(200):
        times = [
            OutsideTime(
                chance.randint(1, 12),
                LATER + timedelta(days=chance.randint(0, 9)),
                "x",
                chance.choice(("authority", "witness")),
            )
            for _ in range(chance.randint(0, 9))
        ]
        found = stretches(times)
        for position in range(14):
            for kind in ("authority", "witness"):
                by_all = [one.before for one in times if one.size > position and one.kind == kind]
                best = [one.before for one in covering(position, found) if one.kind == kind]
                assert best == ([min(by_all)] if by_all else [])
        assert all(
            one.last + 1 == other.first and one.before < other.before
            for one, other in pairwise(found)
            if one.kind == other.kind
        )


async def test_lists_that_are_not_in_their_form_are_no_bundle(
    record: Record, authority: TestAuthority, tmp_path: Path
) -> None:
    first, *_, whole = sorted(record.notes)
    tokens = [(size, authority.token(text_of(record, size), LATER)) for size in (first, whole)]

    def with_first(**changes: Any) -> Any:
        return on_lines(lambda lines: [{**lines[0], **changes}, *lines[1:]])

    for edits in (
        {"timestamps.jsonl": on_lines(lambda lines: lines[::-1])},
        {"timestamps.jsonl": on_lines(lambda lines: [lines[0], *lines])},
        {"timestamps.jsonl": None},
        {"timestamps.jsonl": with_first(size=0)},
        {"timestamps.jsonl": with_first(size=True)},
        {"timestamps.jsonl": with_first(size=whole + 1)},
        {"timestamps.jsonl": with_first(size="1")},
        {"timestamps.jsonl": with_first(token="AB==")},
        {"timestamps.jsonl": with_first(token=None)},
        {"timestamps.jsonl": with_first(token="A" * 140_000)},
        {"timestamps.jsonl": with_first(more=1)},
        {"manifest.json": lambda text: text.replace(b'"timestamps":true', b'"timestamps":1')},
        {"manifest.json": lambda text: text.replace(b'"timestamps":true', b'"timestamps":null')},
        {"manifest.json": lambda text: text.replace(b',"timestamps":true', b"")},
    ):
        await record.export(tmp_path / "b", timestamps=Stream(tokens))
        rewritten(tmp_path / "b", edits)
        with pytest.raises(Malformed):
            agreed(tmp_path / "b", record.trust(authorities=(authority.root,)))
