"""What can go wrong around the work itself: settings, keys, connections, the embedded servers."""

from __future__ import annotations


class RuntimeProblem(Exception):
    """Base of the errors that whoever runs the processes can act on.

    Args:
        what: what failed and why, as a sentence.
        remedy: what to do next, as a sentence.
        details: the last lines that a failing program printed, if there are any.

    ``exit_code`` is what a command ends with that failed for this reason.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str, details: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.details, self.remedy) if part)


class SettingsProblem(RuntimeProblem):
    """A setting is missing, or not what it has to be."""

    exit_code = 2


class Unreachable(RuntimeProblem):
    """A server that is needed does not answer."""

    exit_code = 3


class UnsignedCommand(RuntimeProblem):
    """No trusted API signed a command, so nobody answers for who gave it. Do not try again."""
