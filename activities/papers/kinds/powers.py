"""Full powers, in the usual form of the depositaries' model instruments: blank for seal and signature."""

from __future__ import annotations

from activities.papers.blocks import (
    NEW_PAGE,
    Block,
    Paper,
    Piece,
    facts,
    heading,
    lines,
    mono,
    note,
    para,
    seal,
    strong,
)
from activities.papers.people import office, party, seats_on_powers, severed
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.model.authority import holders
from workflows.model.state import SeatState


def full_powers(source: Source, w: Words) -> Paper:
    """An instrument for each seat that is signed on full powers (Vienna Convention, article 7), a page each."""
    blocks: list[Block] = []
    for document, name, seat in seats_on_powers(source):
        if blocks:
            blocks.append(NEW_PAGE)
        blocks += _instrument(source, w, document, name, seat)
    if not blocks:
        blocks = [para(w["powers_none" if source.state.founded else "no_documents"]), *severed(source, w)]
    return Paper(w["title.full-powers"], tuple(blocks))


def _instrument(source: Source, w: Words, document: str, name: str, seat: SeatState) -> list[Block]:
    a = source.state
    title = a.definition.documents[document].title
    terms = a.definition.documents[document].seats.get(name)
    capacity = terms.capacity if terms is not None and terms.capacity else office(source, seat.holder)
    holder = source.persons.get(seat.holder)
    who = lines(strong(holder), capacity) if holder else strong(capacity)
    authorities = [office(source, one) for one in holders(a, ("competent_authority",), (seat.party,))]
    powers = seat.powers
    blocks = [
        heading(party(source, seat.party)),
        para(w["powers_text"], style="large"),
    ]
    rows: list[tuple[Piece, Piece]] = [
        (w["authority_named"], w.list(authorities)),
        (w["person_named"], who),
        (w["instrument_named"], strong(title)),
        (w["seat"], f"{document} / {name} ({seat.holder})"),
    ]
    if powers is None:
        blocks.append(facts(rows))
        blocks.append(note(w["powers_not_issued"]))
    else:
        found = [party(source, code) for code in powers.found_by]
        rows += [
            (w["valid_from"], w.date(powers.valid_from)),
            (w["valid_until"], w.date(powers.valid_until)),
            (w["on_record"], w.say("powers_entry", position=powers.position)),
            (w["instrument_digest"], mono(powers.digest)),
            (w["found_in_due_form"], w.list(found)),
        ]
        blocks.append(facts(rows))
        if powers.status != "issued":
            blocks.append(note(strong(w.say("powers_fallen", status=w.term("powers", powers.status)))))
    blocks.append(
        seal(w["seal"], [w["done_at"], w["signature_of_authority"], w["name_and_title"]]),
    )
    return blocks
