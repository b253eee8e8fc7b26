"""The record says which key of the log counts at which size, and which witness policy; readers follow by a chain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.errors import Malformed, SettingsProblem, SignatureInvalid
from activities.identity.signing import CommandSigner
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.merkle import Frontier
from activities.tlog.note import Ed25519Signer, Ed25519Verifier, signature_of
from activities.tlog.note import parse as parse_note
from activities.tlog.policy import Policy
from activities.tlog.policy import parse as parse_policy
from activities.verifier.findings import Report
from activities.verifier.held import parse_held
from activities.verifier.outside import EntryTimes
from activities.verifier.verify import verify_bundle
from activities.verifier.witnessed import Witnessed
from activities.witness.following import Followed
from activities.witness.witness import Request, Witness
from tests.activities.verifier.record import ORIGIN, Record, negotiated, on_lines, rewritten
from tests.simulation.small import digest
from workflows.record.logkeys import MOST_LOG_KEYS
from workflows.record.witnessing import policy_digest


def signer() -> Ed25519Signer:
    return Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate())


class Rotated:
    """A record whose log's key was rotated and then retired; ``old`` and ``new`` are the keys."""

    def __init__(self, record: Record) -> None:
        self.record, self.old, self.new = record, record.log, signer()

    async def statement(self) -> None:
        await self.record.act("aa.contact", "record_statement", digest=digest("said"), words="Said")

    async def both(self) -> None:
        """A checkpoint of the overlap, with both signatures."""
        note = parse_note(await self.record.sign())
        size = max(self.record.notes)
        self.record.notes[size] = note.with_signatures([signature_of(note.text, self.new)]).encoded()

    async def rotate(self) -> None:
        old, new = self.old.verifier.encoded(), self.new.verifier.encoded()
        await self.record.act("installation", "rotate_log_key", old=old, new=new)

    async def retire(self) -> None:
        await self.record.act("installation", "retire_log_key", key=self.old.verifier.encoded())

    async def verified(self, path: Path, *logs: Ed25519Signer, **changes: object) -> Report:
        keys = [key.verifier.encoded() for key in (self.old, self.new)]
        await self.record.export(path, log_keys=keys)
        policy = replace(self.record.policy, logs=tuple(log.verifier for log in logs))
        return verify_bundle(path, self.record.trust(policy=policy, **changes))


def statuses(report: Report) -> dict[str, str]:
    """What fails; where nothing does, what does not hold."""
    found = {name: finding.status for name, finding in report.findings.items() if finding.status != "holds"}
    return {name: status for name, status in found.items() if status == "fails"} or found


@pytest_asyncio.fixture
async def rotated() -> Rotated:
    found = Rotated(await negotiated())
    await found.rotate()
    await found.both()
    await found.retire()
    await found.statement()
    await found.record.sign(log=found.new)
    return found


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


# A party's witness


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


# The witness policy


def witnesses(*names: str) -> list[CosignatureSigner]:
    return [
        CosignatureSigner(f"witness.{name}.test/w2", Ed25519PrivateKey.generate(), lambda: 1_900_000_001)
        for name in names
    ]


def policy_of(signers: list[CosignatureSigner]) -> str:
    lines = [f"witness W{number} {one.verifier.encoded()}" for number, one in enumerate(signers)]
    names = " ".join(f"W{number}" for number in range(len(signers)))
    return "\n".join([*lines, f"group parties all {names}", "quorum parties", ""])


def known(record: Record, text: str) -> Policy:
    return parse_policy(f"log {record.log.verifier.encoded()}\n{text}".encode())


class Changed:
    """A record whose witness policy was changed by its parties."""

    def __init__(self, record: Record) -> None:
        self.record, self.old = record, list(record.witnesses)
        self.new = witnesses("cc", "dd")
        self.text = policy_of(self.new)

    async def change(self) -> None:
        await self.record.act("aa.contact", "propose_witness_policy", policy=self.text)
        await self.record.act("bb.contact", "agree_witness_policy", digest=policy_digest(self.text))

    async def sign(self, *by: CosignatureSigner) -> None:
        self.record.witnesses = list(by)
        await self.record.sign(witnesses=len(by))
        self.record.witnesses = list(self.old)

    async def verified(self, path: Path, policy: Policy | None = None) -> Report:
        await self.record.export(path, policy=self.beside)
        return verify_bundle(path, self.record.trust(policy=policy or self.record.policy))

    @property
    def beside(self) -> bytes:
        """The policy as the service exports it: the one that the record names."""
        return f"log {self.record.log.verifier.encoded()}\n{self.text}".encode()


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
