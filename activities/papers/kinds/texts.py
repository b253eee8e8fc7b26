"""Papers about texts: signature pages for each original, and the certificate of concordance."""

from __future__ import annotations

from activities.papers.binding import qr
from activities.papers.blocks import (
    NEW_PAGE,
    Block,
    Paper,
    Piece,
    code,
    facts,
    heading,
    lines,
    mono,
    note,
    para,
    signs,
    strong,
    table,
)
from activities.papers.people import documents, office, party, person, titled
from activities.papers.scanning import label_texts
from activities.papers.source import Line, Source
from activities.papers.words import Words
from workflows.model.consent import given
from workflows.tracks.documents.state import document_digest, document_status, executable
from workflows.tracks.signing.pages import originals, page_code, seats_in_order


def signature_pages(source: Source, w: Words) -> Paper:
    """A page for each seat of each original, bound to the document's digest by its code."""
    blocks: list[Block] = []
    for document in documents(source.state):
        for original in originals(source.state, document):
            if blocks:
                blocks.append(NEW_PAGE)
            blocks += _original(source, w, document, original)
    return Paper(w["title.signature-pages"], tuple(blocks or [para(w["no_documents"])]))


def _original(source: Source, w: Words, document: str, original: str | None) -> list[Block]:
    a = source.state
    terms, digest = a.definition.documents[document], document_digest(a, document)
    heading_text = (
        w.say("page_of_original", title=terms.title, party=party(source, original))
        if original is not None
        else w.say("page_of_single", title=terms.title)
    )
    blocks = [heading(heading_text), *_texts(source, w, document)]
    if a.terminated is not None:
        blocks.append(note(strong(w["not_to_be_signed"])))
    if digest is None:
        return blocks if a.terminated is not None else [*blocks, note(strong(w["no_text_to_sign"]))]
    if a.terminated is None and not executable(a, document):
        stands = w.term("document", document_status(a, document))
        blocks.append(note(strong(w.say("not_final", status=stands))))
    blocks.append(para(w.say("page_text", title=terms.title), style="large"))
    blocks.append(para(w.say("named", name=w["done_at"], value="_" * 36)))
    blocks.append(
        signs(
            lines(
                strong(party(source, seat.party)),
                office(source, seat.holder) if not terms.seats[name].capacity else terms.seats[name].capacity,
                source.persons.get(seat.holder, ""),
                w.say("code_is", code=page_code(a.id, digest, name, original or "")),
            )
            for name, seat in seats_in_order(source.state, document, original)
        )
    )
    codes = [
        page_code(a.id, digest, name, original or "")
        for name, _ in seats_in_order(source.state, document, original)
    ]
    beside = [w["page_belongs"], mono(digest), w["page_scan"]]
    blocks += [code(qr(text), w["page_qr_alt"], beside) for text in label_texts(a.id, digest, codes)]
    return blocks


def _texts(source: Source, w: Words, document: str) -> list[Block]:
    a = source.state
    terms, texts = a.definition.documents[document], a.documents[document].texts
    rows: list[tuple[Piece, Piece]] = []
    for language in terms.languages:
        text = texts.get(language)
        says = "text_prevails" if language == terms.prevailing else "text_in"
        name = w.say(says, language=w.term("language", language))
        if text is None:
            rows.append((name, w["no_text"]))
        else:
            agreed = w["agreed"] if text.agreed else w["not_agreed"]
            rows.append((name, lines(w.say("version", number=text.number, agreed=agreed), mono(text.digest))))
    digest = document_digest(a, document)
    rows.append((w["document_digest"], mono(digest) if digest is not None else "–"))
    return [facts(rows)]


def concordance(source: Source, w: Words) -> Paper:
    """For each document: its languages and digests, who certified that they say the same, who initialled."""
    a = source.state
    blocks: list[Block] = []
    for document in documents(source.state):
        if blocks:
            blocks.append(NEW_PAGE)
        terms = a.definition.documents[document]
        blocks += [heading(titled(w, document, terms.title)), *_texts(source, w, document)]
        if len(terms.languages) > 1:
            equal = (
                w["equally_authentic"]
                if terms.prevailing is None
                else w.say("one_prevails", language=w.term("language", terms.prevailing))
            )
            blocks += [heading(w["concordance"], 3), para(w["concordance_text"]), para(equal)]
            blocks += _certified(source, w, document, "concordance", a.documents[document].certified)
        else:
            blocks.append(para(w["one_language"]))
        if terms.initialled:
            blocks += [heading(w["initials"], 3)]
            blocks += _certified(source, w, document, "initials", a.documents[document].initialled)
    return Paper(w["title.concordance"], tuple(blocks or [para(w["no_documents"])]))


def _certified(source: Source, w: Words, document: str, step: str, done: str | None) -> list[Block]:
    a = source.state
    digest = document_digest(a, document)
    subject = f"{step}/{document}"
    told: dict[str, Line] = {}
    for line in source.lines:
        event = line.facts.get("event", {})
        if line.type == "consent_given" and event["subject"] == subject and event["digest"] == digest:
            told[event["party"]] = line
    complete = digest is not None and done == digest
    # Once all have certified, their consents are used up; the record still has each.
    waiting = given(a, subject, digest) if digest is not None else ()
    rows: list[tuple[Piece, ...]] = []
    for one in a.definition.parties:
        by = told.get(one) if complete or one in waiting else None
        if by is None:
            rows.append((party(source, one), "–", w["not_yet"], ""))
        else:
            when = w.say("since_entry", date=w.date(by.time), position=by.position)
            rows.append((party(source, one), person(source, by.delegate), when, "____________"))
    state = w["done_by_all"] if complete else w["not_by_all"]
    head = (w["party"], w["certified_by"], w["certified_at"], w["initial_here"])
    said = para(strong(state)) if complete else note(strong(state))
    return [table(head, rows, (2, 3, "auto", "auto")), said]
