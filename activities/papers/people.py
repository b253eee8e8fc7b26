"""How papers name parties, delegates and seats."""

from __future__ import annotations

from collections.abc import Iterable

from activities.papers.blocks import Block, note
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.model.state import Accord, SeatState
from workflows.tracks.documents.state import live
from workflows.tracks.signing.full_powers import needs_powers
from workflows.tracks.signing.pages import seats_in_order


def party(source: Source, code: str) -> str:
    """A party's name in full."""
    named = source.state.definition.parties.get(code)
    return named.name if named is not None else code


def office(source: Source, delegate: str) -> str:
    """What a delegate is: the appointment's office; the id, where nobody appointed it."""
    appointed = source.state.delegates.get(delegate)
    return appointed.office if appointed is not None else delegate


def person(source: Source, delegate: str) -> str:
    """Name and office, with the id by which the record knows the delegate."""
    known = office(source, delegate)
    name = source.persons.get(delegate)
    full = f"{name}, {known}" if name else known
    return full if full == delegate else f"{full} ({delegate})"


def titled(w: Words, code: str, title: str) -> str:
    """A condition or document by its code and its title."""
    return w.say("coded", code=code, title=title)


def documents(a: Accord) -> tuple[str, ...]:
    """The documents that are part of the accord; before it is founded there are none to speak of."""
    return live(a) if a.founded else ()


def severed(source: Source, w: Words) -> list[Block]:
    """A note on documents that are no longer part of the accord; nothing where there are none."""
    a = source.state
    gone = [code for code in a.definition.documents if a.founded and a.documents[code].severed]
    named = w.list(titled(w, code, a.definition.documents[code].title) for code in gone)
    return [note(w.say("severed_are", documents=named))] if gone else []


def seats_on_powers(source: Source) -> Iterable[tuple[str, str, SeatState]]:
    """Each seat that is signed on full powers: document, seat, and who holds it."""
    for document in documents(source.state):
        for name, seat in seats_in_order(source.state, document):
            if needs_powers(source.state, document, name) or seat.powers is not None:
                yield document, name, seat
