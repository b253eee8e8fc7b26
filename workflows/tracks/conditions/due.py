"""Due dates: they remind who owes a condition, flag it, and escalate it. They change nothing else.

How long before and after is the definition's ``reminders``. A condition that was agreed when the time to remind was
past already is not reminded of: whoever agreed to it then knew the date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Self

from workflows.model.deadlines import Deadline
from workflows.model.declare import Event, Stamp, event
from workflows.model.state import Accord
from workflows.model.values import DelegateId, Instant, Reference, add_duration, show_date, subtract_duration
from workflows.tracks.conditions.state import beneficiaries, owed_by, own_state_holds, with_condition


def deadlines(a: Accord, code: str) -> Iterator[Deadline]:
    """Of a condition that does not hold: the reminder, the due date, and when it is escalated, one by one."""
    due, condition = a.definition.conditions[code].due, a.conditions[code]
    if due is None or condition.escalated or own_state_holds(a, code):
        return
    before, after = a.definition.reminders.before, a.definition.reminders.escalate_after
    if condition.overdue_since is not None:
        if after is not None:
            yield _escalated(code, condition.overdue_since, after)
        return
    if before is not None and not condition.reminded and a.time <= due:
        reminder = _due_soon(code, due, before)
        if condition.since is None or reminder.at > condition.since:
            yield reminder
    yield _overdue(code, due)


# Kept, since they are asked for after every event, of every condition, and depend on no more than this.


@lru_cache(maxsize=16384)
def _due_soon(code: str, due: datetime, before: str) -> Deadline:
    words = f"reminder of {code}, due {show_date(due)}"
    return Deadline(
        subtract_duration(due, before), "due", code, ConditionDueSoon(condition=code, due=due), words
    )


@lru_cache(maxsize=16384)
def _overdue(code: str, due: datetime) -> Deadline:
    return Deadline(due, "due", code, ConditionOverdue(condition=code))


@lru_cache(maxsize=16384)
def _escalated(code: str, since: datetime, after: str) -> Deadline:
    words = f"{code} is escalated"
    return Deadline(add_duration(since, after), "due", code, ConditionEscalated(condition=code), words)


@event
class ConditionDueSoon(Event):
    """The condition is due soon, and who owes it is reminded. It changes nothing else."""

    says = "{~condition} {condition} is due soon"
    reopens = False
    condition: Reference
    due: Instant
    reminded: tuple[DelegateId, ...] = ()

    def at_its_time(self, a: Accord) -> Self:
        """With those who owe the condition by then."""
        return self.model_copy(update={"reminded": owed_by(a, self.condition)})

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Reminded of once."""
        return with_condition(a, self.condition, reminded=True)


@event
class ConditionOverdue(Event):
    """The condition's due date passed without a verdict. A reminder: it changes nothing else."""

    says = "{~condition} {condition} is overdue"
    reopens = False
    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Flagged once."""
        return with_condition(a, self.condition, overdue_since=stamp.at)


@event
class ConditionEscalated(Event):
    """The condition is still overdue, and those who answer for the parties are told. It changes nothing else."""

    says = "{~condition} {condition} is still overdue, and the contacts are told"
    reopens = False
    condition: Reference
    told: tuple[DelegateId, ...] = ()

    def at_its_time(self, a: Accord) -> Self:
        """With the contacts of the parties that owe the condition and of those for whose benefit it is."""
        concerned = {*a.definition.conditions[self.condition].obligors, *beneficiaries(a, self.condition)}
        contacts = (one.contact for code, one in a.definition.parties.items() if code in concerned)
        return self.model_copy(update={"told": tuple(contacts)})

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Escalated once."""
        return with_condition(a, self.condition, escalated=True)
