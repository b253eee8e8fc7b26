"""What casts doubt on a verdict: a monitor's report, which questions it, and a party's dispute, which others decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from workflows.model.commands import Actor
from workflows.model.deadlines import Deadline
from workflows.model.declare import Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, Dispute
from workflows.model.values import Flag, Instant, Line, Note, PartyId, Reference, Text, add_duration
from workflows.tracks.conditions.state import (
    MOST_REPORTS,
    VERIFIER,
    AboutCondition,
    deciders,
    holding,
    not_released,
    with_condition,
)
from workflows.tracks.conditions.verdicts import VerdictRevoked


def deadlines(a: Accord, code: str) -> Iterator[Deadline]:
    """The end of the time in which a dispute on a condition is to be decided."""
    dispute = a.conditions[code].dispute
    if dispute is not None:
        yield Deadline(dispute.decide_by, "response", f"dispute on {code}", DisputeExpired(condition=code))


@event
class ConditionQuestioned(Event):
    """A monitor reported a change. By policy an alarm, or its gate closes until a verifier confirms or revokes."""

    says = "{~condition} {condition} is questioned"
    condition: Reference
    report: Text
    source: Text
    observed_at: Instant
    attributed: bool
    closes: bool

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Questioned; never satisfied by it."""
        now = a.conditions[self.condition]
        reports = now.reports
        if self.attributed:
            # Each under its own name: nobody else's report uses up a monitor's id, an unsigned one none at all.
            by = stamp.actor.delegate
            reports = {**reports, by: (*reports.get(by, ()), self.report)[-MOST_REPORTS:]}
        return with_condition(
            a,
            self.condition,
            questioned=True,
            question_closes=now.question_closes or self.closes,
            reports=reports,
        )


@event
class ConditionConfirmed(Event):
    """A verifier confirmed the verdict after a question."""

    says = "{~condition} {condition} is confirmed"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The question is answered."""
        return with_condition(a, self.condition, questioned=False, question_closes=False)


@event
class VerdictDisputed(Event):
    """A party disputes the verdict; the policy's other verifiers decide."""

    says = "{party} disputes the verdict on {~condition} {condition}"
    condition: Reference
    party: PartyId
    decide_by: Instant

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not satisfied while it is disputed."""
        dispute = Dispute(stamp.actor.delegate, self.party, stamp.at, self.decide_by)
        return with_condition(a, self.condition, status="disputed", dispute=dispute)


@event
class DisputeDecided(Event):
    """The dispute was upheld, and the verdict falls; or rejected, and it stands."""

    says = "the dispute on {~condition} {condition} is {outcome}"
    condition: Reference
    upheld: bool

    @classmethod
    def sentence(cls, facts: Mapping[str, Any], vocabulary: str) -> str:
        """With what became of the verdict."""
        outcome = (
            "upheld, and the verdict falls" if facts.get("upheld") else "rejected, and the verdict stands"
        )
        return super().sentence({**facts, "outcome": outcome}, vocabulary)

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Revoked or verified."""
        if not self.upheld:
            return holding(a, self.condition, status="verified", dispute=None)
        return VerdictRevoked(condition=self.condition).apply(a, stamp)


@event
class DisputeExpired(Event):
    """Nobody decided the dispute in time; it falls, and the verdict stands."""

    says = "the dispute on {~condition} {condition} falls undecided, and the verdict stands"
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Verified as before."""
        return holding(a, self.condition, status="verified", dispute=None)


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
        yield self.not_the_obligor(a, by)
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
    who = Who(("contact", "protocol", "treaty_section"), "any", sees=Audience.ALL)
    says = "{by} disputes the verdict on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A verdict that stands, not released upon."""
        yield self.known(a)
        yield self.status_is(a, "verified")
        yield not_released(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The dispute."""
        decide_by = add_duration(at, a.definition.conditions[self.condition].response)
        yield VerdictDisputed(condition=self.condition, party=party_of(by), decide_by=decide_by)


@act
class DecideDispute(AboutCondition):
    """Decide a dispute as one of the condition's other verifiers: uphold it, and the verdict falls, or reject it."""

    uphold: Flag
    note: Note = ""
    who = VERIFIER
    says = "{by} decides the dispute on {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is a dispute, and the delegate is one of those who decide it."""
        yield self.known(a)
        yield self.status_is(a, "disputed")
        others = deciders(a, self.condition)
        yield Check(
            "may_decide",
            by.delegate in others,
            f"{by.delegate} does not decide this dispute",
            f"{', '.join(others) or 'nobody'} does",
            others,
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The decision."""
        yield DisputeDecided(condition=self.condition, upheld=self.uphold)


@act
class ConditionChanged(AboutCondition):
    """Report, as a monitor, that what a condition rests on has changed. It questions, and never satisfies."""

    report: Line
    source: Line
    observed_at: Instant
    saw: Note = ""
    who = Who(("monitor", "verifier", "protocol"), "anyone", sees=Audience.ALL)
    says = "{by} reports a change of {condition} ({report})"
    doing = "report a change of {a condition}"
    signal = True
    while_paused = True

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
        reports = a.conditions[self.condition].reports
        taken = (
            self.report in reports.get(by.delegate, ())
            if by.delegate in a.delegates
            else any(self.report in own for own in reports.values())
        )
        yield Check(
            "report_is_new",
            not taken,
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
