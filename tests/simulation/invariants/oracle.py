"""What an onlooker knows who reads the definition and the record: the rules are checked against this, not by the model.

Nothing here calls a guard, a gate or a rule of ``workflows``; it reads the definition and the plain state, and
remembers from the log who consented to what, which verdicts fell, and which refusals are on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from workflows.model.canonical import digest_of
from workflows.model.commands import RecordedEvent
from workflows.model.state import Accord, SeatState, Signature
from workflows.model.terms import ConditionTerms
from workflows.model.values import GRADES, add_duration, subtract_duration

VISIT, SIGNING, RELEASE = ("visit",), ("visit", "signing"), ("visit", "signing", "ceremony")
"""The conditions' gates that have to be clear for a confirmation, a signature, a release."""


def facts(event: RecordedEvent) -> dict[str, Any]:
    found: dict[str, Any] = event.facts["event"]
    return found


def required(a: Accord) -> tuple[str, ...]:
    return tuple(
        code for code, party in a.definition.parties.items() if party.capacity == "guest" and party.required
    )


def host_and_guests(a: Accord) -> tuple[str, ...]:
    return (*(code for code, one in a.definition.parties.items() if one.capacity == "host"), *required(a))


def accepted(a: Accord) -> bool:
    return a.invitation.status == "accepted" and all(
        a.invitation.answers.get(code) == "accepted" for code in required(a)
    )


WORDS_AND_TIMES = {"title", "due", "response", "cure"}
"""What a verdict does not rest on."""


@cache
def digest_of_terms(terms: ConditionTerms) -> str:
    return digest_of(terms.model_dump(mode="json", exclude_defaults=True, exclude=WORDS_AND_TIMES))


def terms_digest(a: Accord, code: str) -> str:
    return digest_of_terms(a.definition.conditions[code])


def beneficiaries(a: Accord, code: str) -> tuple[str, ...]:
    terms = a.definition.conditions[code]
    if terms.beneficiaries is not None:
        return terms.beneficiaries
    return tuple(party for party in a.definition.parties if party not in terms.obligors)


def fresh(a: Accord, code: str, at: datetime) -> bool:
    """A fresh verdict or a waiver of the condition itself."""
    condition = a.conditions[code]
    if condition.status == "waived":
        return True
    verdict = condition.verdict
    return (
        condition.status == "verified"
        and condition.dispute is None
        and verdict is not None
        and verdict.policy == terms_digest(a, code)
        and (verdict.valid_until is None or verdict.valid_until > at)
        and not (condition.questioned and condition.question_closes)
    )


def satisfied(a: Accord, code: str, at: datetime) -> bool:
    return fresh(a, code, at) and all(
        satisfied(a, other, at) for other in a.definition.conditions[code].depends_on
    )


def guarding(a: Accord, gates: Iterable[str]) -> list[str]:
    """The conditions that guard one of the gates now, deferral counted."""
    return [
        code
        for code, terms in a.definition.conditions.items()
        if (a.conditions[code].deferred_to or terms.gate) in gates
    ]


def unsatisfied(a: Accord, gates: Iterable[str], at: datetime) -> list[str]:
    return [code for code in guarding(a, gates) if not satisfied(a, code, at)]


def document_digest(a: Accord, code: str) -> str | None:
    texts = a.documents[code].texts
    languages = a.definition.documents[code].languages
    if any(language not in texts for language in languages):
        return None
    return digest_of({language: texts[language].digest for language in sorted(languages)})


def live(a: Accord) -> list[str]:
    return [code for code in a.definition.documents if not a.documents[code].severed]


def executable(a: Accord, code: str) -> bool:
    """All texts agreed, and every step done that the document asks for, for its present digest."""
    terms, now, digest = a.definition.documents[code], a.documents[code], document_digest(a, code)
    return (
        all(language in now.texts and now.texts[language].agreed for language in terms.languages)
        and (len(terms.languages) == 1 or now.certified == digest)
        and (not terms.initialled or now.initialled == digest)
        and (not terms.execution_version or now.execution == digest)
    )


def authority(a: Accord, code: str, seat: str, at: datetime) -> bool:
    """Ex officio, or full powers in force which every other signing party found in due form."""
    terms, state = a.definition.documents[code], a.documents[code].seats[seat]
    asked = (terms.seats[seat].authority or terms.authority) if seat in terms.seats else terms.authority
    if asked == "ex_officio":
        return True
    powers = state.powers
    others = {one.party for one in a.documents[code].seats.values()} - {state.party}
    return (
        powers is not None
        and powers.status == "issued"
        and powers.holder == state.holder
        and powers.valid_from <= at
        and (powers.valid_until is None or at < powers.valid_until)
        and others <= set(powers.found_by)
    )


def authorized(a: Accord, code: str, seat: str) -> bool:
    """Not asked for, or given by the seat's party: for the document, or for the very texts that stand."""
    given, party = a.documents[code].authorized_by, a.documents[code].seats[seat].party
    if not a.definition.documents[code].authorization:
        return True
    return party in given and given[party] in (None, document_digest(a, code))


def held(a: Accord, code: str, seat: str) -> bool:
    signature = a.documents[code].seats[seat].signature
    return (
        signature is not None and signature.status == "held" and signature.digest == document_digest(a, code)
    )


def with_all_below(a: Accord, codes: Iterable[str]) -> set[str]:
    """The conditions and all that they depend on."""
    found: set[str] = set()
    waiting = set(codes)
    while waiting:
        found |= waiting
        waiting = {other for code in waiting for other in a.definition.conditions[code].depends_on} - found
    return found


def _without_scans(signature: Signature | None) -> Signature | None:
    """A signature as it counts: the scan of its paper form is evidence of it, and no part of it."""
    return None if signature is None else replace(signature, pages={})


def seats_without_scans(seats: Mapping[str, SeatState]) -> dict[str, SeatState]:
    """The seats with the signatures on them as they count."""
    return {name: replace(one, signature=_without_scans(one.signature)) for name, one in seats.items()}


def release_set(a: Accord, *, signed: bool = True) -> dict[str, Any]:
    """What a release would cover: texts, who holds in which form, by what conditions hold, and the understanding."""
    found: dict[str, Any] = {
        code: [
            document_digest(a, code),
            [
                (name, seat.holder, _without_scans(seat.signature) if signed else None)
                for name, seat in a.documents[code].seats.items()
            ],
        ]
        for code in live(a)
    }
    held = {
        code: a.conditions[code].waived_by
        if a.conditions[code].status == "waived"
        else (a.conditions[code].status, a.conditions[code].verdict)
        for code in with_all_below(a, guarding(a, RELEASE))
    }
    return {**found, "held by": held, "understanding": (a.understanding.digest, a.understanding.effective_at)}


def due_at(event: RecordedEvent, before: Accord) -> datetime | None:
    """When a deadline was due, by the state before it, for the events that are deadlines."""
    said = facts(event)
    stop = before.definition.long_stop
    match event.type:
        case "verdict_lapsed" if said["cause"] == "expired":
            verdict = before.conditions[said["condition"]].verdict
            return verdict.valid_until if verdict else None
        case "condition_due_soon":
            due, ahead = (
                before.definition.conditions[said["condition"]].due,
                before.definition.reminders.before,
            )
            return None if due is None or ahead is None else subtract_duration(due, ahead)
        case "condition_overdue":
            return before.definition.conditions[said["condition"]].due
        case "condition_escalated":
            since = before.conditions[said["condition"]].overdue_since
            later = before.definition.reminders.escalate_after
            return None if since is None or later is None else add_duration(since, later)
        case "cure_period_ended":
            return before.conditions[said["condition"]].cure_by
        case "dispute_expired":
            dispute = before.conditions[said["condition"]].dispute
            return dispute.decide_by if dispute else None
        case "invitation_expired":
            return before.invitation.valid_until
        case "long_stop_reached":
            return stop.at if stop else None
        case "full_powers_expired" if event.actor.delegate == "clock":
            powers = before.documents[said["document"]].seats[said["seat"]].powers
            return powers.valid_until if powers else None
    return None


def valid_until(a: Accord, code: str, at: datetime, evidence: Iterable[datetime | None]) -> datetime | None:
    """Until when a verdict given at ``at`` holds: by the condition's terms, and by where its evidence ends."""
    terms = a.definition.conditions[code]
    ends = [one for one in evidence if one is not None]
    if terms.valid_until:
        ends.append(terms.valid_until)
    if terms.valid_for:
        ends.append(add_duration(at, terms.valid_for))
    return min(ends, default=None)


def adequate(grade: str, lowest: str) -> bool:
    return GRADES.index(grade) >= GRADES.index(lowest)


def _window_digest(window: Mapping[str, Any]) -> str:
    return digest_of(dict(window))


ENDED = {"completed": "completion", "curtailed": "curtailment", "cancelled": "cancellation"}


def parties_after(before: Accord) -> tuple[str, ...]:
    """The parties of now and those that the pending amendment adds."""
    added = before.amendment.parties if before.amendment else {}
    return tuple(dict.fromkeys((*before.definition.parties, *added)))


def amendment_digest(a: Accord) -> str | None:
    """The digest of the amendment that is pending, by which parties consent to it."""
    if a.amendment is None:
        return None
    return digest_of(a.amendment.model_dump(mode="json", exclude_defaults=True))


def window_amended(event: RecordedEvent, before: Accord) -> bool:
    """Whether the dates of this event are those that the pending amendment gives."""
    window = before.amendment.window if before.amendment else None
    return window is not None and _window_digest(window.model_dump(mode="json")) == _window_digest(
        facts(event)["window"]
    )


def binding(event: RecordedEvent, before: Accord) -> tuple[str, str | None, tuple[str, ...]] | None:
    """For an event that binds all: the subject of the consents that it needs, their digest, and whose they are."""
    said, every = facts(event), tuple(before.definition.parties)
    match event.type:
        case "definition_adopted":
            return "definition", said["digest"], every
        case "definition_amended":
            return "definition", said["digest"], parties_after(before)
        case "text_agreed":
            return f"text/{said['document']}/{said['language']}", said["digest"], every
        case "concordance_certified":
            return f"concordance/{said['document']}", said["digest"], every
        case "document_initialled":
            return f"initials/{said['document']}", said["digest"], every
        case "execution_version_approved":
            return f"execution/{said['document']}", said["digest"], every
        case "understanding_effective":
            return "understanding", said["digest"], every
        case "dates_agreed":
            return "dates", _window_digest(said["window"]), every
        case "visit_confirmed":
            return "confirmation", said["digest"], every
        case "visit_arrived":
            return "arrival", None, host_and_guests(before)
        case "visit_ended":
            return ENDED[said["outcome"]], None, every
        case "document_severed":
            return f"severance/{said['document']}", None, every
        case "signatures_released":
            return "release", said["digest"], every
        case "document_corrected":
            named = digest_of({key: said[key] for key in ("digest", "document", "language")})
            signed = {seat.party: None for seat in before.documents[said["document"]].seats.values()}
            return f"corrigendum/{said['document']}", named, tuple(signed)
        case "witness_policy_changed":
            return "witness policy", said["digest"], every
        case "accord_terminated" if said["cause"].startswith("all parties"):
            return "termination", None, every
    return None
