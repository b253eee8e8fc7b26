"""What a beneficiary may do without: waiving a condition, or deferring it to a later gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.declare import Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Note, PartyId, Reference, Text
from workflows.tracks.conditions.state import (
    FALLEN,
    AboutCondition,
    beneficiaries,
    gate_of,
    holding,
    not_released,
    with_condition,
)


@event
class ConditionWaived(Event):
    """A beneficiary waived the condition; it is waived when each of them has."""

    says = "{party} waives {~condition} {condition}"
    condition: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Waived when every beneficiary has."""
        now = a.conditions[self.condition]
        by = tuple(dict.fromkeys((*now.waived_by, self.party)))
        whole = all(party in by for party in beneficiaries(a, self.condition))
        if whole:
            return holding(a, self.condition, waived_by=by, status="waived")
        return with_condition(a, self.condition, waived_by=by)


@event
class WaiverWithdrawn(Event):
    """A beneficiary withdrew its waiver before every beneficiary had waived."""

    says = "{party} withdraws its waiver of {~condition} {condition}"
    condition: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not waived by this party."""
        by = tuple(party for party in a.conditions[self.condition].waived_by if party != self.party)
        return with_condition(a, self.condition, waived_by=by)


@event
class ConditionDeferred(Event):
    """The beneficiary deferred the condition to a later gate."""

    says = "{~condition} {condition} is deferred to the gate {gate}"
    condition: Reference
    gate: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It guards the later gate now."""
        return with_condition(a, self.condition, deferred_to=self.gate)


BENEFICIARY = Who(("contact", "protocol", "competent_authority"), "any", sees=Audience.ALL)


class _ForBeneficiary(AboutCondition):
    def beneficiary(self, a: Accord, by: Actor) -> Check:
        """Guard: the party is one for whose benefit the condition is."""
        mine = beneficiaries(a, self.condition)
        return Check(
            "is_beneficiary",
            by.party in mine,
            f"{by.party} is no beneficiary of {self.condition}",
            f"its beneficiaries are {', '.join(mine) or 'none'}",
            able(a, BENEFICIARY.roles, mine).who,
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
            able(a, BENEFICIARY.roles, self._waiting(a)).who,
            subject=self.condition,
        )

    def _waiting(self, a: Accord) -> tuple[str, ...]:
        given = a.conditions[self.condition].waived_by
        return tuple(party for party in beneficiaries(a, self.condition) if party not in given)

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
        """Deferrable, to a later gate, by the beneficiary alone, before release."""
        yield self.known(a)
        yield not_released(a)
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
