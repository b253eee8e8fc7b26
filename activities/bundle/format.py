"""Reading a bundle: the one file in which an accord's record leaves the server. ``FORMAT.md`` says what is in it.

A bundle may come from an enemy. So every size is bounded before anything is read, nothing is ever unpacked to disk,
and whatever is not exactly as the format says ends in one :class:`~activities.errors.Malformed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from activities.bundle.archive import AGAIN, Archive
from activities.bundle.lines import Absent, BundledReceipt, SaltedContent, read_command, read_payloads
from activities.errors import Malformed
from activities.ledger.entry import Payload, decode_canonical
from activities.tlog.checkpoint import MAX_SIZE
from activities.tlog.note import decode_base64
from activities.tlog.tiles import WIDTH, Tile, decode_entries, decode_hashes, tiles_of
from workflows.model.canonical import NotCanonical, canonical, rewritten
from workflows.model.commands import Digest, Message, Receipt

FORMAT: Final = "entente-bundle/1"
"""What the manifest begins with."""

MANIFEST: Final = "manifest.json"
FORMAT_TEXT: Final = "FORMAT.md"
POLICY: Final = "policy.txt"
CHECKPOINTS: Final = "checkpoints.jsonl"
COMMANDS: Final = "commands.jsonl"
FILES: Final = "files.jsonl"
TIMESTAMPS: Final = "timestamps.jsonl"

MOST_FILES: Final = 10_000
"""The most contents of a bundle."""

MAX_FILE_LINE: Final = 1024
"""The most bytes of the line about one of them."""

MAX_TIMESTAMP_LINE: Final = 128 * 1024
"""The most bytes of the line with a token of time."""

MAX_LINE: Final = 16 * 1024 * 1024
"""The most bytes of a line, which holds the payloads of one entry, one command or one checkpoint."""

MAX_TEXT: Final = 1024 * 1024
"""The most bytes of manifest and policy."""

_AGAIN: Final = AGAIN
_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}", re.ASCII)

Audience = Literal["all", "facts", "none"]
"""Which payloads are in a bundle: facts and particulars, facts alone, or none but those about the log itself."""


class Manifest(Message):
    """What the exporter says about a bundle. None of it is believed; all of it is held against the record."""

    format: Literal["entente-bundle/1"]
    accord: str
    origin: str
    size: int = Field(ge=1, le=MAX_SIZE, strict=True)
    audience: Audience
    log_keys: tuple[str, ...] = Field(min_length=1, max_length=20)
    command_keys: tuple[str, ...] = Field(max_length=100)
    state: Digest | None = Field(
        description="digest of the state after all entries, as the service folded it"
    )
    policy: bool = Field(strict=True)
    release: str = Field(max_length=100)
    files: Literal[True] | None = Field(default=None, description="there where contents are in the bundle")
    timestamps: Literal[True] | None = Field(
        default=None, description="there where tokens of time are in the bundle"
    )


@dataclass(frozen=True, slots=True)
class BundledEntry:
    """An entry's bytes (``None`` where it is withheld), its leaf hash, and its payloads or why they are absent."""

    position: int
    content: bytes | None
    leaf: bytes
    facts: Payload | Absent
    particulars: Payload | Absent


@dataclass(frozen=True, slots=True)
class BundledCommand:
    """The outcome of a command; ``signed`` is the canonical signed command, or why it is absent."""

    id: str
    fingerprint: str
    salt: bytes | None
    receipt: BundledReceipt
    signed: bytes | Absent


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A content in a bundle: its digest, its size in bytes and its media type."""

    digest: str
    size: int
    media_type: str

    @property
    def member(self) -> str:
        """The member that it is."""
        return file_member(self.digest)


@dataclass(frozen=True, slots=True)
class BundledToken:
    """A token of time (RFC 3161, DER), said to be over the checkpoint of ``size`` entries."""

    size: int
    token: bytes


def file_member(digest: str) -> str:
    """The member with the content of a digest."""
    return "files/" + digest.removeprefix("sha256:")


def payload_member(index: int) -> str:
    """The member with the payloads of the entries ``256 * index`` and following."""
    return "payloads/" + Tile(None, index).path().removeprefix("tile/entries/") + ".jsonl"


def members(
    size: int,
    audience: Audience,
    *,
    policy: bool,
    files: Sequence[BundledFile] | None = None,
    timestamps: bool = False,
) -> set[str]:
    """Every member that a bundle has, no more and no less."""
    names = {MANIFEST, FORMAT_TEXT, CHECKPOINTS} | ({POLICY} if policy else set())
    names |= {tile.path() for tile in tiles_of(size)}
    names |= {payload_member(index) for index in range(-(-size // WIDTH))}
    if audience != "none":
        names.add(COMMANDS)
    if files is not None:
        names |= {FILES, *(one.member for one in files)}
    if timestamps:
        names.add(TIMESTAMPS)
    return names


def format_text() -> bytes:
    """The text of the format that this version writes, and knows."""
    return files("activities.bundle").joinpath("FORMAT.md").read_bytes()


class Bundle:
    """An open bundle. Use it as a context manager; its iterators read ahead by no more than 256 entries.

    Raises:
        Malformed: where it is not a bundle.
        OSError: where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._archive = Archive(self._file)
            names = self._archive.names
            self.manifest = self._manifest(names)
            self.files = self._files(names) if self.manifest.files else None
            self._check_members(names)
            self.policy = self._whole(POLICY, MAX_TEXT) if self.manifest.policy else None
            self.same_format = self._whole(FORMAT_TEXT, MAX_TEXT) == format_text()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def entries(self) -> Iterator[BundledEntry]:
        """The entries in order, each with its leaf hash and payloads; raises :class:`Malformed`."""
        for tile in (tile for tile in tiles_of(self.manifest.size) if tile.level is None):
            leaves = self.hashes(Tile(0, tile.index, tile.width))
            contents = decode_entries(tile, self._whole(tile.path(), tile.width * (0xFFFF + 2)))
            payloads = self._payloads(tile)
            for offset, (content, leaf) in enumerate(zip(contents, leaves, strict=True)):
                facts, particulars = next(payloads)
                position = tile.index * WIDTH + offset
                yield BundledEntry(position, content or None, leaf, facts, particulars)
            if next(payloads, None) is not None:
                raise Malformed(f"{payload_member(tile.index)} has more lines than entries", _AGAIN)

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes in a tile."""
        return decode_hashes(tile, self._whole(tile.path(), tile.width * 32))

    def commands(self) -> Iterator[BundledCommand]:
        """The outcomes of the commands in the order in which they were recorded; raises :class:`Malformed`."""
        for line in self._archive.lines(COMMANDS, MAX_LINE):
            yield parse_command(line)

    def checkpoints(self) -> Iterator[bytes]:
        """The signed notes in the order of their sizes; raises :class:`Malformed`."""
        for line in self._lines(CHECKPOINTS):
            _exactly(line, {"note"}, "a checkpoint")
            yield _text(line["note"], "a checkpoint").encode()

    def timestamps(self) -> Iterator[BundledToken]:
        """The tokens of time in the order of their sizes, if the bundle has any; raises :class:`Malformed`."""
        before: tuple[int, str] | None = None
        for line in self._lines(TIMESTAMPS, MAX_TIMESTAMP_LINE) if self.manifest.timestamps else ():
            _exactly(line, {"size", "token"}, "a timestamp")
            size, text = line["size"], _text(line["token"], "a token")
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= self.manifest.size:
                raise Malformed(f"{TIMESTAMPS} has a token over a size that the record does not have", _AGAIN)
            if before is not None and (size, text) <= before:
                raise Malformed(f"{TIMESTAMPS} has a token twice, or out of its order", _AGAIN)
            before = (size, text)
            yield BundledToken(size, decode_base64(text, "a token"))

    def file(self, one: BundledFile) -> Iterator[bytes]:
        """The bytes of a content, so many at a time; raises :class:`Malformed` where the member is damaged."""
        return self._archive.blocks(one.member)

    def _files(self, names: list[str]) -> tuple[BundledFile, ...]:
        if FILES not in names:
            raise Malformed(f"the archive has no {FILES}, of which its manifest speaks", _AGAIN)
        found: list[BundledFile] = []
        for line in self._lines(FILES, MAX_FILE_LINE):
            _exactly(line, {"digest", "size", "type"}, "a line about a file")
            digest, size = _text(line["digest"], "a digest"), line["size"]
            if _DIGEST.fullmatch(digest) is None or (found and found[-1].digest >= digest):
                raise Malformed(f"{FILES} has a digest that is none, or out of its order", _AGAIN)
            one = BundledFile(digest, size, _text(line["type"], "a media type"))
            if len(found) == MOST_FILES or one.member not in names:
                raise Malformed(f"{FILES} names more files than there are, or may be", _AGAIN)
            if isinstance(size, bool) or not isinstance(size, int) or size != self._archive.size(one.member):
                raise Malformed(f"{one.member} does not have the size that {FILES} says", _AGAIN)
            found.append(one)
        return tuple(found)

    def _manifest(self, names: list[str]) -> Manifest:
        if MANIFEST not in names:
            raise Malformed(f"the archive has no {MANIFEST}: it is no bundle", _AGAIN)
        value = decode_canonical(self._whole(MANIFEST, MAX_TEXT), "the manifest")
        try:
            manifest = Manifest.model_validate(value)
        except ValidationError as error:
            raise Malformed(f"the manifest does not read: {_first(error)}", _AGAIN) from None
        absent = {name for name in ("files", "timestamps") if getattr(manifest, name) is None}
        _as_written(manifest, value, "the manifest", absent)
        return manifest

    def _check_members(self, names: list[str]) -> None:
        # Many times fewer members than entries: a huge size in a small file is refused before it is counted out.
        if self.manifest.size > len(names) * WIDTH:
            raise Malformed("the archive has too few members for the size in its manifest", _AGAIN)
        wanted = members(
            self.manifest.size,
            self.manifest.audience,
            policy=self.manifest.policy,
            files=self.files,
            timestamps=bool(self.manifest.timestamps),
        )
        if set(names) != wanted:
            odd = sorted(set(names) ^ wanted)[:5]
            raise Malformed(f"the archive does not have the members of its format: {', '.join(odd)}", _AGAIN)

    def _whole(self, name: str, most: int) -> bytes:
        return self._archive.read(name, most)

    def _lines(self, name: str, most: int = MAX_LINE) -> Iterator[dict[str, Any]]:
        for line in self._archive.lines(name, most):
            yield _object(line, name)

    def _payloads(self, tile: Tile) -> Iterator[tuple[Payload | Absent, Payload | Absent]]:
        name = payload_member(tile.index)
        count = 0
        for line in self._archive.lines(name, MAX_LINE):
            yield parse_payloads(line, tile.index * WIDTH + count, name)
            count += 1
        if count < tile.width:
            raise Malformed(f"{name} has {count} lines instead of {tile.width}", _AGAIN)


def _object(line: bytes, name: str) -> dict[str, Any]:
    value = decode_canonical(line, f"a line of {name}")
    if not isinstance(value, dict):
        raise Malformed(f"{name} has a line that is not a JSON object", _AGAIN)
    return value


def parse_command(line: bytes) -> BundledCommand:
    """The outcome of a command in a line; raises :class:`Malformed`."""
    one = read_command(line)
    if one is None:
        return _command(_object(line, COMMANDS))
    return BundledCommand(one.id, one.fingerprint, one.salt, one.receipt, _signed(one.signed))


def parse_payloads(line: bytes, position: int, name: str) -> tuple[Payload | Absent, Payload | Absent]:
    """Facts and particulars of the entry at ``position``, in a line of the member ``name``; raises Malformed."""
    one = read_payloads(line)
    if one is None or one.position != position:
        return _payloads(_object(line, name), position, name)
    return _salted(one.facts), _salted(one.particulars)


def _command(line: dict[str, Any]) -> BundledCommand:
    """A command's outcome, member by member."""
    _exactly(line, {"id", "fingerprint", "salt", "receipt", "signed"}, "a command")
    signed = line["signed"]
    if signed not in ("erased", "withheld"):
        signed = _text(signed, "a signed command").encode()
    try:
        receipt = Receipt.model_validate(line["receipt"])
    except ValidationError as error:
        raise Malformed(f"a receipt does not read: {_first(error)}", _AGAIN) from None
    _as_written(receipt, line["receipt"], "a receipt")
    salt = line["salt"]
    return BundledCommand(
        _text(line["id"], "an id"),
        _text(line["fingerprint"], "a digest"),
        None if salt is None else decode_base64(_text(salt, "a salt"), "a salt"),
        BundledReceipt.of(receipt),
        signed,
    )


def _signed(text: str) -> bytes | Absent:
    absent: Absent | None = "erased" if text == "erased" else "withheld" if text == "withheld" else None
    return text.encode() if absent is None else absent


def _payloads(line: dict[str, Any], position: int, name: str) -> tuple[Payload | Absent, Payload | Absent]:
    """The payloads of the entry at ``position``, member by member."""
    _exactly(line, {"position", "facts", "particulars"}, "a line of payloads")
    if isinstance(line["position"], bool) or line["position"] != position:
        raise Malformed(f"{name} has no line for entry {position}", _AGAIN)
    return _payload(line["facts"]), _payload(line["particulars"])


def _salted(one: SaltedContent | Absent) -> Payload | Absent:
    return Payload(one.salt, one.content.encode()) if isinstance(one, SaltedContent) else one


def _as_written(read: Message, value: Any, what: str, absent: Set[str] = frozenset()) -> None:
    """What is read says exactly what is written: no number as text, no time in another form."""
    try:
        same = canonical(read.model_dump(mode="json", exclude=set(absent))) == rewritten(value)
    except NotCanonical:
        same = False
    if not same:
        raise Malformed(f"{what} has a value that is not in its one form", _AGAIN)


def _exactly(line: dict[str, Any], names: set[str], what: str) -> None:
    if line.keys() != names:
        raise Malformed(
            f"{what} has other members than its format: {sorted(line.keys() ^ names)[:5]}", _AGAIN
        )


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{what} is not text", _AGAIN)
    return value


def _payload(value: object) -> Payload | Absent:
    if value == "erased":
        return "erased"
    if value == "withheld":
        return "withheld"
    if not isinstance(value, dict):
        raise Malformed("a payload is neither an object nor said to be erased or withheld", _AGAIN)
    _exactly(value, {"salt", "content"}, "a payload")
    return Payload(
        decode_base64(_text(value["salt"], "a salt"), "a salt"), _text(value["content"], "a payload").encode()
    )


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"[:200]
