"""The keeper: its program's exit code is its own, and the program never outlives it or its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.stack.running import until
from worker.stack.errors import StackError
from worker.stack.locks import Lock, holders, take_over
from worker.stack.process import Child, Program

IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def _program(directory: Path, script: str, **changes: object) -> Program:
    return Program("sh", ("/bin/sh", "-c", script), directory, **changes)  # type: ignore[arg-type]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _said(child: Child, word: str) -> bool:
    return until(lambda: word in child.recent, 10)


def test_exit_code_and_output_pass_through(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    child = Child(_program(tmp_path, "echo out; echo err >&2; exit 7"), lambda *line: lines.append(line))
    child.start()
    assert child.wait(10)
    assert child.exit_code == 7
    assert lines == [("sh", "out"), ("sh", "err")]
    assert child.log.read_text() == "out\nerr\n"


def test_a_signal_that_ends_the_program_shows_in_the_exit_code(tmp_path: Path) -> None:
    child = Child(_program(tmp_path, "kill -9 $$"))
    child.start()
    assert child.wait(10)
    assert child.exit_code == 128 + signal.SIGKILL


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"(?s)could not be started.*nowhere/program"):
        Child(Program("absent", ("/nowhere/program",), tmp_path)).start()


def test_stop_escalates_to_sigkill(tmp_path: Path) -> None:
    child = Child(_program(tmp_path, IGNORES_TERM, stop=((signal.SIGTERM, 0.3),)))
    child.start()
    assert _said(child, "ready")
    child.stop()
    assert child.exit_code == 128 + signal.SIGKILL
    assert child.pid is None


def test_stop_is_gentle_first(tmp_path: Path) -> None:
    child = Child(
        _program(tmp_path, "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    )
    child.start()
    assert _said(child, "ready")
    child.stop()
    assert child.exit_code == 3
    assert "bye" in child.recent


def test_what_the_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    left = tmp_path / "left"
    child = Child(_program(tmp_path, f"(trap '' TERM HUP; setsid sleep 300 & echo $! > {left}); echo done"))
    child.start()
    assert child.wait(10)
    assert not _alive(int(left.read_text()))


def test_the_program_ends_when_its_keeper_is_killed(tmp_path: Path) -> None:
    child = Child(_program(tmp_path, IGNORES_TERM))
    child.start()
    assert _said(child, "ready")
    pid, keeper = child.pid, child.keeper_pid
    assert pid is not None
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    assert until(lambda: not _alive(pid), 5)
    child.stop()


PARENT = """
import os, signal, sys
from pathlib import Path
from worker.stack.process import Child, Program
child = Child(Program("sh", ("/bin/sh", "-c", sys.argv[2]), Path(sys.argv[1]), stop=((signal.SIGTERM, 0.3),)))
child.start()
print(child.pid, child.keeper_pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_program_and_keeper_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path), IGNORES_TERM], stdout=subprocess.PIPE, timeout=30
    )
    assert done.returncode == -signal.SIGKILL
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    assert until(lambda: not any(_alive(pid) for pid in pids), 10)


def test_a_second_start_ends_the_first_that_was_lost(tmp_path: Path) -> None:
    lost = Child(_program(tmp_path, IGNORES_TERM, stop=((signal.SIGTERM, 60.0),)))
    lost.start()
    assert _said(lost, "ready")
    lock = tmp_path / "run" / "sh.lock"
    found = set(holders(lock))
    assert {lost.pid, lost.keeper_pid} <= found
    with Lock(lock) as taken:
        take_over(taken, "sh", patience=0.2, insist=1.0)
    assert until(lambda: not any(_alive(pid) for pid in found if pid != lost.keeper_pid), 5)
    assert lost.wait(5)


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire(0.1)
    first.release()
    assert second.acquire()
    second.release()
