"""The second verifier agrees with ours, on honest bundles, on hostile files, and on bundles with one thing changed."""

from __future__ import annotations

import ast
import random
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.errors import Malformed
from tests.activities.checkpoints.changing import Changed, rotated_and_retired
from tests.activities.timestamps.authority import known_authority
from tests.activities.verifier.agreement import agreed, second
from tests.activities.verifier.attacks.test_own_signatures import Signing
from tests.activities.verifier.attacks.test_own_signatures import record as signing_record
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from tests.activities.verifier.test_signatures import _otherwise
from tests.activities.verifier.test_timestamps import Stream, text_of

signing = signing_record
HERE = Path(__file__).parent


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def records() -> list[tuple[Record, dict[str, Any]]]:
    """Records of every kind, and how each is exported."""
    rotated = await rotated_and_retired()
    keys = [key.verifier.encoded() for key in (rotated.old, rotated.new)]
    changed = Changed(await negotiated())
    await changed.change()
    await changed.sign(*changed.old, *changed.new)
    plain, stamped = await negotiated(), await negotiated()
    authority = known_authority()
    stamped.authorities = (authority.root,)
    tokens = [
        (size, authority.token(text_of(stamped, size), datetime(2030, 6, 1, tzinfo=UTC)))
        for size in stamped.notes
    ]
    return [
        (plain, {}),
        (plain, {"audience": "facts"}),
        (plain, {"audience": "none"}),
        (plain, {"withhold": lambda entry: entry.position in (4, 10)}),
        (rotated.record, {"log_keys": keys}),
        (rotated.record, {"log_keys": keys, "audience": "none"}),
        (changed.record, {"policy": changed.beside}),
        (stamped, {"timestamps": Stream(tokens)}),
    ]


def test_it_imports_nothing_of_ours() -> None:
    standard = {*sys.stdlib_module_names, "cryptography", "asn1crypto"}
    for file in sorted((HERE / "second").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                own = name.startswith("tests.activities.verifier.second")
                assert own or name.partition(".")[0] in standard, (file.name, name)


async def test_they_agree_on_honest_bundles(
    records: list[tuple[Record, dict[str, Any]]], signing: Signing, tmp_path: Path
) -> None:
    for record, given in [*records, (signing, {})]:
        path = await record.export(tmp_path / "b", **given)
        for trust in (record.trust(), None, record.trust(policy=None), record.trust(command_keys=())):
            report = agreed(path, trust)
            assert not [each.problems for each in report.findings.values() if each.failures]


def test_they_agree_on_what_is_no_bundle() -> None:
    for file in sorted((HERE / "hostile").glob("*.bundle")):
        assert second(file, None) is None, file.name


def _mutated(path: Path, chance: random.Random) -> None:
    """Change one thing in a bundle: a byte of the file, a byte of a member, a value in a line, the lines themselves."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    way = chance.random()
    if way < 0.15:
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(content))
        return
    name = chance.choice(sorted(members))
    if way < 0.3 or not name.endswith(".jsonl"):
        if way >= 0.3 and chance.random() < 0.7:
            name = chance.choice([one for one in sorted(members) if one.endswith(".jsonl")])
        else:

            def flip(content: bytes) -> bytes:
                changed = bytearray(content)
                if changed:
                    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                return bytes(changed)

            rewritten(path, {name: flip})
            return

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        which = chance.random()
        if which < 0.7:
            return [*lines[:at], _otherwise(lines[at], chance), *lines[at + 1 :]]
        if which < 0.8:
            return [*lines[:at], *lines[at + 1 :]]
        if which < 0.9:
            return [*lines[:at], lines[at], *lines[at:]]
        lines[at], lines[other] = lines[other], lines[at]
        return lines

    rewritten(path, {name: on_lines(change)})


async def _agree(records: list[Any], path: Path, seed: int, count: int) -> set[str]:
    chance = random.Random(seed)
    seen: set[str] = set()
    originals = [(record, (await record.export(path, **given)).read_bytes()) for record, given in records]
    for trial in range(count):
        record, content = originals[trial % len(originals)]
        path.write_bytes(content)
        _mutated(path, chance)
        try:
            report = agreed(path, record.trust() if trial % 3 else None)
        except Malformed:
            seen.add("malformed")
            continue
        except AssertionError:
            path.with_name(f"disagreed-{seed}-{trial}").write_bytes(path.read_bytes())
            raise
        seen |= {each.question for each in report.findings.values() if each.failures}
    return seen


async def test_they_agree_on_mutated_bundles(
    records: list[tuple[Record, dict[str, Any]]], signing: Signing, tmp_path: Path
) -> None:
    seen = await _agree([*records, (signing, {})], tmp_path / "b", 7, 250)
    assert seen >= {"malformed", "record", "consistency", "signatures", "acts", "completeness"}


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_they_agree_on_two_thousand_mutated_bundles(
    records: list[tuple[Record, dict[str, Any]]], signing: Signing, tmp_path: Path
) -> None:
    seen = await _agree([*records, (signing, {})], tmp_path / "b", 8, 2000)
    assert seen >= {"malformed", "record", "consistency", "signatures", "quorum", "acts", "completeness"}
