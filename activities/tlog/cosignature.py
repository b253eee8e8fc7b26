"""Cosignatures of witnesses, as C2SP ``tlog-cosignature`` specifies them for Ed25519 (type 0x04).

The signature is an 8-byte big-endian POSIX time in seconds, then Ed25519 over ``cosignature/v1``, the time,
and the checkpoint's text. It says: at that time this was the largest consistent tree that the witness knew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.errors import Malformed
from activities.tlog.note import (
    COSIGNATURE,
    Ed25519Verifier,
    Signature,
    Verifier,
    check_name,
    check_public,
    decode_key,
    encode_key,
    key_id,
    verifies_ed25519,
)

_TIME_BYTES: Final = 8
_MAX_TIME: Final = 2**63 - 1


def _message(time: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's public key. ``public`` has the 32 bytes of RFC 8032, and is used for nothing else."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        check_public(self.name, self.public)

    @property
    def key_id(self) -> bytes:
        """See :class:`activities.tlog.note.Verifier`."""
        return key_id(self.name, COSIGNATURE, self.public)

    def verifies(self, text: str, signature: bytes) -> bool:
        """See :class:`activities.tlog.note.Verifier`."""
        time = int.from_bytes(signature[:_TIME_BYTES], "big")
        if len(signature) != _TIME_BYTES + 64 or time > _MAX_TIME:
            return False
        return verifies_ed25519(self.public, signature[_TIME_BYTES:], _message(time, text))

    def encoded(self) -> str:
        """The key as one line, which :func:`parse_verifier` reads."""
        return encode_key(self.name, COSIGNATURE, self.public)


@dataclass(frozen=True, slots=True)
class CosignatureSigner:
    """A witness's private key; ``clock`` gives the POSIX time in seconds at which it signs."""

    name: str
    private: Ed25519PrivateKey
    clock: Callable[[], int]

    @property
    def verifier(self) -> CosignatureVerifier:
        """See :class:`activities.tlog.note.Signer`."""
        return CosignatureVerifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """See :class:`activities.tlog.note.Signer`."""
        time = self.clock()
        return time.to_bytes(_TIME_BYTES, "big") + self.private.sign(_message(time, text))


def cosigned_at(signature: Signature) -> int:
    """The POSIX time in seconds in a witness's signature; raises :class:`Malformed` where it has none."""
    time = int.from_bytes(signature.content[:_TIME_BYTES], "big")
    if len(signature.content) != _TIME_BYTES + 64 or time > _MAX_TIME:
        raise Malformed(
            f"the signature of {signature.name} is not a timestamped one",
            "Ask the witness for a cosignature/v1",
        )
    return time


def parse_verifier(line: str) -> Verifier:
    """Read a verifier key, a log's (type 0x01) or a witness's (0x04).

    Raises:
        Malformed: where it is neither.
    """
    name, kind, public = decode_key(line)
    if kind == COSIGNATURE:
        return CosignatureVerifier(name, public)
    return Ed25519Verifier.decoded(line)
