"""Where a document stands: its texts, its digest, its seats, and the step that it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from workflows.model.authority import NOBODY, able
from workflows.model.canonical import digest_of
from workflows.model.consent import missing, subject
from workflows.model.declare import Act, Audience, Check, Who
from workflows.model.state import Accord, Document, SeatState
from workflows.model.terms import DocumentTerms
from workflows.model.values import Reference
from workflows.model.wording import called, do, named


def _terms_digest(terms: DocumentTerms) -> str:
    return digest_of(terms.model_dump(mode="json", exclude_defaults=True))


def adopt_terms(a: Accord) -> Accord:
    """The state with the definition's documents: new ones begin, the others stand, with the seats that they have now.

    What an amendment reopens has fallen before (``founding.reopening``).
    """
    documents: dict[str, Document] = {}
    for code, terms in a.definition.documents.items():
        digest, old = _terms_digest(terms), a.documents.get(code)
        if old is None or old.removed:
            old = Document()
        seats = {
            name: old.seats.get(name) or SeatState(seat.party, seat.holder)
            for name, seat in terms.seats.items()
        }
        documents[code] = replace(old, terms=digest, seats=seats)
    removed = {code: old for code, old in a.documents.items() if code not in documents}
    return a.changed(documents={**documents, **removed})


def live(a: Accord) -> tuple[str, ...]:
    """The documents that are still part of the accord: neither removed nor severed."""
    return tuple(code for code in a.definition.documents if not a.documents[code].severed)


def open_documents(a: Accord) -> Iterator[str]:
    """The documents on which something can still follow: neither severed nor released."""
    return (code for code in a.definition.documents if is_open(a, code))


def manifest(a: Accord, code: str) -> dict[str, str] | None:
    """{language: text digest} of a document, or none while a text is missing."""
    document, terms = a.documents[code], a.definition.documents[code]
    if any(language not in document.texts for language in terms.languages):
        return None
    return {language: document.texts[language].digest for language in sorted(terms.languages)}


def document_digest(a: Accord, code: str) -> str | None:
    """The document's digest: that of its sorted manifest."""
    content = manifest(a, code)
    return None if content is None else _manifest_digest(tuple(content.items()))


@lru_cache(maxsize=16384)
def _manifest_digest(content: tuple[tuple[str, str], ...]) -> str:
    """Kept, since every rule asks for it after every event, and texts change seldom."""
    return digest_of(dict(content))


def is_open(a: Accord, code: str) -> bool:
    """Whether something can still follow on a document: it is one of the definition's, not severed, not released."""
    document = a.documents.get(code)
    return (
        code in a.definition.documents
        and document is not None
        and not document.severed
        and document.released_at is None
    )


def _pending_text(a: Accord, code: str, language: str) -> str | None:
    text = a.documents[code].texts.get(language) if is_open(a, code) else None
    return text.pending if text is not None else None


def _open_digest(a: Accord, code: str) -> str | None:
    return document_digest(a, code) if is_open(a, code) else None


TEXT = subject("text", "the text of {document} in {language}", _pending_text, "document", "language")
STEPS = (
    subject("concordance", "the concordance of {document}", _open_digest, "document"),
    subject("initials", "the initials on {document}", _open_digest, "document"),
    subject("execution", "the execution version of {document}", _open_digest, "document"),
)
"""The steps after agreement, in their order."""


AFTER_AGREEMENT = {"concordance": "certified", "initials": "initialled", "execution": "execution"}
"""The steps after agreement, and where a document keeps the digest for which every party has taken each."""


def text_subject(document: str, language: str) -> str:
    """The subject under which consents to a text are kept."""
    return TEXT.named(document, language)


def steps_after_agreement(document: str) -> tuple[str, ...]:
    """The subjects under which consents to the steps after agreement are kept."""
    return tuple(step.named(document) for step in STEPS)


def texts_agreed(a: Accord, code: str) -> bool:
    """Whether every language text of a document is agreed by every party."""
    document, terms = a.documents[code], a.definition.documents[code]
    return all(language in document.texts and document.texts[language].agreed for language in terms.languages)


def concordant(a: Accord, code: str) -> bool:
    """Whether the language texts are certified to say the same; one language needs no certificate."""
    digest = document_digest(a, code)
    return texts_agreed(a, code) and (
        len(a.definition.documents[code].languages) == 1 or a.documents[code].certified == digest
    )


def authenticated(a: Accord, code: str) -> bool:
    """Whether the document is initialled, where it asks for that."""
    return concordant(a, code) and (
        not a.definition.documents[code].initialled
        or a.documents[code].initialled == document_digest(a, code)
    )


def executable(a: Accord, code: str) -> bool:
    """Whether the execution version stands, where the document asks for one."""
    return authenticated(a, code) and (
        not a.definition.documents[code].execution_version
        or a.documents[code].execution == document_digest(a, code)
    )


def document_status(a: Accord, code: str) -> str:
    """Where the document stands on its track, in the words of the module's second line."""
    document = a.documents[code]
    if document.severed:
        return "severed"
    if document.in_force_at is not None:
        return "in_force"
    if document.released_at is not None:
        return "signed"
    if executable(a, code):
        return "execution_version"
    if authenticated(a, code):
        return "authenticated"
    if concordant(a, code):
        return "concordance_certified"
    if texts_agreed(a, code):
        return "agreed_text"
    return "negotiating" if document.texts else "outline"


def check_ready(a: Accord, code: str) -> Check:
    """Guard: the document is ready to be signed; if not, its next step and who owes it."""
    document, terms = a.documents[code], a.definition.documents[code]
    digest = document_digest(a, code) or ""
    if not texts_agreed(a, code):
        waiting: list[str] = []
        absent = False
        lagging: dict[str, None] = {}
        for language in terms.languages:
            text = document.texts.get(language)
            if text is None:
                waiting.append(f"no text in {language}")
                absent = True
            elif not text.agreed:
                lacking = missing(a, text_subject(code, language), text.digest)
                waiting.append(f"the text in {language} is not agreed by {', '.join(lacking)}")
                lagging.update(dict.fromkeys(lacking))
        who, nobody = able(a, ("treaty_section", "drafter")) if absent else NOBODY
        more, lacks = able(a, ("treaty_section",), tuple(lagging))
        who, nobody = (*who, *more), nobody or lacks
        reason, step = "; ".join(waiting), "propose what is missing, and let every party agree to each text"
    elif not concordant(a, code):
        lacking = missing(a, f"concordance/{code}", digest)
        reason = f"the concordance of {', '.join(terms.languages)} is not certified by {', '.join(lacking)}"
        step = f"{do(lacking, 'certifies', 'certify')} the concordance"
        who, nobody = able(a, ("treaty_section",), lacking)
    elif not authenticated(a, code):
        lacking = missing(a, f"initials/{code}", digest)
        reason = f"it is not initialled by {', '.join(lacking)}"
        step = f"{do(lacking, 'initials', 'initial')} it"
        who, nobody = able(a, ("treaty_section",), lacking)
    else:
        lacking = missing(a, f"execution/{code}", digest)
        reason = f"the execution version is not approved by {', '.join(lacking)}"
        step = f"{do(lacking, 'approves', 'approve')} the execution version"
        who, nobody = able(a, ("treaty_section",), lacking)
    met = executable(a, code)
    return Check(
        "document_ready",
        met,
        "" if met else f"{code} ({terms.title}): {reason}{nobody}",
        "" if met else step,
        () if met else tuple(dict.fromkeys(who)),
        subject=code,
    )


def with_document(a: Accord, code: str, **changes: Any) -> Accord:
    """The state with a document changed."""
    return a.changed(documents={**a.documents, code: replace(a.documents[code], **changes)})


def set_seat(a: Accord, code: str, seat: str, **changes: Any) -> Accord:
    """The state with a seat of a document changed."""
    seats = a.documents[code].seats
    return with_document(a, code, seats={**seats, seat: replace(seats[seat], **changes)})


class AboutDocument(Act):
    """An act about one document of the accord."""

    document: Reference

    def known(self, a: Accord) -> Check:
        """Guard: the accord has such a document."""
        document = a.documents.get(self.document)
        return Check(
            "document_known",
            document is not None and not document.removed and self.document in a.definition.documents,
            f"there is no {called(a, 'document')} {self.document}",
            f"{named(a, 'documents')} are {', '.join(a.definition.documents) or 'none'}",
            subject=self.document,
        )

    def open(self, a: Accord) -> Check:
        """Guard: the document is neither released nor severed."""
        document = a.documents[self.document]
        return Check(
            "document_open",
            document.released_at is None and not document.severed,
            f"{self.document} is {'severed' if document.severed else 'released: what was released is never undone'}",
            "agree on a later instrument"
            if document.severed
            else "propose a corrigendum, or agree on a later instrument",
            subject=self.document,
        )


TREATY = Who(("treaty_section",), "any", agree="every party", sees=Audience.PARTIES)
