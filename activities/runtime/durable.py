"""Small files that have to be on the disk before something is said, and that one process at a time may change."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary


def sync_directory(path: Path) -> None:
    """Put on the disk which files a directory has; without it, a crash may undo that one took another's place."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_private(path: Path, content: bytes) -> None:
    """Make a file that only its owner can read: a private key, a secret, a password. On return it is on the disk.

    Every such file is written here. One that is there is never overwritten; of one that cannot be written whole
    nothing stays.

    Raises:
        FileExistsError: there is a file already.
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace_private(path: Path, content: bytes) -> None:
    """Put ``content`` in place of what such a file holds; a crash leaves the old one or the new one, and no mixture.

    Whoever may do this at the same time as another has to hold a lock.
    """
    beside = path.with_name(f"{path.name}.new")
    # Left by a crash, if it is there.
    beside.unlink(missing_ok=True)
    write_private(beside, content)
    beside.replace(path)
    # Else a crash could bring the old file back after something was said that rests on the new one.
    sync_directory(path.parent)


class DurableFile:
    """One file, while its lock is held."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """Its content, or ``None`` where there is none yet."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, content: bytes) -> None:
        """Replace its content; on return the new one is on the disk, and a crash leaves the old or the new one."""
        replace_private(self.path, content)


class DurableFiles:
    """Files in ``directory``, one for each name; a file's own name is the SHA-256 of that."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[DurableFile]:
        """The file of ``name``, held against every other task and process that uses this directory."""
        path = self._directory / hashlib.sha256(name.encode()).hexdigest()
        # Threads of this process that wait for the file's lock would use up the pool that they wait in.
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
                yield DurableFile(path)
            finally:
                os.close(descriptor)
