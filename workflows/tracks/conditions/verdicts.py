"""Verdicts: the finding of as many verifiers as the policy needs, when it ends, and the time to cure what fell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.deadlines import Deadline
from workflows.model.declare import Check, Event, Stamp, act, event
from workflows.model.state import Accord, Verdict
from workflows.model.terms import ConditionTerms
from workflows.model.values import DelegateId, Digest, Instant, Note, Reference, Text, add_duration, show_date
from workflows.tracks.conditions.state import (
    NO_FINDINGS,
    VERIFIER,
    AboutCondition,
    adequate_digests,
    cure_ground,
    holding,
    not_released,
    own_state_holds,
    with_condition,
)
from workflows.tracks.documents.state import document_digest, texts_agreed


def deadlines(a: Accord, code: str) -> Iterator[Deadline]:
    """The end of a condition's verdict, and of the time to cure it once it has fallen."""
    condition = a.conditions[code]
    verdict = condition.verdict
    if verdict and verdict.valid_until and condition.status in ("verified", "disputed"):
        yield Deadline(verdict.valid_until, "freshness", f"verdict on {code}", _lapsed(code))
    if condition.cure_by is not None and not own_state_holds(a, code):
        yield Deadline(condition.cure_by, "cure", code, CurePeriodEnded(condition=code))


def _valid_until(a: Accord, code: str, evidence: Iterable[str], at: datetime) -> datetime | None:
    """The earliest of what the terms say and where the evidence that is named ends."""
    terms = a.definition.conditions[code]
    ends = [one.expires for one in a.conditions[code].evidence if one.expires and one.digest in evidence]
    if terms.valid_until:
        ends.append(terms.valid_until)
    if terms.valid_for:
        ends.append(add_duration(at, terms.valid_for))
    return min(ends) if ends else None


@lru_cache(maxsize=16384)
def _lapsed(code: str) -> VerdictLapsed:
    return VerdictLapsed(condition=code, cause="expired")


def _fallen(a: Accord, code: str, status: str, reason: str, at: datetime) -> Accord:
    """The state with the condition's verdict gone, its evidence with it, and the time to cure it running."""
    terms = a.definition.conditions.get(code)
    return with_condition(
        a,
        code,
        status=status,
        verdict=None,
        **NO_FINDINGS,
        evidence=(),
        dispute=None,
        fallen=True,
        reason=f"{reason} {show_date(at)}",
        cure_by=add_duration(at, terms.cure) if terms is not None and terms.cure else None,
    )


@event
class ConditionFoundMet(Event):
    """One verifier found the condition met, on named evidence."""

    says = "{verifier} finds {~condition} {condition} met"
    condition: Reference
    verifier: DelegateId
    evidence: tuple[Digest, ...]
    texts: dict[Reference, Digest] = Field(
        default_factory=dict,
        description="the documents by digest, while whose texts stay unchanged it counts",
    )

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """One of the findings that the policy needs."""
        now = a.conditions[self.condition]
        findings = {**now.findings, self.verifier: self.evidence}
        return with_condition(a, self.condition, findings=findings, found_on=dict(self.texts))


@event
class FindingsFell(Event):
    """Findings from which no verdict had followed fell: the texts on which they were are others now."""

    says = "the findings on {~condition} {condition} fall: {cause}"
    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """To be found anew; the evidence stays."""
        return with_condition(a, self.condition, **NO_FINDINGS)


@event
class ConditionVerified(Event):
    """The verdict: as many verifiers as the policy needs found the condition met on the same evidence."""

    says = "{~condition} {condition} is verified"
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
        return holding(
            a,
            self.condition,
            status="verified",
            verdict=verdict,
            **NO_FINDINGS,
            questioned=False,
            question_closes=False,
        )


@event
class VerdictRevoked(Event):
    """A verifier revoked the verdict."""

    says = "the verdict on {~condition} {condition} is revoked"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The condition has fallen, and its evidence with it."""
        a = with_condition(a, self.condition, questioned=False, question_closes=False)
        return _fallen(a, self.condition, "revoked", "revoked", stamp.at)


@event
class VerdictLapsed(Event):
    """A verdict ended by itself: its time was over, or a text changed that it was about."""

    says = "the verdict on {~condition} {condition} lapses: {cause}"
    condition: Reference
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The condition has fallen, and is to be shown anew."""
        return _fallen(a, self.condition, "lapsed", f"{self.cause},", stamp.at)


@event
class CurePeriodEnded(Event):
    """The time to cure a fallen condition is over; the parties have a right to terminate."""

    says = "the time to cure {~condition} {condition} is over"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """A ground for termination."""
        a = with_condition(a, self.condition, cure_by=None)
        ended = cure_ground(self.condition)
        return a.changed(termination_grounds=(*a.termination_grounds, ended))


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
                    texts=_texts(a, terms),
                )
                return


def _texts(a: Accord, terms: ConditionTerms) -> dict[str, str]:
    """The documents on whose texts a verdict rests, by their present digests."""
    return {one: document_digest(a, one) or "" for one in sorted(terms.valid_while_texts_of)}


def _parties_missing(a: Accord, terms: ConditionTerms, verifiers: Iterable[str]) -> tuple[str, ...]:
    if not terms.policy.joint:
        return ()
    parties = {a.delegates[one].party for one in verifiers if one in a.delegates}
    return tuple(party for party in terms.obligors if party not in parties)


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
        yield self.not_the_obligor(a, by)
        yield self.named_verifier(a, by)
        yield self.status_is(a, "evidence_submitted", "verified")
        waiting = [one for one in terms.valid_while_texts_of if not texts_agreed(a, one)]
        yield Check(
            "texts_agreed",
            not waiting,
            f"{self.condition} is about texts that are not agreed: {', '.join(waiting)}",
            "agree on the texts first",
            able(a, ("treaty_section",)).who,
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
            able(a, ("obligor",), terms.obligors).who,
            terms.due,
            self.condition,
        )
        enough = adequate_digests(a, self.condition)
        yield Check(
            "evidence_grade",
            any(digest in enough for digest in self.evidence),
            f"{self.condition} asks for {policy.grade} evidence; what is named is "
            + (", ".join(sorted({submitted[d].grade for d in self.evidence if d in submitted})) or "not in"),
            f"submit {policy.grade} evidence and name its digest",
            able(a, ("obligor",), terms.obligors).who,
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
            condition=self.condition,
            verifier=by.delegate,
            evidence=tuple(sorted(set(self.evidence))),
            texts=_texts(a, a.definition.conditions[self.condition]),
        )


@act
class RevokeVerdict(AboutCondition):
    """Revoke the verdict on a condition, as one of its verifiers."""

    note: Note = ""
    who = VERIFIER
    says = "{by} revokes the verdict on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier, not the obligor's own; a verdict that stands; nothing released that rests on it."""
        yield self.known(a)
        yield self.named_verifier(a, by)
        # Else who owes it could bring about the fall that gives a right to terminate; it may report what has changed.
        yield self.not_the_obligor(a, by)
        yield self.status_is(a, "verified", "disputed")
        yield not_released(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The revocation; what it reopens follows."""
        yield VerdictRevoked(condition=self.condition)
