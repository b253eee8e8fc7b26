"""The state as it would become: events one after another, what follows from each, and the deadlines that pass.

A thousand conditions can be due at one instant, and something can follow from each. So neither every deadline nor every
rule is gone through after each event, only what has changed since: the events are the same, in the same order. Who
decides one command of an accord after another keeps a :class:`Memory`, so that the next begins where the last ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import compress
from operator import is_not
from typing import Any, Generic, TypeVar, cast

from workflows.model.commands import Actor, EventDraft
from workflows.model.deadlines import Deadline
from workflows.model.declare import Event, Rejected, Stamp
from workflows.model.fold import fold
from workflows.model.rules import (
    ACCORD_DEADLINES,
    Place,
    Rule,
    accord_deadlines,
    condition_deadlines,
    rules_of,
    stage,
)
from workflows.model.state import Accord

CLOCK = Actor(delegate="clock", role="clock")

CHAIN = 10_000
"""More events than this from one command mean a rule that feeds itself."""


class _Looked:
    """Stands for a state, and keeps which of its fields were looked at."""

    __slots__ = ("_state", "parts")

    def __init__(self, state: Accord) -> None:
        self._state = state
        self.parts: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        fields = self._state.__dict__
        if name in fields:
            self.parts.add(name)
            return fields[name]
        derived = getattr(Accord, name)
        if isinstance(derived, property):
            # It looks at its fields itself, by way of this.
            return derived.__get__(self)
        self.parts.update(fields)
        return getattr(self._state, name)


def _changed(was: Accord, a: Accord) -> set[str]:
    """The fields of ``a`` that hold another object than in ``was``."""
    before, now = was.__dict__, a.__dict__
    return set(compress(now, map(is_not, now.values(), map(before.get, now))))


T = TypeVar("T")


class Derived(Generic[T]):
    """What a function makes of a state; asked anew only once a field that the function looked at is another one."""

    def __init__(self, function: Callable[[Accord], T]) -> None:
        self._function = function
        self._latest: tuple[Accord, set[str], T] | None = None

    def of(self, a: Accord) -> T:
        """The same as the function."""
        if self._latest is not None:
            was, parts, value = self._latest
            if was is a or parts.isdisjoint(_changed(was, a)):
                self._latest = a, parts, value
                return value
        looked = _Looked(a)
        value = self._function(cast(Accord, looked))
        self._latest = a, looked.parts, value
        return value


class Following:
    """What follows from a state by itself, asked again and again while it changes.

    A rule from which nothing followed is asked anew only once a field of the state that it looked at is another one.
    """

    def __init__(self) -> None:
        self._state: Accord | None = None
        # From which rules nothing follows in that state, with the fields that each looked at.
        self._nothing: dict[Rule, set[str]] = {}

    def next(self, a: Accord, at: datetime) -> Event | None:
        """The same as ``rules.follows``."""
        was, self._state = self._state, a
        if was is not None and was is not a:
            changed = _changed(was, a)
            for rule in [rule for rule, parts in self._nothing.items() if not parts.isdisjoint(changed)]:
                del self._nothing[rule]
        for rule in rules_of(a):
            if rule in self._nothing:
                continue
            looked = _Looked(a)
            found = next(iter(rule(cast(Accord, looked), at)), None)
            if found is not None:
                return found
            self._nothing[rule] = looked.parts
        return None


_FRAME = frozenset(("definition", "founded", "terminated", "closed", "released_at"))
"""Fields by which all deadlines of an accord can come or go."""


class Calendar:
    """The deadlines of a state up to a time, kept up as the state changes.

    What gives deadlines is asked anew, where the part of the state that it looks at is another one: for conditions one
    by one. A deadline that is no longer given is passed over when its turn comes.
    """

    def __init__(self, a: Accord, until: datetime | None = None) -> None:
        self._until = until
        self._most = 0
        self._heap: list[tuple[Place, int]] = []
        self._given: dict[int | str, dict[Place, Deadline]] = {}
        # The fields that each giver of the accord's deadlines looked at.
        self._parts: dict[int, set[str]] = {}
        self._number = 0
        self._numbered: dict[int, tuple[int | str, Deadline]] = {}
        self._state = a
        self._take_up(a, a.__dict__.keys(), a.definition.conditions)

    def next(self, a: Accord) -> Deadline | None:
        """The earliest pending deadline of ``a``, up to the time; as the first of ``rules.deadlines``."""
        self._update(a)
        if len(self._heap) > self._most:
            self._sweep()
        while self._heap:
            place, number = self._heap[0]
            giver, one = self._numbered[number]
            if self._given.get(giver, {}).get(place) is one:
                return one
            heappop(self._heap)
            del self._numbered[number]
        return None

    def _sweep(self) -> None:
        """Leave out what is no longer given, so that a calendar that is kept for years does not grow."""
        live = {id(one) for given in self._given.values() for one in given.values()}
        self._heap = [
            (place, number) for place, number in self._heap if id(self._numbered[number][1]) in live
        ]
        heapify(self._heap)
        self._numbered = {number: self._numbered[number] for _, number in self._heap}
        self._most = 2 * len(self._heap) + 64

    def _update(self, a: Accord) -> None:
        was, self._state = self._state, a
        if was is a:
            return
        changed = _changed(was, a)
        if not changed.isdisjoint(_FRAME):
            # What is forgotten is asked anew, though it had looked at nothing that changed.
            self._parts.clear()
            self._given.clear()
            self._heap.clear()
            self._numbered.clear()
            self._take_up(a, changed, a.definition.conditions)
            return
        conditions: Iterable[str] = ()
        if "conditions" in changed:
            # In one order, as no definition changed; were they not, more would be asked anew, and never less.
            conditions = compress(a.conditions, map(is_not, a.conditions.values(), was.conditions.values()))
        self._take_up(a, changed, conditions)

    def _take_up(self, a: Accord, changed: Set[str], conditions: Iterable[str]) -> None:
        for order in ACCORD_DEADLINES:
            if order not in self._parts or not self._parts[order].isdisjoint(changed):
                looked = _Looked(a)
                self._give(order, dict(accord_deadlines(cast(Accord, looked), order)))
                self._parts[order] = looked.parts
        for code in conditions:
            self._give(code, dict(condition_deadlines(a, code)))

    def _give(self, giver: int | str, now: dict[Place, Deadline]) -> None:
        before = self._given.get(giver, {})
        for place, one in now.items():
            if self._until is not None and place[0] > self._until:
                continue
            if before.get(place) == one:
                # The very one that is in the heap.
                now[place] = before[place]
                continue
            self._number += 1
            self._numbered[self._number] = (giver, one)
            heappush(self._heap, (place, self._number))
        self._given[giver] = now


class Memory:
    """What is worth keeping between the commands of one accord: from what nothing followed, deadlines and stage.

    It changes no answer, and suits every state of the accord: each answer is kept with the fields of the state that it
    rests on. Not to be shared by threads.
    """

    def __init__(self) -> None:
        self.following = Following()
        self.stage = Derived(stage).of
        self._calendar: Calendar | None = None

    def next_deadline(self, a: Accord) -> Deadline | None:
        """The same as ``rules.next_deadline``."""
        if self._calendar is None:
            self._calendar = Calendar(a)
        return self._calendar.next(a)


class Working:
    """The state as it would become, and the events so far."""

    def __init__(self, state: Accord, at: datetime, memory: Memory | None = None) -> None:
        self.state = state
        self.at = at
        self.drafts: list[EventDraft] = []
        self._settled = False
        self._memory = memory
        self._following = Following() if memory is None else memory.following

    def emit(
        self,
        happened: Event,
        actor: Actor,
        at: datetime,
        act: dict[str, Any] | None = None,
        particulars: dict[str, Any] | None = None,
    ) -> None:
        """Let an event happen; ``act`` is what its entry says of the act that caused it."""
        # Folded as it will be read from the record, which has to be possible.
        said = happened.facts()
        happened = type(happened).model_validate(said)
        facts: dict[str, Any] = {"event": said}
        if act is not None:
            facts["act"] = act
        self.drafts.append(
            EventDraft(
                type=happened.type,
                version=happened.version,
                time=at,
                facts=facts,
                particulars=particulars or {},
                actor=actor,
            )
        )
        if len(self.drafts) > CHAIN:
            raise Rejected(
                "too_many_events", f"more than {CHAIN} events would follow; split the act into smaller ones"
            )
        self.state = fold(self.state, happened, Stamp(at, actor, self.state.size))
        self._settled = self._settled and not happened.reopens

    def settle(self, actor: Actor, at: datetime) -> None:
        """Let everything happen that follows by itself."""
        while not self._settled:
            happened = self._following.next(self.state, at)
            if happened is None:
                self._settled = True
            else:
                self.emit(happened, actor, at)

    def pass_deadlines(self, most: int | None = None) -> None:
        """Let every deadline fall that has passed, each dated when it was due; ``most`` of them at the most."""
        # Without a memory only what has passed is worth a place in the calendar.
        upcoming = Calendar(self.state, self.at).next if self._memory is None else self._memory.next_deadline
        passed = 0
        while (most is None or passed < most) and (due := upcoming(self.state)) is not None:
            if due.at > self.at:
                return
            passed += 1
            at = max(due.at, self.state.time)
            self.emit(due.event.at_its_time(self.state), CLOCK, at)
            self.settle(CLOCK, at)
