"""Proofs that can be handed over as one file, ``.tlog-proof``, as C2SP ``tlog-proof`` (v1) specifies them.

The file has the entry's index, the Merkle inclusion proof, and a checkpoint with its signatures. Whoever has
the entry, the log's key and a policy for witnesses can verify it with the network off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from activities.errors import Malformed
from activities.tlog.checkpoint import OpenedCheckpoint, parse_decimal
from activities.tlog.merkle import HASH_SIZE, verify_inclusion
from activities.tlog.note import MAX_NOTE_BYTES, decode_base64, encode_base64

HEADER: Final = "c2sp.org/tlog-proof@v1"
"""The first line."""

MAX_HASHES: Final = 63
"""The most hashes in a proof: a tree's height."""

_ASK = "Ask for the proof again"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof with its checkpoint, which is kept as the bytes of a signed note.

    ``extra`` is opaque and proves nothing: no signature covers it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encoded(self) -> bytes:
        """The content of the file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(each) for each in self.hashes]
        return "".join(line + "\n" for line in [*lines, ""]).encode() + self.checkpoint

    def verify(self, leaf: bytes, opened: Callable[[bytes], OpenedCheckpoint]) -> OpenedCheckpoint:
        """Check that the log committed to the leaf hash ``leaf`` at this index.

        ``opened`` reads the checkpoint and judges its signatures. For finality it is
        :meth:`activities.tlog.policy.Policy.open`, for a receipt
        :func:`activities.tlog.checkpoint.open_checkpoint` with the log's key.

        Raises:
            Malformed: where the checkpoint is none.
            SignatureInvalid: where ``opened`` finds a signature wrong or missing.
            ProofInvalid: where the leaf is not in the tree at this index.
        """
        found = opened(self.checkpoint)
        verify_inclusion(leaf, self.index, found.checkpoint.size, self.hashes, found.checkpoint.root)
        return found


def parse(content: bytes) -> TlogProof:
    """Read a ``.tlog-proof`` file without verifying anything.

    Raises:
        Malformed: for anything that is not in its format.
    """
    if len(content) > MAX_NOTE_BYTES:
        raise Malformed(f"a proof has {len(content)} bytes, and {MAX_NOTE_BYTES} is the most", _ASK)
    head, gap, checkpoint = content.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("a proof is not ASCII above its checkpoint", _ASK) from None
    if header != HEADER or not gap:
        raise Malformed(f"a proof does not begin with {HEADER}, or has no checkpoint", _ASK)
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra data of a proof")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("a proof does not say the index of its entry", _ASK)
    index = parse_decimal(lines.pop(0).removeprefix("index "), "the index of a proof")
    hashes = tuple(decode_base64(line, "a hash of a proof") for line in lines)
    if len(hashes) > MAX_HASHES or any(len(each) != HASH_SIZE for each in hashes):
        raise Malformed(
            f"a proof has more than {MAX_HASHES} hashes, or one that is not {HASH_SIZE} bytes", _ASK
        )
    return TlogProof(index, hashes, checkpoint, extra)
