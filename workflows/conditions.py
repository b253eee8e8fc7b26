"""Conditions precedent: agreed → evidence_submitted → verified.

Beside that: questioned, returned, disputed, waived, deferred, lapsed, revoked, removed. *Satisfied* is derived: a
fresh verdict or a waiver, and every dependency satisfied; a condition whose dependency falls keeps its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from workflows.acts import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.authority import holders
from workflows.canonical import digest_of
from workflows.deadlines import Deadline
from workflows.definition import ConditionTerms
from workflows.documents import document_digest, texts_agreed
from workflows.messages import Actor
from workflows.values import (
    GRADES,
    DelegateId,
    Digest,
    Grade,
    Instant,
    Note,
    PartyId,
    Reference,
    Text,
    add_duration,
    show_date,
)

if TYPE_CHECKING:
    from workflows.accord import Accord

MOST_REPORTS = 100
"""Ids of monitors' reports that a condition remembers."""

FALLEN = ("lapsed", "revoked")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A digest, its grade and source, and who submitted it when."""

    digest: str
    grade: str
    source: str
    by: str
    party: str
    at: datetime
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verifiers' finding: the evidence by digest, the policy's version, and until when it holds."""

    evidence: tuple[str, ...]
    policy: str
    verifiers: tuple[str, ...]
    at: datetime
    position: int
    valid_until: datetime | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dispute:
    """Who disputes the verdict, by when it is to be decided, and who decided."""

    by: str
    party: str
    opened_at: datetime
    decide_by: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a condition stands. Its terms are the definition's."""

    status: str = "agreed"
    terms: str = ""
    evidence: tuple[Evidence, ...] = ()
    findings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verdict: Verdict | None = None
    waived_by: tuple[str, ...] = ()
    deferred_to: str | None = None
    questioned: bool = False
    question_closes: bool = False
    dispute: Dispute | None = None
    overdue: bool = False
    cure_by: datetime | None = None
    fallen: bool = False
    reason: str | None = None
    reports: tuple[str, ...] = ()


def terms_digest(terms: ConditionTerms) -> str:
    """The digest of a condition's terms; the policy's version, which a verdict names."""
    return digest_of(terms.model_dump(mode="json", exclude_defaults=True))


def adopt_terms(a: Accord) -> Accord:
    """The state with the definition's conditions: new ones agreed, changed ones agreed anew, dropped ones removed."""
    conditions: dict[str, Condition] = {}
    for code, terms in a.definition.conditions.items():
        digest = terms_digest(terms)
        old = a.conditions.get(code)
        kept = old is not None and old.terms == digest and old.status != "removed"
        conditions[code] = old if old is not None and kept else Condition(terms=digest)
    for code, old in a.conditions.items():
        if code not in conditions:
            conditions[code] = replace(old, status="removed")
    return replace(a, conditions=conditions)


def gate_of(a: Accord, code: str) -> str:
    """The gate that a condition guards now: the definition's, or the one that it was deferred to."""
    return a.conditions[code].deferred_to or a.definition.conditions[code].gate


def on_gates(a: Accord, *gates: str) -> tuple[str, ...]:
    """The conditions that guard one of these gates, in the definition's order."""
    return tuple(code for code in a.definition.conditions if gate_of(a, code) in gates)


def beneficiaries(a: Accord, code: str) -> tuple[str, ...]:
    """Who may waive: as the definition says, by default every party that is not obliged."""
    terms = a.definition.conditions[code]
    if terms.beneficiaries is not None:
        return terms.beneficiaries
    return tuple(party for party in a.definition.parties if party not in terms.obligors)


def own_state_holds(a: Accord, code: str) -> bool:
    """Whether the condition itself holds by verdict or waiver, its dependencies apart."""
    condition = a.conditions[code]
    if condition.status == "waived":
        return True
    return condition.status == "verified" and not (condition.questioned and condition.question_closes)


def _rests_on(a: Accord, code: str) -> Iterator[str]:
    """A condition and all that it depends on, each once, however long or branched the chains are."""
    seen: dict[str, None] = {}
    waiting = [code]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen[one] = None
            yield one
            waiting.extend(reversed(a.definition.conditions[one].depends_on))


def satisfied(a: Accord, code: str) -> bool:
    """Whether a condition is satisfied: it holds, and all that it depends on is satisfied."""
    if code not in a.definition.conditions or code not in a.conditions:
        return False
    if not a.definition.conditions[code].depends_on:
        return own_state_holds(a, code)
    return all(own_state_holds(a, one) for one in _rests_on(a, code))


def owed_by(a: Accord, code: str) -> tuple[str, ...]:
    """The delegates who could bring the condition forward now; where it holds itself, what it depends on."""
    if not own_state_holds(a, code):
        return _owed_itself(a, code)
    waiting = [one for one in _rests_on(a, code) if not own_state_holds(a, one)]
    return tuple(dict.fromkeys(who for one in waiting for who in _owed_itself(a, one)))


def _owed_itself(a: Accord, code: str) -> tuple[str, ...]:
    condition, terms = a.conditions[code], a.definition.conditions[code]
    if condition.status == "disputed":
        return _deciders(a, code)
    submitted = condition.status in ("evidence_submitted", "verified") and adequate(a, code)
    if submitted:
        return tuple(one for one in terms.policy.verifiers if one not in condition.findings)
    return holders(a, ("obligor",), terms.obligors) or tuple(
        a.definition.parties[p].contact for p in terms.obligors
    )


def check_satisfied(a: Accord, code: str) -> Check:
    """Guard: the condition is satisfied; if not, why, who owes it, and when it is due."""
    terms, condition = a.definition.conditions[code], a.conditions[code]
    met = satisfied(a, code)
    return Check(
        "condition_satisfied",
        met,
        f"{code} ({terms.title}) is {_status_words(a, code)}",
        f"bring {code} to a verdict" + (", or waive it" if terms.waivable else ""),
        tuple(condition.findings) if met else owed_by(a, code),
        terms.due,
        code,
    )


def _status_words(a: Accord, code: str) -> str:
    condition, terms = a.conditions[code], a.definition.conditions[code]
    words = condition.status.replace("_", " ")
    if condition.reason and condition.status in (*FALLEN, "returned"):
        words += f" ({condition.reason})"
    if condition.status in ("evidence_submitted", "lapsed", "revoked", "returned") and condition.findings:
        words += f", {len(condition.findings)} of {terms.policy.need} verifiers found it met"
    if condition.questioned:
        words += ", questioned by a monitor's report"
    if condition.status in ("agreed", "evidence_submitted") and not adequate(a, code):
        words += f", waiting for evidence of grade {terms.policy.grade}"
    waiting = [other for other in terms.depends_on if not satisfied(a, other)]
    if waiting:
        words += f", and depends on {', '.join(waiting)}"
    return words + (", overdue" if condition.overdue and not satisfied(a, code) else "")


def adequate(a: Accord, code: str) -> bool:
    """Whether there is evidence of at least the grade that the policy asks for."""
    return bool(adequate_digests(a, code))


def adequate_digests(a: Accord, code: str) -> tuple[str, ...]:
    """The evidence, by digest, whose grade suffices under the policy."""
    lowest = GRADES.index(a.definition.conditions[code].policy.grade)
    return tuple(one.digest for one in a.conditions[code].evidence if GRADES.index(one.grade) >= lowest)


def _deciders(a: Accord, code: str) -> tuple[str, ...]:
    """Who decides a dispute: verifiers who did not give the verdict, else all but the disputant's party."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    gave = condition.verdict.verifiers if condition.verdict else ()
    disputing = condition.dispute.party if condition.dispute else None
    obliged = () if terms.policy.joint else terms.obligors
    side = {one: a.delegates[one].party if one in a.delegates else None for one in terms.policy.verifiers}
    others = tuple(one for one in side if one not in gave and side[one] not in obliged)
    if others:
        return others
    return tuple(one for one in side if one in a.delegates and side[one] not in (disputing, *obliged))


def _valid_until(a: Accord, code: str, evidence: Iterable[str], at: datetime) -> datetime | None:
    """The earliest of what the terms say and where the evidence that is named ends."""
    terms = a.definition.conditions[code]
    ends = [one.expires for one in a.conditions[code].evidence if one.expires and one.digest in evidence]
    if terms.valid_until:
        ends.append(terms.valid_until)
    if terms.valid_for:
        ends.append(add_duration(at, terms.valid_for))
    return min(ends) if ends else None


def deadlines(a: Accord) -> Iterator[Deadline]:
    """Due dates, lapses of verdicts, ends of dispute and cure periods; after release of what is subsequent only."""
    for code, terms in a.definition.conditions.items():
        condition = a.conditions.get(code)
        if condition is None or condition.status == "removed":
            continue
        if a.released_at is not None and gate_of(a, code) != "subsequent":
            continue
        if terms.due is not None and not condition.overdue and not own_state_holds(a, code):
            yield Deadline(terms.due, "due", code, _overdue(code))
        verdict = condition.verdict
        if verdict and verdict.valid_until and condition.status in ("verified", "disputed"):
            yield Deadline(
                verdict.valid_until,
                "freshness",
                f"verdict on {code}",
                _lapsed(code),
            )
        if condition.dispute is not None:
            yield Deadline(
                condition.dispute.decide_by, "response", f"dispute on {code}", DisputeExpired(condition=code)
            )
        if condition.cure_by is not None and not own_state_holds(a, code):
            yield Deadline(condition.cure_by, "cure", code, CurePeriodEnded(condition=code))


@lru_cache(maxsize=16384)
def _overdue(code: str) -> ConditionOverdue:
    return ConditionOverdue(condition=code)


@lru_cache(maxsize=16384)
def _lapsed(code: str) -> VerdictLapsed:
    return VerdictLapsed(condition=code, cause="expired")


def _set(a: Accord, code: str, **changes: Any) -> Accord:
    condition = a.conditions.get(code)
    if condition is None:
        return a
    return replace(a, conditions={**a.conditions, code: replace(condition, **changes)})


def _cure_ground(code: str) -> str:
    """The ground for termination that stands while a condition is not cured in time."""
    return f"cure period of {code} ended"


def _cure_by(a: Accord, code: str, at: datetime) -> datetime | None:
    terms = a.definition.conditions.get(code)
    return add_duration(at, terms.cure) if terms is not None and terms.cure else None


@event
class EvidenceSubmitted(Event):
    """An obligor submitted evidence for a condition."""

    condition: Reference
    digest: Digest
    grade: Grade
    source: Text
    party: PartyId
    expires: Instant | None = Field(default=None, description="no verdict on it holds longer")
    leaf: str | None = Field(default=None, description="of the entry elsewhere that it refers to")

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It awaits the verifiers. A verdict that holds is not touched by more evidence."""
        one = Evidence(
            self.digest, self.grade, self.source, stamp.actor.delegate, self.party, stamp.at, self.expires
        )
        now = a.conditions[self.condition]
        kept = tuple(e for e in now.evidence if e.digest != self.digest)
        status = now.status if now.status in ("verified", "disputed", "waived") else "evidence_submitted"
        reason = now.reason if status == now.status else None
        return _set(a, self.condition, evidence=(*kept, one), status=status, reason=reason)


@event
class ConditionFoundMet(Event):
    """One verifier found the condition met, on named evidence."""

    condition: Reference
    verifier: DelegateId
    evidence: tuple[Digest, ...]

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """One of the findings that the policy needs."""
        now = a.conditions[self.condition]
        return _set(a, self.condition, findings={**now.findings, self.verifier: self.evidence})


@event
class ConditionVerified(Event):
    """The verdict: as many verifiers as the policy needs found the condition met on the same evidence."""

    condition: Reference
    evidence: tuple[Digest, ...]
    policy: Digest
    verifiers: tuple[DelegateId, ...]
    valid_until: Instant | None = None
    texts: dict[Reference, Digest] = Field(
        default_factory=dict, description="the documents by digest, while whose texts stay unchanged it holds"
    )

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Verified; earlier questions and reasons are answered by it."""
        verdict = Verdict(
            self.evidence,
            self.policy,
            self.verifiers,
            stamp.at,
            stamp.position,
            self.valid_until,
            dict(self.texts),
        )
        ended = _cure_ground(self.condition)
        a = replace(a, termination_grounds=tuple(one for one in a.termination_grounds if one != ended))
        return _set(
            a,
            self.condition,
            status="verified",
            verdict=verdict,
            findings={},
            questioned=False,
            question_closes=False,
            cure_by=None,
            fallen=False,
            reason=None,
        )


@event
class EvidenceReturned(Event):
    """A verifier returned the evidence: it does not show what it should."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Findings on it are gone; the obligor submits again."""
        return _set(a, self.condition, status="returned", findings={}, evidence=())


@event
class VerdictRevoked(Event):
    """A verifier revoked the verdict."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The condition has fallen, and its evidence with it."""
        return _set(
            a,
            self.condition,
            status="revoked",
            verdict=None,
            findings={},
            evidence=(),
            questioned=False,
            question_closes=False,
            dispute=None,
            fallen=True,
            reason=f"revoked {show_date(stamp.at)}",
            cure_by=_cure_by(a, self.condition, stamp.at),
        )


@event
class VerdictLapsed(Event):
    """A verdict ended by itself: its time was over, or a text changed that it was about."""

    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The condition has fallen, and is to be shown anew."""
        return _set(
            a,
            self.condition,
            status="lapsed",
            verdict=None,
            findings={},
            evidence=(),
            dispute=None,
            fallen=True,
            reason=f"{self.cause}, {show_date(stamp.at)}",
            cure_by=_cure_by(a, self.condition, stamp.at),
        )


@event
class ConditionQuestioned(Event):
    """A monitor reported a change. By policy an alarm, or its gate closes until a verifier confirms or revokes."""

    condition: Reference
    report: Text
    source: Text
    observed_at: Instant
    attributed: bool
    closes: bool

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Questioned; never satisfied by it."""
        now = a.conditions[self.condition]
        return _set(
            a,
            self.condition,
            questioned=True,
            question_closes=now.question_closes or self.closes,
            reports=(*now.reports, self.report)[-MOST_REPORTS:],
        )


@event
class ConditionConfirmed(Event):
    """A verifier confirmed the verdict after a question."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The question is answered."""
        return _set(a, self.condition, questioned=False, question_closes=False)


@event
class VerdictDisputed(Event):
    """A party disputes the verdict; the policy's other verifiers decide."""

    condition: Reference
    party: PartyId
    decide_by: Instant

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not satisfied while it is disputed."""
        dispute = Dispute(stamp.actor.delegate, self.party, stamp.at, self.decide_by)
        return _set(a, self.condition, status="disputed", dispute=dispute)


@event
class DisputeDecided(Event):
    """The dispute was upheld, and the verdict falls; or rejected, and it stands."""

    condition: Reference
    upheld: bool

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Revoked or verified."""
        if not self.upheld:
            return _set(a, self.condition, status="verified", dispute=None)
        return VerdictRevoked(condition=self.condition).apply(a, stamp)


@event
class DisputeExpired(Event):
    """Nobody decided the dispute in time; it falls, and the verdict stands."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Verified as before."""
        return _set(a, self.condition, status="verified", dispute=None)


@event
class ConditionWaived(Event):
    """A beneficiary waived the condition; it is waived when each of them has."""

    condition: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Waived when every beneficiary has."""
        now = a.conditions[self.condition]
        by = tuple(dict.fromkeys((*now.waived_by, self.party)))
        whole = all(party in by for party in beneficiaries(a, self.condition))
        return _set(a, self.condition, waived_by=by, status="waived" if whole else now.status)


@event
class WaiverWithdrawn(Event):
    """A beneficiary withdrew its waiver before every beneficiary had waived."""

    condition: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not waived by this party."""
        by = tuple(party for party in a.conditions[self.condition].waived_by if party != self.party)
        return _set(a, self.condition, waived_by=by)


@event
class ConditionDeferred(Event):
    """The beneficiary deferred the condition to a later gate."""

    condition: Reference
    gate: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It guards the later gate now."""
        return _set(a, self.condition, deferred_to=self.gate)


@event
class ConditionOverdue(Event):
    """The condition's due date passed without a verdict. A reminder: it changes nothing else."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Flagged once."""
        return _set(a, self.condition, overdue=True)


@event
class CurePeriodEnded(Event):
    """The time to cure a fallen condition is over; the parties have a right to terminate."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """A ground for termination."""
        a = _set(a, self.condition, cure_by=None)
        return replace(
            a, termination_grounds=(*a.termination_grounds, f"cure period of {self.condition} ended")
        )


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A verdict follows when enough verifiers found the condition met on the same, adequate evidence."""
    for code, terms in a.definition.conditions.items():
        condition = a.conditions.get(code)
        if condition is None or not condition.findings:
            continue
        groups: dict[tuple[str, ...], list[str]] = {}
        for verifier, evidence in condition.findings.items():
            groups.setdefault(evidence, []).append(verifier)
        for evidence, verifiers in groups.items():
            if len(verifiers) >= terms.policy.need and not _parties_missing(a, terms, verifiers):
                yield ConditionVerified(
                    condition=code,
                    evidence=evidence,
                    policy=condition.terms,
                    verifiers=tuple(verifiers),
                    valid_until=_valid_until(a, code, evidence, at),
                    texts={one: document_digest(a, one) or "" for one in sorted(terms.valid_while_texts_of)},
                )
                return


def _parties_missing(a: Accord, terms: ConditionTerms, verifiers: Iterable[str]) -> tuple[str, ...]:
    if not terms.policy.joint:
        return ()
    parties = {a.delegates[one].party for one in verifiers if one in a.delegates}
    return tuple(party for party in terms.obligors if party not in parties)


class AboutCondition(Act):
    """An act about one condition of the accord."""

    condition: Reference

    def known(self, a: Accord) -> Check:
        """Guard: the accord has such a condition."""
        now = a.conditions.get(self.condition)
        return Check(
            "condition_known",
            now is not None and now.status != "removed" and self.condition in a.definition.conditions,
            f"there is no condition {self.condition}",
            f"the conditions are {', '.join(a.definition.conditions) or 'none'}",
            subject=self.condition,
        )

    def status_is(self, a: Accord, *allowed: str) -> Check:
        """Guard: the condition stands where the act makes sense."""
        status = a.conditions[self.condition].status
        return Check(
            "condition_status",
            status in allowed,
            f"{self.condition} is {status.replace('_', ' ')}",
            f"it is for conditions that are {' or '.join(allowed).replace('_', ' ')}",
            owed_by(a, self.condition),
            a.definition.conditions[self.condition].due,
            self.condition,
        )

    def named_verifier(self, a: Accord, by: Actor) -> Check:
        """Guard: the delegate is a verifier whom the condition's policy names."""
        policy = a.definition.conditions[self.condition].policy
        return Check(
            "named_verifier",
            by.delegate in policy.verifiers,
            f"{by.delegate} is no verifier of {self.condition}",
            f"its verifiers are {', '.join(policy.verifiers)}",
            policy.verifiers,
            subject=self.condition,
        )


OBLIGOR = Who(("obligor",), "any", sees="beneficiary, verifiers")
VERIFIER = Who(("verifier",), "anyone", agree="n of m", sees="parties")


def obligor_checks(wanted: AboutCondition, a: Accord, by: Actor, digest: str) -> Iterator[Check]:
    """Guards of submitting evidence: a known condition, by an obligor, that still needs it, and not the same again."""
    yield wanted.known(a)
    code = wanted.condition
    terms = a.definition.conditions[code]
    yield Check(
        "is_obligor",
        by.party in terms.obligors,
        f"{by.party} does not owe {code}",
        f"it is owed by {', '.join(terms.obligors)}",
        holders(a, ("obligor",), terms.obligors),
        terms.due,
        code,
    )
    yield wanted.status_is(
        a, "agreed", "evidence_submitted", "returned", "lapsed", "revoked", "verified", "disputed"
    )
    yield Check(
        "evidence_is_new",
        all(one.digest != digest for one in a.conditions[code].evidence),
        "this digest is submitted already",
        "submit other evidence, or wait for the verifiers",
        subject=code,
    )
    yield Check(
        "evidence_bounded",
        len(a.conditions[code].evidence) < 50,
        "50 pieces of evidence are submitted already",
        "gather the rest in one file and submit its digest in a new round",
        subject=code,
    )


@act
class SubmitEvidence(AboutCondition):
    """Submit evidence, by digest, that a condition which your party owes is met."""

    digest: Digest
    grade: Grade
    source: Text
    note: Note = ""
    who = OBLIGOR
    says = "{by} submits {grade} evidence for {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A known condition, by an obligor, that still needs evidence, and not the same again."""
        yield from obligor_checks(self, a, by, self.digest)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The submission."""
        yield EvidenceSubmitted(
            condition=self.condition,
            digest=self.digest,
            grade=self.grade,
            source=self.source,
            party=party_of(by),
        )


@act
class VerifyCondition(AboutCondition):
    """Find, as a verifier named in its policy, that a condition is met by evidence that you name by digest."""

    evidence: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=50)]
    note: Note = ""
    who = VERIFIER
    says = "{by} verifies {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier, not the obligor's own (save by a joint policy), on submitted evidence that suffices."""
        yield self.known(a)
        terms, condition = a.definition.conditions[self.condition], a.conditions[self.condition]
        policy = terms.policy
        yield Check(
            "not_the_obligor",
            policy.joint or by.party not in terms.obligors,
            f"{by.party} owes {self.condition}: nobody verifies its own condition",
            f"let one of {', '.join(policy.verifiers)} verify it",
            policy.verifiers,
            terms.due,
            self.condition,
        )
        yield self.named_verifier(a, by)
        yield self.status_is(a, "evidence_submitted", "verified")
        waiting = [one for one in terms.valid_while_texts_of if not texts_agreed(a, one)]
        yield Check(
            "texts_agreed",
            not waiting,
            f"{self.condition} is about texts that are not agreed: {', '.join(waiting)}",
            "agree on the texts first",
            holders(a, ("treaty_section",)),
            terms.due,
            self.condition,
        )
        yield Check(
            "verdict_would_differ",
            condition.verdict is None or condition.verdict.evidence != tuple(sorted(set(self.evidence))),
            f"{self.condition} is verified on this evidence already",
            "submit newer evidence to renew the verdict",
            subject=self.condition,
        )
        ends = _valid_until(a, self.condition, self.evidence, at)
        yield Check(
            "validity_ahead",
            ends is None or ends > at,
            f"a verdict on {self.condition} holds until {show_date(ends)}, which is past",
            "submit newer evidence, or amend the condition's valid_until, with every party",
            by=ends,
            subject=self.condition,
        )
        submitted = {one.digest: one for one in condition.evidence}
        unknown = [digest for digest in self.evidence if digest not in submitted]
        yield Check(
            "evidence_submitted",
            not unknown,
            f"{', '.join(unknown)} was not submitted for {self.condition}",
            f"name digests that were: {', '.join(submitted) or 'none yet'}",
            holders(a, ("obligor",), terms.obligors),
            terms.due,
            self.condition,
        )
        enough = adequate_digests(a, self.condition)
        yield Check(
            "evidence_grade",
            any(digest in enough for digest in self.evidence),
            f"{self.condition} asks for {policy.grade} evidence; what is named is "
            + ", ".join(sorted({submitted[d].grade for d in self.evidence if d in submitted})),
            f"submit {policy.grade} evidence and name its digest",
            holders(a, ("obligor",), terms.obligors),
            terms.due,
            self.condition,
        )
        own = [d for d in self.evidence if d in submitted and submitted[d].by == by.delegate]
        yield Check(
            "independent",
            not policy.independent or not own,
            f"{by.delegate} submitted the evidence, and the policy asks for independence",
            "let another verifier verify it",
            policy.verifiers,
            terms.due,
            self.condition,
        )
        yield Check(
            "not_yet_found",
            condition.findings.get(by.delegate) != tuple(sorted(set(self.evidence))),
            f"{by.delegate} has found this already; {policy.need} verifiers are needed",
            "wait for the other verifiers",
            tuple(one for one in policy.verifiers if one not in condition.findings),
            terms.due,
            self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The finding; the verdict follows when there are enough."""
        yield ConditionFoundMet(
            condition=self.condition, verifier=by.delegate, evidence=tuple(sorted(set(self.evidence)))
        )


@act
class ReturnEvidence(AboutCondition):
    """Return the evidence of a condition: it does not show what it should."""

    note: Note = ""
    who = VERIFIER
    says = "{by} returns the evidence for {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier; evidence that awaits a verdict."""
        yield self.known(a)
        yield self.named_verifier(a, by)
        yield self.status_is(a, "evidence_submitted")

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The return."""
        yield EvidenceReturned(condition=self.condition)


@act
class RevokeVerdict(AboutCondition):
    """Revoke the verdict on a condition, as one of its verifiers."""

    note: Note = ""
    who = VERIFIER
    says = "{by} revokes the verdict on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier; a verdict that stands; nothing released that rests on it."""
        yield self.known(a)
        yield self.named_verifier(a, by)
        yield self.status_is(a, "verified", "disputed")
        yield _not_released(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The revocation; what it reopens follows."""
        yield VerdictRevoked(condition=self.condition)


@act
class ConfirmVerdict(AboutCondition):
    """Confirm the verdict on a condition that a monitor's report has questioned."""

    note: Note = ""
    who = VERIFIER
    says = "{by} confirms the verdict on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier; a question; not the obligor's own, save by a joint policy."""
        yield self.known(a)
        yield self.named_verifier(a, by)
        terms = a.definition.conditions[self.condition]
        yield Check(
            "not_the_obligor",
            terms.policy.joint or by.party not in terms.obligors,
            f"{by.party} owes {self.condition}: nobody confirms its own condition",
            f"let one of {', '.join(terms.policy.verifiers)} do it",
            terms.policy.verifiers,
            subject=self.condition,
        )
        yield Check(
            "questioned",
            a.conditions[self.condition].questioned,
            f"{self.condition} is not questioned",
            "nothing is left to do",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The confirmation."""
        yield ConditionConfirmed(condition=self.condition)


@act
class DisputeVerdict(AboutCondition):
    """Dispute the verdict on a condition; its other verifiers decide within the time that its terms give."""

    note: Note = ""
    who = Who(("contact", "protocol", "treaty_section"), "any", sees="all")
    says = "{by} disputes the verdict on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A verdict that stands, not released upon."""
        yield self.known(a)
        yield self.status_is(a, "verified")
        yield _not_released(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The dispute."""
        decide_by = add_duration(at, a.definition.conditions[self.condition].response)
        yield VerdictDisputed(condition=self.condition, party=party_of(by), decide_by=decide_by)


@act
class DecideDispute(AboutCondition):
    """Decide a dispute as one of the condition's other verifiers: uphold it, and the verdict falls, or reject it."""

    uphold: bool
    note: Note = ""
    who = VERIFIER
    says = "{by} decides the dispute on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is a dispute, and the delegate is one of those who decide it."""
        yield self.known(a)
        yield self.status_is(a, "disputed")
        deciders = _deciders(a, self.condition)
        yield Check(
            "may_decide",
            by.delegate in deciders,
            f"{by.delegate} does not decide this dispute",
            f"{', '.join(deciders) or 'nobody'} does",
            deciders,
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The decision."""
        yield DisputeDecided(condition=self.condition, upheld=self.uphold)


BENEFICIARY = Who(("contact", "protocol", "competent_authority"), "any", sees="all")


class _ForBeneficiary(AboutCondition):
    def beneficiary(self, a: Accord, by: Actor) -> Check:
        """Guard: the party is one for whose benefit the condition is."""
        mine = beneficiaries(a, self.condition)
        return Check(
            "is_beneficiary",
            by.party in mine,
            f"{by.party} is no beneficiary of {self.condition}",
            f"its beneficiaries are {', '.join(mine) or 'none'}",
            holders(a, BENEFICIARY.roles, mine),
            subject=self.condition,
        )


@act
class WaiveCondition(_ForBeneficiary):
    """Waive a condition that is waivable, as its beneficiary. It is waived when every beneficiary has."""

    note: Note = ""
    who = BENEFICIARY
    says = "{by} waives {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Only the beneficiary, and only what is waivable and not satisfied anyway."""
        yield self.known(a)
        waivable = a.definition.conditions[self.condition].waivable and bool(beneficiaries(a, self.condition))
        yield Check(
            "waivable",
            waivable,
            f"{self.condition} is not waivable",
            "bring it to a verdict",
            subject=self.condition,
        )
        yield self.beneficiary(a, by)
        yield self.status_is(a, "agreed", "evidence_submitted", "returned", *FALLEN)
        yield Check(
            "not_yet_waived",
            by.party not in a.conditions[self.condition].waived_by,
            f"{by.party} has waived it already",
            "the other beneficiaries have to waive it too",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The waiver."""
        yield ConditionWaived(condition=self.condition, party=party_of(by))


@act
class WithdrawWaiver(_ForBeneficiary):
    """Withdraw your party's waiver of a condition, until every beneficiary has waived it."""

    note: Note = ""
    who = BENEFICIARY
    says = "{by} withdraws the waiver of {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is such a waiver, and it has not taken effect."""
        yield self.known(a)
        condition = a.conditions[self.condition]
        yield Check(
            "waiver_pending",
            by.party in condition.waived_by and condition.status != "waived",
            f"{by.party} has no pending waiver of {self.condition}; what took effect cannot be taken back",
            "nothing is left to withdraw",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The withdrawal."""
        yield WaiverWithdrawn(condition=self.condition, party=party_of(by))


LATER = {
    "visit": ("signing", "ceremony", "subsequent"),
    "signing": ("ceremony", "subsequent"),
    "ceremony": ("subsequent",),
}


@act
class DeferCondition(_ForBeneficiary):
    """Defer a deferrable condition to a later gate, as its only beneficiary."""

    gate: Annotated[str, Field(pattern="^(signing|ceremony|subsequent)$")]
    note: Note = ""
    who = BENEFICIARY
    says = "{by} defers {condition} to {gate}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Deferrable, to a later gate, by the beneficiary alone."""
        yield self.known(a)
        terms = a.definition.conditions[self.condition]
        yield Check(
            "deferrable",
            terms.deferrable,
            f"{self.condition} is not deferrable",
            "bring it to a verdict",
            subject=self.condition,
        )
        yield self.beneficiary(a, by)
        mine = beneficiaries(a, self.condition)
        yield Check(
            "sole_beneficiary",
            mine == (by.party,),
            f"{self.condition} benefits {', '.join(mine)}, not {by.party} alone",
            "amend the definition instead, with every party",
            subject=self.condition,
        )
        now = gate_of(a, self.condition)
        yield Check(
            "later_gate",
            self.gate in LATER.get(now, ()),
            f"{self.condition} guards {now}; {self.gate} is not later",
            f"later gates are {', '.join(LATER.get(now, ())) or 'none'}",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The deferral."""
        yield ConditionDeferred(condition=self.condition, gate=self.gate)


@act
class ConditionChanged(AboutCondition):
    """Report, as a monitor, that what a condition rests on has changed. It questions, and never satisfies."""

    report: Text
    source: Text
    observed_at: Instant
    saw: Note = ""
    who = Who(("monitor", "verifier", "protocol"), "anyone", sees="all")
    says = "{by} reports a change of {condition} ({report})"
    signal = True

    def target(self) -> str:
        """The condition and the report."""
        return f"condition={self.condition},report={self.report}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A known condition, and no report from the future."""
        yield self.known(a)
        yield Check(
            "observed_before",
            self.observed_at <= at,
            f"it was observed at {self.observed_at.isoformat()}, which is not yet",
            "send the time of observation in UTC",
            subject=self.condition,
        )
        yield Check(
            "report_is_new",
            self.report not in a.conditions[self.condition].reports,
            f"report {self.report} on {self.condition} was taken up already",
            "give each report an id of its own",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The question; it closes the gate only if the policy says so and the report is attributed."""
        attributed = by.delegate in a.delegates
        closes = attributed and a.definition.conditions[self.condition].policy.on_change == "close"
        yield ConditionQuestioned(
            condition=self.condition,
            report=self.report,
            source=self.source,
            observed_at=self.observed_at,
            attributed=attributed,
            closes=closes,
        )


def _not_released(a: Accord) -> Check:
    return Check(
        "not_released",
        a.released_at is None,
        "the documents are released; what was released is never undone",
        "agree on a later instrument",
    )
