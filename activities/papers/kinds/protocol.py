"""For protocol: who is authorized to sign, on what credentials, in which order, seated how."""

from __future__ import annotations

from activities.papers.blocks import Block, Paper, facts, heading, para, table
from activities.papers.people import documents, office, party, person, severed, titled
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.model.state import SeatState
from workflows.tracks.signing.full_powers import needs_powers
from workflows.tracks.signing.pages import originals, seats_in_order


def protocol(source: Source, w: Words) -> Paper:
    """Authorizations, credentials, order of signature and seating, and the programme."""
    blocks: list[Block] = []
    window = source.state.visit.window or source.state.definition.window
    if window is not None:
        rows = [(w["begins"], w.time(window.begins)), (w["ends"], w.time(window.ends))]
        blocks.append(facts([*rows, (w["place"], window.place or "–")]))
    if not documents(source.state):
        blocks.append(para(w["no_documents"]))
        return Paper(w["title.protocol"], tuple(blocks))
    blocks += severed(source, w)
    blocks += [heading(w["authorizations"]), _authorizations(source, w)]
    blocks += [heading(w["credentials"]), _credentials(source, w)]
    blocks += [heading(w["order_of_signature"]), para(w["order_says"]), _order(source, w)]
    programme = source.state.definition.programme
    if programme:
        items = [(w.time(one.at), one.item) for one in programme]
        blocks += [heading(w["programme"]), table((w["time"], w["item"]), items, (2, 3))]
    return Paper(w["title.protocol"], tuple(blocks))


def _authorizations(source: Source, w: Words) -> Block:
    a = source.state
    given = {
        (line.facts["event"]["document"], line.facts["event"]["party"]): line
        for line in source.lines
        if line.type == "signing_authorized"
    }
    rows = []
    for code in documents(source.state):
        terms = a.definition.documents[code]
        for one in dict.fromkeys(seat.party for _, seat in seats_in_order(source.state, code)):
            line = given.get((code, one))
            if not terms.authorization:
                stands, by = w["not_asked_for"], "–"
            elif line is None or one not in a.documents[code].authorized_by:
                stands, by = w["not_yet"], "–"
            else:
                stands = w.say("since_entry", date=w.date(line.time), position=line.position)
                by = person(source, line.delegate)
            rows.append((titled(w, code, terms.title), party(source, one), stands, by))
    return table((w["document"], w["party"], w["authorized"], w["by"]), rows, (3, 2, "auto", 3))


def _credentials(source: Source, w: Words) -> Block:
    rows = []
    for code in documents(source.state):
        for name, seat in seats_in_order(source.state, code):
            rows.append(
                (
                    f"{code} / {name}",
                    party(source, seat.party),
                    person(source, seat.holder),
                    _authority(source, w, code, name, seat),
                )
            )
    return table((w["seat"], w["party"], w["signatory"], w["authority"]), rows, ("auto", 2, 3, 3))


def _authority(source: Source, w: Words, document: str, name: str, seat: SeatState) -> str:
    if not needs_powers(source.state, document, name):
        return w["ex_officio"]
    powers = seat.powers
    if powers is None:
        return w["powers_missing"]
    if powers.status != "issued":
        return w.say("powers_stand", status=w.term("powers", powers.status))
    others = [party(source, one) for one in powers.found_by]
    found = w.say("powers_found", parties=w.list(others)) if others else w["powers_not_found"]
    return w.say("powers_until", until=w.date(powers.valid_until), found=found)


def _order(source: Source, w: Words) -> Block:
    rows = []
    for code in documents(source.state):
        for original in originals(source.state, code):
            seats = seats_in_order(source.state, code, original)
            order = [
                w.say(
                    "in_order",
                    number=number,
                    party=party(source, seat.party),
                    office=office(source, seat.holder),
                    stands=w.term("signature", _stands(seat)),
                )
                for number, (_, seat) in enumerate(seats, 1)
            ]
            of = w["the_only_one"] if original is None else party(source, original)
            rows.append((code, of, {"parts": list(order)}))
    return table((w["document"], w["original"], w["order"]), rows, ("auto", 2, 5))


def _stands(seat: SeatState) -> str:
    return "open" if seat.signature is None else seat.signature.status
