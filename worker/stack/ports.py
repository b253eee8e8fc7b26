"""Free ports on the loopback interface."""

from __future__ import annotations

import socket

from worker.stack.errors import StackError

LOOPBACK = "127.0.0.1"
"""The embedded servers listen here and nowhere else."""


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_free() -> int:
    """A port that nobody listens on, picked by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def next_free(usual: int, *, but: int | None = None, attempts: int = 100) -> int:
    """``usual``, or the next port above it that is free; 0 stands for any. ``but`` is taken in any case.

    Raises:
        StackError: none of ``attempts`` ports is free.
    """
    if usual == 0:
        return any_free()
    for port in range(usual, min(usual + attempts, 65536)):
        if port != but and is_free(port):
            return port
    raise StackError(
        f"None of the ports {usual} to {usual + attempts - 1} on {LOOPBACK} is free.",
        "End what uses them, or choose another port.",
    )
