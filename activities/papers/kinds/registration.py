"""For the depositary: the certified text in all languages, date and method for each party, entry into force."""

from __future__ import annotations

from activities.papers.blocks import (
    NEW_PAGE,
    Block,
    Paper,
    Piece,
    facts,
    heading,
    mono,
    note,
    para,
    table,
)
from activities.papers.people import documents, party, person, severed, titled
from activities.papers.source import Line, Source
from activities.papers.words import Words
from workflows.tracks.documents.state import document_digest, document_status
from workflows.tracks.signing.pages import seats_in_order
from workflows.tracks.subsequent import signing_parties


def registration(source: Source, w: Words) -> Paper:
    """What registration asks for (United Nations Charter, article 102; General Assembly resolution 97 (I))."""
    a = source.state
    officers = [
        f"{officer.office} ({code})"
        for code, officer in a.definition.officers.items()
        if set(officer.roles) & {"depositary", "registrar"}
    ]
    blocks: list[Block] = [facts([(w["depositary"], w.list(officers))]), *severed(source, w)]
    for index, document in enumerate(documents(source.state)):
        if index:
            blocks.append(NEW_PAGE)
        blocks += _document(source, w, document)
    if not documents(source.state):
        blocks.append(para(w["no_documents"]))
    return Paper(w["title.registration"], tuple(blocks))


def _document(source: Source, w: Words, code: str) -> list[Block]:
    a = source.state
    terms, document = a.definition.documents[code], a.documents[code]
    digest = document_digest(a, code)
    rows: list[tuple[Piece, Piece]] = [
        (w["title"], terms.title),
        (w["nature"], w.term("nature", terms.nature)),
        (w["stands"], w.term("document", document_status(a, code))),
        (w["authentic_texts"], w.list(w.term("language", one) for one in terms.languages)),
    ]
    for language in terms.languages:
        text = document.texts.get(language)
        rows.append(
            (
                w.say("text_in", language=w.term("language", language)),
                mono(text.digest) if text is not None else w["no_text"],
            )
        )
    rows += [
        (w["document_digest"], mono(digest) if digest else "–"),
        (w["released"], w.time(document.released_at) if document.released_at else w["not_yet"]),
        (w["entry_into_force"], _in_force(source, w, code)),
        (w["registration_no"], document.registration or w["not_yet"]),
        (w["reservations"], w["none_on_record"]),
    ]
    blocks = [heading(titled(w, code, terms.title)), facts(rows), heading(w["consent_to_be_bound"], 3)]
    blocks.append(
        table(
            (w["party"], w["signatory"], w["signature"], w["method"]),
            [row for one in signing_parties(a, code) for row in _of_party(source, w, code, one)],
            (2, 3, 3, 3),
        )
    )
    instruments = [
        (one, line) for one in signing_parties(a, code) if (line := _ratification(source, code, one))
    ]
    if instruments:
        blocks.append(
            facts(
                (w.say("instrument_of", party=party(source, one)), mono(line.facts["event"]["instrument"]))
                for one, line in instruments
            )
        )
    if document.released_at is None:
        blocks.append(note(w["not_released"]))
    if document.texts:
        blocks.append(para(w["certified_copy"], style="small"))
    return blocks


def _in_force(source: Source, w: Words, code: str) -> str:
    terms, document = source.state.definition.documents[code], source.state.documents[code]
    if document.in_force_at is not None:
        return w.time(document.in_force_at)
    return w["enters_never"] if terms.nature == "political" else w["not_yet"]


def _of_party(source: Source, w: Words, code: str, one: str) -> list[tuple[Piece, ...]]:
    """A row for each seat of a party."""
    nature = source.state.definition.documents[code].nature
    ratified = _ratification(source, code, one)
    if nature == "political":
        method = w["not_binding"]
    elif nature == "on_signature":
        method = w["by_signature"]
    elif ratified is None:
        method = w["ratification_waits"]
    else:
        method = w.say("ratified_on", date=w.date(ratified.time), position=ratified.position)
    return [
        (
            party(source, one),
            person(source, seat.holder),
            w.say("signed_as", date=w.date(seat.signature.at), form=w.term("form", seat.signature.form))
            if seat.signature is not None
            else w.term("signature", "open"),
            method,
        )
        for _, seat in seats_in_order(source.state, code)
        if seat.party == one
    ]


def _ratification(source: Source, code: str, one: str) -> Line | None:
    return next(
        (
            line
            for line in source.lines
            if line.type == "document_ratified"
            and (line.facts["event"]["document"], line.facts["event"]["party"]) == (code, one)
        ),
        None,
    )
