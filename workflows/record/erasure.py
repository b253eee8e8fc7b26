"""Erasure: that particulars were erased, on what ground and by whose order, is an entry that all parties see.

The entry comes first and the deletion after it, outside the model: a deletion that nobody was told of cannot be found
again, and an entry whose deletion is still owed can. What is erased are names and free text; no proof and no rule
depends on them. The entry itself is of facts, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.model.authority import OPERATOR
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event
from workflows.model.state import Accord
from workflows.model.values import Count, Text

MOST_POSITIONS = 1000
"""Entries whose particulars one act can erase."""


def _ascending(positions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(positions)))


Positions = Annotated[
    tuple[Annotated[Count, Field(ge=0)], ...],
    Field(min_length=1, max_length=MOST_POSITIONS, description="positions of entries, counted from 0"),
    AfterValidator(_ascending),
]
Ground = Annotated[Text, Field(description="the legal ground; it stays on the record, so name no person")]
Order = Annotated[
    Text, Field(description="the office or court that ordered it; it stays on the record, so name no person")
]


@event
class ParticularsErased(Event):
    """Names and free text of these entries are erased, with the salts that they could be guessed by."""

    says = "the particulars of entries {positions} are erased"
    positions: Positions
    ground: Ground
    ordered_by: Order

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The entries are known as erased."""
        return a.changed(erased=tuple(sorted({*a.erased, *self.positions})))


@act
class EraseParticulars(Act):
    """Put on record that the particulars of some entries are erased; they are then deleted from the ledger."""

    positions: Positions
    ground: Ground
    ordered_by: Order
    who = Who((OPERATOR,), "officer", sees=Audience.ALL)
    says = "{by} erases the particulars of {positions}, as {ordered_by} ordered"
    before_founding = True
    after_end = True
    after_closing = True
    while_paused = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There are such entries, and none of them is erased already."""
        last = self.positions[-1]
        yield Check(
            "entry_known",
            last < a.size,
            f"the record has no entry {last} yet",
            "name entries that there are",
        )
        twice = sorted(set(self.positions) & set(a.erased))
        yield Check(
            "not_erased_yet",
            not twice,
            f"it is on record already that {', '.join(map(str, twice[:10]))} are erased",
            "leave them out; if their deletion was cut short, finish it: entente erase --finish",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """That they are erased."""
        yield ParticularsErased(positions=self.positions, ground=self.ground, ordered_by=self.ordered_by)
