"""What follows signing, and how an accord ends.

After release, where a document asks for it: ratification by each signing party, entry into force, registration. An
accord terminates where a right to it exists or all agree, and is closed when nothing subsequent is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.authority import able
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, complete, missing, not_yet_given, subject
from workflows.model.deadlines import Deadline
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Instant, Line, Note, PartyId, Reference, Text, show_date
from workflows.model.wording import called, named
from workflows.tracks.conditions.state import check_satisfied, on_gates
from workflows.tracks.documents.state import AboutDocument, live, with_document
from workflows.tracks.founding.reopening import LONG_STOP


def signing_parties(a: Accord, document: str) -> tuple[str, ...]:
    """The parties that have a seat on a document."""
    return tuple(dict.fromkeys(seat.party for seat in a.documents[document].seats.values()))


def nothing_open(a: Accord) -> Iterator[Check]:
    """Guards of closing: ended early, or released with every ratification, entry into force and registration done."""
    if a.terminated is not None:
        return
    yield Check(
        "released",
        a.released_at is not None,
        f"{named(a, 'documents')} are not released",
        "release them first, or terminate",
    )
    for code in live(a) if a.released_at is not None else ():
        terms, document = a.definition.documents[code], a.documents[code]
        if terms.nature == "ratification":
            waiting = [party for party in signing_parties(a, code) if party not in document.ratified_by]
            who, nobody = able(a, ("competent_authority",), waiting)
            yield Check(
                "ratified",
                not waiting,
                f"{code} is not ratified by {', '.join(waiting)}{nobody}",
                "each signing party ratifies",
                who,
                subject=code,
            )
        if terms.nature != "political":
            who, nobody = able(a, ("competent_authority", "depositary"))
            yield Check(
                "in_force",
                document.in_force_at is not None,
                f"{code} is not in force{nobody}",
                "declare its entry into force (declare-in-force)",
                who,
                subject=code,
            )
        if terms.registered:
            who, nobody = able(a, ("depositary", "registrar"))
            yield Check(
                "registered",
                document.registration is not None,
                f"{code} is not registered{nobody}",
                "register it (register-document)",
                who,
                subject=code,
            )
    for code in on_gates(a, "subsequent") if a.founded else ():
        yield check_satisfied(a, code)


def deadlines(a: Accord) -> Iterator[Deadline]:
    """The long-stop date, while the documents are not released."""
    stop = a.definition.long_stop
    if (
        stop is not None
        and a.founded
        and a.released_at is None
        and a.terminated is None
        and not a.long_stop_reached
    ):
        yield Deadline(stop.at, "long_stop", "accord", LongStopReached(policy=stop.policy))


@event
class LongStopReached(Event):
    """The long-stop date passed before release: a right to terminate, or the end, as the definition says."""

    says = "the long stop is reached"
    policy: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """A ground for termination."""
        return a.changed(long_stop_reached=True, termination_grounds=(*a.termination_grounds, LONG_STOP))


@event
class AccordTerminated(Event):
    """The accord ended before release. Texts and verdicts stay readable, and a next accord can refer to them."""

    says = "{the accord} terminates: {cause}"
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Terminated."""
        return a.changed(terminated=self.cause)


@event
class AccordClosed(Event):
    """Nothing subsequent is open: the record is complete, and the workflow ends."""

    says = "{the accord} is closed"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Closed."""
        return a.changed(closed=True)


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
    """Termination that follows by itself; entry into force on signature."""
    if a.terminated is None and a.released_at is None:
        ended = {
            "declined": f"{named(a, 'invitation')} was declined",
            "withdrawn": f"{named(a, 'invitation')} was withdrawn",
            "expired": f"{named(a, 'invitation')} expired",
        }.get(a.invitation.status)
        stop = a.definition.long_stop
        if ended is None and a.declined_by is not None:
            ended = f"{a.declined_by} declined the definition"
        if ended is None and a.long_stop_reached and stop is not None and stop.policy == "auto_terminate":
            ended = f"the long-stop date of {show_date(stop.at)} passed"
        if ended is None and a.founded and complete(a, "termination", termination_digest(a)):
            ended = "all parties agreed to terminate"
        if ended is not None:
            yield AccordTerminated(cause=ended)
            return
    if a.released_at is not None:
        for code in live(a):
            if (
                a.definition.documents[code].nature == "on_signature"
                and a.documents[code].in_force_at is None
            ):
                yield DocumentInForce(document=code, at=a.released_at)
                return


def termination_digest(a: Accord) -> str:
    """What consents to a termination by agreement name: the definition in force."""
    return digest_of({"terminate": a.definition_digest})


subject("termination", "the termination of {the accord}", termination_digest)


@event
class DefinitionDeclined(Event):
    """A party declined the definition: there will be no accord on it."""

    says = "{party} declines the definition"
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Declined."""
        return a.changed(declined_by=self.party)


@act
class DeclineDefinition(Act):
    """Decline the definition for your party, before it is founded: the accord terminates."""

    note: Note = ""
    who = Who(("contact",), "any", sees=Audience.ALL)
    says = "{by} declines the definition"
    before_founding = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Only before founding."""
        yield Check(
            "not_founded",
            not a.founded,
            "every party has adopted it",
            f"decline {named(a, 'invitation')}, or terminate by agreement",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The refusal of the whole."""
        yield DefinitionDeclined(party=party_of(by))


@act
class Terminate(Act):
    """Terminate the accord, where a right to it exists: the long-stop date or a cure period has passed."""

    note: Note = ""
    who = Who(("contact", "protocol", "competent_authority"), "any", sees=Audience.ALL)
    says = "{by} terminates {the accord}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A ground, and nothing released."""
        stop = a.definition.long_stop
        yield Check(
            "right_to_terminate",
            bool(a.termination_grounds),
            "no right to terminate exists yet",
            "agree on termination with every party (agree-termination)"
            + (f", or wait for the long-stop date of {show_date(stop.at)}" if stop else ""),
            by=stop.at if stop else None,
        )
        yield Check(
            "not_released",
            a.released_at is None,
            f"{named(a, 'documents')} are released",
            f"close {named(a, 'accord')} instead",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The end."""
        yield AccordTerminated(cause=f"{by.party} terminated: {a.termination_grounds[-1]}")


@act
class AgreeTermination(Act):
    """Agree, for your party, to terminate the accord; it ends when every party has."""

    note: Note = ""
    who = Who(("contact", "protocol", "competent_authority"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} agrees to terminate {the accord}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Nothing released, and not agreed by this party yet."""
        yield Check(
            "not_released",
            a.released_at is None,
            f"{named(a, 'documents')} are released",
            f"close {named(a, 'accord')} instead",
        )
        yield not_yet_given(a, "termination", termination_digest(a), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="termination", party=party_of(by), digest=termination_digest(a))


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


@act
class CloseAccord(Act):
    """Close the accord, when nothing subsequent is open: its record is complete."""

    note: Note = ""
    who = Who(("contact", "protocol", "registrar"), "anyone", sees=Audience.ALL)
    says = "{by} closes {the accord}"
    before_founding = True
    after_end = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Terminated, or released with nothing left open."""
        yield from nothing_open(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The end of the record."""
        yield AccordClosed()


__all__ = ["missing", "nothing_open"]
