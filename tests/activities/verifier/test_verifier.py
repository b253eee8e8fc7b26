"""What a bundle's reader learns: from whole ones, from ones that withhold, and from what is no bundle at all."""

from __future__ import annotations

import io
import json
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from activities.bundle import format as layout
from activities.bundle.archive import MAX_DIRECTORY
from activities.bundle.format import Bundle
from activities.errors import Malformed
from activities.tlog.tiles import TileReader, parse_path
from activities.verifier.acts import ERASED
from activities.verifier.evidence import parse as parse_evidence
from activities.verifier.findings import MOST_PROBLEMS, Finding, Report
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from tests.simulation.small import digest, small
from worker.cli.main import make_app
from workflows.model import definition
from workflows.model.canonical import canonical
from workflows.model.definition import Definition


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    return await negotiated()


def statuses(report: Report) -> dict[str, str]:
    return {finding.question: finding.status for finding in report.findings.values()}


async def test_a_whole_record_holds(record: Record, tmp_path: Path) -> None:
    report = await record.verified(tmp_path / "b")
    assert set(statuses(report).values()) == {"holds"}
    assert (report.size, report.final_size, report.stage, report.illustrative) == (
        18,
        18,
        "verification",
        True,
    )
    assert report.exit_code(strict=True) == 0
    assert json.loads(json.dumps(report.as_json()))["findings"][6]["checked"] == 18


async def test_the_report_names_the_rules_by_which_the_record_is_judged(
    record: Record, tmp_path: Path
) -> None:
    report = await record.verified(tmp_path / "b")
    assert report.rules == report.as_json()["rules"] == 1


async def test_a_record_by_newer_rules_is_unproven_and_not_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Record()
    monkeypatch.setattr(definition, "RULES", 2)
    await trial.act("aa.contact", "open_accord", definition=small(rules=2))
    await trial.sign()
    assert statuses(await trial.verified(tmp_path / "newer"))["fold"] == "holds"
    monkeypatch.setattr(definition, "RULES", 1)
    report = verify_bundle(tmp_path / "newer", trial.trust())
    assert statuses(report)["fold"] == "unproven"
    assert "names rules 2, and this release knows those up to 1" in str(report["fold"].gaps)


async def test_the_same_record_is_exported_as_the_same_bytes(record: Record, tmp_path: Path) -> None:
    one = await record.export(tmp_path / "one")
    other = await record.export(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


async def test_the_format_text_is_inside_and_tiles_are_the_specifications(
    record: Record, tmp_path: Path
) -> None:
    path = await record.export(tmp_path / "b")
    with zipfile.ZipFile(path) as archive:
        assert b"entente-bundle/1" in archive.read("FORMAT.md")
        stored = await record.ledger.entries("visit")
        reader = TileReader(18, lambda tile: archive.read(tile.path()))
        assert reader(0, 17) == stored[17].leaf
        assert reader(4, 0) == record.ledger._accords["visit"].nodes[4, 0]


async def test_an_observers_bundle_verifies_without_payloads(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b", audience="none")
    report = verify_bundle(path, record.trust())
    assert statuses(report) == {
        "record": "holds",
        "consistency": "holds",
        "signatures": "holds",
        "quorum": "holds",
        "acts": "withheld",
        "completeness": "withheld",
        "fold": "withheld",
    }
    assert (report.exit_code(), report.exit_code(strict=True)) == (0, 21)
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (b"compliments", b"Venue ready", b"Inspectorate", b"Working visit"):
        assert secret not in content


async def test_without_particulars_the_rules_can_still_be_checked(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b", audience="facts")
    report = verify_bundle(path, record.trust())
    assert {name for name, status in statuses(report).items() if status != "holds"} == {"acts"}
    assert statuses(report)["acts"] == "withheld"
    assert (report.exit_code(), report.exit_code(strict=True)) == (0, 21)
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert b"compliments" not in content
    assert "외교관".encode() not in content


async def test_withheld_entries_stand_as_leaf_hashes(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b", withhold=lambda entry: entry.position in (4, 10))
    report = verify_bundle(path, record.trust())
    assert report.withheld == 2
    # Among what is withheld may be a key's retirement, or another policy: then no key is known to stand behind it.
    assert {name for name, status in statuses(report).items() if status == "fails"} == set()
    assert {statuses(report)[name] for name in ("signatures", "quorum")} == {"unproven"}
    assert report.exit_code() == 20


async def test_nothing_holds_for_want_of_anything_to_check(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b", withhold=lambda entry: True)
    report = verify_bundle(path, record.trust())
    assert "holds" not in statuses(report).values()


async def test_erasure_breaks_no_proof_and_no_fold(tmp_path: Path) -> None:
    record = await negotiated()
    before = await record.ledger.head("visit")
    why = {"ground": "Article 17", "ordered_by": "Court"}
    await record.act("installation", "erase_particulars", positions=[4, 7], **why)
    await record.sign()
    before = await record.ledger.head("visit")
    unfinished = await record.verified(tmp_path / "b")
    assert unfinished["completeness"].notes == [
        "particulars are on record as erased, and are still there: erasing is not finished"
    ]
    assert await record.ledger.erase("visit", 4)
    assert await record.ledger.erase("visit", 7)
    report = await record.verified(tmp_path / "b")
    assert await record.ledger.head("visit") == before
    assert report.erased == 2
    assert {name for name, status in statuses(report).items() if status != "holds"} == {"acts"}
    assert report["acts"].absent == {ERASED: 2}
    assert (report.exit_code(), report.exit_code(strict=True)) == (0, 21)


async def test_what_is_missing_without_an_entry_that_says_so_was_taken_out(tmp_path: Path) -> None:
    record = await negotiated()
    assert await record.ledger.erase("visit", 4)
    report = await record.verified(tmp_path / "b")
    assert statuses(report)["completeness"] == "fails"
    assert "entry 4: its particulars are missing, and no entry says" in report["completeness"].problems[0]


async def test_erased_facts_are_no_erasure(record: Record, tmp_path: Path) -> None:
    def erase(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[17]["facts"] = "erased"
        return lines

    path = rewritten(await record.export(tmp_path / "b"), {"payloads/000.jsonl": on_lines(erase)})
    assert statuses(verify_bundle(path, record.trust()))["record"] == "fails"


def _zip(members: dict[str, bytes], *, twice: str | None = None) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
        if twice is not None:
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr(twice, members[twice])
    return content.getvalue()


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_larger_record_of_the_directory_is_bounded_whatever_the_end_says(
    record: Record, tmp_path: Path
) -> None:
    path = await record.export(tmp_path / "b")
    whole = path.read_bytes()
    at = whole.rfind(b"PK\5\6")
    larger = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, MAX_DIRECTORY + 1, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    # Whether the end record sends the reader there, or has nothing to do with it.
    sends = whole[at : at + 8] + b"\xff" * 12 + whole[at + 20 :]
    for end, refused in (
        (sends, "table of contents is too large"),
        (whole[at:], "bytes before it, or after"),
    ):
        path.write_bytes(whole[:at] + larger + locator + end)
        with pytest.raises(Malformed, match=refused):
            Bundle(path)


async def test_nothing_from_a_bundle_steers_the_terminal(record: Record, tmp_path: Path) -> None:
    steering = "\x1b[2J\x1b]0;title\x07"
    path = await record.export(tmp_path / "b")
    members = _members(path)
    manifest = json.loads(members["manifest.json"])
    shown = []
    for changes in ({"origin": steering}, {"accord": steering}, {}):
        changed = {**members, "manifest.json": canonical({**manifest, **changes})}
        path.write_bytes(_zip(changed if changes else {**changed, steering: b""}))
        result = CliRunner().invoke(make_app(), ["verify", str(path)])
        assert result.exit_code
        shown.append(result.output)
    assert not [each for text in shown for each in text if not each.isprintable() and each != "\n"]
    assert all("\N{REPLACEMENT CHARACTER}" in text for text in shown)


HOSTILE = Path(__file__).parent / "hostile"


def test_what_is_no_bundle_is_one_clear_error() -> None:
    """Each of the checked-in files, which ``python -m tests.activities.verifier.hostile.make`` makes."""
    files = sorted(HOSTILE.glob("*.bundle"))
    assert len(files) >= 25
    for file in files:
        with pytest.raises(Malformed) as refused:
            verify_bundle(file)
        assert refused.value.what, file
        assert refused.value.remedy, file


async def test_every_damage_is_found_or_is_one_clear_error(record: Record, tmp_path: Path) -> None:
    """Random damage to the file, as to the members inside: a finding or Malformed, and nothing else, ever."""
    path = await record.export(tmp_path / "b")
    whole, members = path.read_bytes(), _members(path)
    chance = random.Random(4)
    with Bundle(path) as bundle:
        entries = list(bundle.entries())
    silent = 0
    for trial in range(400):
        if trial % 2:
            content = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            path.write_bytes(bytes(content))
        else:
            name = chance.choice([name for name in members if name != "FORMAT.md"])
            member = bytearray(members[name])
            member[chance.randrange(len(member))] ^= 1 << chance.randrange(8)
            path.write_bytes(_zip({**members, name: bytes(member)}))
        try:
            report = verify_bundle(path, record.trust())
        except Malformed:
            continue
        if report.exit_code() == 0:
            silent += 1
            # What the archive keeps beside its members: times, modes, who made it.
            with Bundle(path) as bundle:
                assert list(bundle.entries()) == entries
    assert silent < 20


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_evidence_is_read_or_refused(content: bytes) -> None:
    for candidate in (content, b"{" + content):
        with pytest.raises(Malformed):
            parse_evidence(candidate)


SHAPES = st.one_of(
    st.just("entente-equivocation/1"),
    st.none(),
    st.lists(st.one_of(st.text(max_size=20), st.integers(0, 9)), max_size=3),
)


@given(st.dictionaries(st.sampled_from(["format", "checkpoints", "root", "proof", "x"]), SHAPES))
@settings(max_examples=300, deadline=None)
def test_evidence_of_any_shape_is_read_or_refused(value: dict[str, Any]) -> None:
    content = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        found = parse_evidence(content.encode("utf-8", "surrogatepass"))
        found.checkpoints  # noqa: B018 - reading it is the test
    except Malformed:
        return
    pytest.fail("nothing of that can be evidence")


def test_problems_are_counted_and_bounded() -> None:
    finding = Finding("record")
    for number in range(1000):
        finding.fail(f"entry {number}")
        finding.gap("something")
    assert (finding.failures, len(finding.problems), finding.gaps) == (
        1000,
        MOST_PROBLEMS,
        {"something": 1000},
    )


async def test_tile_paths_are_members(record: Record, tmp_path: Path) -> None:
    names = layout.members(70_000, "all", policy=True)
    assert {"tile/2/000.p/1", "tile/1/001.p/17", "tile/0/273.p/112", "payloads/273.jsonl"} <= names
    assert all(parse_path(name) for name in names if name.startswith("tile/"))


@pytest.mark.slow
async def test_memory_is_bounded(tmp_path: Path) -> None:
    """Ten times the entries take no ten times the memory."""
    peaks = []
    for count in (1_000, 10_000):
        record = Record()
        await negotiated(record)
        commands = [
            record.command("aa.contact", "record_statement", digest="sha256:" + "0" * 64, words="Talks go on")
            for _ in range(count)
        ]
        await record.send(*commands)
        await record.sign()
        path = await record.export(tmp_path / "b")
        trust = record.trust()
        del record, commands
        tracemalloc.start()
        report = verify_bundle(path, trust)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.exit_code(strict=True) == 0
    assert peaks[1] < 2 * peaks[0] + 1_000_000


async def test_a_verdict_carried_over_is_said_to_be_proved_elsewhere(tmp_path: Path) -> None:
    """The rules hold whatever the predecessor's record says, which this one cannot show."""
    terms = small()["conditions"]["C1"]
    earlier = await negotiated()
    later = Record(
        accord="visit-2", ledger=earlier.ledger, api=earlier.api, log=earlier.log, time=earlier.time
    )
    await earlier.act(
        "aa.contact",
        "submit_evidence",
        condition="C1",
        digest=digest("anew"),
        grade="documented",
        source="Office",
    )
    await earlier.act("bb.contact", "verify_condition", condition="C1", evidence=[digest("anew")])
    entries = await earlier.ledger.entries("visit")
    verdict = next(one for one in reversed(entries) if one.entry().type == "condition_verified")
    definition = small(conditions={"C1": terms}, predecessor={"title": "Earlier", "accord": "visit"})
    await later.act("aa.contact", "open_accord", definition=definition)
    named = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await later.act(f"{party}.contact", "adopt_definition", digest=named)
    await later.act(
        "aa.contact", "appoint_delegate", delegate="aa.contact", office="Office", roles=["obligor"]
    )
    assert verdict.facts is not None
    await later.act(
        "aa.contact",
        "carry_over_verdict",
        condition="C1",
        predecessor="C1",
        position=verdict.position,
        leaf=verdict.leaf.hex(),
        digest=digest("anew"),
        grade="documented",
        valid_until=verdict.facts.value()["event"]["valid_until"],
    )
    await later.sign()
    report = verify_bundle(await later.export(tmp_path / "b"), later.trust())
    assert report["fold"].status == "holds", report["fold"].problems
    [said] = [note for note in report["fold"].notes if "carries over" in note]
    assert f"entry {verdict.position} of visit" in said
    assert verdict.leaf.hex() in said
    assert "that accord's own record proves it" in said
