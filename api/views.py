"""An accord's state in the shape in which clients read it: what stands where, what is owed, by whom, by when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.answers.accord import (
    AccordView,
    ClockView,
    ConditionView,
    ConsentView,
    DeadlineView,
    DelegateView,
    DisputeView,
    DocumentView,
    EvidenceView,
    GateView,
    InvitationView,
    KeyView,
    PartyView,
    PauseView,
    PinsView,
    PowersView,
    SeatView,
    SignatureView,
    SignedPageView,
    StatusView,
    TextView,
    UnderstandingView,
    VerdictView,
    VisitView,
    WindowView,
)
from api.clock import Present
from workflows.model import consent
from workflows.model.rules import GATES, blocking, deadlines, gate, gate_says, stage
from workflows.model.state import Accord, SeatState
from workflows.model.terms import DocumentTerms
from workflows.tracks import understanding
from workflows.tracks.conditions import state as conditions
from workflows.tracks.documents import state as documents
from workflows.tracks.signing.release import release_digest
from workflows.tracks.visit.state import dates_digest

MOST_DEADLINES = 20
"""How many of the next deadlines are shown."""


def status_view(a: Accord, present: Present, *, cleared: bool = True) -> StatusView:
    """The cleared status of an accord."""
    pending = deadlines(a)
    return StatusView(
        accord=a.id,
        title=a.definition.title,
        vocabulary=a.definition.vocabulary,
        illustrative=a.definition.illustrative,
        clock=ClockView(mode=a.definition.clock.mode, time=present.time, live=present.live),
        stage=stage(a),
        rules=a.rules,
        founded=a.founded,
        terminated=a.terminated is not None,
        closed=a.closed,
        version=a.version,
        size=a.size,
        opened_at=a.opened_at,
        updated_at=a.time,
        released_at=a.released_at,
        arrived_at=a.visit.arrived_at,
        window=window_view(a.visit.window or a.definition.window),
        gates=gate_views(a),
        next_deadline=pending[0].at if pending else None,
        paused=a.paused is not None,
        cleared=cleared,
    )


def accord_view(a: Accord, present: Present) -> AccordView:
    """The whole state of an accord."""
    return AccordView(
        **dict(status_view(a, present, cleared=False)),
        pause=PauseView(by=a.paused.by, at=a.paused.at, reason=a.paused.reason) if a.paused else None,
        definition_digest=a.definition_digest,
        amendment_digest=a.amendment.digest() if a.amendment else None,
        release_digest=release_digest(a) if a.founded else None,
        declined_by=a.declined_by,
        terminated_because=a.terminated,
        termination_grounds=a.termination_grounds,
        parties=party_views(a),
        delegates=delegate_views(a, present),
        invitation=invitation_view(a),
        conditions={code: condition_view(a, code) for code in a.definition.conditions},
        documents={code: document_view(a, code) for code in a.definition.documents},
        understanding=understanding_view(a),
        visit=visit_view(a),
        consents=tuple(consent_views(a)),
        blocking=() if a.ended else tuple(check.as_unmet() for check in blocking(a)),
        deadlines=tuple(
            DeadlineView(at=one.at, kind=one.kind, subject=one.subject, says=one.summary())
            for one in deadlines(a)[:MOST_DEADLINES]
        ),
    )


def gate_views(a: Accord) -> dict[str, GateView]:
    """Every gate, open or not."""
    return {name: gate_view(a, name) for name in GATES}


def gate_view(a: Accord, name: str) -> GateView:
    """One gate by its guards' answers, without their reasons."""
    guards: dict[str, int] = {}
    for check in gate(a, name):
        guards[check.guard] = guards.get(check.guard, 0) + (not check.met)
    return GateView(says=gate_says(a, name), open=not any(guards.values()), guards=guards)


def party_views(a: Accord) -> dict[str, PartyView]:
    """The parties, and whether each has adopted the definition."""
    adopted = consent.given(a, "definition", a.definition_digest)
    return {
        code: PartyView(
            name=party.name,
            capacity=party.capacity,
            contact=party.contact,
            languages=party.languages,
            adopted=a.founded or code in adopted,
            signed_acts=party.signed_acts,
        )
        for code, party in a.definition.parties.items()
    }


def delegate_views(a: Accord, present: Present) -> tuple[DelegateView, ...]:
    """The delegates with their offices, roles and keys."""
    return tuple(
        DelegateView(
            delegate=one.delegate,
            party=one.party,
            office=one.office,
            roles=one.roles,
            valid_from=one.valid_from,
            valid_until=one.valid_until,
            in_force=one.holds(present.time),
            keys=tuple(
                KeyView(key=key.id, public_key=key.public_key, enrolled=key.enrolled, revoked=key.revoked)
                for key in a.keys.get(one.delegate, ())
            ),
        )
        for one in a.delegates.values()
    )


def invitation_view(a: Accord) -> InvitationView:
    """The invitation and its answers."""
    return InvitationView(
        status=a.invitation.status,
        issued_at=a.invitation.issued_at,
        valid_until=a.invitation.valid_until,
        received=dict(a.invitation.received),
        answers=dict(a.invitation.answers),
    )


def understanding_view(a: Accord) -> UnderstandingView:
    """The understanding, and what it pins."""
    return UnderstandingView(
        status=a.understanding.status,
        digest=a.understanding.digest,
        pending=a.understanding.pending,
        severable=a.understanding.severable,
        effective_at=a.understanding.effective_at,
        suspended_by=understanding.suspended_by(a) if a.founded else (),
        cause=a.understanding.cause,
        pins=PinsView.model_validate(a.understanding.pins),
    )


def visit_view(a: Accord) -> VisitView:
    """The visit, its dates and those proposed."""
    return VisitView(
        status=a.visit.status,
        window=window_view(a.visit.window),
        proposed=window_view(a.visit.proposed),
        proposed_digest=dates_digest(a),
        arrived_at=a.visit.arrived_at,
        cause=a.visit.cause,
        minutes=a.visit.minutes,
    )


def condition_view(a: Accord, code: str) -> ConditionView:
    """One condition."""
    terms = a.definition.conditions[code]
    now = a.conditions.get(code)
    common: dict[str, Any] = {
        "title": terms.title,
        "obligors": terms.obligors,
        "beneficiaries": conditions.beneficiaries(a, code),
        "verifiers": terms.policy.verifiers,
        "need": terms.policy.need,
        "grade": terms.policy.grade,
        "depends_on": terms.depends_on,
        "waivable": terms.waivable,
        "deferrable": terms.deferrable,
        "due": terms.due,
        "terms_digest": conditions.terms_digest(terms) if now is None else now.terms,
    }
    if now is None:
        # Until the definition is adopted its conditions are only proposed.
        return ConditionView(
            **common,
            status="proposed",
            satisfied=False,
            gate=terms.gate,
            overdue=False,
            escalated=False,
            owed_by=(),
        )
    satisfied = conditions.satisfied(a, code)
    return ConditionView(
        **common,
        status=now.status,
        satisfied=satisfied,
        gate=conditions.gate_of(a, code),
        overdue=now.overdue and not satisfied,
        escalated=now.escalated and not satisfied,
        owed_by=conditions.owed_by(a, code),
        evidence=tuple(
            EvidenceView(digest=e.digest, grade=e.grade, source=e.source, by=e.by, party=e.party, at=e.at)
            for e in now.evidence
        ),
        findings=dict(now.findings),
        verdict=VerdictView(
            evidence=now.verdict.evidence,
            policy=now.verdict.policy,
            verifiers=now.verdict.verifiers,
            at=now.verdict.at,
            valid_until=now.verdict.valid_until,
        )
        if now.verdict
        else None,
        dispute=DisputeView(
            by=now.dispute.by,
            party=now.dispute.party,
            opened_at=now.dispute.opened_at,
            decide_by=now.dispute.decide_by,
        )
        if now.dispute
        else None,
        waived_by=now.waived_by,
        questioned=now.questioned,
        cure_by=now.cure_by,
        reason=now.reason,
    )


def document_view(a: Accord, code: str) -> DocumentView:
    """One document."""
    terms = a.definition.documents[code]
    now = a.documents.get(code)
    common: dict[str, Any] = {
        "title": terms.title,
        "nature": terms.nature,
        "languages": terms.languages,
        "prevailing": terms.prevailing,
        "authority": terms.authority,
    }
    if now is None:
        seats = {
            name: SeatView(
                party=seat.party,
                holder=seat.holder,
                capacity=seat.capacity,
                authority=seat.authority or terms.authority,
            )
            for name, seat in terms.seats.items()
        }
        return DocumentView(**common, status="proposed", digest=None, ready=False, seats=seats)
    check = documents.check_ready(a, code)
    return DocumentView(
        **common,
        status=documents.document_status(a, code),
        digest=documents.document_digest(a, code),
        texts={
            language: TextView(
                digest=text.digest,
                number=text.number,
                agreed=text.agreed,
                proposed_by=text.proposed_by,
                amendment=text.amendment,
            )
            for language, text in now.texts.items()
        },
        ready=check.met,
        next_step=None if check.met else check.reason,
        owed_by=check.who,
        seats={name: _seat(state, terms, name) for name, state in now.seats.items()},
        released_at=now.released_at,
        ratified_by=now.ratified_by,
        in_force_at=now.in_force_at,
        registration=now.registration,
    )


def _seat(state: SeatState, terms: DocumentTerms, name: str) -> SeatView:
    powers, signature = state.powers, state.signature
    return SeatView(
        party=state.party,
        holder=state.holder,
        capacity=terms.seats[name].capacity,
        authority=terms.seats[name].authority or terms.authority,
        powers=PowersView(
            holder=powers.holder,
            digest=powers.digest,
            valid_from=powers.valid_from,
            valid_until=powers.valid_until,
            found_by=powers.found_by,
            status=powers.status,
        )
        if powers
        else None,
        signature=SignatureView(
            holder=signature.holder,
            form=signature.form,
            digest=signature.digest,
            authority=signature.authority,
            at=signature.at,
            status=signature.status,
            pages=tuple(
                SignedPageView(
                    original=original or None, code=page.code, digest=page.digest, by=page.by, at=page.at
                )
                for original, page in signature.pages.items()
            ),
        )
        if signature
        else None,
    )


def window_view(window: Any) -> WindowView | None:
    """Dates, if there are any."""
    if window is None:
        return None
    return WindowView(begins=window.begins, ends=window.ends, place=window.place)


def consent_views(a: Accord) -> Iterable[ConsentView]:
    """The consents that wait for others."""
    for one in consent.pending(a):
        yield ConsentView(
            subject=one.subject, says=one.says, digest=one.digest, given=one.given, missing=one.missing
        )
