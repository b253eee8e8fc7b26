"""An entry of the record as people and programs read it: who did what, in a sentence, with what they may see of it."""

from __future__ import annotations

from dataclasses import replace

from activities.ledger.store import StoredEntry
from activities.reading.access import Access, may_read_particulars
from activities.reading.minutes import entry_says
from activities.reading.shown import ActorView, EventView
from workflows.model.commands import Actor
from workflows.model.state import Accord


def reads_particulars(stored: StoredEntry, state: Accord, access: Access) -> bool:
    """Whether an entry's particulars are for the reader."""
    recorded = stored.recorded()
    return may_read_particulars(access, state, recorded.actor, recorded.facts.get("act"))


def event_view(stored: StoredEntry, state: Accord, access: Access) -> EventView:
    """An entry as a reader may see it.

    Raises:
        PayloadMismatch: what is stored of it was altered.
    """
    whole = reads_particulars(stored, state, access)
    return shown_view(as_recorded(stored, state), state.definition.vocabulary, whole=whole)


def as_recorded(stored: StoredEntry, state: Accord) -> StoredEntry:
    """The entry without particulars that are erased by the record, whether or not they are deleted yet."""
    if stored.particulars is None or stored.position not in state.erased:
        return stored
    return replace(stored, particulars=None)


def shown_view(stored: StoredEntry, vocabulary: str, *, whole: bool) -> EventView:
    """An entry with its particulars, or without them, its sentence in the words of a vocabulary.

    Raises:
        PayloadMismatch: what is stored of it was altered.
    """
    entry, recorded = stored.entry(), stored.recorded()
    if stored.particulars is not None:
        stored.particulars.verify(entry.particulars)
    return EventView(
        position=recorded.position,
        feed=stored.feed,
        time=recorded.time,
        type=recorded.type,
        version=recorded.version,
        actor=_actor(recorded.actor),
        says=entry_says(recorded, vocabulary),
        facts=recorded.facts,
        particulars=stored.particulars.value() if whole and stored.particulars is not None else None,
        withheld=not whole,
        erased=whole and stored.particulars is None,
        leaf=stored.leaf.hex(),
        command=recorded.command,
        causation=entry.causation,
    )


def _actor(actor: Actor) -> ActorView:
    party = actor.behalf or actor.party
    says = f"{actor.delegate} for {party}" if party else actor.delegate
    return ActorView(
        delegate=actor.delegate, party=actor.party, role=actor.role, behalf=actor.behalf, says=says
    )
