"""Operation: what whoever runs the installation does to an accord's course, on a record that everybody sees.

The operator can pause, retry and repair, and creates no fact of the matter by it. While an accord is paused no act is
taken up but the operator's own; monitors' reports still raise their alarms, and deadlines fall as they would while no
server runs, dated when they were due. Retrying and repairing are done outside the model, to the engine that carries
the accord; what is here is that they were done, when, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from workflows.model.authority import OPERATOR
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, met
from workflows.model.state import Accord, Pause
from workflows.model.values import Line, Text, show_time
from workflows.model.wording import named


def not_paused(a: Accord) -> Check:
    """Guard: the accord is not paused."""
    pause = a.paused
    if pause is None:
        return met("not_paused")
    return Check(
        "not_paused",
        False,
        f"{pause.by} paused {named(a, 'accord')} on {show_time(pause.at)}: {pause.reason}",
        "wait until it is resumed; deadlines go on meanwhile",
        (pause.by,),
    )


@event
class AccordPaused(Event):
    """Whoever runs the installation paused the accord: no act is taken up until it is resumed."""

    says = "{the accord} is paused: {reason}"
    reason: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Paused."""
        return a.changed(paused=Pause(stamp.actor.delegate, stamp.at, self.reason))


@event
class AccordResumed(Event):
    """The accord goes on where it was paused."""

    says = "{the accord} is resumed"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not paused."""
        return a.changed(paused=None)


@event
class InterventionRecorded(Event):
    """Whoever runs the installation retried or repaired what carries the accord. It changes no state of the matter."""

    says = "intervention by whoever runs the installation ({kind}): {reason}"
    changes_state = False
    kind: Literal["retry", "repair"]
    reason: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: the record is all there is to it."""
        return a


Reason = Annotated[Line, Field(description="why; it stays on the record, so name no person")]


class _Operating(Act):
    who = Who((OPERATOR,), "officer", sees=Audience.ALL)
    before_founding = True
    after_end = True
    while_paused = True


@act
class PauseAccord(_Operating):
    """Pause an accord, as who runs the installation: no act is taken up until it is resumed. Deadlines go on."""

    reason: Reason
    says = "{by} pauses {the accord}: {reason}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Not paused already."""
        yield replace(not_paused(a), remedy="nothing is left to do: it is resumed by resume-accord", who=())

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The pause."""
        yield AccordPaused(reason=self.reason)


@act
class ResumeAccord(_Operating):
    """Resume an accord that is paused."""

    says = "{by} resumes {the accord}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """It is paused."""
        yield Check(
            "paused",
            a.paused is not None,
            f"{named(a, 'accord')} is not paused",
            "nothing is left to do",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The end of the pause."""
        yield AccordResumed()


@act
class RetryAccord(_Operating):
    """Have what the accord waits for tried again at once, as who runs the installation, and put that on record."""

    reason: Reason
    says = "{by} has {the accord}'s pending work tried again: {reason}"

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """That it was tried again."""
        yield InterventionRecorded(kind="retry", reason=self.reason)


@act
class RepairAccord(_Operating):
    """Start the accord's workflow anew from the ledger, as who runs the installation, and put that on record."""

    reason: Reason
    says = "{by} starts {the accord}'s workflow anew from the ledger: {reason}"

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """That it was started anew."""
        yield InterventionRecorded(kind="repair", reason=self.reason)
