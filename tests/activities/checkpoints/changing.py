"""Records whose log's key was rotated, or whose witness policy was changed, and how readers judge them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.note import Ed25519Signer, signature_of
from activities.tlog.note import parse as parse_note
from activities.tlog.policy import Policy
from activities.tlog.policy import parse as parse_policy
from activities.verifier.findings import Report
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.record import ORIGIN, Record, negotiated
from tests.simulation.small import digest
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


async def rotated_and_retired() -> Rotated:
    """A record on which the log went over to a new key, and the old one signs no more."""
    rotated = Rotated(await negotiated())
    await rotated.rotate()
    await rotated.both()
    await rotated.retire()
    await rotated.statement()
    await rotated.record.sign(log=rotated.new)
    return rotated
