"""The rollback guard: the last checkpoint of each log that was signed, kept outside the database.

Who restores an old backup of the database would go on from there, and sign a second, different history under the
same sizes: to the world that is a fork, and the log could not even tell. So before a signature is made its
checkpoint is written here and forced to disk, and the database has to extend what is here before another is made.

Each log has one file, the checkpoint's text as it is signed; its name is the SHA-256 of the origin. The directory
lies beside the key. It guards what signs with this key *and this directory*: a copy of the key with a directory of
its own does not know what the other signed. Witnesses are the guard against that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from activities.errors import LedgerError, Malformed, SettingsProblem
from activities.runtime.durable import DurableFile, DurableFiles
from activities.tlog.checkpoint import Checkpoint, parse_text


class RolledBack(LedgerError):
    """The database does not extend what was signed before: it is older, or another one. Nothing is signed."""


class Seen:
    """The last checkpoint seen of one log, while its lock is held."""

    def __init__(self, file: DurableFile, origin: str) -> None:
        self._file = file
        self._origin = origin

    def read(self) -> Checkpoint | None:
        """The last checkpoint that was signed, or ``None`` where there was none yet.

        Raises:
            RolledBack: the file is damaged, so that it cannot be told what was signed.
        """
        content = self._file.read()
        if content is None:
            return None
        try:
            seen = parse_text(content.decode())
            if seen.origin != self._origin:
                raise Malformed(f"it is of the log {seen.origin}", "")
        except (Malformed, UnicodeDecodeError) as error:
            raise RolledBack(
                f"the guard's file {self._file.path} does not hold a checkpoint of {self._origin}: {error.args[0]}",
                "Put the last checkpoint there that a party or witness has of this log: its text, without signatures",
            ) from None
        return seen

    def write(self, checkpoint: Checkpoint) -> None:
        """Remember ``checkpoint``; on return it is on the disk."""
        self._file.write(checkpoint.text().encode())


class Guard:
    """The checkpoints seen, in ``directory``, which has to exist: an empty one knows of no signature.

    Raises:
        SettingsProblem: the directory is missing.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise SettingsProblem(
                f"The rollback guard's directory {directory} is missing, so that it is unknown what was signed.",
                "Bring it back from where the key came from. Only for a key that never signed: make it, empty.",
            )
        self._files = DurableFiles(directory)

    @asynccontextmanager
    async def locked(self, origin: str) -> AsyncIterator[Seen]:
        """What was seen of the log ``origin``, held against every other process on this directory."""
        async with self._files.locked(origin) as file:
            yield Seen(file, origin)
