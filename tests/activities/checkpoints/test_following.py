"""A party's witness follows a log to its new key by a chain of acts, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.errors import Malformed, SettingsProblem, SignatureInvalid
from activities.identity.signing import CommandSigner
from activities.tlog.merkle import Frontier
from activities.tlog.note import parse as parse_note
from activities.witness.following import Followed
from activities.witness.witness import Request, Witness
from tests.activities.checkpoints.changing import Rotated, rotated_and_retired
from tests.activities.verifier.record import negotiated, on_lines, rewritten


@pytest_asyncio.fixture
async def rotated() -> Rotated:
    return await rotated_and_retired()


async def watching(rotated: Rotated, folder: Path) -> Witness:
    """A witness that knows the old key, and has cosigned the last checkpoint that it signed alone."""
    witness = Witness.create(folder, "witness.test/w1")
    witness.add_log(rotated.old.verifier.encoded())
    note = parse_note(rotated.record.notes[sorted(rotated.record.notes)[-3]])
    assert (await witness.add_checkpoint(Request(0, (), note).encoded())).status == 200
    return witness


async def test_a_witness_follows_by_a_chain_and_drops_the_old_key(rotated: Rotated, tmp_path: Path) -> None:
    witness = await watching(rotated, tmp_path / "w")
    keys = [key.verifier.encoded() for key in (rotated.old, rotated.new)]
    bundle = await rotated.record.export(tmp_path / "b", log_keys=keys)
    last = parse_note(rotated.record.notes[max(rotated.record.notes)])
    offered = Request(0, (), last).encoded()
    assert (await witness.add_checkpoint(offered)).status == 403, "never on first use"
    assert await witness.follow(bundle, [rotated.record.api.public_key]) == (rotated.new.verifier,)
    assert witness.logs() == [rotated.new.verifier]
    assert (await witness.add_checkpoint(offered)).status == 409


async def test_a_witness_follows_no_record_that_leads_nowhere(rotated: Rotated, tmp_path: Path) -> None:
    witness = await watching(rotated, tmp_path / "w")
    found = Rotated(await negotiated())
    found.old, found.record.log = rotated.old, rotated.old
    stranger = await negotiated()
    for name, record in (("other history", found.record), ("other keys", stranger)):
        bundle = await record.export(tmp_path / name, log_keys=[record.log.verifier.encoded()])
        with pytest.raises(SignatureInvalid, match="does not lead"):
            await witness.follow(bundle, [record.api.public_key])
    assert witness.logs() == [rotated.old.verifier]
    assert witness.drop_log(rotated.old.verifier.encoded())
    assert not witness.drop_log(rotated.old.verifier.encoded())
    with pytest.raises(SignatureInvalid, match="does not watch"):
        await witness.follow(bundle, [stranger.api.public_key])


async def test_a_witness_follows_no_rotation_that_the_api_did_not_sign(tmp_path: Path) -> None:
    """A thief of the log's key alone makes up a rotation, signed with a command key of the thief's own."""
    found = Rotated(await negotiated())
    honest = found.record.api.public_key
    found.record.api = CommandSigner(Ed25519PrivateKey.generate())
    await found.rotate()
    await found.both()
    witness = Witness.create(tmp_path / "w", "witness.test/w1")
    witness.add_log(found.old.verifier.encoded())
    keys = [key.verifier.encoded() for key in (found.old, found.new)]
    both = [honest, found.record.api.public_key]
    bundle = await found.record.export(tmp_path / "b", log_keys=keys, command_keys=both)
    with pytest.raises(SignatureInvalid, match=r"acts fails: .* no known key made the signature"):
        await witness.follow(bundle, [honest])
    with pytest.raises(SettingsProblem, match="--command-key"):
        await witness.follow(bundle, [])
    assert witness.logs() == [found.old.verifier]


async def test_a_witness_follows_no_rotation_whose_signed_command_is_not_there(
    rotated: Rotated, tmp_path: Path
) -> None:
    def withheld(lines: list[dict]) -> list[dict]:
        return [{**line, "signed": "withheld"} if act in line["signed"] else line for line in lines]

    keys = [key.verifier.encoded() for key in (rotated.old, rotated.new)]
    for act, leads in (("rotate_log_key", False), ("retire_log_key", False), ("record_statement", True)):
        witness = await watching(rotated, tmp_path / f"w-{act}")
        bundle = await rotated.record.export(tmp_path / act, log_keys=keys)
        rewritten(bundle, {"commands.jsonl": on_lines(withheld)})
        if leads:
            assert await witness.follow(bundle, [rotated.record.api.public_key]) == (rotated.new.verifier,)
            continue
        with pytest.raises(SignatureInvalid, match="acts withheld: signed commands are withheld"):
            await witness.follow(bundle, [rotated.record.api.public_key])


async def test_a_witness_that_followed_is_not_led_back(tmp_path: Path) -> None:
    found = Rotated(await negotiated())
    await found.rotate()
    await found.both()
    keys, api = [key.verifier.encoded() for key in (found.old, found.new)], [found.record.api.public_key]
    overlap = await found.record.export(tmp_path / "overlap", log_keys=keys)
    witness = await watching(found, tmp_path / "w")
    assert len(await witness.follow(overlap, api)) == 2
    await found.retire()
    await found.statement()
    await found.record.sign(log=found.new)
    whole = await found.record.export(tmp_path / "whole", log_keys=keys)
    for _ in range(2):
        assert await witness.follow(whole, api) == (found.new.verifier,)
    again = Witness.load(tmp_path / "w")
    with pytest.raises(SignatureInvalid, match="an old copy, or was truncated"):
        await again.follow(overlap, api)
    assert again.logs() == [found.new.verifier]

    # A party that added the retired key again by hand is not led by another history that begins with it.
    again.add_log(found.old.verifier.encoded())
    other = Rotated(await negotiated())
    other.old = other.record.log = found.old
    for _ in range(found.record.state.size if found.record.state else 0):
        await other.statement()
    other.record.notes.clear()
    await other.record.sign()
    forked = await other.record.export(tmp_path / "forked", log_keys=[found.old.verifier.encoded()])
    [memory] = (tmp_path / "w" / "seen").glob("*.followed")
    memory.with_suffix("").unlink()
    with pytest.raises(SignatureInvalid, match="does not begin with"):
        await again.follow(forked, [other.record.api.public_key])
    memory.write_bytes(Followed(0, Frontier().root(), (found.old.verifier.encoded(),)).encoded())
    with pytest.raises(SignatureInvalid, match="brings back a key that was retired"):
        await again.follow(forked, [other.record.api.public_key])
    memory.write_bytes(b"{}")
    with pytest.raises(Malformed, match="does not read"):
        await again.follow(forked, [other.record.api.public_key])
