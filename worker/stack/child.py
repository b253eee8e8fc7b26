"""The keeper: runs one program, and sees to it that the program never outlives whoever asked for it.

``python -I -S child.py [options] -- PROGRAM ARGUMENT...`` starts PROGRAM and waits. Standard input is the
lifeline: a byte on it asks for the stop, and its end tells that the parent is gone, for nobody else holds the
other end and it closes however the parent ends, ``kill -9`` included. PROGRAM is stopped by the signals of
``--stop``, each with its patience, and by SIGKILL in the end. Should the keeper itself be killed, the kernel sends
PROGRAM the signal of ``--death`` (``PR_SET_PDEATHSIG``, see prctl(2); Linux only, elsewhere the lifeline alone has
to do).

It runs as a file of its own, from the standard library alone and without ``site``, so that it starts within
milliseconds and also where an unprivileged user could not read the virtual environment.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import math
import os
import pwd
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the calling process gets when its parent thread ends."""
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphaned descendants become children of the calling process."""

CANNOT_RUN = 127
"""The keeper's exit code when PROGRAM could not be started, as in a POSIX shell."""

ORPHAN_PATIENCE = 5.0
"""Seconds that each step of the stop gets at most once the parent is gone."""

_KILL_SWEEPS = 50


def _prctl() -> Callable[[int, int], None]:
    """A caller of prctl(2), looked up before the fork; does nothing where there is no such call."""
    if sys.platform != "linux":
        return lambda _option, _value: None
    function = ctypes.CDLL(None, use_errno=True).prctl
    function.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

    def call(option: int, value: int) -> None:
        if function(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl failed")

    return call


def become(user: str) -> None:
    """Give up root for ``user`` (a name of the password database), supplementary groups included.

    Raises:
        KeyError: there is no such user.
        PermissionError: the process is not root.
    """
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _signal(name: str) -> signal.Signals:
    try:
        return signal.Signals[f"SIG{name}"]
    except KeyError:
        raise argparse.ArgumentTypeError(f"there is no signal {name!r}; give a name such as TERM") from None


def _stop_step(text: str) -> tuple[signal.Signals, float]:
    name, _, seconds = text.partition(":")
    return _signal(name), float(seconds or 10)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="child.py", description="Run a program that ends with its parent.")
    parser.add_argument("--user", help="the user to run PROGRAM as; needs root")
    parser.add_argument("--cwd", default="/", help="the directory to run PROGRAM in")
    parser.add_argument("--status", type=int, help="file descriptor that is told pid and exit code")
    parser.add_argument("--stop", type=_stop_step, action="append", default=[], help="SIGNAL:SECONDS")
    parser.add_argument("--death", type=_signal, default=signal.SIGKILL, help="signal when the keeper dies")
    parser.add_argument("--reach", action="append", default=[], help="ask whether the user can reach PATH")
    parser.add_argument("program", nargs="*")
    return parser.parse_args(argv)


def _can_reach(user: str, paths: list[str]) -> bool:
    """Whether ``user`` can enter every directory of ``paths``; asked as that user, so that ACLs count too."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(Exception):
            become(user)
            code = 0 if all(os.access(path, os.R_OK | os.X_OK) for path in paths) else 1
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _exec(
    arguments: argparse.Namespace, keeper: int, prctl: Callable[[int, int], None], failed: int
) -> NoReturn:
    """In the forked child: become PROGRAM, or tell by ``failed`` why not."""
    try:
        signal.set_wakeup_fd(-1)
        # Python ignores SIGPIPE and SIGXFSZ, and ignored signals stay ignored across exec.
        for number in (
            signal.SIGTERM,
            signal.SIGINT,
            signal.SIGHUP,
            signal.SIGCHLD,
            signal.SIGPIPE,
            signal.SIGXFSZ,
        ):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if arguments.user:
            become(arguments.user)
        # Changing the user clears the death signal, so it is set after that.
        prctl(PR_SET_PDEATHSIG, arguments.death)
        if os.getppid() != keeper:
            os._exit(CANNOT_RUN)
        os.chdir(arguments.cwd)
        os.execvp(arguments.program[0], arguments.program)  # noqa: S606 - that is the keeper's purpose
    except BaseException as error:
        os.write(failed, f"{type(error).__name__}: {error}".encode())
    os._exit(CANNOT_RUN)


def _spawn(arguments: argparse.Namespace, prctl: Callable[[int, int], None]) -> int:
    """Start PROGRAM; its pid. Ends the keeper with a message when it cannot be run."""
    told, failed = os.pipe()
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        _exec(arguments, keeper, prctl, failed)
    os.close(failed)
    with os.fdopen(told, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    if reason:
        os.waitpid(pid, 0)
        print(f"cannot run {arguments.program[0]}: {reason}", file=sys.stderr, flush=True)
        sys.exit(CANNOT_RUN)
    return pid


def _children() -> Iterator[int]:
    """Pids of the keeper's own children, orphans that it adopted included (Linux)."""
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from (int(pid) for pid in listing.read_text().split())


def _sweep() -> None:
    """Kill what PROGRAM left behind, and what those left behind, until nothing is there."""
    for _ in range(_KILL_SWEEPS):
        for pid in list(_children()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)


def _watch(pid: int, steps: list[tuple[signal.Signals, float]], wakeup: int) -> int:
    """Wait for PROGRAM's end, stopping it when the parent is gone or asks for that; its exit code."""
    remaining = iter(steps)
    lifeline: list[int] = [0]
    deadline: float | None = None
    longest = math.inf
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([wakeup, *lifeline], [], [], patience)
        asked = False
        if 0 in ready:
            asked = True
            if not os.read(0, 64):
                # The parent is gone: nobody waits for an orderly end any more, or could hurry it.
                lifeline, longest = [], ORPHAN_PATIENCE
                if deadline is not None:
                    deadline = min(deadline, time.monotonic() + longest)
        if wakeup in ready:
            received = os.read(wakeup, 64)
            asked = asked or any(number != signal.SIGCHLD for number in received)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if (asked and deadline is None) or (deadline is not None and time.monotonic() >= deadline):
            number, seconds = next(remaining, (signal.SIGKILL, ORPHAN_PATIENCE))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + min(seconds, longest)


def main(argv: list[str]) -> int:
    """Run the keeper; its exit code is PROGRAM's, or 128 and the number of the signal that ended it."""
    arguments = _arguments(argv)
    if arguments.reach:
        return 0 if _can_reach(arguments.user, arguments.reach) else 1
    prctl = _prctl()
    with contextlib.suppress(OSError):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    wakeup, notify = os.pipe()
    os.set_blocking(notify, False)
    signal.set_wakeup_fd(notify)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    if arguments.status is not None:
        os.set_inheritable(arguments.status, False)
    pid = _spawn(arguments, prctl)

    def tell(text: str) -> None:
        if arguments.status is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(arguments.status, text.encode())

    tell(f"pid {pid}\n")
    code = _watch(pid, arguments.stop, wakeup)
    _sweep()
    tell(f"exit {code}\n")
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as problem:
        print(f"keeper: {os.strerror(problem.errno or errno.EIO)}: {problem}", file=sys.stderr, flush=True)
        sys.exit(CANNOT_RUN)
