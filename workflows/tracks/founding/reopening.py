"""What an amendment reopens: it touches what it changes, and nothing else, and whatever falls is an event of its own.

The field tells it. A title, a due date or a period reopens nothing; the terms of a condition its verdict; its obligors
the evidence; a seat's holder that seat's authority and signature; a language its text and what rested on the whole.
All of it falls before the amendment is in force: each event takes away what led to it, until nothing is left to fall.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from workflows.model.consent import clear
from workflows.model.declare import Event, Stamp, event
from workflows.model.definition import Definition
from workflows.model.state import Accord, Condition, Document, SeatState
from workflows.model.terms import ConditionTerms, DocumentTerms, Seat
from workflows.model.values import DelegateId, Instant, Language, PartyId, Reference, Text, some
from workflows.model.wording import named
from workflows.tracks.conditions.state import NO_FINDINGS, NOT_OF_THE_TERMS, cure_ground, with_condition
from workflows.tracks.documents.state import AFTER_AGREEMENT, set_seat, text_subject, with_document
from workflows.tracks.founding.appointments import DelegateRevoked
from workflows.tracks.signing.full_powers import SeatName
from workflows.tracks.signing.signatures import SignatureVoided
from workflows.tracks.visit.dates import DatesAgreed

LONG_STOP = "long-stop date passed"
"""The ground for termination that the long-stop date gives, until the parties agree on another date."""


@event
class VerdictReopened(Event):
    """An amendment changed a condition's terms: what was found under the old ones is void. The evidence stays."""

    says = "the verdict on {~condition} {condition} is void: {cause}"
    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """To be found anew."""
        now = a.conditions[self.condition]
        status = _without_verdict(now) if now.status in ("verified", "disputed") else now.status
        return with_condition(a, self.condition, status=status, verdict=None, dispute=None, **NO_FINDINGS)


@event
class EvidenceReopened(Event):
    """An amendment changed who owes a condition: what the ones before submitted is evidence of it no more."""

    says = "the evidence for {~condition} {condition} counts no more: {cause}"
    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """To be submitted anew."""
        now = a.conditions[self.condition]
        status = "agreed" if now.status in ("evidence_submitted", "returned") else now.status
        return with_condition(a, self.condition, status=status, evidence=())


@event
class WaiverReopened(Event):
    """By an amendment a waiver is not that of every beneficiary any more, or the condition cannot be waived."""

    says = "the waiver of {~condition} {condition} is open again: {cause}"
    condition: Reference
    cause: Text
    waived_by: tuple[PartyId, ...] = Field(description="the beneficiaries whose own waivers stay")

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not waived, until every beneficiary has."""
        now = a.conditions[self.condition]
        status = _without_verdict(now) if now.status == "waived" else now.status
        return with_condition(a, self.condition, status=status, waived_by=self.waived_by)


@event
class DeferralReopened(Event):
    """An amendment changed the gate that a condition guards: its deferral from the gate before is void."""

    says = "the deferral of {~condition} {condition} is void: {cause}"
    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It guards the gate that the amendment says."""
        return with_condition(a, self.condition, deferred_to=None)


@event
class DueDateMoved(Event):
    """An amendment gave a condition another due date: reminders of the one before are over. Nothing else changes."""

    says = "the due date of {~condition} {condition} is moved"
    condition: Reference
    due: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not reminded of, not overdue."""
        return with_condition(a, self.condition, reminded=False, overdue_since=None, escalated=False)


@event
class ConditionRemoved(Event):
    """An amendment dropped a condition: it guards nothing any more."""

    says = "{~condition} {condition} is dropped"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Removed; a right to terminate that its fall gave goes with it."""
        ended = cure_ground(self.condition)
        a = a.changed(termination_grounds=tuple(one for one in a.termination_grounds if one != ended))
        return with_condition(a, self.condition, status="removed", dispute=None, cure_by=None)


@event
class TextReopened(Event):
    """An amendment took a language away from a document: its text there is none of the document's any more."""

    says = "the text of {~document} {document} in {language} is dropped: {cause}"
    document: Reference
    language: Language
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Without the text, and without consents to it."""
        kept = {
            code: text for code, text in a.documents[self.document].texts.items() if code != self.language
        }
        a = clear(a, text_subject(self.document, self.language))
        return with_document(a, self.document, texts=kept)


@event
class StepReopened(Event):
    """An amendment changed a document's languages: a step that was taken on all of its texts is to be taken anew."""

    says = "the step {step} of {~document} {document} is to be taken anew: {cause}"
    document: Reference
    step: Text
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not taken, and nobody's part of it given."""
        a = clear(a, f"{self.step}/{self.document}")
        return with_document(a, self.document, **{AFTER_AGREEMENT[self.step]: None})


@event
class SeatReopened(Event):
    """An amendment changed who signs in a seat, or by what authority: full powers of before are for it no more."""

    says = "seat {seat} of {~document} {document} is open again: {cause}"
    document: Reference
    seat: SeatName
    party: PartyId
    holder: DelegateId
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The seat is its holder's, who has no full powers yet."""
        return set_seat(a, self.document, self.seat, party=self.party, holder=self.holder, powers=None)


@event
class SeatRemoved(Event):
    """An amendment took a seat away from a document."""

    says = "seat {seat} of {~document} {document} is dropped"
    document: Reference
    seat: SeatName

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Without the seat."""
        seats = {name: seat for name, seat in a.documents[self.document].seats.items() if name != self.seat}
        return with_document(a, self.document, seats=seats)


@event
class DocumentRemoved(Event):
    """An amendment dropped a document: its texts stay readable, and nothing follows on it any more."""

    says = "{~document} {document} is dropped"
    document: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Removed, and no consent to anything of it is pending."""
        about = [one for one in a.consents if one.partition("/")[2].split("/")[0] == self.document]
        return with_document(clear(a, *about), self.document, removed=True)


@event
class LongStopMoved(Event):
    """An amendment gave another long-stop date: that the one before has passed is no ground for termination."""

    says = "the long-stop date is moved"
    at: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not reached."""
        grounds = tuple(one for one in a.termination_grounds if one != LONG_STOP)
        return a.changed(long_stop_reached=False, termination_grounds=grounds)


def reopened(a: Accord, amended: Definition) -> Iterator[Event]:
    """What falls before the amendment is in force, given what has fallen already."""
    yield from _delegates(a, amended)
    if amended.long_stop != a.definition.long_stop and (
        a.long_stop_reached or LONG_STOP in a.termination_grounds
    ):
        yield LongStopMoved(at=amended.long_stop.at if amended.long_stop else None)
    yield from _dates(a, amended)
    for code, condition in a.conditions.items():
        old, new = a.definition.conditions.get(code), amended.conditions.get(code)
        if old is None or condition.status == "removed":
            continue
        if new is None:
            yield ConditionRemoved(condition=code)
        else:
            yield from _condition(code, condition, old, new, amended)
    for code, document in a.documents.items():
        was, will = a.definition.documents.get(code), amended.documents.get(code)
        if was is None or document.removed:
            continue
        if will is None:
            yield from _void(code, document, f"the amendment drops {named(a, 'document')}")
            yield DocumentRemoved(document=code)
        else:
            yield from _document(a, code, document, was, will)


def _delegates(a: Accord, amended: Definition) -> Iterator[Event]:
    """Officers and contacts whom the amendment names no more, where nothing else is left for them to do."""
    contacts = {party.contact for party in amended.parties.values()}
    for code, one in a.delegates.items():
        officer = one.party is None and code not in amended.officers
        contact = one.roles == ("contact",) and one.party in a.definition.parties and code not in contacts
        if (officer or contact) and not one.revoked:
            yield DelegateRevoked(delegate=code)


def _dates(a: Accord, amended: Definition) -> Iterator[Event]:
    """An amended window is new dates to which every party has agreed."""
    window, visit = amended.window, a.visit
    moved = window is not None and window != a.definition.window and window != visit.window
    if window is not None and moved and visit.arrived_at is None:
        yield DatesAgreed(window=window, postponed=visit.status in ("confirmed", "advance_done", "on_hold"))


def _changed(
    old: ConditionTerms | DocumentTerms | Seat, new: ConditionTerms | DocumentTerms | Seat
) -> list[str]:
    return [name for name in type(old).model_fields if getattr(old, name) != getattr(new, name)]


def _cause(fields: list[str]) -> str:
    return f"the amendment changes its {', '.join(one.replace('_', ' ') for one in fields)}"


def _condition(
    code: str, now: Condition, old: ConditionTerms, new: ConditionTerms, amended: Definition
) -> Iterator[Event]:
    changed = [name for name in _changed(old, new) if name not in NOT_OF_THE_TERMS]
    cause = _cause(changed)
    if changed and (now.verdict or now.findings or now.dispute):
        yield VerdictReopened(condition=code, cause=cause)
    if "obligors" in changed and now.evidence:
        yield EvidenceReopened(condition=code, cause=_cause(["obligors"]))
    yield from _waiver(code, now, old, new, amended)
    if "gate" in changed and now.deferred_to is not None:
        yield DeferralReopened(condition=code, cause=_cause(["gate"]))
    if old.due != new.due and (now.reminded or now.escalated or now.overdue_since):
        yield DueDateMoved(condition=code, due=new.due)


def _waiver(
    code: str, now: Condition, old: ConditionTerms, new: ConditionTerms, amended: Definition
) -> Iterator[Event]:
    """A waiver falls with who owed it, and where a beneficiary has not given it, or may not."""
    mine = new.beneficiaries
    if mine is None:
        mine = tuple(party for party in amended.parties if party not in new.obligors)
    if not new.waivable or new.obligors != old.obligors:
        kept: tuple[str, ...] = ()
        cause = _cause(["obligors"] if new.waivable else ["waivable"])
    else:
        kept = tuple(party for party in now.waived_by if party in mine)
        waiting = [party for party in mine if party not in now.waived_by]
        cause = f"{some(waiting) or 'every party'} has to waive it by the amendment"
    fallen = now.status == "waived" and (not kept or not set(mine) <= set(kept))
    if fallen or kept != now.waived_by:
        yield WaiverReopened(condition=code, cause=cause, waived_by=kept)


def _void(code: str, document: Document, cause: str, *seats: str) -> Iterator[Event]:
    """The held signatures on these seats, or on all, are void."""
    for name, seat in document.seats.items():
        if (not seats or name in seats) and seat.signature is not None and seat.signature.status == "held":
            yield SignatureVoided(document=code, seat=name, cause=cause)


def _document(a: Accord, code: str, now: Document, old: DocumentTerms, new: DocumentTerms) -> Iterator[Event]:
    changed = _changed(old, new)
    languages = set(old.languages) != set(new.languages)
    # What a signature says is in the texts, in which of them prevails, and in what follows from signing.
    signed: list[str] = [name for name in ("prevailing", "nature") if name in changed]
    if languages:
        signed.insert(0, "languages")
    if signed:
        yield from _void(code, now, _cause(signed))
    for language in now.texts:
        if language not in new.languages:
            yield TextReopened(document=code, language=language, cause=_cause(["languages"]))
    for step, mark in AFTER_AGREEMENT.items() if languages else ():
        if getattr(now, mark) is not None or a.consents.get(f"{step}/{code}"):
            yield StepReopened(document=code, step=step, cause=_cause(["languages"]))
    for name, seat in now.seats.items():
        yield from _seat(code, name, now, seat, old, new)


def _seat(
    code: str, name: str, document: Document, seat: SeatState, old: DocumentTerms, new: DocumentTerms
) -> Iterator[Event]:
    if name not in new.seats:
        yield from _void(code, document, "the amendment takes the seat away", name)
        yield SeatRemoved(document=code, seat=name)
        return
    was, will = old.seats.get(name), new.seats[name]
    changed = [
        one for one in ("party", "holder", "capacity") if was and getattr(was, one) != getattr(will, one)
    ]
    if "holder" in changed and will.holder == seat.holder:
        # Full powers made that person the holder before; the amendment only says so now.
        changed.remove("holder")
    if was and (was.authority or old.authority) != (will.authority or new.authority):
        changed.append("authority")
    if not changed:
        return
    yield from _void(code, document, _cause(changed), name)
    holder = will.holder if {"party", "holder"} & set(changed) else seat.holder
    moved = (seat.party, seat.holder) != (will.party, holder)
    if moved or (seat.powers is not None and changed != ["capacity"]):
        yield SeatReopened(document=code, seat=name, party=will.party, holder=holder, cause=_cause(changed))


def _without_verdict(now: Condition) -> str:
    return "evidence_submitted" if now.evidence else "agreed"
