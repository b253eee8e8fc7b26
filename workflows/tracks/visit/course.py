"""The course: confirmed, put on hold, prepared on the spot, arrived; and the minutes of its meetings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    clear,
    not_yet_given,
)
from workflows.model.declare import Act, Audience, Check, Event, Gate, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Line, Note, Text, show_date
from workflows.model.wording import called, do, named
from workflows.tracks.visit.state import (
    PROTOCOL,
    arriving,
    before_arrival,
    confirmation_digest,
    confirmed,
    to_confirm,
    visit_is,
    with_visit,
)


@event
class VisitConfirmed(Event):
    """Every party confirmed: the visit takes place."""

    says = "{the visit} is confirmed"
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Confirmed; the consents are used up."""
        return clear(with_visit(a, status="confirmed", cause=None), "confirmation")


@event
class VisitOnHold(Event):
    """The visit was put on hold: by a party, or because what it rests on has fallen."""

    says = "{the visit} is on hold: {cause}"
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """On hold until every party confirms again."""
        a = with_visit(a, status="on_hold", cause=self.cause, round=a.visit.round + 1)
        return clear(a, "confirmation", "arrival")


@event
class AdvanceDone(Event):
    """The advance work on the spot is done."""

    says = "{the advance} is done"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Ready for arrival."""
        return with_visit(a, status="advance_done")


@event
class VisitArrived(Event):
    """Host and guest recorded the arrival. A latch: nothing that lapses later undoes it."""

    says = "{the arrival} is recorded"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Arrived; dates that were proposed are over with it."""
        a = with_visit(a, status="arrived", arrived_at=stamp.at, proposed=None)
        return clear(a, "arrival", "confirmation", "dates")


@event
class MinutesRecorded(Event):
    """Minutes of a meeting were recorded by digest."""

    says = "minutes of {item} are recorded"
    changes_state = False
    digest: Digest
    item: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Counted; they change nothing else."""
        return with_visit(a, minutes=a.visit.minutes + 1)


@act
class ConfirmVisit(Act):
    """Confirm the visit for your party. Refused, naming what is missing, until its gate is open."""

    note: Note = ""
    who = PROTOCOL
    says = "{by} confirms {the visit}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """To be confirmed; the gate of the visit; not confirmed by this party."""
        status = a.visit.status
        yield Check(
            "visit_to_confirm",
            status in ("tentative", "on_hold"),
            f"{named(a, 'visit')} is {visit_is(a)}",
            "nothing is left to confirm" if confirmed(a).met else to_confirm(a),
        )
        yield Gate("visit")
        yield not_yet_given(a, "confirmation", confirmation_digest(a), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's confirmation."""
        yield ConsentGiven(subject="confirmation", party=party_of(by), digest=confirmation_digest(a))


@act
class HoldVisit(Act):
    """Put the visit on hold. One party suffices; it goes on when every party confirms again."""

    note: Note = ""
    who = Who(("protocol",), "any", sees=Audience.ALL)
    says = "{by} puts {the visit} on hold"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Confirmed, and not arrived."""
        yield before_arrival(a)
        yield Check(
            "visit_confirmed",
            a.visit.status in ("confirmed", "advance_done"),
            f"{named(a, 'visit')} is {visit_is(a)}",
            f"only a confirmed {called(a, 'visit')} can be put on hold",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The hold."""
        yield VisitOnHold(cause=f"{by.party} put it on hold")


@act
class RecordAdvanceDone(Act):
    """Record that the advance work on the spot is done."""

    note: Note = ""
    who = Who(("protocol", "verifier"), "any", sees=Audience.ALL)
    says = "{by} records that {the advance} is done"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Confirmed."""
        yield Check(
            "visit_confirmed",
            a.visit.status == "confirmed",
            f"{named(a, 'visit')} is {visit_is(a)}",
            "nothing is left to do" if confirmed(a).met else confirmed(a).remedy,
            confirmed(a).who,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The record."""
        yield AdvanceDone()


@act
class RecordArrival(Act):
    """Record the arrival for your party: host and guest both do. A latch, which nothing undoes."""

    note: Note = ""
    who = Who(("protocol",), "any", agree="host and guest", sees=Audience.ALL)
    says = "{by} records {the arrival}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Confirmed, its gate open, the window begun, by one of those who arrive or receive."""
        yield confirmed(a)
        yield Gate("visit")
        yield before_arrival(a)
        window = a.visit.window
        yield Check(
            "window_open",
            window is not None and window.begins <= at,
            f"{named(a, 'visit')} begins on {show_date(window.begins)}" if window else "no dates are agreed",
            f"record {named(a, 'arrival')} when it happens",
            by=window.begins if window else None,
        )
        yield Check(
            "arriving_party",
            by.party in arriving(a),
            f"{by.party} neither hosts nor is required to arrive",
            f"{do(arriving(a), 'records', 'record')} it",
        )
        yield not_yet_given(a, "arrival", confirmation_digest(a), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's record."""
        yield ConsentGiven(subject="arrival", party=party_of(by), digest=confirmation_digest(a))


@act
class RecordMinutes(Act):
    """Record the minutes of a meeting or of a programme item, by digest. They change no state."""

    digest: Digest
    item: Line
    note: Note = ""
    who = Who((), "anyone", sees=Audience.ALL, observers=False)
    says = "{by} records minutes of {item}"

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The minutes."""
        yield MinutesRecorded(digest=self.digest, item=self.item)
