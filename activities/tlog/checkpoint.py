"""Checkpoints: what a log commits to at a size, as C2SP ``tlog-checkpoint`` specifies it.

The text of a signed note, in three lines: origin, number of entries, base64 of the Merkle root. Extension
lines are read, since the specification allows them, and never written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from activities.errors import Malformed, SignatureInvalid
from activities.tlog.merkle import EMPTY_ROOT, HASH_SIZE
from activities.tlog.note import Note, Signer, Verifier, decode_base64, encode_base64, sign, verify
from activities.tlog.note import parse as parse_note

MAX_SIZE: Final = 2**63 - 1
"""The largest number of entries."""

_ASK = "Fetch it again from where it was published"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of the log ``origin`` with ``size`` entries has the Merkle root ``root``."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.origin or any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise Malformed("a checkpoint's origin or extension is empty, or more than a line", _ASK)
        if not 0 <= self.size <= MAX_SIZE:
            raise Malformed(f"a checkpoint cannot have the size {self.size}", _ASK)
        if len(self.root) != HASH_SIZE or (self.size == 0 and self.root != EMPTY_ROOT):
            raise Malformed(f"{self.root.hex()} cannot be a root at size {self.size}", _ASK)

    def text(self) -> str:
        """The text of the note, with its last newline."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(line + "\n" for line in lines)


def parse_text(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint; raises :class:`Malformed` where it is none."""
    origin, *rest = text.split("\n")
    if len(rest) < 3 or rest[-1]:
        raise Malformed("a checkpoint has fewer than three lines", _ASK)
    size, root, *extensions = rest[:-1]
    return Checkpoint(
        origin, parse_decimal(size, "a checkpoint's size"), decode_base64(root, "a root"), tuple(extensions)
    )


def parse_decimal(digits: str, what: str) -> int:
    """A non-negative decimal number without leading zeros; raises :class:`Malformed` for anything else."""
    if (
        not (digits.isascii() and digits.isdigit())
        or len(digits) > 19
        or (digits[0] == "0" and digits != "0")
    ):
        raise Malformed(f"{what} is not a decimal number: {digits[:30]!r}", _ASK)
    return int(digits)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """The checkpoint as a note with the log's signature.

    Raises:
        SignatureInvalid: where the key's name is not the log's origin.
    """
    if signer.verifier.name != checkpoint.origin:
        raise SignatureInvalid(
            f"the key of {signer.verifier.name} does not sign for the log {checkpoint.origin}",
            "Sign with the key that has the origin as its name",
        )
    return sign(checkpoint.text(), [signer])


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint whose log's signature verified, its note, and the witnesses whose signatures did."""

    checkpoint: Checkpoint
    note: Note
    witnesses: tuple[Verifier, ...]


def open_checkpoint(
    content: bytes | Note, logs: Iterable[Verifier], witnesses: Iterable[Verifier] = ()
) -> OpenedCheckpoint:
    """Read a checkpoint that one of ``logs`` signed: a key whose name is the checkpoint's origin.

    The keys have to be known beforehand. Several of one name are the old and the new one while a key rotates.

    Raises:
        Malformed: where it is no checkpoint.
        SignatureInvalid: where no such key signed it, or the signature of a known key is wrong.
    """
    note = parse_note(content) if isinstance(content, bytes) else content
    checkpoint = parse_text(note.text)
    own = [log for log in logs if log.name == checkpoint.origin]
    if not own:
        raise SignatureInvalid(
            f"no key of the log {checkpoint.origin[:80]!r} is known",
            "Get it from your own delegate, never together with the checkpoint",
        )
    signed = verify(note, [*own, *witnesses])
    ids = {log.key_id for log in own}
    cosigners = tuple(key for key in signed if key.name != checkpoint.origin or key.key_id not in ids)
    if len(cosigners) == len(signed):
        raise SignatureInvalid(f"the log {checkpoint.origin} did not sign the checkpoint", "Reject it")
    return OpenedCheckpoint(checkpoint, note, cosigners)


def contradict(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two checkpoints name two roots for one size of one log.

    With the log's signature on both, the two notes prove to anybody that the log equivocated.
    """
    return (one.origin, one.size) == (other.origin, other.size) and one.root != other.root
