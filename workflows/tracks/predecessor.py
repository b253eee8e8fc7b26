"""A predecessor accord's verdict, carried over as evidence while it is still fresh.

The verdict itself is not copied: it becomes evidence here, which this accord's own verifiers judge; and no verdict on
it holds longer than the one it rests on. That the predecessor's record says so is checked where it is recorded, on
the ledger, and can be proved by the entry's leaf hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from workflows.model.commands import Actor, RecordedEvent
from workflows.model.declare import Check, Event, act
from workflows.model.state import Accord
from workflows.model.values import Count, Digest, Grade, Instant, Note, Reference, show_date
from workflows.model.wording import called
from workflows.tracks.conditions.evidence import OBLIGOR, EvidenceSubmitted, obligor_checks
from workflows.tracks.conditions.state import AboutCondition, own_state_holds
from workflows.tracks.conditions.verdicts import ConditionVerified


@act
class CarryOverVerdict(AboutCondition):
    """Submit as evidence a verdict of the predecessor accord that is still fresh: by its entry's position and leaf."""

    predecessor: Reference = Field(description="the condition of the predecessor accord")
    position: Count = Field(ge=0, description="the position of its condition_verified entry")
    leaf: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="the leaf hash of that entry")]
    digest: Digest = Field(description="one of the digests that the verdict names")
    grade: Grade
    valid_until: Instant | None = Field(description="until when that verdict holds; none if it does not end")
    note: Note = ""
    who = OBLIGOR
    says = "{by} carries over the predecessor's verdict on {predecessor} for {condition}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """As for evidence; a predecessor that the definition names; a verdict that has not ended."""
        yield from obligor_checks(self, a, by, self.digest)
        named = a.definition.predecessor.accord if a.definition.predecessor else None
        yield Check(
            "predecessor_named",
            named is not None,
            f"the definition names no {called(a, 'accord')} as predecessor",
            "amend the definition's predecessor.accord, or submit evidence as usual",
            subject=self.condition,
        )
        yield Check(
            "still_fresh",
            self.valid_until is None or self.valid_until > at,
            f"that verdict held until {show_date(self.valid_until)}",
            "submit new evidence",
            subject=self.condition,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The evidence, with its end and its place in the predecessor's record."""
        named = a.definition.predecessor.accord if a.definition.predecessor else None
        yield EvidenceSubmitted(
            condition=self.condition,
            digest=self.digest,
            grade=self.grade,
            source=f"verdict on {self.predecessor}, entry {self.position} of {named}",
            party=by.party or "",
            expires=self.valid_until,
            leaf=self.leaf,
        )


def as_real(a: Accord, earlier: Accord) -> bool:
    """Whether a predecessor's record is as real as this one: no demonstration, nor of a clock that somebody moved."""
    return all(
        mine or not theirs
        for mine, theirs in (
            (a.definition.illustrative, earlier.definition.illustrative),
            (a.definition.clock.mode == "simulated", earlier.definition.clock.mode == "simulated"),
        )
    )


def carried_over_holds(wanted: CarryOverVerdict, leaf: str, entry: RecordedEvent, earlier: Accord) -> bool:
    """Whether an entry of the predecessor is the verdict that is meant, and that verdict still stands there."""
    if entry.type != ConditionVerified.type or leaf != wanted.leaf:
        return False
    verdict = ConditionVerified.model_validate(entry.facts["event"])
    condition = earlier.conditions.get(wanted.predecessor)
    holds = (
        condition is not None
        and condition.status == "verified"
        and own_state_holds(earlier, wanted.predecessor)
    )
    stands = condition.verdict if condition is not None and holds else None
    graded = {one.digest: one.grade for one in condition.evidence} if condition is not None else {}
    return (
        verdict.condition == wanted.predecessor
        and wanted.digest in verdict.evidence
        and verdict.valid_until == wanted.valid_until
        and stands is not None
        and stands.position == entry.position
        and graded.get(wanted.digest) == wanted.grade
    )
