"""What stands of a visit: its dates, who confirmed, who arrives; the guards and digests that its acts share."""

from __future__ import annotations

from dataclasses import replace

from workflows.model.authority import NOBODY, able
from workflows.model.canonical import digest_of
from workflows.model.consent import (
    missing,
    subject,
)
from workflows.model.declare import Audience, Check, Who
from workflows.model.state import Accord
from workflows.model.wording import called, named
from workflows.tracks.invitation import required

PLANNED = ("tentative", "confirmed", "advance_done", "on_hold")

PROTOCOL = Who(("protocol",), "any", agree="every party", sees=Audience.ALL)
"""Who does what every party has to agree to."""


_STATUS = {"none": "without dates", "advance_done": "prepared", "arrived": "under way"}


def visit_is(a: Accord) -> str:
    """How the visit stands, in words."""
    return _STATUS.get(a.visit.status, a.visit.status.replace("_", " "))


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


subject("dates", "the proposed dates of {the visit}", dates_digest)
subject("confirmation", "the confirmation of {the visit}", confirmation_digest)
subject("arrival", "the record of {the arrival}", confirmation_digest, parties=arriving)
subject("completion", "the completion of {the visit}", confirmation_digest)
subject("curtailment", "the curtailment of {the visit}", confirmation_digest)
subject("cancellation", "the cancellation of {the visit}", confirmation_digest)


def arrived(a: Accord) -> Check:
    """Guard: the visit has arrived, or the parties agreed on signing at a distance."""
    before = confirmed(a)
    arrival = f"{called(a, 'host')} and {called(a, 'guest')} record {named(a, 'arrival')}"
    waiting = missing(a, "arrival", confirmation_digest(a), arriving(a)) if a.visit.arrived_at is None else ()
    who, nobody = able(a, ("protocol",), waiting) if before.met else NOBODY
    return Check(
        "arrived",
        a.visit.arrived_at is not None or a.definition.signing_at_a_distance,
        f"{named(a, 'visit')} is {visit_is(a)}: {named(a, 'arrival')} is not recorded{nobody}",
        f"{arrival} (record-arrival)" if before.met else f"{before.remedy}; then {arrival} (record-arrival)",
        who if before.met else before.who,
        a.visit.window.begins if a.visit.window else None,
    )


def confirmed(a: Accord) -> Check:
    """Guard: every party has confirmed the visit."""
    waiting = missing(a, "confirmation", confirmation_digest(a))
    met = a.visit.status in ("confirmed", "advance_done", "arrived", "completed", "curtailed")
    who, nobody = NOBODY if met else able(a, ("protocol",), waiting)
    return Check(
        "visit_confirmed",
        met,
        f"{named(a, 'visit')} is {visit_is(a)}, not yet confirmed by {', '.join(waiting)}{nobody}",
        to_confirm(a) or "each party's protocol confirms it (confirm-visit)",
        who,
        a.visit.window.begins if a.visit.window else None,
    )


def to_confirm(a: Accord) -> str:
    """What comes before a confirmation, in words; empty, where nothing does."""
    if a.visit.window is None or a.visit.status not in PLANNED:
        return "agree on dates first, with every party (propose-dates)"
    return ""


def with_visit(a: Accord, **changes: object) -> Accord:
    """The state with parts of its visit changed."""
    return a.changed(visit=replace(a.visit, **changes))  # type: ignore[arg-type]


def before_arrival(a: Accord) -> Check:
    """Guard: the visit has not arrived."""
    return Check(
        "before_arrival",
        a.visit.arrived_at is None,
        f"{named(a, 'arrival')} is recorded",
        "complete it, or curtail it, with every party"
        if a.visit.status == "arrived"
        else "what has taken place stays; agree on a later instrument for anything else",
    )
