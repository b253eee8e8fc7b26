"""What an accord waits for: each step that somebody can take now, what it is, whose it is, and by when.

This is the other side of the guards. They say why something cannot be done; here stands what can be done about it, as
an act with the fields that are known, and the delegates who may do it. Whoever does what is listed here is not refused
by the rules, unless it is not yet time (``not_before``). What anybody may do at any time, such as to comment, to
withdraw or to propose other terms, waits for nobody and is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from workflows.model import consent
from workflows.model.authority import OPERATOR, periods_hold
from workflows.model.commands import Waiting
from workflows.model.declare import ACTS
from workflows.model.rules import unmet
from workflows.model.state import Accord
from workflows.model.waiting.documents import after_release, authority, signing, texts
from workflows.model.waiting.step import Item, appointing, by_any, holding, item, step, titled
from workflows.model.wording import named
from workflows.tracks import ending, understanding
from workflows.tracks.conditions import state as conditions
from workflows.tracks.documents import state as documents
from workflows.tracks.founding.adoption import adopting
from workflows.tracks.visit.dates import dates_can_be
from workflows.tracks.visit.state import PLANNED, arriving, confirmation_digest, dates_digest

MOST_STEPS = 500
"""Steps that are listed, those first that are due first: two hundred documents of fifty languages have ten thousand."""


def waiting(a: Accord) -> dict[str, Waiting]:
    """Every step that somebody can take now, by a key that stays the same as long as the step is the same one."""
    steps = dict(_steps(a))
    if len(steps) > MOST_STEPS:
        soonest = sorted(steps.items(), key=lambda item: (item[1].by is None, item[1].by or a.time))
        steps = dict(soonest[:MOST_STEPS])
    if a.paused is None:
        return steps
    running = {key: one for key, one in steps.items() if ACTS[one.act].while_paused}
    return {**running, **dict(_resuming(a))}


def _steps(a: Accord) -> Iterator[Item]:
    if a.closed:
        return
    if a.ended:
        yield from _closing(a)
        return
    if a.released_at is None:
        yield from _adoption(a)
    if not a.founded:
        return
    yield from _invitation(a)
    for code in a.definition.conditions:
        yield from _condition(a, code)
    for code in documents.live(a):
        yield from texts(a, code)
        yield from authority(a, code)
        yield from after_release(a, code)
    yield from _understanding(a)
    yield from _visit(a)
    yield from signing(a)
    yield from _begun(a)
    yield from _closing(a)


def _resuming(a: Accord) -> Iterator[Item]:
    who = holding(a, (OPERATOR,), None)
    if a.paused is not None and who:
        yield item("owe", "resume_accord", f"Resume {named(a, 'accord')}: it is paused", (), who)


def _adoption(a: Accord) -> Iterator[Item]:
    proposed = a.definition if not a.founded else a.amendment
    if proposed is None or a.declined_by is not None:
        return
    digest = proposed.digest()
    parties = consent.missing(a, "definition", digest, adopting(a))
    who = []
    for party in parties:
        # Until an amendment is adopted, who speaks for a party is the contact by the definition in force.
        terms = a.definition.parties.get(party) or proposed.parties[party]
        who.append(terms.contact)
    if who:
        what = "the amended definition" if a.founded else "the definition"
        says = f"Read and adopt {what} of {named(a, 'accord')}"
        yield item("agree", "adopt_definition", says, parties, who, digest[7:23], {"digest": digest})


def _invitation(a: Accord) -> Iterator[Item]:
    now, name = a.invitation, named(a, "invitation")
    if now.status == "drafted":
        until = a.definition.invitation.valid_until
        if until is None or until > a.time:
            yield from step(a, "owe", "issue_invitation", f"Issue {name}", (a.definition.host,), by=until)
    elif now.status in ("issued", "accepted_in_principle", "accepted"):
        # A guest whose acceptance is not required may still come to it later.
        open_to = [
            code for code in a.definition.guests if now.answers.get(code) in (None, "accepted_in_principle")
        ]
        by = now.valid_until if now.status != "accepted" else None
        yield from step(a, "owe", "accept_invitation", f"Answer {name}: accept or decline it", open_to, by=by)


def _condition(a: Accord, code: str) -> Iterator[Item]:
    if not conditions.time_runs(a, code):
        return
    terms, now = a.definition.conditions[code], a.conditions[code]
    name, about = titled(code, terms.title), {"condition": code}
    by = now.cure_by or terms.due
    if now.status == "disputed":
        decide_by = now.dispute.decide_by if now.dispute else None
        says = f"Decide the dispute on {name}: uphold or reject it"
        yield from _verifying(a, code, "decide_dispute", says, conditions.deciders(a, code), about, decide_by)
        return
    if now.questioned:
        says = f"Look at {name}: a monitor reports a change; confirm the verdict or revoke it"
        yield from _verifying(a, code, "confirm_verdict", says, _impartial(a, code), about, by)
    if conditions.own_state_holds(a, code) or now.status == "verified":
        return
    waived = [party for party in conditions.beneficiaries(a, code) if party not in now.waived_by]
    if now.waived_by and waived:
        says = f"Waive {name}, as {', '.join(now.waived_by)} did, or leave it"
        yield from step(a, "agree", "waive_condition", says, waived, subject=code, fields=about, by=by)
    evidence = conditions.adequate_digests(a, code)
    if now.status == "evidence_submitted" and evidence:
        if all(documents.texts_agreed(a, one) for one in terms.valid_while_texts_of):
            left = [one for one in _impartial(a, code) if one not in now.findings]
            says = f"Verify {name}: evidence is in"
            fields = {**about, "evidence": list(evidence)}
            yield from _verifying(a, code, "verify_condition", says, left, fields, by)
        return
    again = " again" if now.status in (*conditions.FALLEN, "returned") else ""
    grade = "" if terms.policy.grade == "declared" else f" of grade {terms.policy.grade} or better"
    says = f"Submit evidence{grade} for {name}{again}"
    yield from step(a, "owe", "submit_evidence", says, terms.obligors, subject=code, fields=about, by=by)


def _impartial(a: Accord, code: str) -> list[str]:
    """The verifiers who do not owe the condition, save by a joint policy, and did not submit what they would judge."""
    terms = a.definition.conditions[code]
    submitted = {one.by for one in a.conditions[code].evidence} if terms.policy.independent else set()
    return [
        one
        for one in terms.policy.verifiers
        if one not in submitted and (terms.policy.joint or _side(a, one) not in terms.obligors)
    ]


def _side(a: Accord, delegate: str) -> str | None:
    known = a.delegates.get(delegate)
    return known.party if known is not None else a.definition.owners().get(delegate)


def _verifying(
    a: Accord,
    code: str,
    act: str,
    says: str,
    verifiers: Iterable[str],
    fields: dict[str, Any],
    by: datetime | None,
) -> Iterator[Item]:
    """A step of a condition's verifiers; where none of them is appointed as one, their parties' contacts appoint."""
    able: list[str] = []
    lacking: list[str] = []
    for one in verifiers:
        known = a.delegates.get(one)
        holds = known is not None and "verifier" in known.roles and periods_hold(a, known)
        (able if holds else lacking).append(one)
    if able:
        parties = dict.fromkeys(party for one in able if (party := _side(a, one)) is not None)
        yield item("verify", act, says, parties, able, code, fields, by)
        return
    for one in lacking:
        party = _side(a, one)
        if party is not None:
            yield from appointing(a, party, "verifier", by, one)


def _understanding(a: Accord) -> Iterator[Item]:
    now, name = a.understanding, named(a, "understanding")
    if a.released_at is not None:
        return
    if now.pending is not None:
        parties = consent.missing(a, understanding.SUBJECT, now.pending)
        says = f"Read and concur in {name}"
        yield from step(a, "agree", "concur_in_understanding", says, parties, fields={"digest": now.pending})
        return
    concordant = all(documents.concordant(a, code) for code in documents.live(a))
    if now.status in ("none", "stale") and a.visit.window is not None and concordant:
        anew = f" anew: {now.cause}" if now.status == "stale" else ""
        yield from by_any(a, "owe", "propose_understanding", f"Propose {name}{anew}"[:300])


def _visit(a: Accord) -> Iterator[Item]:
    now, name = a.visit, named(a, "visit")
    if now.arrived_at is not None or a.released_at is not None:
        return
    if now.proposed is not None and all(one.met for one in dates_can_be(a, now.proposed, a.time)):
        digest = dates_digest(a) or ""
        parties = consent.missing(a, "dates", digest)
        says = f"Agree to the proposed dates of {name}"
        yield from step(a, "agree", "agree_dates", says, parties, fields={"digest": digest})
    elif now.window is None:
        yield from by_any(a, "owe", "propose_dates", f"Propose dates for {name}")
    if now.window is None or next(unmet(a, "visit"), None) is not None:
        return
    begins = now.window.begins
    if now.status in ("tentative", "on_hold"):
        parties = consent.missing(a, "confirmation", confirmation_digest(a))
        yield from step(a, "agree", "confirm_visit", f"Confirm {name}", parties, by=begins)
    elif now.status in ("confirmed", "advance_done"):
        parties = consent.missing(a, "arrival", confirmation_digest(a), arriving(a))
        says = f"Record that {name} has begun, when it has"
        yield from step(a, "owe", "record_arrival", says, parties, by=now.window.ends, not_before=begins)


_BEGUN = {
    "corrigendum": ("agree_corrigendum", "Read and agree to {}"),
    "severance": ("sever_document", "Agree to {}, or leave it"),
    "completion": ("complete_visit", "Agree to {}, or leave it"),
    "curtailment": ("curtail_visit", "Agree to {}, or leave it"),
    "cancellation": ("cancel_visit", "Agree to {}, or leave it"),
    "termination": ("agree_termination", "Agree to {}, or leave it"),
    "witness policy": ("agree_witness_policy", "Read and agree to {}"),
}
"""What nobody waits for until one party has begun it: the act by which the others join, and in words."""


def _begun(a: Accord) -> Iterator[Item]:
    for one in consent.pending(a):
        kind, _, document = one.subject.partition("/")
        if kind not in _BEGUN or (kind == "termination" and a.released_at is not None):
            continue
        if kind in ("completion", "curtailment") and a.visit.status != "arrived":
            continue
        if kind == "cancellation" and a.visit.status not in PLANNED:
            continue
        act, says = _BEGUN[kind]
        fields: dict[str, Any] = {"document": document} if document else {}
        if kind == "corrigendum":
            fields["digest"] = a.corrections[document].digest
        elif kind == "witness policy":
            fields["digest"] = one.digest
        words = says.format(one.says)
        yield from step(a, "agree", act, words, one.missing, subject=document, fields=fields)


def _closing(a: Accord) -> Iterator[Item]:
    if (a.released_at is None and a.terminated is None) or any(
        not check.met for check in ending.nothing_open(a)
    ):
        return
    able = [party for party in a.definition.parties if holding(a, ACTS["close_accord"].who.roles, party)]
    says = f"Close {named(a, 'accord')}: nothing is open any more"
    yield from step(a, "owe", "close_accord", says, able, officers=True)
