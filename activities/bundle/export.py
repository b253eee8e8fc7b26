"""Write an accord's record into one file that its reader can verify without the server (``FORMAT.md``).

The file is written in one pass over the entries, 256 at a time, and gets its name only when it is complete.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from activities.bundle import format as layout
from activities.bundle.format import Audience, payload_member
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.standing import TYPES
from activities.errors import LedgerError
from activities.ledger.entry import Payload
from activities.ledger.store import Ledger, StoredCommand, StoredEntry
from activities.tlog.merkle import Frontier, Node
from activities.tlog.note import encode_base64
from activities.tlog.tiles import HEIGHT, WIDTH, Tile, encode_entries
from workflows.model.attested import state_digest
from workflows.model.canonical import canonical
from workflows.model.fold import evolve
from workflows.model.state import Accord

Progress = Callable[[int, int], None]
"""Is told how many entries of how many are written."""

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)


class NotExportable(LedgerError):
    """The record cannot be exported as it is."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A content for a bundle; ``read`` gives its bytes, and raises where they do not have the digest."""

    digest: str
    size: int
    media_type: str
    read: Callable[[], AsyncIterator[bytes]]


def _nothing(_entry: StoredEntry) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What a bundle is made of: the record of ``accord`` up to ``size``, and what vouches for it.

    ``checkpoints`` are signed notes with their cosignatures, the smallest first; ``log_keys`` and ``command_keys`` the
    public keys, ``policy`` the accord's policy file. ``withhold`` says which entries are left out, but for their leaf
    hashes; with ``audience`` "facts" particulars and signed commands stay behind, with "none"
    all payloads but the facts that say which keys of the log, and which witnesses, count. ``files`` are the contents to
    be in it, each once; without them it is a bundle without contents. ``timestamps`` are tokens of time with the sizes
    that they are over, by size, then by their base64.
    """

    ledger: Ledger
    accord: str
    origin: str
    size: int
    checkpoints: AsyncIterable[bytes]
    log_keys: Sequence[str]
    command_keys: Sequence[str] = ()
    policy: bytes | None = None
    audience: Audience = "all"
    withhold: Callable[[StoredEntry], bool] = _nothing
    files: AsyncIterable[ExportedFile] | None = None
    timestamps: AsyncIterable[tuple[int, bytes]] | None = None


async def export_accord(
    path: Path,
    checkpoints: Checkpoints,
    ledger: Ledger,
    accord: str,
    *,
    command_keys: Sequence[str] = (),
    audience: Audience = "all",
    withhold: Callable[[StoredEntry], bool] | None = None,
    files: AsyncIterable[ExportedFile] | None = None,
    progress: Progress | None = None,
) -> int:
    """Sign the record as it stands, and write all of it to ``path``; returns the number of entries.

    Raises:
        LedgerError: there is no such accord, the database may not be signed, or it cannot be read.
        OSError: the file cannot be written.
    """
    latest = await checkpoints.sign(accord)
    size = latest.checkpoint.size

    async def notes() -> Any:
        async for kept in checkpoints.store.pages(accord, size):
            yield kept.cosigned().encoded()

    await write_bundle(
        path,
        Export(
            ledger=ledger,
            accord=accord,
            origin=checkpoints.keys.origin(accord),
            size=size,
            checkpoints=notes(),
            log_keys=[key.encoded() for key in await checkpoints.all_verifiers(accord)],
            command_keys=command_keys,
            policy=await checkpoints.policy_text(accord, size),
            audience=audience,
            withhold=withhold or _nothing,
            files=files,
            timestamps=checkpoints.timestamps.pages(accord, size)
            if await checkpoints.timestamps.any(accord, size)
            else None,
        ),
        progress,
    )
    return size


async def write_bundle(path: Path, export: Export, progress: Progress | None = None) -> None:
    """Write ``export`` to ``path``, in place of what may be there.

    Raises:
        NotExportable: where entries are missing from the ledger.
        OSError: where the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(unfinished, "x", compression=zipfile.ZIP_DEFLATED) as archive:
            await _Writing(archive, export, progress).run()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Writing:
    def __init__(self, archive: zipfile.ZipFile, export: Export, progress: Progress | None) -> None:
        self._archive = archive
        self._export = export
        self._progress = progress
        self._frontier = Frontier()
        self._rows: dict[int, list[bytes]] = {}
        self._done: dict[int, int] = {}
        self._state: Accord | None = None

    async def run(self) -> None:
        export = self._export
        self._write(layout.FORMAT_TEXT, layout.format_text())
        if export.policy is not None:
            self._write(layout.POLICY, export.policy)
        for index in range(-(-export.size // WIDTH)):
            await self._chunk(index)
            if self._progress is not None:
                self._progress(min((index + 1) * WIDTH, export.size), export.size)
        for level in self._rows:
            self._tile(level)
        if export.audience != "none":
            with self._open(layout.COMMANDS) as member:
                # Closed here whatever happens: it holds a connection to the database.
                async with aclosing(export.ledger.commands_in_order(export.accord, export.size)) as commands:
                    async for command in commands:
                        member.write(_line(_command(command, export.audience)))
        with self._open(layout.CHECKPOINTS) as member:
            async for note in export.checkpoints:
                member.write(_line({"note": note.decode()}))
        if export.timestamps is not None:
            with self._open(layout.TIMESTAMPS) as member:
                async for size, token in export.timestamps:
                    member.write(_line({"size": size, "token": encode_base64(token)}))
        if export.files is not None:
            await self._files(export.files)
        self._write(layout.MANIFEST, self._manifest())

    async def _files(self, files: AsyncIterable[ExportedFile]) -> None:
        lines: dict[str, bytes] = {}
        async for one in files:
            if len(lines) == layout.MOST_FILES:
                raise NotExportable(
                    f"the accord has more than {layout.MOST_FILES:,} contents", "Export it without them"
                )
            with self._open(layout.file_member(one.digest)) as member:
                async for chunk in one.read():
                    member.write(chunk)
            lines[one.digest] = _line({"digest": one.digest, "size": one.size, "type": one.media_type})
        self._write(layout.FILES, b"".join(line for _, line in sorted(lines.items())))

    def _manifest(self) -> bytes:
        export = self._export
        told = self._state is not None and export.audience != "none"
        parts = {"files": export.files, "timestamps": export.timestamps}
        return canonical(
            {
                **{name: True for name, content in parts.items() if content is not None},
                "format": layout.FORMAT,
                "accord": export.accord,
                "origin": export.origin,
                "size": export.size,
                "audience": export.audience,
                "log_keys": list(export.log_keys),
                "command_keys": list(export.command_keys),
                "state": state_digest(self._state) if told and self._state is not None else None,
                "policy": export.policy is not None,
                "release": f"entente {version('entente')}",
            }
        )

    async def _chunk(self, index: int) -> None:
        start = index * WIDTH
        width = min(WIDTH, self._export.size - start)
        found = await self._export.ledger.entries(self._export.accord, start, width)
        if len(found) != width:
            raise NotExportable(
                f"the ledger has no entry {start + len(found)} of {self._export.accord!r}",
                "Restore the database from a backup that has it",
            )
        contents = [b"" if self._export.withhold(entry) else entry.content for entry in found]
        self._write(Tile(None, index, width).path(), encode_entries(contents))
        lines = [self._payloads(entry) for entry in found]
        self._write(payload_member(index), b"".join(map(_line, lines)))
        for entry in found:
            self._frontier, nodes = self._frontier.append(entry.leaf)
            for node in nodes:
                self._keep(node)
            self._fold(entry)

    def _fold(self, entry: StoredEntry) -> None:
        if self._export.audience == "none" or (self._state is None and entry.position):
            return
        try:
            self._state = evolve(self._state, entry.recorded())
        except Exception:
            # A record that was tampered with can still be exported: then no state is claimed, and the reader finds
            # where the fold breaks.
            self._state = None

    def _payloads(self, entry: StoredEntry) -> dict[str, Any]:
        withheld = self._export.withhold(entry)
        hidden = withheld or self._export.audience != "all"
        # Which keys and witnesses count is no secret, and without it nobody can tell whether the record is signed.
        without = withheld or (self._export.audience == "none" and entry.entry().type not in TYPES)
        return {
            "position": entry.position,
            "facts": "withheld" if without else _payload(entry.facts),
            "particulars": "withheld" if hidden else _payload(entry.particulars),
        }

    def _keep(self, node: Node) -> None:
        level, rest = divmod(node.level, HEIGHT)
        if rest:
            return
        self._rows.setdefault(level, []).append(node.hash)
        if len(self._rows[level]) == WIDTH:
            self._tile(level)

    def _tile(self, level: int) -> None:
        row = self._rows[level]
        if row:
            tile = Tile(level, self._done.get(level, 0), len(row))
            self._write(tile.path(), b"".join(row), zipfile.ZIP_STORED)
            self._done[level] = tile.index + 1
            self._rows[level] = []

    def _write(self, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
        self._archive.writestr(_info(name, compression), content)

    def _open(self, name: str) -> Any:
        return self._archive.open(_info(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True)


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    # No time of writing: two exports of the same record are the same bytes.
    info = zipfile.ZipInfo(name, _FIRST_DAY)
    info.compress_type = compression
    info.external_attr = 0o644 << 16
    return info


def _line(value: dict[str, Any]) -> bytes:
    return canonical(value) + b"\n"


def _payload(payload: Payload | None) -> dict[str, str] | str:
    if payload is None:
        return "erased"
    return {"salt": encode_base64(payload.salt), "content": payload.content.decode()}


def _command(command: StoredCommand, audience: Audience) -> dict[str, Any]:
    signed = "erased" if command.signed is None else command.signed.decode()
    # With the salt whoever may not read the free text could guess it.
    hidden = audience == "facts" or command.salt is None
    return {
        "id": command.id,
        "fingerprint": command.fingerprint,
        "salt": None if hidden else encode_base64(command.salt or b""),
        "receipt": command.receipt.model_dump(mode="json"),
        "signed": "withheld" if audience == "facts" else signed,
    }
