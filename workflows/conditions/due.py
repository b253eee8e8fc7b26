"""Due dates: they remind, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from workflows.acts import Event, Stamp, event
from workflows.conditions.state import (
    own_state_holds,
    timed,
    with_condition,
)
from workflows.deadlines import Deadline
from workflows.values import (
    Reference,
)

if TYPE_CHECKING:
    from workflows.accord import Accord


def deadlines(a: Accord) -> Iterator[Deadline]:
    """Due dates that were not met yet."""
    for code, terms, condition in timed(a):
        if terms.due is not None and not condition.overdue and not own_state_holds(a, code):
            yield Deadline(terms.due, "due", code, _overdue(code))


@lru_cache(maxsize=16384)
def _overdue(code: str) -> ConditionOverdue:
    return ConditionOverdue(condition=code)


@event
class ConditionOverdue(Event):
    """The condition's due date passed without a verdict. A reminder: it changes nothing else."""

    condition: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Flagged once."""
        return with_condition(a, self.condition, overdue=True)
