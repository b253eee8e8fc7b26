"""Locks that end with their holders, and the search for who still holds one.

A lock is flock(2) on a file: it belongs to the open file, is inherited by a child that the file is passed to,
and is gone as soon as the last holder is, however that ended. So a free lock proves that nothing of the tree
that held it still runs, which a file with a process id in it cannot.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from worker.stack.errors import StackError

_POLL = 0.05


class Lock:
    """An exclusive lock on ``path``, which is created when missing and never removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to ``timeout`` seconds; whether it was taken."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    return False
                time.sleep(_POLL)
            else:
                self._fd = fd
                return True

    def fileno(self) -> int:
        """The open file, to pass on to a child.

        Raises:
            ValueError: the lock is not held.
        """
        if self._fd is None:
            raise ValueError(f"the lock {self.path} is not held")
        return self._fd

    def release(self) -> None:
        """Give up this process's hold; children that were given the file keep theirs."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holders(path: Path) -> Iterator[int]:
    """Pids of the processes that have ``path`` open, this one apart (Linux; elsewhere none are found)."""
    try:
        wanted = path.stat()
    except FileNotFoundError:
        return
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for entry in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    found = entry.stat()
                    if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                        yield int(process.name)
                        break


def take_over(lock: Lock, name: str, patience: float = 30.0, insist: float = 5.0) -> None:
    """Take ``lock`` from what an earlier life of this stack left running, which is asked to end, then made
    to.

    Keepers end their programs by themselves once their parent is gone, so waiting is nearly always enough.
    ``patience`` is how long to wait for that, ``insist`` how long after SIGTERM and after SIGKILL, in seconds.

    Raises:
        StackError: it is still held although its holders were killed.
    """
    if lock.acquire(patience):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in holders(lock.path):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        if lock.acquire(insist):
            return
    left = ", ".join(str(pid) for pid in holders(lock.path)) or "unknown"
    raise StackError(
        f"An earlier {name} still runs (process {left}) and did not end when it was killed.",
        "End it by hand, then start again.",
    )
