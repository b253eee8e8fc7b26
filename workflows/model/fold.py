"""The fold: one recorded event after another becomes the state, and nothing else does."""

from __future__ import annotations

from workflows.model.commands import RecordedEvent
from workflows.model.declare import Event, Stamp
from workflows.model.definition import Definition
from workflows.model.state import Accord
from workflows.model.upcasting import read_event
from workflows.tracks.founding.adoption import AccordOpened
from workflows.tracks.founding.appointments import contacts


def begin(recorded: AccordOpened, stamp: Stamp) -> Accord:
    """The state after the opening entry."""
    definition = Definition.on_record(recorded.definition)
    return contacts(
        Accord(
            id=recorded.accord,
            definition=definition,
            definition_digest=recorded.digest,
            opened_at=stamp.at,
            time=stamp.at,
            clock_offset=recorded.clock_offset,
            size=1,
            version=0,
        )
    )


def fold(a: Accord | None, happened: Event, stamp: Stamp) -> Accord:
    """The state after one event at one position."""
    if isinstance(happened, AccordOpened):
        return begin(happened, stamp)
    if a is None:
        raise ValueError(f"the log does not begin with accord_opened but with {happened.type}")
    after = happened.apply(a, stamp)
    if happened.changes_state:
        return after.changed(size=stamp.position + 1, version=stamp.position, time=max(a.time, stamp.at))
    return after.changed(size=stamp.position + 1, time=max(a.time, stamp.at))


def evolve(a: Accord | None, recorded: RecordedEvent) -> Accord:
    """The state after one recorded event; events whose position is not the next one are passed over."""
    if recorded.position != (0 if a is None else a.size):
        return _passed_over(a, recorded)
    return fold(a, read_event(recorded), Stamp(recorded.time, recorded.actor, recorded.position))


def _passed_over(a: Accord | None, recorded: RecordedEvent) -> Accord:
    if a is None or recorded.position > a.size:
        raise ValueError(
            f"entry {recorded.position} came before {0 if a is None else a.size}: the log has a gap"
        )
    return a
