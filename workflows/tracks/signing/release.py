"""The release of all held signatures, all or nothing, in one act; and what is severed from it before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workflows.model.authority import holders
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    clear,
    complete,
    missing,
    not_yet_given,
    same_digest,
    subject,
)
from workflows.model.declare import Act, Audience, Check, Event, Gate, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Note, Reference
from workflows.tracks.documents.state import AboutDocument, document_digest, is_open, live, with_document
from workflows.tracks.signing.signatures import held


def release_digest(a: Accord) -> str:
    """The digest of the set that is released: documents by digest, and the signatures on them."""
    return digest_of(
        {
            code: {
                "digest": document_digest(a, code) or "",
                "seats": {
                    name: [seat.holder, seat.signature.form if held(a, code, name) and seat.signature else ""]
                    for name, seat in a.documents[code].seats.items()
                },
            }
            for code in live(a)
        }
    )


subject("release", "the release of the signatures", lambda a: release_digest(a) if a.founded else None)


def _severing(a: Accord, document: str) -> str | None:
    return a.understanding.digest if is_open(a, document) else None


subject("severance", "the severance of {document}", _severing, "document")


def release_agreed(a: Accord) -> Check:
    """Guard: every party has consented to release this very set."""
    digest = release_digest(a)
    waiting = missing(a, "release", digest)
    return Check(
        "release_agreed",
        not waiting,
        f"consent to the release is missing from {', '.join(waiting)}",
        "each party consents to the release by its digest",
        holders(a, RELEASING, waiting),
    )


def to_release(a: Accord) -> Check:
    """What is left when every seat holds and every party has consented: the registrar's act."""
    return Check(
        "released",
        a.released_at is not None,
        "everything is held and agreed; the signatures are not released yet",
        "the registrar releases the signatures",
        holders(a, ("registrar",)),
    )


@event
class SignaturesReleased(Event):
    """All held signatures of the set were released, in one act. The documents are signed."""

    says = "the signatures of {documents} are released: signed"
    documents: tuple[Reference, ...]
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Released. A political document and one in force on signature have their effect now."""
        documents = dict(a.documents)
        for code in self.documents:
            document = documents[code]
            seats = {
                name: replace(seat, signature=replace(seat.signature, status="released"))
                if seat.signature
                else seat
                for name, seat in document.seats.items()
            }
            documents[code] = replace(document, seats=seats, released_at=stamp.at)
        return clear(replace(a, documents=documents, released_at=stamp.at), "release")


@event
class DocumentSevered(Event):
    """Every party agreed to go on without a document that the understanding says is severable."""

    says = "document {document} is severed"
    document: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Severed: it is not part of the release, and has no effect here."""
        return clear(with_document(a, self.document, severed=True), f"severance/{self.document}")


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A document is severed when every party has agreed to it under the understanding in effect."""
    for code in live(a):
        if complete(a, f"severance/{code}", a.understanding.digest or ""):
            yield DocumentSevered(document=code)
            return


RELEASING = ("protocol", "competent_authority")


@act
class SeverDocument(AboutDocument):
    """Agree, for your party, to go on without a document that the understanding says is severable."""

    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees=Audience.ALL)
    says = "{by} agrees to sever {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Severable by an effective understanding, open, not the last one, not agreed by this party yet."""
        yield self.known(a)
        yield self.open(a)
        now = a.understanding
        yield Check(
            "severable",
            now.status == "effective" and self.document in now.severable,
            f"no understanding in effect says that {self.document} is severable",
            "concur in an understanding that says so",
            subject=self.document,
        )
        yield Check(
            "not_the_last",
            len(live(a)) > 1,
            f"{self.document} is the last document",
            "terminate instead",
            subject=self.document,
        )
        yield not_yet_given(a, f"severance/{self.document}", now.digest or "", by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(
            subject=f"severance/{self.document}", party=party_of(by), digest=a.understanding.digest or ""
        )


@act
class ConsentToRelease(Act):
    """Consent, for your party, to the release of the set of signed documents, by the set's digest."""

    digest: Digest
    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees=Audience.ALL)
    says = "{by} consents to the release"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Every gate open and every seat held, the set's digest, not given yet."""
        yield Gate("held")
        yield same_digest("release", self.digest, release_digest(a))
        yield not_yet_given(a, "release", self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="release", party=party_of(by), digest=self.digest)


@act
class ReleaseSignatures(Act):
    """Release all held signatures, as registrar, in one act: every gate is evaluated again, all or nothing."""

    note: Note = ""
    who = Who(("registrar",), "officer", agree="every party's consent", sees=Audience.ALL)
    says = "{by} releases the signatures"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Every gate, every seat, every party's consent to this set."""
        yield Gate("release")

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The release."""
        yield SignaturesReleased(documents=live(a), digest=release_digest(a))
