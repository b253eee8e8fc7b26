"""RFC 9162 trees, C2SP signed notes, checkpoints, cosignatures and policies, as far as FORMAT.md needs them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.activities.verifier.second.reading import need, unbase64


def sha(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves: list[bytes]) -> bytes:
    """The root of a tree, by the definition in RFC 9162."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha(b"\1", root(leaves[:half]), root(leaves[half:]))


class Tree:
    """Roots of all prefixes of a list of leaves; whole subtrees are kept."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves, self._whole = leaves, dict[tuple[int, int], bytes]()

    def root(self, size: int, start: int = 0) -> bytes:
        """The root of ``size`` leaves from ``start`` on."""
        if size <= 1:
            return self.leaves[start] if size else sha()
        found = self._whole.get((start, size))
        if found is None:
            half = 1 << ((size - 1).bit_length() - 1)
            found = sha(b"\1", self.root(half, start), self.root(size - half, start + half))
            self._whole[start, size] = found
        return found


def included(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...], expected: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    at, last, found = index, size - 1, leaf
    for one in proof:
        if not last:
            return False
        if at & 1 or at == last:
            found = sha(b"\1", one, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha(b"\1", found, one)
        at, last = at >> 1, last >> 1
    return not last and found == expected


def fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature fits."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Key:
    """A verifier key: type 1 is a log's, type 4 a witness's."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes before its signatures."""
        return sha(self.name.encode(), b"\n", bytes([self.kind]), self.public)[:4]

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether it made the signature."""
        if self.kind == 1:
            return fits(self.public, signature, text.encode())
        time = int.from_bytes(signature[:8], "big")
        if len(signature) != 72 or time >= 2**63:
            return False
        return fits(self.public, signature[8:], f"cosignature/v1\ntime {time}\n{text}".encode())


def _named(name: str) -> None:
    odd = any(c == "+" or c.isspace() or unicodedata.category(c) in ("Cc", "Cs") for c in name)
    need(name and not odd, "the name of a key")


def key(line: Any, kinds: tuple[int, ...] = (1, 4)) -> Key:
    """Read a verifier key."""
    need(isinstance(line, str), "a key")
    name, _, rest = line.partition("+")
    digits, _, encoded = rest.partition("+")
    _named(name)
    raw = unbase64(encoded, "a key")
    need(len(raw) == 33, "a key")
    found = Key(name, raw[0], raw[1:])
    need(raw[0] in kinds, "the type of a key")
    need(found.id.hex() == digits, "the id of a key")
    return found


@dataclass(frozen=True)
class Note:
    """A checkpoint as a signed note."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]
    origin: str
    size: int
    root: bytes
    more: bool

    def signers(self, keys: list[Key]) -> list[Key] | None:
        """Those of the keys that signed; ``None`` where one of their signatures does not fit, or there is none."""
        found = []
        for name, id_, signature in self.signatures:
            own = [one for one in keys if (one.name, one.id) == (name, id_)]
            fitting = [one for one in own if one.signed(self.text, signature)]
            if own and not fitting:
                return None
            found += fitting
        return found or None


def note(content: bytes) -> Note:
    """Read a checkpoint."""
    need(len(content) <= 1_000_000, "a note that is too long")
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError:
        need(False, "a note that is not UTF-8")
    text, gap, below = whole.rpartition("\n\n")
    text += "\n"
    need(gap and below.endswith("\n"), "a note")
    need(not any(c < " " and c != "\n" for c in text), "a control character")
    lines = below.split("\n")[:-1]
    need(1 <= len(lines) <= 100, "the signatures of a note")
    signatures = []
    for line in lines:
        need(line.startswith("— "), "a signature line")
        name, space, encoded = line[2:].partition(" ")
        need(space, "a signature line")
        _named(name)
        raw = unbase64(encoded, "a signature")
        need(len(raw) >= 5, "a signature")
        signatures.append((name, raw[:4], raw[4:]))
    origin, *rest = text.split("\n")[:-1]
    need(len(rest) >= 2 and origin and all(rest), "a checkpoint")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", rest[0], re.ASCII) and int(rest[0]) < 2**63, "a size")
    hashed = unbase64(rest[1], "a root")
    need(len(hashed) == 32 and (int(rest[0]) or hashed == sha()), "a root")
    return Note(text, tuple(signatures), origin, int(rest[0]), hashed, len(rest) > 2)


@dataclass(frozen=True)
class Policy:
    """A C2SP policy."""

    logs: tuple[Key, ...]
    witnesses: tuple[tuple[str, Key], ...]
    groups: tuple[tuple[str, int, tuple[str, ...]], ...]
    quorum: str

    def asks(self) -> tuple[Any, ...]:
        """What makes it another policy than another one."""
        return (
            frozenset(self.witnesses),
            frozenset((name, least, members) for name, least, members in self.groups),
            self.quorum,
        )

    def satisfied(self, cosigners: list[Key]) -> bool:
        """Whether the cosigners are a quorum."""
        met = {"none"} | {name for name, one in self.witnesses if one in cosigners}
        for name, least, members in self.groups:
            if len(met & set(members)) >= least:
                met.add(name)
        return self.quorum in met


def policy(content: bytes) -> Policy:
    """Read a policy."""
    text = content.decode("latin-1")
    need(not any((c < " " and c not in "\t\n") or c == "\x7f" for c in text), "a policy")
    *lines, rest = text.split("\n")
    need(rest == "" and len(lines) <= 1000, "a policy")
    logs: list[Key] = []
    witnesses: dict[str, Key] = {}
    groups: dict[str, tuple[int, tuple[str, ...]]] = {}
    taken: set[str] = set()
    quorum = None
    for line in lines:
        words = [word for word in re.split("[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        kind, *said = words
        fresh = said and said[0] != "none" and said[0] not in witnesses and said[0] not in groups
        if kind == "log" and len(said) in (1, 2):
            logs.append(key(_utf8(said[0]), (1,)))
            need(len({one.public for one in logs}) == len(logs), "a log twice")
        elif kind == "witness" and len(said) in (2, 3):
            need(fresh, "a name twice")
            witnesses[said[0]] = key(_utf8(said[1]), (4,))
            need(len({one.public for one in witnesses.values()}) == len(witnesses), "a witness twice")
        elif kind == "group" and len(said) > 2:
            need(fresh, "a name twice")
            members = tuple(said[2:])
            for one in members:
                need((one in witnesses or one in groups) and one not in taken, "the member of a group")
                taken.add(one)
            numbers = {"all": str(len(members)), "any": "1"}
            least = numbers.get(said[1], said[1])
            need(
                re.fullmatch("[1-9][0-9]{0,18}", least, re.ASCII) and int(least) <= len(members),
                "a threshold",
            )
            groups[said[0]] = (int(least), members)
        elif kind == "quorum" and len(said) == 1:
            known = said[0] == "none" or said[0] in witnesses or said[0] in groups
            need(quorum is None and known, "a quorum")
            quorum = said[0]
        else:
            need(False, "a line of a policy")
    need(quorum is not None, "no quorum")
    return Policy(
        tuple(logs),
        tuple(witnesses.items()),
        tuple((name, least, members) for name, (least, members) in groups.items()),
        str(quorum),
    )


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        need(False, "the name of a key")
        raise
