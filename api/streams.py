"""How many streams one process serves: so many that a crowd of readers leaves room for everybody else."""

from __future__ import annotations

import random
from collections import Counter

from api.problems import Problem

MOST_READERS = 2_000
"""Streams that one process serves."""

MOST_OF_ONE = 50
"""Streams of one principal among them."""


class Streams:
    """How many streams are open, in all and of each principal."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """The streams that are open."""
        return self._open.total()

    def enter(self, principal: str) -> None:
        """Count one more.

        Raises:
            Problem: ``busy``, or ``rate_limited`` where it is one principal that has so many.
        """
        if self._open[principal] >= MOST_OF_ONE:
            raise Problem(
                "rate_limited",
                f"{MOST_OF_ONE} streams of {principal} are open in this process already. Close one, then open another.",
                headers={"Retry-After": "30"},
            )
        if self.open >= MOST_READERS:
            raise Problem(
                "busy",
                f"{MOST_READERS:,} streams are open in this process already. Nothing is lost: come again later.",
                headers={"Retry-After": str(random.randint(5, 30))},  # noqa: S311 - only to spread who comes again
            )
        self._open[principal] += 1

    def leave(self, principal: str) -> None:
        """Count one less."""
        self._open[principal] -= 1
        if not self._open[principal]:
            del self._open[principal]
