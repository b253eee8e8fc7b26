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
        beside = self.path.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        sync_directory(self.path.parent)


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
