"""Erasure: that particulars or contents were erased, on what ground, by whose order, is an entry that all see.

The entry comes first and the deletion after it, outside the model: a deletion that nobody was told of cannot be found
again, and an entry whose deletion is still owed can. What is erased are names and free text; no proof and no rule
depends on them. The entry itself is of facts, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.model.authority import OPERATOR
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event
from workflows.model.state import Accord
from workflows.model.values import Count, Digest, Line, Text
from workflows.model.wording import called

MOST_POSITIONS = 1000
"""Entries whose particulars one act can erase."""

MOST_DIGESTS = 100
"""Contents that one act can erase."""

MOST_ERASED = 10_000
"""Contents of an accord that can be erased: the state names each of them."""


def _ascending(positions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(positions)))


def _each_once(digests: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(digests)))


Digests = Annotated[
    tuple[Digest, ...],
    Field(min_length=1, max_length=MOST_DIGESTS, description="digests of contents"),
    AfterValidator(_each_once),
]
Positions = Annotated[
    tuple[Annotated[Count, Field(ge=0)], ...],
    Field(min_length=1, max_length=MOST_POSITIONS, description="positions of entries, counted from 0"),
    AfterValidator(_ascending),
]
Ground = Annotated[Line, Field(description="the legal ground; it stays on the record, so name no person")]
Order = Annotated[
    Line, Field(description="the office or court that ordered it; it stays on the record, so name no person")
]


@event
class ParticularsErased(Event):
    """Names and free text of these entries are erased, with the salts that they could be guessed by."""

    says = "the particulars of entries {positions} are erased"
    positions: Positions
    ground: Text
    ordered_by: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The entries are known as erased."""
        return a.changed(erased=tuple(sorted({*a.erased, *self.positions})))


class _Erasing(Act):
    who = Who((OPERATOR,), "officer", sees=Audience.ALL)
    before_founding = True
    after_end = True
    after_closing = True
    while_paused = True


def _not_erased_yet(twice: Sequence[object]) -> Check:
    return Check(
        "not_erased_yet",
        not twice,
        f"it is on record already that {', '.join(map(str, twice[:10]))} are erased",
        "leave them out; if their deletion was cut short, finish it: entente erase --finish",
    )


@act
class EraseParticulars(_Erasing):
    """Put on record that the particulars of some entries are erased; they are then deleted from the ledger."""

    positions: Positions
    ground: Ground
    ordered_by: Order
    says = "{by} erases the particulars of {positions}, as {ordered_by} ordered"

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
        yield _not_erased_yet(twice)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """That they are erased."""
        yield ParticularsErased(positions=self.positions, ground=self.ground, ordered_by=self.ordered_by)


@event
class ContentsErased(Event):
    """The contents of these digests are erased, and taken here no more. The digests stay on the record."""

    says = "the contents of {digests} are erased"
    digests: Digests
    ground: Ground
    ordered_by: Order

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The contents are known as erased."""
        return a.changed(erased_contents=tuple(sorted({*a.erased_contents, *self.digests})))


@act
class EraseContents(_Erasing):
    """Put on record that contents are erased, by their digests; they are then deleted from the object store."""

    digests: Digests
    ground: Ground
    ordered_by: Order
    says = "{by} erases the contents of {digests}, as {ordered_by} ordered"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """None of them is erased already, and the state can name them all."""
        twice = sorted(set(self.digests) & set(a.erased_contents))
        yield _not_erased_yet(twice)
        yield Check(
            "erasures_bounded",
            len(a.erased_contents) + len(self.digests) <= MOST_ERASED,
            f"{len(a.erased_contents):,} contents are erased, and at most {MOST_ERASED:,} can be",
            f"take the matter to a succeeding {called(a, 'accord')}",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """That they are erased."""
        yield ContentsErased(digests=self.digests, ground=self.ground, ordered_by=self.ordered_by)
