"""The visit: tentative → confirmed → advance_done → arrived → completed.

Beside that: on_hold (one party suffices; it ends when every party confirms again), postponed, curtailed, cancelled.
Confirming it needs the invitation accepted, every condition of the visit satisfied, and the understanding effective.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal

from workflows.model.authority import holders
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    ConsentsFell,
    clear,
    complete,
    missing,
    not_yet_given,
    subject,
)
from workflows.model.declare import Act, Audience, Check, Event, Gate, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Line, Note, Text, Window, show_date
from workflows.tracks.invitation import required

PLANNED = ("tentative", "confirmed", "advance_done", "on_hold")


def adopt_terms(a: Accord) -> Accord:
    """The state with the definition's window, where it has one and none was agreed since."""
    window = a.definition.window
    if a.visit.window is not None or window is None:
        return a
    return a.changed(visit=replace(a.visit, status="tentative", window=window))


def confirmation_digest(a: Accord) -> str:
    """What a confirmation names: the window and the round, so that a hold or new dates make it fall away."""
    window = a.visit.window
    return digest_of({"round": a.visit.round, "window": window.model_dump(mode="json") if window else None})


def arriving(a: Accord) -> tuple[str, ...]:
    """The parties that record arrival: the host, and each guest whose acceptance is required."""
    return (a.definition.host, *required(a))


def dates_digest(a: Accord) -> str | None:
    """The digest of the dates that are proposed, or none."""
    return digest_of(a.visit.proposed.model_dump(mode="json")) if a.visit.proposed is not None else None


subject("dates", "the proposed dates of the visit", dates_digest)
subject("confirmation", "the confirmation of the visit", confirmation_digest)
subject("arrival", "the record of arrival", confirmation_digest, parties=arriving)
subject("completion", "the completion of the visit", confirmation_digest)
subject("curtailment", "the curtailment of the visit", confirmation_digest)
subject("cancellation", "the cancellation of the visit", confirmation_digest)


def arrived(a: Accord) -> Check:
    """Guard: the visit has arrived, or the parties agreed on signing at a distance."""
    before = confirmed(a)
    waiting = missing(a, "arrival", confirmation_digest(a), arriving(a)) if a.visit.arrived_at is None else ()
    return Check(
        "arrived",
        a.visit.arrived_at is not None or a.definition.signing_at_a_distance,
        f"the visit is {a.visit.status.replace('_', ' ')}: arrival is not recorded",
        "host and guest record the arrival (record-arrival)"
        if before.met
        else f"{before.remedy}; then host and guest record the arrival (record-arrival)",
        holders(a, ("protocol",), waiting) if before.met else before.who,
        a.visit.window.begins if a.visit.window else None,
    )


def confirmed(a: Accord) -> Check:
    """Guard: every party has confirmed the visit."""
    waiting = missing(a, "confirmation", confirmation_digest(a))
    met = a.visit.status in ("confirmed", "advance_done", "arrived", "completed", "curtailed")
    return Check(
        "visit_confirmed",
        met,
        f"the visit is {a.visit.status.replace('_', ' ')}, not yet confirmed by {', '.join(waiting)}",
        _to_confirm(a) or "each party's protocol confirms it (confirm-visit)",
        () if met else holders(a, ("protocol",), waiting),
        a.visit.window.begins if a.visit.window else None,
    )


def _to_confirm(a: Accord) -> str:
    """What comes before a confirmation, in words; empty, where nothing does."""
    if a.visit.window is None or a.visit.status not in PLANNED:
        return "agree on dates first, with every party (propose-dates)"
    return ""


def _set(a: Accord, **changes: object) -> Accord:
    return a.changed(visit=replace(a.visit, **changes))  # type: ignore[arg-type]


@event
class DatesProposed(Event):
    """New dates for the visit were proposed."""

    says = "new dates are proposed"
    window: Window
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """They stand beside the current dates until all agree."""
        return clear(_set(a, proposed=self.window), "dates")


@event
class DatesAgreed(Event):
    """Every party agreed to the new dates. A visit that was confirmed is postponed by it, and confirmed anew."""

    says = "the new dates are agreed"
    window: Window
    postponed: bool

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Tentative at the new dates. All agreed to them, so the understanding is not stale by them."""
        a = _set(
            a,
            status="tentative",
            window=self.window,
            proposed=None,
            round=a.visit.round + 1,
            dates_agreed=stamp.position,
        )
        return clear(a, "dates", "confirmation", "arrival")


@event
class VisitConfirmed(Event):
    """Every party confirmed: the visit takes place."""

    says = "the visit is confirmed"
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Confirmed; the consents are used up."""
        return clear(_set(a, status="confirmed", cause=None), "confirmation")


@event
class VisitOnHold(Event):
    """The visit was put on hold: by a party, or because what it rests on has fallen."""

    says = "the visit is on hold: {cause}"
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """On hold until every party confirms again."""
        a = _set(a, status="on_hold", cause=self.cause, round=a.visit.round + 1)
        return clear(a, "confirmation", "arrival")


@event
class AdvanceDone(Event):
    """The advance work on the spot is done."""

    says = "the advance work is done"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Ready for arrival."""
        return _set(a, status="advance_done")


@event
class VisitArrived(Event):
    """Host and guest recorded the arrival. A latch: nothing that lapses later undoes it."""

    says = "the arrival is recorded"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Arrived; dates that were proposed are over with it."""
        a = _set(a, status="arrived", arrived_at=stamp.at, proposed=None)
        return clear(a, "arrival", "confirmation", "dates")


@event
class VisitEnded(Event):
    """Every party agreed that the visit is completed, curtailed, or cancelled."""

    says = "the visit is {outcome}"
    outcome: Literal["completed", "curtailed", "cancelled"]

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Ended as said; who agreed to other dates before did not agree to begin it again."""
        a = _set(a, status=self.outcome, proposed=None)
        return clear(a, "completion", "curtailment", "cancellation", "dates")


@event
class MinutesRecorded(Event):
    """Minutes of a meeting were recorded by digest."""

    says = "minutes of {item} are recorded"
    changes_state = False
    digest: Digest
    item: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Counted; they change nothing else."""
        return _set(a, minutes=a.visit.minutes + 1)


ENDINGS: dict[str, tuple[str, Literal["completed", "curtailed", "cancelled"]]] = {
    "complete_visit": ("completion", "completed"),
    "curtail_visit": ("curtailment", "curtailed"),
    "cancel_visit": ("cancellation", "cancelled"),
}


def follows(a: Accord, at: datetime, unmet: Iterator[Check]) -> Iterator[Event]:
    """Dates, confirmation, arrival and endings take effect when all who have to have consented; a closed gate holds.

    ``unmet`` are the unmet guards of the visit's gate; they are asked for only where they matter.
    """
    visit = a.visit
    if visit.proposed is not None and complete(a, "dates", dates_digest(a) or ""):
        yield DatesAgreed(
            window=visit.proposed, postponed=visit.status in ("confirmed", "advance_done", "on_hold")
        )
        return
    now = confirmation_digest(a)
    if visit.status in ("confirmed", "advance_done"):
        closed = next(unmet, None)
        if closed is not None:
            yield VisitOnHold(cause=closed.reason[:300])
            return
        if complete(a, "arrival", now, arriving(a)):
            yield VisitArrived()
            return
    given = tuple(a.consents.get("confirmation", {}))
    if given and visit.status in ("tentative", "on_hold"):
        closed = next(unmet, None)
        if closed is not None:
            # Who confirmed did so on what held then; what holds once the gate is open again may be something else.
            cause = f"the gate closed: {closed.reason}"[:300]
            yield ConsentsFell(subject="confirmation", parties=given, cause=cause)
            return
        if complete(a, "confirmation", now):
            yield VisitConfirmed(digest=now)
            return
    for ending, outcome in ENDINGS.values():
        if complete(a, ending, now) and visit.status not in ("completed", "curtailed", "cancelled"):
            yield VisitEnded(outcome=outcome)
            return


PROTOCOL = Who(("protocol",), "any", agree="every party", sees=Audience.ALL)


def dates_can_be(a: Accord, window: Window, at: datetime) -> Iterator[Check]:
    """Guards: dates that can be those of the visit, when they are proposed and when they are agreed to."""
    yield _before_arrival(a)
    yield Check(
        "dates_ahead",
        window.begins > at,
        f"the window begins on {show_date(window.begins)}, which is past",
        "propose later dates",
    )
    yield Check(
        "before_long_stop",
        a.definition.long_stop is None or window.begins <= a.definition.long_stop.at,
        "the window begins after the long-stop date",
        "propose earlier dates, or amend the definition's long stop first, with every party",
    )


@act
class ProposeDates(Act):
    """Propose dates for the visit, or new ones; they stand when every party has agreed to them."""

    window: Window
    note: Note = ""
    who = PROTOCOL
    says = "{by} proposes dates for the visit"

    def target(self) -> str:
        """The proposed window."""
        return digest_of(self.window.model_dump(mode="json"))

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Before arrival, ahead, before the long stop, and different."""
        yield from dates_can_be(a, self.window, at)
        yield Check(
            "dates_differ", self.window != a.visit.window, "these are the current dates", "confirm the visit"
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own consent."""
        digest = digest_of(self.window.model_dump(mode="json"))
        yield DatesProposed(window=self.window, digest=digest)
        yield ConsentGiven(subject="dates", party=party_of(by), digest=digest)


@act
class AgreeDates(Act):
    """Agree, for your party, to the dates that were proposed, by their digest."""

    digest: Digest
    note: Note = ""
    who = PROTOCOL
    says = "{by} agrees to the proposed dates"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Dates are proposed, of this digest, which can still be, and the party has not agreed."""
        proposed = a.visit.proposed
        current = dates_digest(a)
        yield Check("dates_proposed", proposed is not None, "no dates are proposed", "propose some")
        if proposed is not None:
            yield from dates_can_be(a, proposed, at)
        yield Check(
            "digest_is_current",
            current == self.digest,
            f"the dates proposed have digest {current}",
            "agree to that",
        )
        yield not_yet_given(a, "dates", self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="dates", party=party_of(by), digest=self.digest)


@act
class ConfirmVisit(Act):
    """Confirm the visit for your party. Refused, naming what is missing, until its gate is open."""

    note: Note = ""
    who = PROTOCOL
    says = "{by} confirms the visit"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """To be confirmed; the gate of the visit; not confirmed by this party."""
        status = a.visit.status
        yield Check(
            "visit_to_confirm",
            status in ("tentative", "on_hold"),
            f"the visit is {status.replace('_', ' ')}",
            "nothing is left to confirm" if confirmed(a).met else _to_confirm(a),
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
    says = "{by} puts the visit on hold"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Confirmed, and not arrived."""
        yield _before_arrival(a)
        yield Check(
            "visit_confirmed",
            a.visit.status in ("confirmed", "advance_done"),
            f"the visit is {a.visit.status.replace('_', ' ')}",
            "only a confirmed visit can be put on hold",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The hold."""
        yield VisitOnHold(cause=f"{by.party} put it on hold")


@act
class RecordAdvanceDone(Act):
    """Record that the advance work on the spot is done."""

    note: Note = ""
    who = Who(("protocol", "verifier"), "any", sees=Audience.ALL)
    says = "{by} records that the advance work is done"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Confirmed."""
        yield Check(
            "visit_confirmed",
            a.visit.status == "confirmed",
            f"the visit is {a.visit.status.replace('_', ' ')}",
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
    says = "{by} records the arrival"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Confirmed, its gate open, the window begun, by one of those who arrive or receive."""
        yield confirmed(a)
        yield Gate("visit")
        yield _before_arrival(a)
        window = a.visit.window
        yield Check(
            "window_open",
            window is not None and window.begins <= at,
            f"the visit begins on {show_date(window.begins if window else None)}",
            "record the arrival when it happens",
            by=window.begins if window else None,
        )
        yield Check(
            "arriving_party",
            by.party in arriving(a),
            f"{by.party} neither hosts nor is required to arrive",
            f"{', '.join(arriving(a))} record it",
        )
        yield not_yet_given(a, "arrival", confirmation_digest(a), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's record."""
        yield ConsentGiven(subject="arrival", party=party_of(by), digest=confirmation_digest(a))


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
        f"the visit is {a.visit.status.replace('_', ' ')}",
        "nothing is left to do"
        if a.visit.arrived_at is not None
        else "record the arrival first; what has not begun is cancelled instead (cancel-visit)",
    )


@act
class CompleteVisit(_Ending):
    """Agree, for your party, that the visit is completed."""

    who = PROTOCOL
    says = "{by} records that the visit is completed"

    def when(self, a: Accord) -> Check:
        """Under way."""
        return _is_arrived(a)


@act
class CurtailVisit(_Ending):
    """Agree, for your party, to end a visit that is under way before its time."""

    who = PROTOCOL
    says = "{by} agrees to curtail the visit"

    def when(self, a: Accord) -> Check:
        """Under way."""
        return _is_arrived(a)


@act
class CancelVisit(_Ending):
    """Agree, for your party, to cancel a visit that has not begun."""

    who = PROTOCOL
    says = "{by} agrees to cancel the visit"

    def when(self, a: Accord) -> Check:
        """Planned."""
        return Check(
            "visit_planned",
            a.visit.status in PLANNED,
            f"the visit is {a.visit.status.replace('_', ' ')}",
            "what is under way is curtailed instead (curtail-visit)"
            if a.visit.status == "arrived"
            else "nothing is left to cancel",
        )


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


def _before_arrival(a: Accord) -> Check:
    return Check(
        "before_arrival",
        a.visit.arrived_at is None,
        "the visit has arrived",
        "complete it, or curtail it, with every party"
        if a.visit.status == "arrived"
        else "what has taken place stays; agree on a later instrument for anything else",
    )
