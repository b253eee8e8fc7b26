"""One supervised program: started under a keeper (child.py), logged, stopped within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

from worker.stack.errors import StackError
from worker.stack.locks import Lock, take_over

Result = TypeVar("Result")

KEEPER = Path(__file__).with_name("child.py")
"""The keeper's source, run as a file."""

MAX_LOG_BYTES = 20 * 1024 * 1024
"""A log file beyond this size is set aside as ``.1`` at the next start."""

Stop = Sequence[tuple[signal.Signals, float]]
"""The signals that stop a program, each with the seconds to wait for its effect."""

GENTLE: Stop = ((signal.SIGTERM, 10.0),)
"""Stop by SIGTERM, and after ten seconds by SIGKILL."""

OnLine = Callable[[str, str], None]
"""Is called, from a thread, with the program's name and each line that it prints."""


def keeper_command(*options: str) -> list[str]:
    """The command line of a keeper; ``options`` as in child.py."""
    return [sys.executable, "-I", "-S", str(KEEPER), *options]


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it.

    Attributes:
        name: what logs and messages call it.
        argv: the program and its arguments.
        directory: where its lock and its log live.
        env: its whole environment; the parent's when absent.
        user: the user to run as, when this process is root; otherwise absent.
        cwd: its working directory.
        stop: how it is stopped.
        death: the signal that it gets from the kernel should its keeper be killed.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    env: Mapping[str, str] | None = None
    user: str | None = None
    cwd: Path = Path("/")
    stop: Stop = GENTLE
    death: signal.Signals = signal.SIGKILL


class Child:
    """A running :class:`Program`. Not restarted by itself: see ``stack.py``."""

    def __init__(self, program: Program, on_line: OnLine | None = None) -> None:
        self.program = program
        self.name = program.name
        self.log = program.directory / "logs" / f"{program.name}.log"
        self.recent: deque[str] = deque(maxlen=30)
        self.started = datetime.min.replace(tzinfo=UTC)
        self._on_line = on_line
        # Starting runs in a thread, so that a stop can come while it is still under way.
        self._changing = threading.Lock()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The program's own pid (not the keeper's); none when it does not run."""
        return self._pid if self.running else None

    @property
    def keeper_pid(self) -> int | None:
        """The pid of the program's keeper; none when it does not run."""
        return self._keeper.pid if self._keeper is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the program, or at least its keeper, is still there."""
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The program's exit code, 128 and more for a signal; none while it runs or before it was started."""
        return None if self._keeper is None else self._keeper.poll()

    def start(self, prepare: Callable[[], None] | None = None) -> None:
        """Start the program, ending first what an earlier life left of it.

        ``prepare`` is called when nothing of that is left, and nothing new is there yet.

        Raises:
            StackError: it could not be started, or an earlier one could not be ended.
        """
        with self._changing:
            self._start(prepare)

    def _start(self, prepare: Callable[[], None] | None) -> None:
        program = self.program
        self.recent.clear()
        self.started = datetime.now(UTC)
        with Lock(program.directory / "run" / f"{program.name}.lock") as lock:
            take_over(lock, program.name)
            if prepare is not None:
                prepare()
            told, status = os.pipe()
            options = ["--status", str(status), "--cwd", str(program.cwd), "--death", program.death.name[3:]]
            for number, seconds in program.stop:
                options += ["--stop", f"{number.name[3:]}:{seconds}"]
            if program.user is not None:
                options += ["--user", program.user]
            # A session of its own, so that Ctrl-C at the terminal reaches only the parent, which stops in
            # order.
            self._keeper = subprocess.Popen(
                [*keeper_command(*options), "--", *program.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=None if program.env is None else dict(program.env),
                pass_fds=(status, lock.fileno()),
                start_new_session=True,
                umask=0o077,
            )
            os.close(status)
        assert self._keeper.stdout is not None  # noqa: S101 - by stdout=PIPE
        self._reader = threading.Thread(target=self._read, args=(self._keeper.stdout,), daemon=True)
        self._reader.start()
        with os.fdopen(told, "rb") as pipe:
            first = pipe.readline().decode().split()
        if first[:1] != ["pid"]:
            self.wait(5.0)
            raise self.failure("could not be started")
        self._pid = int(first[1])

    def _read(self, stream: IO[bytes]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with stream, os.fdopen(descriptor, "ab", buffering=0) as log:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip("\r\n")
                self.recent.append(line)
                # A full disk or a closed terminal must not stop the reading, on which the program would then block.
                with contextlib.suppress(OSError):
                    log.write(raw)
                with contextlib.suppress(OSError):
                    if self._on_line is not None:
                        self._on_line(self.name, line)

    def failure(self, what: str) -> StackError:
        """An error that says that this program ``what``, with the last that it printed."""
        return StackError(
            f"{self.name} {what}"
            + (f" (exit code {self.exit_code})." if self.exit_code is not None else "."),
            f"Its whole log is {self.log}.",
            "\n".join(f"  {line}" for line in self.recent),
        )

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the program's end; whether it has ended."""
        if self._keeper is None:
            return True
        try:
            self._keeper.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        if self._reader is not None:
            self._reader.join(2.0)
        if self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.close()
        return True

    def ask_to_stop(self) -> None:
        """Begin the stop and return at once."""
        if self._keeper is not None and self._keeper.stdin is not None and not self._keeper.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.write(b"s")
                self._keeper.stdin.flush()

    def kill(self) -> None:
        """SIGKILL the program itself, at once; its keeper ends with it."""
        pid = self.pid
        if pid is not None:
            _signal(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop the program by its signals, at last by SIGKILL; returns when it and its keeper are gone."""
        with self._changing:
            if self._keeper is None:
                return
            self.ask_to_stop()
            patience = sum(seconds for _, seconds in self.program.stop) + 5.0
            if not self.wait(patience):
                # The kernel then sends the program its death signal.
                _signal(self._keeper.pid, signal.SIGKILL)
                self.wait(5.0)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def in_thread(function: Callable[..., Result], *arguments: object) -> Result:
    """Run ``function`` in a thread; when cancelled, wait for its end all the same.

    A thread cannot be interrupted: one that was left alone would start a program after everything was stopped.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            # Being cancelled once more changes nothing about the thread.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({running})
        raise


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with ``changes``; a value of none takes a variable out."""
    result = {key: value for key, value in os.environ.items() if key not in changes}
    result.update({key: value for key, value in changes.items() if value is not None})
    return result


def wait_until(check: Callable[[], bool], timeout: float, pause: float = 0.05) -> bool:
    """Call ``check`` until it is true, for up to ``timeout`` seconds; whether it became true."""
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True
