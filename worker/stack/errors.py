"""What can go wrong with the embedded stack, said so that a person can act on it."""

from __future__ import annotations

from activities.errors import RuntimeProblem


class StackError(RuntimeProblem):
    """The embedded stack cannot start or go on."""


class AlreadyRunning(StackError):
    """Another process uses the same state directory."""

    exit_code = 4


class PortTaken(StackError):
    """Somebody took a port between the look at it and the server's start, or while the server was down."""
