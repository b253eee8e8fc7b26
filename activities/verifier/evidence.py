"""Evidence that a log equivocated: two checkpoints that it signed, and that no single record can have.

Two of one size with different roots contradict each other as they stand. For two of different sizes the evidence
adds what the larger tree's first entries come to: that root, and the proof that it belongs to the larger tree
(RFC 9162, section 2.1.4). A tree has one root only at each size, so if it is not the one signed, the log forked.

The file is canonical JSON with ``format``, the two ``checkpoints`` as signed notes (the smaller first), and, for
different sizes, ``root`` and ``proof`` in base64. Where the log's key was rotated between the two, ``rotations`` leads
from a key that the reader knows to the other: entries of the log that name both, each with a checkpoint that commits to
it. Their particulars are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from activities.errors import LedgerError, Malformed, ProofInvalid, SignatureInvalid
from activities.ledger.entry import Payload, decode_canonical
from activities.ledger.parsing import parse as parse_entry
from activities.tlog.checkpoint import Checkpoint, contradict, open_checkpoint, parse_text
from activities.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from activities.tlog.note import Ed25519Verifier, Verifier, decode_base64, encode_base64
from activities.tlog.note import parse as parse_note
from workflows.model.canonical import canonical
from workflows.record.logkeys import LogKeyRotated

FORMAT: Final = "entente-equivocation/1"
"""What the file says that it is."""

MAX_EVIDENCE: Final = 4 * 1024 * 1024
"""The most bytes of evidence."""

MOST_ROTATIONS: Final = 64
"""The most links from one key of a log to another."""

_AGAIN: Final = "Ask whoever made it for the file again"


@dataclass(frozen=True, slots=True)
class Rotation:
    """An entry ``log_key_rotated`` with its facts, a checkpoint that commits to it, and the proof of that."""

    note: bytes
    entry: bytes
    salt: bytes
    content: bytes
    proof: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "checkpoint": self.note.decode(),
            "entry": encode_base64(self.entry),
            "facts": {"salt": encode_base64(self.salt), "content": self.content.decode()},
            "proof": [encode_base64(each) for each in self.proof],
        }

    def named(self, believed: Sequence[Ed25519Verifier]) -> tuple[Ed25519Verifier, ...]:
        """Both keys, if one of those ``believed`` signed a checkpoint that commits to the entry; else none."""
        try:
            opened = open_checkpoint(self.note, believed).checkpoint
            entry, facts = parse_entry(self.entry), Payload(self.salt, self.content)
            facts.verify(entry.facts)
            verify_inclusion(leaf_hash(self.entry), entry.position, opened.size, self.proof, opened.root)
            if entry.type != LogKeyRotated.type:
                return ()
            event = LogKeyRotated.model_validate(facts.value()["event"])
            return tuple(Ed25519Verifier.decoded(key) for key in (event.old, event.new))
        except (LedgerError, KeyError, ValueError):
            return ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signed notes, and for different sizes the larger tree's root at the smaller one's, with its proof."""

    notes: tuple[bytes, bytes]
    root: bytes | None = None
    proof: tuple[bytes, ...] = ()
    rotations: tuple[Rotation, ...] = ()

    def encoded(self) -> bytes:
        """The content of the file."""
        value: dict[str, Any] = {"format": FORMAT, "checkpoints": [note.decode() for note in self.notes]}
        if self.root is not None:
            value |= {"root": encode_base64(self.root), "proof": [encode_base64(each) for each in self.proof]}
        if self.rotations:
            value["rotations"] = [each.as_json() for each in self.rotations]
        return canonical(value) + b"\n"

    @property
    def checkpoints(self) -> tuple[Checkpoint, Checkpoint]:
        """What the two notes say; raises :class:`Malformed`."""
        one, other = (parse_text(parse_note(note).text) for note in self.notes)
        return one, other

    def judge(self, logs: Iterable[Verifier]) -> str:
        """What the evidence proves, in a sentence; ``logs`` are the log's keys, known beforehand.

        Raises:
            Malformed: where a note is no checkpoint.
            SignatureInvalid: where the log did not sign both.
            ProofInvalid: where both can be of one record.
        """
        keys = self._led_to(logs)
        small, large = (open_checkpoint(note, keys).checkpoint for note in self.notes)
        if small.origin != large.origin:
            raise ProofInvalid("the two checkpoints are of two logs, which need not agree", _AGAIN)
        if contradict(small, large):
            return f"{small.origin} signed two different records of {small.size} entries"
        if self.root is None or small.size >= large.size:
            raise ProofInvalid("the two checkpoints can be of one record: nothing contradicts", _AGAIN)
        verify_consistency(small.size, large.size, self.root, large.root, self.proof)
        if self.root == small.root:
            raise ProofInvalid("the larger checkpoint extends the smaller one: nothing contradicts", _AGAIN)
        return (
            f"{small.origin} signed a record of {large.size} entries whose first {small.size} are not those that it "
            "signed before"
        )

    def _led_to(self, logs: Iterable[Verifier]) -> list[Verifier]:
        """The keys known beforehand, and those to which the rotations lead from them."""
        known = list(logs)
        left = list(self.rotations)
        while True:
            believed = [key for key in known if isinstance(key, Ed25519Verifier)]
            led = [(one, one.named(believed)) for one in left] if believed else []
            if not any(named for _, named in led):
                return known
            left = [one for one, named in led if not named]
            known += [key for _, named in led for key in named if key not in known]


def parse(content: bytes) -> Evidence:
    """Read evidence without judging it.

    Raises:
        Malformed: for anything else.
    """
    if len(content) > MAX_EVIDENCE:
        raise Malformed(f"the evidence has {len(content)} bytes, and {MAX_EVIDENCE} is the most", _AGAIN)
    value = decode_canonical(content.removesuffix(b"\n"), "the evidence")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Malformed(f"the file does not say that it is {FORMAT}", _AGAIN)
    if value.keys() - {"rotations"} not in (
        {"format", "checkpoints"},
        {"format", "checkpoints", "root", "proof"},
    ):
        raise Malformed("the evidence has other members than its format", _AGAIN)
    one, other = _texts(value["checkpoints"], 2)
    rotations = _rotations(value.get("rotations", []))
    if "root" not in value:
        return Evidence((one.encode(), other.encode()), rotations=rotations)
    [root] = _texts([value["root"]], 1)
    return Evidence(
        (one.encode(), other.encode()), decode_base64(root, "a root"), _hashes(value["proof"]), rotations
    )


def _rotations(value: object) -> tuple[Rotation, ...]:
    if not isinstance(value, list) or len(value) > MOST_ROTATIONS:
        raise Malformed("the rotations in the evidence are no list, or too many", _AGAIN)
    found = []
    for each in value:
        if not isinstance(each, dict) or each.keys() != {"checkpoint", "entry", "facts", "proof"}:
            raise Malformed("a rotation in the evidence has other members than its format", _AGAIN)
        facts = each["facts"]
        if not isinstance(facts, dict) or facts.keys() != {"salt", "content"}:
            raise Malformed("the facts of a rotation have other members than their format", _AGAIN)
        note, entry, salt, content = _texts(
            [each["checkpoint"], each["entry"], facts["salt"], facts["content"]], 4
        )
        found.append(
            Rotation(
                note.encode(),
                decode_base64(entry, "an entry"),
                decode_base64(salt, "a salt"),
                content.encode(),
                _hashes(each["proof"]),
            )
        )
    return tuple(found)


def _hashes(value: object) -> tuple[bytes, ...]:
    return tuple(decode_base64(each, "a hash of the proof") for each in _texts(value))


def _texts(value: object, count: int | None = None) -> Sequence[str]:
    if (
        not isinstance(value, list)
        or len(value) != (len(value) if count is None else count)
        or len(value) > 64
    ):
        raise Malformed("a list in the evidence does not have the length that it should", _AGAIN)
    if not all(isinstance(each, str) for each in value):
        raise Malformed("a list in the evidence holds something that is not text", _AGAIN)
    return value


__all__ = ["FORMAT", "MAX_EVIDENCE", "Evidence", "Rotation", "SignatureInvalid", "parse"]
