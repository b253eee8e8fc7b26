"""What the reader kept from before: checkpoints, receipts and finality proofs, held against the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from activities.errors import LedgerError, Malformed, ProofInvalid
from activities.tlog import proofs
from activities.tlog.checkpoint import Checkpoint, parse_text
from activities.tlog.merkle import consistency_proof, root_at, verify_inclusion
from activities.tlog.note import Note
from activities.tlog.note import parse as parse_note
from activities.tlog.tiles import TileReader
from activities.verifier.evidence import Evidence, Rotation
from activities.verifier.findings import Report
from activities.verifier.witnessed import Witnessed


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that somebody kept; of a receipt or finality proof also of which entry, and the proof's hashes."""

    note: Note
    index: int | None = None
    hashes: tuple[bytes, ...] = ()


def parse_held(content: bytes) -> Held:
    """The checkpoint in what somebody kept: a signed note, or a ``.tlog-proof`` (receipt or finality proof).

    Raises:
        Malformed: where it is none of them.
    """
    held = Held(Note("", ()))
    if content.startswith(proofs.HEADER.encode()):
        proof = proofs.parse(content)
        held = Held(parse_note(proof.checkpoint), proof.index, proof.hashes)
    else:
        held = Held(parse_note(content))
    checkpoint = parse_text(held.note.text)
    if held.index is not None and held.index >= checkpoint.size:
        raise Malformed("a proof is of an entry beyond its checkpoint", "Fetch it again")
    return held


class HeldCheckpoints:
    """Holds a record that was read against what was kept; what contradicts it becomes evidence."""

    def __init__(self, report: Report, witnessed: Witnessed, lookup: TileReader) -> None:
        self._report = report
        self._witnessed = witnessed
        self._lookup = lookup

    def check(self, held: Iterable[Held], root: bytes) -> None:
        """Check each; ``root`` is that of the whole record."""
        for one in held:
            try:
                checkpoint = parse_text(one.note.text)
                if checkpoint.origin == self._report.origin:
                    self._witnessed.counted(one.note, checkpoint.size)
            except LedgerError as error:
                self._report["signatures"].fail(f"a checkpoint that you hold: {error.what}")
                continue
            if checkpoint.origin != self._report.origin:
                self._report["consistency"].fail(
                    f"a checkpoint that you hold is of another log: {checkpoint.origin[:80]!r}"
                )
                continue
            self._included(one, checkpoint)
            self._extended(one.note, checkpoint, root)

    def _included(self, held: Held, checkpoint: Checkpoint) -> None:
        """The entry of a receipt is the one that stands in the record at its place."""
        if held.index is None or held.index >= self._report.size:
            return
        self._report["consistency"].checked += 1
        leaf = self._lookup(0, held.index)
        try:
            verify_inclusion(leaf, held.index, checkpoint.size, held.hashes, checkpoint.root)
        except ProofInvalid:
            self._report["consistency"].fail(
                f"the proof that you hold is not of the entry {held.index} that stands in the record"
            )

    def _extended(self, note: Note, held: Checkpoint, root: bytes) -> None:
        size = self._report.size
        if held.size > size:
            self._report["completeness"].fail(
                f"you hold a checkpoint of {held.size} entries, and the record here ends at {size}: it was "
                "truncated, or is an old copy"
            )
            return
        there = root_at(held.size, self._lookup)
        self._report["consistency"].checked += 1
        if there == held.root:
            return
        self._report["consistency"].fail(
            f"the checkpoint that you hold commits to the root {held.root.hex()} at size {held.size}, and the record "
            f"comes to {there.hex()}: two histories were shown"
        )
        last = self._witnessed.last
        if last is None or parse_text(last.text).root != root:
            return
        same = held.size == size
        proof = () if same else consistency_proof(held.size, size, self._lookup)
        rotations = tuple(
            Rotation(
                committing.encoded(),
                entry.content or b"",
                entry.facts.salt,
                entry.facts.content,
                self._witnessed.inclusion(entry.position, committing, self._lookup),
            )
            for entry, committing in self._witnessed.rotations()
            if not isinstance(entry.facts, str)
        )
        evidence = Evidence((note.encoded(), last.encoded()), None if same else there, proof, rotations)
        self._report.evidence = evidence.encoded()


__all__ = ["Held", "HeldCheckpoints", "parse_held"]
