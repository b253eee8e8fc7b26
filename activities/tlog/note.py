"""Signed notes: text with signatures below it, as C2SP ``signed-note`` (v1) specifies.

A note is text that ends in a newline, an empty line, and one line for each signature::

    — <key name> <base64 of the 4-byte key id and the signature>

The key id is the start of SHA-256(name ‖ 0x0A ‖ type ‖ public key). A signature of type 0x01 is plain Ed25519
over the text; witnesses' timestamped ones (0x04) are in :mod:`activities.tlog.cosignature`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from activities.errors import Malformed, SignatureInvalid

MAX_NOTE_BYTES: Final = 1_000_000
"""The largest note that is read."""

MAX_SIGNATURES: Final = 100
"""The most signatures that a note may have; the specification asks for no less than 16."""

ED25519: Final = 0x01
"""The type of a plain Ed25519 signature."""

COSIGNATURE: Final = 0x04
"""The type of a timestamped Ed25519 signature of a witness."""

_DASH: Final = "— "
_PRIVATE: Final = "PRIVATE+KEY+"
_ASK = "Fetch it again from where it was published"
_KEY = "Ask the key's owner for the line again, by a way that you trust"


class Verifier(Protocol):
    """A public key under its name. The pair of name and key id picks the signatures that it judges."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before the key's signatures."""
        ...

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether ``signature`` (without the key id) is this key's over ``text``."""
        ...


class Signer(Protocol):
    """A private key under its name."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        ...

    def sign(self, text: str) -> bytes:
        """The signature (without the key id) over ``text``."""
        ...


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it is said to be, and the signature without the key id."""

    name: str
    key_id: bytes
    content: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.content)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, and the signatures below it, which prove nothing until they are verified."""

    text: str
    signatures: tuple[Signature, ...]

    def encoded(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()

    def with_signatures(self, signatures: Iterable[Signature]) -> Note:
        """The note with more signatures below those that it has; a key's second one is left out."""
        seen = {(signature.name, signature.key_id) for signature in self.signatures}
        added = []
        for signature in signatures:
            if (signature.name, signature.key_id) not in seen:
                seen.add((signature.name, signature.key_id))
                added.append(signature)
        return Note(self.text, (*self.signatures, *added))


def encode_base64(content: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(content).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 in its one canonical form; raises :class:`Malformed` for anything else."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64: {text[:40]!r}", _ASK) from None
    if encode_base64(content) != text:
        raise Malformed(f"{what} is base64, but not in its canonical form: {text[:40]!r}", _ASK)
    return content


def check_name(name: str) -> None:
    """Check that ``name`` can be a key's: not empty, no Unicode space, plus sign or control character."""
    if not name or any(
        each == "+" or each.isspace() or unicodedata.category(each) in ("Cc", "Cs") for each in name
    ):
        raise Malformed(
            f"{name[:80]!r} cannot be the name of a key",
            "Take a name like example.com/log, without spaces and plus signs",
        )


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes that tell a key's signatures: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def encode_key(name: str, kind: int, public: bytes) -> str:
    """A verifier key as one line: name, hexadecimal key id, base64 of type and key, joined by plus signs."""
    return f"{name}+{key_id(name, kind, public).hex()}+{encode_base64(bytes([kind]) + public)}"


def decode_key(line: str) -> tuple[str, int, bytes]:
    """Name, type and public key of what :func:`encode_key` wrote; else raises :class:`Malformed`."""
    # The base64 at the end may itself hold plus signs.
    name, _, rest = line.partition("+")
    digits, _, encoded = rest.partition("+")
    check_name(name)
    content = decode_base64(encoded, "a verifier key")
    if len(content) != 33:
        raise Malformed(f"the key of {name} has {len(content)} bytes instead of a type and 32", _KEY)
    kind, public = content[0], content[1:]
    if digits != key_id(name, kind, public).hex():
        raise Malformed(f"the key of {name} does not belong to the key id {digits[:16]!r}", _KEY)
    return name, kind, public


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """A key of type 0x01. ``public`` has the 32 bytes of RFC 8032."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        check_public(self.name, self.public)

    @property
    def key_id(self) -> bytes:
        """See :class:`Verifier`."""
        return key_id(self.name, ED25519, self.public)

    def verifies(self, text: str, signature: bytes) -> bool:
        """See :class:`Verifier`."""
        return verifies_ed25519(self.public, signature, text.encode())

    def encoded(self) -> str:
        """The key as one line, which :meth:`decoded` reads."""
        return encode_key(self.name, ED25519, self.public)

    @classmethod
    def decoded(cls, line: str) -> Ed25519Verifier:
        """Read a verifier key of type 0x01; raises :class:`Malformed` for anything else."""
        name, kind, public = decode_key(line)
        if kind != ED25519:
            raise Malformed(f"the key of {name} has the type {kind}, not {ED25519} (Ed25519)", _KEY)
        return cls(name, public)


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """A private key that makes signatures of type 0x01. Its text form is as secret as the key."""

    name: str
    private: Ed25519PrivateKey

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def verifier(self) -> Ed25519Verifier:
        """See :class:`Signer`."""
        return Ed25519Verifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """See :class:`Signer`."""
        return self.private.sign(text.encode())

    def encoded(self) -> str:
        """The private key as one line, in the form that Go's ``sumdb/note`` uses."""
        content = bytes([ED25519]) + self.private.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encode_base64(content)}"

    @classmethod
    def decoded(cls, line: str) -> Ed25519Signer:
        """Read what :meth:`encoded` wrote; raises :class:`Malformed`, without repeating the secret."""
        parts = line.removeprefix(_PRIVATE).split("+", 2)
        if not line.startswith(_PRIVATE) or len(parts) != 3:
            raise Malformed(f"a signing key does not begin with {_PRIVATE}, a name and a key id", _KEY)
        name, digits, encoded = parts
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed(f"the signing key of {name} is not base64", _KEY) from None
        if len(content) != 33 or content[0] != ED25519:
            raise Malformed(f"the signing key of {name} is not one for Ed25519", _KEY)
        signer = cls(name, Ed25519PrivateKey.from_private_bytes(content[1:]))
        if signer.verifier.key_id.hex() != digits:
            raise Malformed(f"the signing key of {name} does not belong to its key id", _KEY)
        return signer


def check_public(name: str, public: bytes) -> None:
    """Check that ``public`` can be an Ed25519 key; raises :class:`Malformed`."""
    if len(public) != 32:
        raise Malformed(f"the key of {name} has {len(public)} bytes instead of 32", _KEY)


def verifies_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is that of ``public`` over ``message`` (RFC 8032); never raises."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign(text: str, signers: Sequence[Signer]) -> Note:
    """A note over ``text``, signed by each of ``signers``; raises :class:`Malformed` for unfit text."""
    _check_text(text)
    return Note(text, tuple(signature_of(text, signer) for signer in signers))


def signature_of(text: str, signer: Signer) -> Signature:
    """The signature line of ``signer`` for ``text``."""
    return Signature(signer.verifier.name, signer.verifier.key_id, signer.sign(text))


def parse(content: bytes) -> Note:
    """Read a note without judging its signatures.

    Raises:
        Malformed: for anything that is not a signed note with at least one signature.
    """
    if len(content) > MAX_NOTE_BYTES:
        raise Malformed(f"a note has {len(content)} bytes, and {MAX_NOTE_BYTES} is the most", _ASK)
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"a note is not UTF-8: {error}", _ASK) from None
    gap = whole.rfind("\n\n")
    if gap < 0 or not whole.endswith("\n"):
        raise Malformed("a note lacks the empty line and the signatures after its text", _ASK)
    text, below = whole[: gap + 1], whole[gap + 2 :]
    _check_text(text)
    lines = below.split("\n")[:-1]
    if not lines or len(lines) > MAX_SIGNATURES:
        raise Malformed(f"a note has {len(lines)} signatures, not 1 to {MAX_SIGNATURES}", _ASK)
    return Note(text, tuple(parse_signature(line) for line in lines))


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(each < " " and each != "\n" for each in text):
        raise Malformed("a note's text has a control character, or does not end in a newline", _ASK)


def parse_signature(line: str) -> Signature:
    """Read one signature line, without its newline; raises :class:`Malformed` where it is none."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed(f"a signature line is not '— name base64': {line[:80]!r}", _ASK)
    check_name(name)
    content = decode_base64(encoded, f"the signature of {name}")
    if len(content) < 5:
        raise Malformed(
            f"the signature of {name} has {len(content)} bytes, too few for a key id and more", _ASK
        )
    return Signature(name, content[:4], content[4:])


def verify(note: Note, verifiers: Iterable[Verifier]) -> list[Verifier]:
    """Those of ``verifiers`` that signed the note, in the order of the signatures.

    Signatures of unknown keys are passed over, as the specification demands. One bad signature of a known key
    spoils the whole note.

    Raises:
        SignatureInvalid: where a known key's signature is wrong, or no known key signed.
    """
    # Four bytes tell no keys apart for certain, and whoever makes keys can make two with one id.
    known: dict[tuple[str, bytes], list[Verifier]] = {}
    for verifier in verifiers:
        known.setdefault((verifier.name, verifier.key_id), []).append(verifier)
    found: list[Verifier] = []
    for signature in note.signatures:
        candidates = known.get((signature.name, signature.key_id))
        if candidates is None:
            continue
        signers = [each for each in candidates if each.verifies(note.text, signature.content)]
        if not signers:
            raise SignatureInvalid(
                f"the signature of {signature.name} ({signature.key_id.hex()}) does not fit the text",
                "Reject the note, and keep it as evidence",
            )
        found.extend(each for each in signers if each not in found)
    if not found:
        names = ", ".join(sorted({name for name, _ in known})) or "nobody"
        raise SignatureInvalid(
            f"no known key signed the note: known are those of {names}",
            "Get the key from a source that you trust, or reject the note",
        )
    return found
