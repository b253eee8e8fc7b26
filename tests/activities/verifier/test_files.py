"""Contents in a bundle: proved where they are what the record names, and nothing else is believed of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.bundle.export import ExportedFile
from activities.bundle.format import file_member
from activities.errors import Malformed
from activities.verifier.findings import Report
from tests.activities.verifier.agreement import agreed
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from tests.simulation.small import digest

LARGE = hashlib.shake_256(b"large").digest(300_000)
WHY = {"ground": "Law", "ordered_by": "Court"}


async def files(*contents: bytes, under: str = "") -> AsyncIterator[ExportedFile]:
    for content in contents:

        async def read(content: bytes = content) -> AsyncIterator[bytes]:
            for at in range(0, len(content), 65536):
                yield content[at : at + 65536]

        named = under or f"sha256:{hashlib.sha256(content).hexdigest()}"
        yield ExportedFile(named, len(content), "text/plain", read)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    record = await negotiated()
    large = f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    await record.act("bb.contact", "record_statement", digest=large)
    await record.sign()
    return record


async def told(record: Record, path: Path, *contents: bytes, **given: Any) -> Report:
    """What both verifiers say of a bundle with these contents."""
    await record.export(path / "b", files=files(*contents), **given)
    return agreed(path / "b", record.trust())


async def test_files_that_the_record_names_are_proved(record: Record, tmp_path: Path) -> None:
    report = await told(record, tmp_path, b"report", LARGE)
    assert (report.exit_code(strict=True), report["files"].status, report["files"].checked) == (0, "holds", 2)
    assert (await told(record, tmp_path)).exit_code() == 0
    assert "files" not in agreed(await record.export(tmp_path / "c"), record.trust()).findings
    # Without keys of one's own they rest on the bundle's word like all else.
    await record.export(tmp_path / "b", files=files(b"report"))
    assert agreed(tmp_path / "b")["files"].status == "unproven"
    again = (tmp_path / "b").read_bytes()
    await record.export(tmp_path / "b", files=files(b"report"))
    assert (tmp_path / "b").read_bytes() == again


async def test_what_nothing_names_or_was_altered_is_not(record: Record, tmp_path: Path) -> None:
    report = await told(record, tmp_path, b"slipped in")
    assert (report.exit_code(), report["files"].failures) == (22, 1)
    await record.export(tmp_path / "b", files=files(b"REPORT", under=digest("report")))
    assert agreed(tmp_path / "b", record.trust()).exit_code() == 22
    assert (await told(record, tmp_path, b"report", audience="none"))["files"].status == "withheld"
    hidden = await told(record, tmp_path, b"report", withhold=lambda entry: entry.position >= 10)
    assert hidden["files"].status == "unproven"


async def test_what_is_erased_and_still_there_is_told(tmp_path: Path) -> None:
    record = await negotiated()
    await record.act("installation", "erase_contents", digests=[digest("report"), digest("x")], **WHY)
    await record.sign()
    report = await told(record, tmp_path, b"report")
    assert report["files"].notes
    # An erasure names no content for anybody.
    assert (await told(record, tmp_path, b"x")).exit_code() == 22


async def test_lists_that_are_not_in_their_form_are_no_bundle(record: Record, tmp_path: Path) -> None:
    def first(**changes: Any) -> Any:
        return on_lines(lambda lines: [{**lines[0], **changes}, *lines[1:]])

    other = file_member(digest("report"))
    for edits in (
        {"files.jsonl": on_lines(lambda lines: lines[::-1])},
        {"files.jsonl": on_lines(lambda lines: [lines[0], *lines])},
        {"files.jsonl": on_lines(lambda lines: lines[:1])},
        {"files.jsonl": None},
        {other: None},
        {other: lambda _: b"short"},
        {"files.jsonl": first(size=True)},
        {"files.jsonl": first(size="6")},
        {"files.jsonl": first(more=1)},
        {"files.jsonl": first(type=None)},
        {"files.jsonl": first(type="x" * 1100)},
        {"files.jsonl": first(digest="../../etc/passwd")},
        {"manifest.json": lambda text: text.replace(b'"files":true', b'"files":1')},
        {"manifest.json": lambda text: text.replace(b'"files":true', b'"files":null')},
        {"manifest.json": lambda text: text.replace(b'"files":true,', b"")},
    ):
        await record.export(tmp_path / "b", files=files(b"report", LARGE))
        rewritten(tmp_path / "b", edits)
        with pytest.raises(Malformed):
            agreed(tmp_path / "b", record.trust())
