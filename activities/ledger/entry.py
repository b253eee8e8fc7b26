"""The entry: the bytes that stand in an accord's log, and the two payloads that they commit to.

An entry is a canonical JSON object (RFC 8785, without floats and with ASCII keys) of at most 65,535 bytes::

    {"accord":"…","actor":{"behalf":null,"delegate":"…","party":"…","role":"…"},"causation":null,
     "command":"…","facts":"sha256:…","particulars":"sha256:…","position":0,
     "time":"2026-05-01T09:00:00.000000Z","type":"accord_opened","v":1,"version":1}

``facts`` and ``particulars`` are salted digests: SHA-256 over a salt of 16 random bytes, followed by the
payload's canonical JSON. The salt keeps the digest of a short payload from being guessed once the payload
itself has been erased or withheld, so it goes wherever its payload goes and nowhere else. An entry always has
both digests: whether there were any particulars is itself not to be seen.

What is hashed is what is stored; nothing is serialised again in order to be verified.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from activities.errors import Malformed, PayloadMismatch, Unrecordable
from activities.ledger import strict_json
from activities.tlog.merkle import leaf_hash
from workflows.model.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical
from workflows.model.commands import Actor, EventDraft

FORMAT: Final = 1
"""The version of the entry's format, its member ``v``."""

MAX_ENTRY_BYTES: Final = 65_535
"""What the 16-bit length of an entry in a C2SP entry bundle can say."""

SALT_BYTES: Final = 16
"""128 bits: as many as a guess must not find."""

Kind = Literal["facts", "particulars"]
"""Which of an entry's two payloads."""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)
COMPARE: Final = "Fetch it again, and compare it with the copies of the other parties"


def time_text(time: datetime) -> str:
    """``time`` as entries write it: RFC 3339 in UTC, always with six digits of the second and a ``Z``.

    One form only, so that equal times have equal bytes; the texts sort as the times do.
    """
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """Read what :func:`time_text` wrote; raises :class:`Malformed` for every other form."""
    if _TIME.fullmatch(text) is None:
        raise Malformed(f"{text[:40]!r} is not a time in UTC with six decimal places", COMPARE)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{text!r} is not a time: {error}", COMPARE) from None
    if time_text(time) != text:
        # Some versions of Python read 24:00 as midnight of the next day.
        raise Malformed(f"{text!r} is not the usual way to write that time", COMPARE)
    return time


@dataclass(frozen=True, slots=True)
class Payload:
    """What a salted digest is of: the salt, and the canonical JSON exactly as it was hashed."""

    salt: bytes
    content: bytes

    def digest(self) -> str:
        """``sha256:`` and the hexadecimal SHA-256 of the salt and the content."""
        return "sha256:" + hashlib.sha256(self.salt + self.content).hexdigest()

    def value(self) -> dict[str, Any]:
        """The object that the content says; raises :class:`Malformed` unless it is one, in canonical form."""
        decoded = decode_canonical(self.content, "a payload")
        if not isinstance(decoded, dict):
            raise Malformed("a payload is not a JSON object", COMPARE)
        return decoded

    def verify(self, digest: str) -> None:
        """Check the payload against the ``digest`` that its entry has.

        Raises:
            PayloadMismatch: where payload or salt is not the one that was recorded.
        """
        if len(self.salt) != SALT_BYTES:
            raise PayloadMismatch(f"a salt has {len(self.salt)} bytes instead of {SALT_BYTES}", COMPARE)
        if self.digest() != digest:
            raise PayloadMismatch(
                f"a payload has the digest {self.digest()}, its entry says {digest}", COMPARE
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the bytes of an entry say. ``position`` counts from 0; ``time`` is in UTC.

    ``causation`` is the position of the first entry that the same command caused, and null for that one.
    """

    accord: str
    position: int
    type: str
    version: int
    time: datetime
    actor: Actor
    command: str
    causation: int | None
    facts: str
    particulars: str

    def encoded(self) -> bytes:
        """The canonical bytes.

        Raises:
            Unrecordable: where they are too long, a number is out of range, or a text has no canonical form.
        """
        if (
            self.position < 0
            or self.version < 1
            or not (self.causation is None or 0 <= self.causation < self.position)
        ):
            raise Unrecordable(
                f"an entry of type {self.type!r} cannot have the position {self.position}, the version "
                f"{self.version} and the causation {self.causation}",
                "Positions count from 0, versions from 1, and a cause stands before its effect",
            )
        if max(self.position, self.version) > MAX_SAFE_INTEGER:
            raise Unrecordable(
                f"an entry of type {self.type!r} cannot be written: a number is beyond ±(2^53 - 1)",
                "Send smaller numbers",
            )
        actor = self.actor
        # The members in their order, as canonical() would write them, in a fraction of its time.
        text = (
            f'{{"accord":{_quoted(self.accord)},"actor":{{"behalf":{_quoted_or_null(actor.behalf)},'
            f'"delegate":{_quoted(actor.delegate)},"party":{_quoted_or_null(actor.party)},'
            f'"role":{_quoted(actor.role)}}},"causation":{"null" if self.causation is None else self.causation},'
            f'"command":{_quoted(self.command)},"facts":{_quoted(self.facts)},'
            f'"particulars":{_quoted(self.particulars)},"position":{self.position},'
            f'"time":"{time_text(self.time)}","type":{_quoted(self.type)},"v":{FORMAT},"version":{self.version}}}'
        )
        try:
            content = text.encode()
        except UnicodeEncodeError:
            raise Unrecordable(
                f"an entry of type {self.type!r} cannot be written: a text holds a lone surrogate",
                "Send plain text",
            ) from None
        if len(content) > MAX_ENTRY_BYTES:
            raise Unrecordable(
                f"an entry of type {self.type[:40]!r} would have {len(content)} bytes, more than the "
                f"{MAX_ENTRY_BYTES} that it may have",
                "Shorten the identifiers in it; texts belong into facts or particulars",
            )
        return content


_quoted = json.encoder.encode_basestring


def _quoted_or_null(text: str | None) -> str:
    return "null" if text is None else _quoted(text)


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry with its bytes, its leaf hash, and both payloads: all that is to be stored."""

    entry: Entry
    content: bytes
    leaf: bytes
    facts: Payload
    particulars: Payload


class _RandomBytes:
    """Random bytes of the operating system, fetched many at a time; never the same in a process and its child."""

    def __init__(self) -> None:
        self._bytes, self._used = b"", 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._bytes, self._used = b"", 0

    def take(self, count: int) -> bytes:
        if self._used + count > len(self._bytes):
            self._bytes, self._used = secrets.token_bytes(max(count, 4096)), 0
        start, self._used = self._used, self._used + count
        return self._bytes[start : self._used]


fresh_salt = _RandomBytes().take
"""Random bytes for a salt."""


def seal_payload(value: dict[str, Any], *, salt: Callable[[int], bytes] = fresh_salt) -> Payload:
    """``value`` as a payload with a fresh salt; ``salt(16)`` gives it.

    Raises:
        Unrecordable: where ``value`` has no canonical form.
    """
    try:
        return Payload(salt(SALT_BYTES), canonical(value))
    except NotCanonical as error:
        raise Unrecordable(
            f"a payload cannot be written: {error}",
            "Send integers within ±(2^53 - 1), text, booleans, null, lists and objects with ASCII keys",
        ) from None
    except RecursionError:
        raise Unrecordable("a payload is nested too deeply", "Flatten it") from None


def seal(
    draft: EventDraft,
    *,
    accord: str,
    position: int,
    command: str,
    causation: int | None,
    salt: Callable[[int], bytes] = fresh_salt,
) -> SealedEntry:
    """The entry at ``position`` for the event ``draft``, with its payloads salted and digested.

    Raises:
        Unrecordable: where the event has no canonical form, or its entry would be longer than 65,535 bytes.
    """
    facts = seal_payload(draft.facts, salt=salt)
    particulars = seal_payload(draft.particulars, salt=salt)
    entry = Entry(
        accord=accord,
        position=position,
        type=draft.type,
        version=draft.version,
        time=draft.time,
        actor=draft.actor,
        command=command,
        causation=causation,
        facts=facts.digest(),
        particulars=particulars.digest(),
    )
    content = entry.encoded()
    return SealedEntry(entry, content, leaf_hash(content), facts, particulars)


def decode_canonical(content: bytes, what: str) -> Any:
    """The value of canonical JSON; ``what`` names it in the error.

    Raises:
        Malformed: for anything that :func:`workflows.model.canonical.canonical` would not have written so.
    """
    try:
        return strict_json.read(content)
    except (NotCanonical, RecursionError) as error:
        raise Malformed(f"{what} is not canonical JSON: {str(error)[:200]}", COMPARE) from None
