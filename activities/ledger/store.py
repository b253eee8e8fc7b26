"""What every store of the ledger offers, and the values that go in and come out.

A store keeps, for each accord, an append-only log of entries with its Merkle tree, the outcome of every
command, and the row of the read model; and one feed over all accords.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic_core import PydanticSerializationError

from activities.errors import Malformed, PayloadMissing, Unrecordable
from activities.ledger.entry import Entry, Payload, SealedEntry
from activities.ledger.parsing import parse
from activities.tlog.merkle import Coordinate, Frontier, leaf_hash
from workflows.model.canonical import MAX_SAFE_INTEGER
from workflows.model.commands import EventDraft, Instant, Receipt, RecordedEvent, Refusal, Summary

FEED_CHANNEL = "entente_feed"
"""The channel on which Postgres notifies, once for each batch, with the feed position of its last entry."""


MAX_IDENTIFIER_BYTES = 255
"""The most bytes of an accord's, party's or delegate's id and a stage's name, which are keys of indexes."""

MAX_COMMAND_ID_BYTES = 1024
"""The most bytes of a command's id."""


def _check_length(identifier: str, most: int) -> None:
    # A character has four bytes at the most.
    if 4 * len(identifier) > most and len(identifier.encode(errors="replace")) > most:
        raise Unrecordable(f"the identifier {identifier[:40]!r}… has more than {most} bytes", "Shorten it")


def _check_texts(value: object) -> None:
    """Refuse what Postgres cannot hold as text. (Facts and particulars are bytes there: they may hold it.)"""
    if isinstance(value, str):
        if "\x00" in value or _has_surrogate(value):
            raise Unrecordable(
                f"the text {value[:40]!r} in an identifier, a summary or a refusal holds U+0000 or half a "
                "surrogate pair",
                "Leave it out",
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_texts(key)
            _check_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_texts(item)


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _checked_json(value: Summary | Refusal) -> str:
    """The JSON of ``value``, of which every text can be held by Postgres."""
    try:
        content = value.model_dump_json()
    except PydanticSerializationError:
        content = None
    if content is None or "\\u0000" in content:
        # Perhaps only a text that speaks of U+0000; looking at each text takes several times as long.
        _check_texts(value.model_dump())
    return value.model_dump_json() if content is None else content


@dataclass(frozen=True, slots=True)
class Claim:
    """The ids that an act claims for the side of a contact, and the contacts of other parties, of other sides.

    ``officers`` of all parties are of no side: they become their own, if nobody has claimed them.
    """

    contact: str
    delegates: tuple[str, ...]
    apart: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What one command wants recorded in one accord.

    ``expected`` is the number of entries that the accord has to have, ``events`` follow at that position.
    With no events it is a repeated refusal: only the command's outcome is kept, and it points to the entry
    ``repeats``, which recorded the refusal first, and the read model stays.

    ``frontier`` is the Merkle tree of the entries that the state was folded from; ``expected`` is its size. With it
    (and without it to open an accord) an append that nobody races takes one round trip; and it is a conflict where
    the accord has another root, whatever its size.

    ``claim`` is what the act claims: it is taken in the same transaction, or nothing is recorded.

    ``fingerprint`` tells a retry from another command under the same id, ``outline`` does so once the free text is
    erased. ``signed`` is the canonical signed command, kept beside the outcome; none, where nothing of what was asked
    for is to be kept. ``mark`` is that of the refusal which the last event records. ``version`` is the
    position of the last entry that changed the state.
    """

    accord: str
    expected: int
    command_id: str
    fingerprint: str
    act: str
    at: Instant
    events: tuple[EventDraft, ...]
    summary: Summary
    version: int
    signed: bytes | None
    refusal: Refusal | None = None
    repeats: int | None = None
    mark: str | None = None
    outline: str | None = None
    frontier: Frontier | None = None
    claim: Claim | None = None
    sealed: tuple[SealedEntry, ...] | None = field(default=None, init=False, compare=False, repr=False)
    """The entries, once :func:`activities.ledger.settle.seal_events` has made them."""
    summary_json: str = field(default="", init=False, compare=False, repr=False)
    """The summary as it is stored."""

    def __post_init__(self) -> None:
        if bool(self.events) == (self.repeats is not None):
            raise Unrecordable(
                f"the command {self.command_id!r} has {len(self.events)} events and repeats {self.repeats}",
                "Give either events, or the position of the entry that recorded the same refusal first",
            )
        if self.summary.accord != self.accord:
            raise Unrecordable(
                f"the summary of {self.summary.accord!r} came with an append to {self.accord!r}",
                "Fold the summary from the accord's own state",
            )
        if self.events and self.summary.position != self.expected + len(self.events):
            raise Unrecordable(
                f"the summary has folded {self.summary.position} entries, and the append ends at "
                f"{self.expected + len(self.events)}",
                "Fold the summary over the state and all events of the append",
            )
        if self.events and self.frontier is not None and self.frontier.size != self.expected:
            raise Unrecordable(
                f"the tree has {self.frontier.size} entries, and the append expects {self.expected}",
                "Give the tree of the entries that the state was folded from",
            )
        if self.repeats is not None and not 0 <= self.repeats <= MAX_SAFE_INTEGER:
            raise Unrecordable(f"{self.repeats} is not a position", "Give that of the first such refusal")
        for identifier in (self.accord, self.summary.stage, *self.summary.members, *self.summary.parties):
            _check_length(identifier, MAX_IDENTIFIER_BYTES)
        _check_length(self.command_id, MAX_COMMAND_ID_BYTES)
        for text in (self.accord, self.command_id, self.fingerprint, self.act):
            _check_texts(text)
        for event in self.events:
            _check_texts(event.type)
        object.__setattr__(self, "summary_json", _checked_json(self.summary))
        if self.refusal is not None:
            _checked_json(self.refusal)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one :class:`Append`; ``size`` is the accord's number of entries afterwards.

    ``appended``: recorded now. ``duplicate``: the same command was recorded before; the receipt is the one
    given then. ``mismatch``: the id is taken by a command with another fingerprint. ``conflict``: the accord
    does not have the expected entries. ``locked``: another session holds the accord's lock; try again (the batching
    writer does so by itself). ``claimed``: another side has claimed the ids in ``taken``, each with who did. The last
    four have no receipt and changed nothing.

    ``frontier`` is the Merkle tree afterwards, where something was appended: the next append may rest on it.
    """

    status: Literal["appended", "duplicate", "conflict", "mismatch", "locked", "claimed"]
    receipt: Receipt | None
    size: int
    frontier: Frontier | None = None
    taken: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """The Merkle tree of an accord as it now stands."""

    accord: str
    frontier: Frontier

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.frontier.size

    @property
    def root(self) -> bytes:
        """The Merkle root over all entries."""
        return self.frontier.root()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it was stored: its bytes, its leaf hash, and its payloads where they still exist.

    ``feed`` is its position in the feed over all accords, which counts from 1.
    """

    accord: str
    position: int
    feed: int
    content: bytes
    leaf: bytes
    facts: Payload | None
    particulars: Payload | None

    def entry(self) -> Entry:
        """What the bytes say, checked against the leaf hash and the place at which they stand.

        Raises:
            Malformed: where the bytes are no entry, or not the entry that belongs here.
        """
        entry = parse(self.content)
        if leaf_hash(self.content) != self.leaf or (entry.accord, entry.position) != (
            self.accord,
            self.position,
        ):
            raise Malformed(
                f"the bytes at position {self.position} of {self.accord!r} are not those recorded there",
                "Restore them from a bundle or a backup that verifies, and find out who altered them",
            )
        return entry

    def recorded(self) -> RecordedEvent:
        """The event to fold, with its facts checked against their digest.

        Raises:
            Malformed: where the entry was altered.
            PayloadMismatch: where its facts were.
            PayloadMissing: where they are absent.
        """
        entry = self.entry()
        if self.facts is None:
            raise PayloadMissing(
                f"the facts of entry {self.position} of {self.accord!r} are absent, and the fold needs them",
                "Restore them from a bundle or a backup",
            )
        self.facts.verify(entry.facts)
        return RecordedEvent(
            position=entry.position,
            type=entry.type,
            version=entry.version,
            time=entry.time,
            facts=self.facts.value(),
            actor=entry.actor,
            command=entry.command,
        )


def salted(fingerprint: str, salt: bytes) -> str:
    """What is kept of a command's fingerprint: ``sha256:`` and SHA-256 over the salt and its text.

    The salt is erased with the command. Without it nobody can try short texts until one fits.
    """
    return "sha256:" + hashlib.sha256(salt + fingerprint.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What a command is recognised by, and its receipt. ``salt`` is ``None`` once its free text is erased."""

    fingerprint: str
    salt: bytes | None
    outline: str | None
    receipt: Receipt

    def is_of(self, fingerprint: str, outline: str | None) -> bool:
        """Whether a command with this fingerprint and outline is the one that was recorded.

        Once the free text is erased, all else has to be equal: what it said can no longer be compared. Of a command
        recorded before outlines were kept the id has to do then.
        """
        if self.salt is not None:
            return salted(fingerprint, self.salt) == self.fingerprint
        return self.outline is None or outline == self.outline


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an accord stands, read at one moment: its tree, entries from a position on, a command's outcome.

    ``head`` is ``None`` where there is no such accord. The entries come without particulars, which no fold reads.
    """

    head: Head | None
    entries: tuple[StoredEntry, ...]
    known: Known | None


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """The outcome of a command, and the canonical signed command with the fingerprint's salt unless erased."""

    id: str
    fingerprint: str
    salt: bytes | None
    receipt: Receipt
    signed: bytes | None
    outline: str | None = None

    def known(self) -> Known:
        """By what it is recognised."""
        return Known(self.fingerprint, self.salt, self.outline, self.receipt)

    @property
    def order(self) -> tuple[int, bool, str]:
        """By this, commands stand as they were recorded."""
        return self.receipt.size, not self.receipt.events, self.id


class Ledger(Protocol):
    """The append-only record of every accord. All limits are numbers of rows."""

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        """Record what can be recorded, as if one append came after the other; in one transaction, unless it is raced.

        What is of one accord is always recorded in one transaction. A command that was recorded before gives its first
        receipt, whatever position is expected now.

        Raises:
            Unrecordable: where an append can never be stored; then nothing of the batch is.
        """
        ...

    async def refused(self, accord: str, mark: str) -> int | None:
        """The position of the entry that recorded the refusal of this mark, if there is one."""
        ...

    async def outcome(self, accord: str, command_id: str) -> Known | None:
        """What is known of a command that has its outcome, its receipt above all; else ``None``."""
        ...

    async def standing(
        self, accord: str, start: int = 0, limit: int = 1000, command_id: str | None = None
    ) -> Standing:
        """The accord's tree, its entries from ``start`` on, and the outcome of a command, in one round trip."""
        ...

    async def commands(self, accord: str, after: str = "", limit: int = 1000) -> list[StoredCommand]:
        """The accord's commands with ids above ``after``, in the order of their ids' UTF-8 bytes."""
        ...

    def commands_in_order(self, accord: str, up_to: int) -> AsyncGenerator[StoredCommand, None]:
        """The accord's commands whose receipts have at most the size ``up_to``, as they were recorded.

        In the order of the receipts' sizes; of one size, that which caused entries first, then by id. They are read
        a page at a time, however many there are.
        """
        ...

    async def entries(self, accord: str, start: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """The accord's entries from position ``start`` on; none where there is no such accord."""
        ...

    async def entries_of(self, accord: str, types: Sequence[str]) -> list[StoredEntry]:
        """The accord's entries of these types of events, in order. For types that are rare."""
        ...

    async def head(self, accord: str) -> Head | None:
        """The accord's Merkle tree as it now stands, or ``None`` where there is no such accord."""
        ...

    async def nodes(self, accord: str, wanted: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        """The hashes of the wanted nodes of the accord's Merkle tree, without those that do not exist."""
        ...

    async def summary(self, accord: str) -> Summary | None:
        """The read model's row for one accord."""
        ...

    async def feed(self, after: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """Entries of all accords with feed positions above ``after``, in order and without a gap."""
        ...

    async def feed_position(self) -> int:
        """The feed position of the last entry; 0 where there is none."""
        ...

    async def erase(self, accord: str, position: int) -> bool:
        """Erase an entry's particulars with their salt, and the signed command that caused it.

        The entry, its facts and every proof stay as they were. True where there was something to erase.
        """
        ...
