"""Actions with a direction: the next steps on the ordinary way, and what reopens, takes back or ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tests.simulation.actions.action import (
    VARIANTS,
    Action,
    Choice,
    action,
    low,
    powers_for,
    submission,
    window,
)
from tests.simulation.invariants import oracle
from tests.simulation.small import digest
from workflows.model.state import Accord
from workflows.model.values import INSTALLATION

# Forwards


def forwards(a: Accord) -> list[Action]:
    """The next steps on the ordinary way."""
    if a.paused is not None:
        return [action(INSTALLATION, "resume_accord")]
    if a.ended:
        return [action("aa.contact", "close_accord")]
    if not a.founded:
        return [
            action(party.contact, "adopt_definition", digest="@definition:")
            for party in a.definition.parties.values()
        ]
    found = [
        *_adoptions(a),
        *_carried_on(a),
        *_invitation(a),
        *_texts(a),
        *_verdicts(a),
        *_understanding(a),
        *_visit(a),
    ]
    if a.released_at is not None:
        return [*_after_release(a), *_verdicts(a)]
    if a.visit.arrived_at is not None or a.definition.signing_at_a_distance:
        found += _signing(a)
    return found or [Action(hours=24)]


def _adoptions(a: Accord) -> Iterator[Action]:
    if a.amendment is None:
        return
    for code, one in a.amendment.parties.items():
        contact = a.definition.parties.get(code, one).contact
        yield action(contact, "adopt_definition", digest="@definition:")


def _carried_on(a: Accord) -> Iterator[Action]:
    """What one party has agreed to in ending the visit or severing a document, another agrees to as well."""
    for subject in a.consents:
        kind, _, code = subject.partition("/")
        act = {
            "completion": "complete_visit",
            "curtailment": "curtail_visit",
            "cancellation": "cancel_visit",
        }.get(kind)
        for one in _lacking(a, subject) if act else ():
            yield action(f"{one}.protocol", act or "")
        for one in _lacking(a, subject) if kind == "severance" else ():
            yield action(f"{one}.protocol", "sever_document", document=code)


def _invitation(a: Accord) -> Iterator[Action]:
    if a.invitation.status == "drafted":
        yield action("aa.protocol", "issue_invitation")
    elif not oracle.accepted(a):
        for code in oracle.required(a):
            if a.invitation.answers.get(code) != "accepted":
                yield action(f"{low(code)}.protocol", "accept_invitation")


def _lacking(a: Accord, subject: str) -> list[str]:
    given = a.consents.get(subject, {})
    return [low(code) for code in a.definition.parties if code not in given]


def _texts(a: Accord) -> Iterator[Action]:
    for code in oracle.live(a):
        now, terms = a.documents[code], a.definition.documents[code]
        if now.released_at is not None:
            continue
        for language in terms.languages:
            text = now.texts.get(language)
            mark = f"@text:{code}/{language}"
            if text is None:
                content = digest(f"{code} {language}")
                yield action("aa.treaty", "propose_text", document=code, language=language, digest=content)
            elif text.pending is not None:
                for one in _lacking(a, f"text/{code}/{language}"):
                    yield action(f"{one}.treaty", "agree_text", document=code, language=language, digest=mark)
        if any(one not in now.texts or not now.texts[one].agreed for one in terms.languages):
            continue
        steps = (
            ("certify_concordance", "concordance", len(terms.languages) > 1 and now.certified is None),
            ("initial_document", "initials", terms.initialled and now.initialled is None),
            ("approve_execution_version", "execution", terms.execution_version and now.execution is None),
        )
        for act, subject, asked in steps:
            if asked:
                for one in _lacking(a, f"{subject}/{code}"):
                    yield action(f"{one}.treaty", act, document=code, digest=f"@document:{code}")
                break


def _verdicts(a: Accord) -> Iterator[Action]:
    for code, terms in a.definition.conditions.items():
        now = a.conditions[code]
        if oracle.fresh(a, code, a.time):
            continue
        if now.questioned and now.status == "verified":
            yield action(terms.policy.verifiers[0], "confirm_verdict", condition=code)
        elif now.status == "disputed":
            for one in terms.policy.verifiers:
                yield action(one, "decide_dispute", condition=code, uphold=False)
        elif now.status == "evidence_submitted" and now.evidence:
            for one in terms.policy.verifiers:
                if one not in now.findings:
                    yield action(one, "verify_condition", condition=code, evidence=[f"@evidence:{code}/0"])
        elif now.status not in ("waived", "removed"):
            yield submission(terms.obligors[0], code, "inspected", "a")


def _understanding(a: Accord) -> Iterator[Action]:
    if a.understanding.pending is not None:
        for one in _lacking(a, "understanding"):
            yield action(f"{one}.protocol", "concur_in_understanding", digest="@understanding:")
    elif a.understanding.status != "effective":
        yield action(
            "aa.protocol", "propose_understanding", severable=["D3"] if "D3" in oracle.live(a) else []
        )


def _visit(a: Accord) -> Iterator[Action]:
    now = a.visit
    if now.proposed is not None:
        for one in _lacking(a, "dates"):
            yield action(f"{one}.protocol", "agree_dates", digest="@dates:")
    if now.status in ("tentative", "on_hold"):
        ready = oracle.accepted(a) and not oracle.unsatisfied(a, oracle.VISIT, a.time)
        if ready and a.understanding.status == "effective":
            for one in _lacking(a, "confirmation"):
                yield action(f"{one}.protocol", "confirm_visit")
    if now.status in ("confirmed", "advance_done") and now.window is not None:
        if now.window.begins > a.time:
            yield Action(hours=1 + int((now.window.begins - a.time) / timedelta(hours=1)))
        for one in _lacking(a, "arrival"):
            yield action(f"{one}.protocol", "record_arrival")


def _signing(a: Accord) -> Iterator[Action]:
    open_seats = 0
    for code in oracle.live(a):
        terms = a.definition.documents[code]
        for name, seat in a.documents[code].seats.items():
            side = low(seat.party)
            if terms.authorization and seat.party not in a.documents[code].authorized_by:
                yield action(f"{side}.authority", "authorize_signing", document=code)
                yield action(
                    f"{side}.authority", "authorize_signing", document=code, digest=f"@document:{code}"
                )
            if not oracle.authority(a, code, name, a.time):
                powers = seat.powers
                if powers is None or powers.status != "issued":
                    yield powers_for(side, code, name, seat.holder, "a")
                for other in a.definition.parties if powers is not None else ():
                    if other != seat.party and powers is not None and other not in powers.found_by:
                        yield action(
                            f"{low(other)}.treaty",
                            "find_full_powers",
                            document=code,
                            seat=name,
                            digest=f"@powers:{code}/{name}",
                        )
            if not oracle.held(a, code, name):
                open_seats += 1
                yield action(seat.holder, "sign_document", document=code, digest=f"@document:{code}")
    if not open_seats:
        for code in oracle.live(a)[:1]:
            for name, seat in a.documents[code].seats.items():
                if seat.signature is not None and not seat.signature.pages:
                    mark = f"@page:{code}/{name}/"
                    yield action(seat.holder, "deposit_signed_page", codes=[mark], digest=digest("scan"))
        for one in _lacking(a, "release"):
            yield action(f"{one}.protocol", "consent_to_release", digest="@release:")
        yield action("registrar", "release_signatures")


def _after_release(a: Accord) -> Iterator[Action]:
    for code in oracle.live(a):
        terms, now = a.definition.documents[code], a.documents[code]
        if terms.nature == "ratification":
            for side in {seat.party: None for seat in now.seats.values()}:
                if side not in now.ratified_by:
                    yield action(
                        f"{low(side)}.authority", "ratify_document", document=code, instrument=digest(side)
                    )
        if terms.nature != "political" and now.in_force_at is None:
            yield action("depositary", "declare_in_force", document=code)
        if terms.registered and now.registration is None:
            yield action("registrar", "register_document", document=code, registration="I-1")
        corrected = a.corrections.get(code)
        if corrected is not None and corrected.digest is not None:
            for side in {seat.party: None for seat in now.seats.values()}:
                if side not in a.consents.get(f"corrigendum/{code}", {}):
                    agreed = f"@corrigendum:{code}"
                    yield action(f"{low(side)}.treaty", "agree_corrigendum", document=code, digest=agreed)
    yield action("aa.contact", "close_accord")


# Backwards: what reopens, takes back, or ends


def backwards(a: Accord, choice: Choice) -> Action | None:
    """Something that undoes, suspends or changes what stands, by somebody who may; none where there is nothing."""
    if not a.founded or a.ended:
        return None
    found = [*_take_back(a), *_shake_verdicts(a), *_shake_documents(a, choice), *_shake_visit(a, choice)]
    return choice.of(found) if found else None


def _take_back(a: Accord) -> Iterator[Action]:
    for subject, given in a.consents.items():
        for party_code in given:
            yield action(f"{low(party_code)}.contact", "withdraw_consent", subject=subject)
    for code, now in a.documents.items():
        for seat in now.seats.values():
            if seat.signature is not None and seat.signature.status == "held":
                yield action(seat.holder, "withdraw_signature", document=code)


def _shake_verdicts(a: Accord) -> Iterator[Action]:
    for code, terms in a.definition.conditions.items():
        now, mine = a.conditions[code], oracle.beneficiaries(a, code)
        if now.status == "verified":
            yield action(terms.policy.verifiers[-1], "revoke_verdict", condition=code)
            yield action("cc.protocol", "dispute_verdict", condition=code)
            report = {"report": "R", "source": "Sensor", "observed_at": "2030-01-07T08:00:00Z"}
            yield action("watch", "condition_changed", condition=code, **report)
        elif now.status == "disputed":
            for one in terms.policy.verifiers:
                yield action(one, "decide_dispute", condition=code, uphold=True)
        elif now.status == "evidence_submitted":
            yield action(terms.policy.verifiers[0], "return_evidence", condition=code)
        if terms.waivable and not oracle.fresh(a, code, a.time):
            for one in mine:
                act = "withdraw_waiver" if one in now.waived_by else "waive_condition"
                yield action(f"{low(one)}.protocol", act, condition=code)
        if terms.deferrable:
            yield action(f"{low(mine[0])}.protocol", "defer_condition", condition=code, gate="ceremony")


def _shake_documents(a: Accord, choice: Choice) -> Iterator[Action]:
    for code in oracle.live(a):
        now = a.documents[code]
        for language in now.texts:
            content = digest(f"{code} {language} {choice.of(['', 'b', 'c'])}")
            yield action("bb.treaty", "propose_text", document=code, language=language, digest=content)
        for party in now.authorized_by:
            yield action(f"{low(party)}.authority", "withdraw_authorization", document=code)
        for name, seat in now.seats.items():
            if seat.powers is not None:
                side = low(seat.party)
                yield action(f"{side}.authority", "revoke_full_powers", document=code, seat=name)
                yield powers_for(side, code, name, f"{side}.deputy", "b")
        if code in a.understanding.severable:
            for one in _lacking(a, f"severance/{code}"):
                yield action(f"{one}.protocol", "sever_document", document=code)


def _shake_visit(a: Accord, choice: Choice) -> Iterator[Action]:
    side = low(choice.of(list(a.definition.parties)))
    if a.visit.status in ("confirmed", "advance_done"):
        yield action(f"{side}.protocol", "hold_visit")
        yield action(f"{side}.protocol", "record_advance_done")
    if a.visit.arrived_at is None:
        yield action(f"{side}.protocol", "propose_dates", window=window(a, choice))
    endings = ("complete_visit", "curtail_visit") if a.visit.status == "arrived" else ("cancel_visit",)
    for act in endings:
        yield action(f"{side}.protocol", act)
    yield action(f"{side}.contact", "amend_definition", definition=f"@variant:{choice.of(VARIANTS)}")
    if choice.chance(6):
        yield action("aa.protocol", "withdraw_invitation")
