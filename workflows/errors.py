"""The root of every error that somebody can act on. It stands at the bottom, since the model raises its own as well.

It imports nothing: the log's formats (``activities.tlog``) need no more of this package than this page.
"""

from __future__ import annotations


class EntenteError(Exception):
    """Something failed, or was refused, and it can be said what and why, and what to do next.

    Whoever speaks to people, the command line and the API, catches this one; anything else is a fault of the program.

    Args:
        what: the diagnosis: what failed and why.
        remedy: what to do next; empty only where nothing can be done.
        details: what a failing program printed last, if anything.

    ``exit_code`` is what a command ends with that failed for this reason.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str, details: str = "") -> None:
        super().__init__(what, remedy, details)
        self.what = what
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        parts = [_sentence(self.what), self.details, _sentence(self.remedy)]
        return ("\n" if self.details else " ").join(part for part in parts if part)


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text}."
