"""What follows signing, where a document asks for it: ratification by each party, entry into force, registration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.declare import Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Instant, Line, Note, PartyId, Reference, Text
from workflows.model.wording import called
from workflows.tracks.documents.state import AboutDocument, live, with_document


def signing_parties(a: Accord, document: str) -> tuple[str, ...]:
    """The parties that have a seat on a document."""
    return tuple(dict.fromkeys(seat.party for seat in a.documents[document].seats.values()))


@event
class DocumentRatified(Event):
    """A party ratified a document."""

    says = "{party} has ratified {~document} {document}"
    document: Reference
    party: PartyId
    instrument: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """One of the ratifications that its entry into force needs."""
        document = a.documents[self.document]
        return with_document(a, self.document, ratified_by=(*document.ratified_by, self.party))


@event
class DocumentInForce(Event):
    """A document entered into force."""

    says = "{~document} {document} is in force"
    document: Reference
    at: Instant

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """In force."""
        return with_document(a, self.document, in_force_at=self.at)


@event
class DocumentRegistered(Event):
    """A document was registered."""

    says = "{~document} {document} is registered as {registration}"
    document: Reference
    registration: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Registered."""
        return with_document(a, self.document, registration=self.registration)


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """Entry into force on signature."""
    if a.released_at is not None:
        for code in live(a):
            if (
                a.definition.documents[code].nature == "on_signature"
                and a.documents[code].in_force_at is None
            ):
                yield DocumentInForce(document=code, at=a.released_at)
                return


class _AfterRelease(AboutDocument):
    def released(self, a: Accord) -> Check:
        """Guard: the document is released."""
        return Check(
            "released",
            a.documents[self.document].released_at is not None,
            f"{self.document} is not released",
            "release the signatures first",
            subject=self.document,
        )


@act
class RatifyDocument(_AfterRelease):
    """Deposit or exchange your party's instrument of ratification of a document, by digest."""

    instrument: Digest
    note: Note = ""
    who = Who(("competent_authority",), "any", sees=Audience.ALL)
    says = "{by} ratifies {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Released, subject to ratification, by a signing party that has not ratified."""
        yield self.known(a)
        yield self.released(a)
        yield Check(
            "subject_to_ratification",
            a.definition.documents[self.document].nature == "ratification",
            f"{self.document} is not subject to ratification",
            "nothing is left to ratify",
            subject=self.document,
        )
        yield Check(
            "signing_party",
            by.party in signing_parties(a, self.document),
            f"{by.party} has not signed {self.document}",
            "only signing parties ratify",
            subject=self.document,
        )
        yield Check(
            "not_yet_ratified",
            by.party not in a.documents[self.document].ratified_by,
            f"{by.party} has ratified it already",
            "nothing is left to do",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The ratification."""
        yield DocumentRatified(document=self.document, party=party_of(by), instrument=self.instrument)


@act
class DeclareInForce(_AfterRelease):
    """Declare that a document has entered into force, once every signing party has ratified it."""

    note: Note = ""
    who = Who(("competent_authority", "depositary"), "anyone", sees=Audience.ALL)
    says = "{by} declares {document} in force"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Released, ratified where that is asked for, not political, not in force."""
        yield self.known(a)
        yield self.released(a)
        terms, document = a.definition.documents[self.document], a.documents[self.document]
        waiting = (
            [party for party in signing_parties(a, self.document) if party not in document.ratified_by]
            if terms.nature == "ratification"
            else []
        )
        who, nobody = able(a, ("competent_authority",), waiting)
        yield Check(
            "ratified",
            not waiting,
            f"{self.document} is not ratified by {', '.join(waiting)}{nobody}",
            "each signing party ratifies first",
            who,
            subject=self.document,
        )
        yield Check(
            "may_enter_into_force",
            terms.nature != "political" and document.in_force_at is None,
            f"{self.document} is a political {called(a, 'document')}"
            if terms.nature == "political"
            else f"{self.document} is in force already",
            "nothing is left to declare",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The entry into force."""
        yield DocumentInForce(document=self.document, at=at)


@act
class RegisterDocument(_AfterRelease):
    """Record the registration of a document (Charter of the United Nations, article 102)."""

    registration: Line
    note: Note = ""
    who = Who(("depositary", "registrar"), "officer", sees=Audience.ALL)
    says = "{by} registers {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """In force, asked for, not registered."""
        yield self.known(a)
        document = a.documents[self.document]
        yield Check(
            "in_force",
            document.in_force_at is not None,
            f"{self.document} is not in force",
            "declare it first",
            subject=self.document,
        )
        yield Check(
            "registration_asked_for",
            a.definition.documents[self.document].registered and document.registration is None,
            f"{self.document} asks for no registration, or is registered",
            "nothing is left to do",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The registration."""
        yield DocumentRegistered(document=self.document, registration=self.registration)
