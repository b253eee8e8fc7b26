"""Repeats: a refusal that is on the record already, by its mark, gets the same answer and no new entry.

``decide`` knows the state and nothing else, so it always says what a refusal would put on record, with its mark.
Whoever has the record says then whether an entry of that mark is there: the recorder and the dry run ask the ledger,
the verifier and all who hold a whole record keep the marks of the present state in a :class:`Refusals`.
"""

from __future__ import annotations

from dataclasses import replace

from workflows.model.decide import Decision
from workflows.model.state import Accord


def unless_recorded(decision: Decision, before: Accord | None, earlier: int | None) -> Decision:
    """The decision, or where the entry ``earlier`` recorded the same refusal, that it is repeated and nothing follows.

    ``before`` is the state that the decision was made on.
    """
    if earlier is None or before is None or decision.sought is None:
        return decision
    return replace(decision, events=(), after=before, repeats=earlier)


class Refusals:
    """Where the refusals stand that were recorded in an accord's present state; no earlier one can recur."""

    def __init__(self) -> None:
        self._version = -1
        self._positions: dict[str, int] = {}

    def known(self, mark: str | None) -> int | None:
        """The position of the entry with this mark."""
        return None if mark is None else self._positions.get(mark)

    def settle(self, before: Accord | None, decision: Decision) -> Decision:
        """The decision as it is recorded; where it is a refusal of its own, that is known from here on."""
        settled = unless_recorded(decision, before, self.known(decision.sought))
        if settled.after.version != self._version:
            self._version = settled.after.version
            self._positions = {}
        if settled.mark is not None and settled.events:
            self._positions.setdefault(settled.mark, settled.after.size - 1)
        return settled
