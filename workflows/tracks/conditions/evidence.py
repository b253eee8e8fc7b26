"""Evidence: what an obligor submits, by digest, to show that a condition is met, and what a verifier returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pydantic import Field

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.declare import Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, Evidence
from workflows.model.values import Digest, Grade, Instant, Line, Note, PartyId, Reference, Text
from workflows.tracks.conditions.state import NO_FINDINGS, VERIFIER, AboutCondition, with_condition


@event
class EvidenceSubmitted(Event):
    """An obligor submitted evidence for a condition."""

    says = "{party} submits evidence for {~condition} {condition}"
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
        return with_condition(a, self.condition, evidence=(*kept, one), status=status, reason=reason)


@event
class EvidenceReturned(Event):
    """A verifier returned the evidence: it does not show what it should."""

    says = "the evidence for {~condition} {condition} is returned"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Findings on it are gone; the obligor submits again."""
        return with_condition(a, self.condition, status="returned", evidence=(), **NO_FINDINGS)


OBLIGOR = Who(("obligor",), "any", sees=Audience.CONCERNED)


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
        able(a, ("obligor",), terms.obligors).who,
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
        "let a verifier verify or return what is there; gather the rest in one file, and submit its digest then",
        terms.policy.verifiers,
        subject=code,
    )


@act
class SubmitEvidence(AboutCondition):
    """Submit evidence, by digest, that a condition which your party owes is met."""

    digest: Digest
    grade: Grade
    source: Line
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
class ReturnEvidence(AboutCondition):
    """Return the evidence of a condition: it does not show what it should."""

    note: Note = ""
    who = VERIFIER
    says = "{by} returns the evidence for {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A named verifier, not the obligor's own; evidence that awaits a verdict."""
        yield self.known(a)
        yield self.named_verifier(a, by)
        yield self.not_the_obligor(a, by)
        yield self.status_is(a, "evidence_submitted")

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The return."""
        yield EvidenceReturned(condition=self.condition)
