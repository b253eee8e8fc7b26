"""What can go wrong with the embedded stack, said so that a person can act on it."""

from __future__ import annotations


class StackError(RuntimeError):
    """The embedded stack cannot start or go on. Says what happened, why, and what to do next.

    Args:
        what: what failed and why, one sentence.
        remedy: what to do next, one sentence.
        details: the last lines that the failing program printed, if any.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str, details: str = "") -> None:
        self.what = what
        self.remedy = remedy
        self.details = details
        super().__init__("\n".join(part for part in (what, details, remedy) if part))


class AlreadyRunning(StackError):
    """Another process uses the same state directory."""

    exit_code = 4
