"""Helpers: an `entente up` in a process of its own, and what is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.memory import memory
from worker.stack.locks import holders
from worker.stack.place import forget
from worker.stack.ports import any_free

READY_SECONDS = 60.0
GONE_SECONDS = 40.0


def until(check: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def left_of(state: Path) -> set[int]:
    """Pids of all keepers, programs and their children that were started for `state` and still run."""
    return {pid for lock in (state / "run").glob("*.lock") for pid in holders(lock)} - {os.getpid()}


def command_line(pid: int) -> bytes:
    """The command line of `pid`; empty when there is no such process, or only its remains."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def state_directory() -> Iterator[Path]:
    """A state directory that root's service user can reach; cleared of processes and data after."""
    parent = Path(tempfile.mkdtemp(prefix="entente-stack-", dir=memory()))
    parent.chmod(0o755)
    state = parent / "state"
    try:
        yield state
    finally:
        until(lambda: not left_of(state), GONE_SECONDS)
        for pid in left_of(state):
            os.kill(pid, signal.SIGKILL)
        if state.exists():
            forget(state)
        subprocess.run(["rm", "-rf", str(parent)], check=True)


class Up:
    """A running `entente up --json`."""

    def __init__(
        self, state: Path, *options: str, ports: tuple[int, int, int] | None = None, **environment: str
    ) -> None:
        self.state = state
        self.ports = ports or (any_free(), any_free(), any_free())
        names = ("--postgres-port", "--temporal-port", "--temporal-ui-port")
        ours = ("TEMPORAL_", "ENTENTE_", "DATABASE_URL")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        command = [sys.executable, "-m", "worker.cli.main", "up", "--json", "--state-dir", str(state)]
        self.process = subprocess.Popen(
            [*command, *options, *(f"{name}={port}" for name, port in zip(names, self.ports, strict=True))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**inherited, **environment},
            text=True,
        )
        self.ready: dict[str, Any] = {}

    def wait_ready(self) -> Up:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"did not start: {self.finish()[1]}"
        self.ready = json.loads(line)
        return self

    def finish(self, seconds: float = READY_SECONDS) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        return self.finish()

    def __enter__(self) -> Up:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.finish()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.finish()
            raise

    def database_url(self) -> str:
        """As the superuser."""
        password = (self.state / "postgres.password").read_text().strip()
        return f"postgresql://entente:{password}@{self.ready['addresses']['postgres']}/entente"
