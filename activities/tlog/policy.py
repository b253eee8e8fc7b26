"""Policies: whose signatures make a checkpoint final, as C2SP ``tlog-policy`` specifies them.

For an accord it is one file such as::

    log accords.example/a-17+…
    witness RU witness.ru.example/w1+…
    witness KP witness.kp.example/w1+…
    group parties all RU KP
    quorum parties
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from activities.errors import Malformed, SignatureInvalid
from activities.tlog.checkpoint import OpenedCheckpoint, open_checkpoint, parse_decimal
from activities.tlog.cosignature import CosignatureVerifier, parse_verifier
from activities.tlog.note import Ed25519Verifier, Note

MAX_LINES = 1000
"""The most lines of a policy; the specification asks for room for 32 logs, 32 witnesses and 32 groups."""

NONE = "none"
"""The quorum that is always there."""

_FIX = "Compare the policy with the one that the parties agreed on"


@dataclass(frozen=True, slots=True)
class Group:
    """Has witnessed what at least ``threshold`` of its ``members``, witnesses or groups, have witnessed."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Known logs, known witnesses by name, groups of them, and the quorum that a checkpoint needs.

    ``addresses`` has, by the same names, where those witnesses can be asked whose lines give a URL.
    """

    logs: tuple[Ed25519Verifier, ...]
    witnesses: Mapping[str, CosignatureVerifier]
    groups: Mapping[str, Group]
    quorum: str
    addresses: Mapping[str, str] = field(default_factory=dict)

    def satisfied_by(self, cosigners: Iterable[CosignatureVerifier]) -> bool:
        """Whether these witnesses are a quorum."""
        keys = {(key.name, key.public) for key in cosigners}
        met = {name for name, key in self.witnesses.items() if (key.name, key.public) in keys} | {NONE}
        # A group's members stand before it in the file, so that one pass suffices.
        for name, group in self.groups.items():
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met

    def open(self, content: bytes | Note) -> OpenedCheckpoint:
        """Read a checkpoint that one of the logs signed and a quorum cosigned, which makes it final.

        Raises:
            Malformed: where it is no checkpoint.
            SignatureInvalid: where it is of no known log, a signature is wrong, or the quorum is absent.
        """
        opened = open_checkpoint(content, self.logs, self.witnesses.values())
        if not self.satisfied_by(key for key in opened.witnesses if isinstance(key, CosignatureVerifier)):
            signed = ", ".join(sorted(key.name for key in opened.witnesses)) or "nobody"
            raise SignatureInvalid(
                f"the checkpoint at size {opened.checkpoint.size} is not final: the quorum is {self.quorum}, and "
                f"it is cosigned by {signed}",
                "Ask the missing witnesses for their cosignatures",
            )
        return opened


def parse(content: bytes) -> Policy:
    """Read a policy.

    Raises:
        Malformed: for anything that is not in the format.
    """
    # Octets beyond ASCII are opaque in this format: Latin-1 keeps each as it is.
    text = content.decode("latin-1")
    if any((each < " " and each not in "\t\n") or each == "\x7f" for each in text):
        raise Malformed("a policy holds a control character", _FIX)
    lines = text.split("\n")
    if lines.pop() or len(lines) > MAX_LINES:
        raise Malformed(f"a policy does not end in a newline, or has more than {MAX_LINES} lines", _FIX)
    reading = _Reading()
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split("[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            try:
                reading.read(words)
            except Malformed as error:
                raise Malformed(f"line {number} of a policy: {error.what}", error.remedy) from None
    return reading.policy()


class _Reading:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self._logs: list[Ed25519Verifier] = []
        self._witnesses: dict[str, CosignatureVerifier] = {}
        self._groups: dict[str, Group] = {}
        self._taken: set[str] = set()
        self._addresses: dict[str, str] = {}
        self._quorum: str | None = None

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                self._log(key)
            case ["witness", name, key]:
                self._witness(name, key)
            case ["witness", name, key, address]:
                self._witness(name, key)
                self._addresses[name] = address
            case ["group", name, threshold, *members]:
                self._group(name, threshold, members)
            case ["quorum", name]:
                self._set_quorum(name)
            case _:
                raise Malformed(f"{' '.join(words)[:80]!r} is not a line of a policy", _FIX)

    def policy(self) -> Policy:
        if self._quorum is None:
            raise Malformed("a policy has no quorum", "Add a line such as: quorum parties")
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum, self._addresses)

    def _log(self, key: str) -> None:
        log = parse_verifier(_text(key))
        if not isinstance(log, Ed25519Verifier):
            raise Malformed(f"the key of {log.name} is not that of a log", _FIX)
        if any(each.public == log.public for each in self._logs):
            raise Malformed(f"the key of {log.name} is listed twice", _FIX)
        self._logs.append(log)

    def _witness(self, name: str, key: str) -> None:
        witness = parse_verifier(_text(key))
        if not isinstance(witness, CosignatureVerifier):
            raise Malformed(f"the key of {witness.name} is not that of a witness", _FIX)
        if any(each.public == witness.public for each in self._witnesses.values()):
            raise Malformed(f"the key of {witness.name} is listed twice", _FIX)
        self._define(name)
        self._witnesses[name] = witness

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        if not members:
            raise Malformed(f"the group {name!r} has no members", _FIX)
        for member in members:
            if member not in self._witnesses and member not in self._groups:
                raise Malformed(f"{member!r} is not defined above", _FIX)
            if member in self._taken:
                raise Malformed(f"{member!r} is a member twice", _FIX)
            self._taken.add(member)
        named = {"all": len(members), "any": 1}
        least = named[threshold] if threshold in named else parse_decimal(threshold, "a threshold")
        if not 1 <= least <= len(members):
            raise Malformed(f"the group {name!r} cannot need {least} of {len(members)} members", _FIX)
        self._define(name)
        self._groups[name] = Group(least, tuple(members))

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise Malformed("a policy has two quorums", _FIX)
        if name != NONE and name not in self._witnesses and name not in self._groups:
            raise Malformed(f"{name!r} is not defined above", _FIX)
        self._quorum = name

    def _define(self, name: str) -> None:
        if name == NONE or name in self._witnesses or name in self._groups:
            raise Malformed(f"the name {name!r} is already taken", _FIX)


def _text(key: str) -> str:
    try:
        return key.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a key's name is not UTF-8", _FIX) from None
