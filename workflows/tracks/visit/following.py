"""What follows in a visit by itself: what every party has agreed to takes effect, and a closed gate holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.consent import (
    ConsentsFell,
    complete,
)
from workflows.model.declare import Check, Event
from workflows.model.state import Accord
from workflows.tracks.visit.course import VisitArrived, VisitConfirmed, VisitOnHold
from workflows.tracks.visit.dates import DatesAgreed
from workflows.tracks.visit.endings import ENDINGS, VisitEnded
from workflows.tracks.visit.state import (
    arriving,
    confirmation_digest,
    dates_digest,
)


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
