"""Free ports on the loopback interface."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

from worker.stack.errors import PortTaken, StackError

LOOPBACK = "127.0.0.1"
"""The embedded servers listen here and nowhere else."""

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Where Linux tells its range; elsewhere the range begins above Linux's."""


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
    """A port that nobody listens on, outside the range from which the system takes those of outgoing connections.

    A server on a port of that range may not get it back: while it is down, a client that tries to reach it can be
    given the very port.
    """
    for port in _lasting():
        if is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        given: int = probe.getsockname()[1]
        return given


def _lasting(attempts: int = 100) -> Iterator[int]:
    """Ports by chance below the system's range of ephemeral ports (RFC 6335, section 6), above the well-known."""
    try:
        lowest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        lowest = 32768
    lasting = range(10240, lowest)
    return (secrets.choice(lasting) for _ in range(attempts if lasting else 0))


def must_be_free(*ports: int) -> None:
    """Refuse to start a server on ``ports`` that another holds: it could be taken for ours.

    Raises:
        PortTaken: another holds one of them.
    """
    for port in ports:
        if not is_free(port):
            raise PortTaken(
                f"Another process uses port {port} of {LOOPBACK}.", "End it, or start again later."
            )


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
