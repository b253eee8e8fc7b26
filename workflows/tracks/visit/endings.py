"""How a visit ends, by every party: completed, curtailed once it is under way, or cancelled before."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    clear,
    not_yet_given,
)
from workflows.model.declare import Act, Check, Event, Gate, Stamp, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Note
from workflows.model.wording import named
from workflows.tracks.visit.state import (
    PLANNED,
    PROTOCOL,
    confirmation_digest,
    visit_is,
    with_visit,
)


@event
class VisitEnded(Event):
    """Every party agreed that the visit is completed, curtailed, or cancelled."""

    says = "{the visit} is {outcome}"
    outcome: Literal["completed", "curtailed", "cancelled"]

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Ended as said; who agreed to other dates before did not agree to begin it again."""
        a = with_visit(a, status=self.outcome, proposed=None)
        return clear(a, "completion", "curtailment", "cancellation", "dates")


ENDINGS: dict[str, tuple[str, Literal["completed", "curtailed", "cancelled"]]] = {
    "complete_visit": ("completion", "completed"),
    "curtail_visit": ("curtailment", "curtailed"),
    "cancel_visit": ("cancellation", "cancelled"),
}


class _Ending(Act):
    note: Note = ""

    @abstractmethod
    def when(self, a: Accord) -> Check:
        """Guard: the visit is where it can end so."""

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Where it can end so, and not said by this party."""
        yield self.when(a)
        yield not_yet_given(a, ENDINGS[self.name][0], confirmation_digest(a), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject=ENDINGS[self.name][0], party=party_of(by), digest=confirmation_digest(a))


def _is_arrived(a: Accord) -> Check:
    return Check(
        "visit_under_way",
        a.visit.status == "arrived",
        f"{named(a, 'visit')} is {visit_is(a)}",
        "nothing is left to do"
        if a.visit.arrived_at is not None
        else f"record {named(a, 'arrival')} first; what has not begun is cancelled instead (cancel-visit)",
    )


@act
class CompleteVisit(_Ending):
    """Agree, for your party, that the visit is completed."""

    who = PROTOCOL
    says = "{by} records that {the visit} is completed"

    def when(self, a: Accord) -> Check:
        """Under way."""
        return _is_arrived(a)


@act
class CurtailVisit(_Ending):
    """Agree, for your party, to end a visit that is under way before its time."""

    who = PROTOCOL
    says = "{by} agrees to curtail {the visit}"

    def when(self, a: Accord) -> Check:
        """Under way."""
        return _is_arrived(a)


@act
class CancelVisit(_Ending):
    """Agree, for your party, to cancel a visit that has not begun."""

    who = PROTOCOL
    says = "{by} agrees to cancel {the visit}"

    def when(self, a: Accord) -> Check:
        """Planned."""
        return Check(
            "visit_planned",
            a.visit.status in PLANNED,
            f"{named(a, 'visit')} is {visit_is(a)}",
            "what is under way is curtailed instead (curtail-visit)"
            if a.visit.status == "arrived"
            else "nothing is left to cancel",
        )
