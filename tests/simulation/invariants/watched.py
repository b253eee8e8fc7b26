"""A play in which everything that must always hold is checked after every act, deadline and event."""

from __future__ import annotations

import copy
from datetime import timedelta
from functools import cache
from typing import Any

from tests.simulation.acting import START
from tests.simulation.actions.action import Action, look_up
from tests.simulation.invariants.memory import Memory
from tests.simulation.invariants.moment import Moment
from tests.simulation.invariants.oracle import due_at
from tests.simulation.invariants.rules import RULES
from tests.simulation.play import Play
from workflows.model.attested import STATE, state_digest
from workflows.model.commands import Command, RecordedEvent
from workflows.model.decide import Decision, decide
from workflows.model.declare import Rejected
from workflows.model.declared import EVENTS
from workflows.model.fold import evolve
from workflows.model.repeats import unless_recorded
from workflows.model.rules import deadlines, follows, next_deadline, stage
from workflows.model.state import Accord
from workflows.model.working import Calendar, Derived, Following

FAR = START + timedelta(days=36500)


class Watched(Play):
    """Checks the fifteen rules, the fold, the dry run, purity and times, at every step."""

    def __init__(self, definition: dict[str, Any], by: str = "aa.contact") -> None:
        self.memory = Memory()
        self.states: list[Accord] = []
        self.following = Following()
        self.calendar: Calendar | None = None
        self.kept_stage = Derived(stage)
        self.unsettled = True
        super().__init__(definition, by)

    def copy(self) -> Watched:
        """The same play, to be continued in another way."""
        other = copy.copy(self)
        other.memory, other.refusals = copy.deepcopy(self.memory), copy.deepcopy(self.refusals)
        other.following, other.calendar, other.kept_stage = Following(), None, Derived(stage)
        other.log, other.states, other.decisions = list(self.log), list(self.states), list(self.decisions)
        return other

    def _take(self, command: Command) -> Decision:
        before, start = self._state, len(self.log)
        content = STATE.dump_json(before) if before is not None else b""
        preview = decide(before, command, self.now)
        preview = unless_recorded(preview, before, self.refusals.known(preview.sought))
        decision = super()._take(command)
        assert preview == decision, "the dry run is what the act then does"
        assert before is None or STATE.dump_json(before) == content, "decide changes nothing"
        self._check_events(command, decision, before, start)
        moment = Moment(None, before, self.state, command, decision, self.memory, self.log)
        for rule in RULES:
            rule(moment)
        self._check_settled()
        return decision

    def _check_kept_up(self, now: Accord, recorded: RecordedEvent) -> None:
        """What is kept up from event to event is what all rules and all deadlines together come to."""
        found = follows(now, recorded.time)
        assert self.following.next(now, recorded.time) == found, "what follows, kept up"
        assert EVENTS[recorded.type].reopens or self.unsettled or found is None, f"{recorded.type} reopens"
        self.unsettled = found is not None
        self.calendar = self.calendar or Calendar(now, FAR)
        assert self.calendar.next(now) == next_deadline(now), "the next deadline, kept up"
        assert self.kept_stage.of(now) == stage(now), "the stage, kept up"

    def _check_events(self, command: Command, decision: Decision, before: Accord | None, start: int) -> None:
        now = self.states[-1] if self.states else None
        assert now == before
        for recorded in self.log[start:]:
            then, now = now, evolve(now, recorded)
            self._check_kept_up(now, recorded)
            assert recorded.time <= max(self.now, now.time), "nothing is dated later than it happens"
            assert then is None or recorded.time >= then.time, "times do not go backwards"
            due = due_at(recorded, then) if then is not None else None
            assert due is None or then is None or recorded.time == max(due, then.time), (
                "dated when it was due"
            )
            for rule in RULES:
                rule(Moment(recorded, then, now, command, decision, self.memory, self.log))
            self.memory.learn(recorded, then, now)
            self.states.append(now)
        assert now == decision.after, "what was decided is what its entries fold to"

    def _check_settled(self) -> None:
        a = self.state
        assert a == self.states[-1]
        assert follows(a, a.time) is None, "nothing is left that follows by itself"
        pending = deadlines(a)
        assert [one.at for one in pending] == sorted(one.at for one in pending)
        assert next_deadline(a) == (pending[0] if pending else None)

    def make(self, made: Action, variants: dict[str, dict[str, Any]]) -> Decision | str:
        """Make an action; the decision, or the code for which it is no act."""
        if not made.act:
            if made.signed:
                self.pass_time(hours=made.hours)
            else:
                self.now += timedelta(
                    hours=made.hours
                )  # No worker runs: what was due falls with the next act.
            return "time"
        fields = {key: look_up(self, value, variants) for key, value in made.fields}
        try:
            return (
                self.signal(made.act, **fields)
                if not made.signed
                else self.attempt(made.by, made.act, **fields)
            )
        except Rejected as error:
            assert self.state == self.states[-1], "what is no act leaves no trace"
            return error.code

    def whole(self) -> None:
        """The log alone, through JSON, gives every state that there was: as of every event."""
        a: Accord | None = None
        for recorded, state in zip(self.log, self.states, strict=True):
            a = evolve(a, RecordedEvent.model_validate_json(recorded.model_dump_json()))
            assert a == state
        assert a is not None
        assert state_digest(a) == state_digest(self.state)


@cache
def _started(definition: str, place: str, by: str) -> Watched:
    play = Watched(DEFINITIONS[definition], by)
    return play if place == "opened" else play.go(place)  # type: ignore[return-value]


DEFINITIONS: dict[str, dict[str, Any]] = {}
"""The definitions that watched plays start from, by name."""


def started(definition: str, place: str, by: str = "aa.contact") -> Watched:
    """A watched play that has gone as far as ``place``; the way there was checked too, once."""
    return _started(definition, place, by).copy()
