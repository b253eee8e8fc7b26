"""Signatures: affixed, and held until release; void when what they name changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import same_digest
from workflows.model.declare import Audience, Check, Event, Gate, Stamp, Who, act, event
from workflows.model.state import Accord, Document, SeatState, Signature
from workflows.model.values import DelegateId, Digest, Note, Reference, Text
from workflows.model.wording import named
from workflows.tracks.conditions.state import satisfied
from workflows.tracks.documents.state import AboutDocument, check_ready, document_digest, live, set_seat
from workflows.tracks.signing.authorization import authorized
from workflows.tracks.signing.full_powers import SeatName, authority_of, needs_powers

Form = Literal["definitive", "ad_referendum", "subject_to_ratification"]


def conditions_digest(a: Accord) -> str:
    """The digest of the set of satisfied conditions, with the verdicts that satisfy them."""
    held = {}
    for code in a.definition.conditions:
        if satisfied(a, code):
            verdict = a.conditions[code].verdict
            held[code] = list(verdict.evidence) if verdict else ["waived"]
    return digest_of(held)


def seat_of(a: Accord, document: str, delegate: str) -> str | None:
    """The seat of a document that a delegate holds, or none."""
    return next((name for name, seat in a.documents[document].seats.items() if seat.holder == delegate), None)


def own_seat(a: Accord, document: str, delegate: str) -> str:
    """The seat that a delegate holds; raises ValueError for one who has none, which the guards have excluded."""
    name = seat_of(a, document, delegate)
    if name is None:
        raise ValueError(f"{delegate} holds no seat on {document}")
    return name


def held(a: Accord, document: str, seat: str) -> bool:
    """Whether a seat holds a signature of the document's digest."""
    signature = a.documents[document].seats[seat].signature
    return (
        signature is not None
        and signature.status == "held"
        and signature.digest == document_digest(a, document)
    )


def seats_held(a: Accord, at: datetime) -> Iterator[Check]:
    """Guards of the release: every seat of every live document holds, with a valid authority and authorization."""
    for code in live(a):
        for name, seat in a.documents[code].seats.items():
            signed, authority = held(a, code, name), authority_of(a, code, name, at)
            yield Check(
                "seat_held",
                signed,
                f"the seat {name} on {code} is {_seat_words(a, seat)}",
                f"{seat.holder} signs {code}" if authority.met else f"{authority.remedy}; then it is signed",
                () if signed else (seat.holder,) if authority.met else authority.who,
                subject=code,
            )
            if signed:
                yield authority
                if a.definition.documents[code].authorization:
                    yield authorized(a, code, seat.party)


def _seat_words(a: Accord, seat: SeatState) -> str:
    if seat.powers is not None and seat.powers.status in ("revoked", "expired"):
        return f"vacant: {named(a, 'powers')} of {seat.holder} are {seat.powers.status}"
    if seat.signature is None:
        return f"not signed by {seat.holder}"
    return (
        f"{seat.signature.status}, no longer of the document's digest"
        if seat.signature.status == "held"
        else seat.signature.status
    )


@event
class SignatureHeld(Event):
    """A signature was affixed, and is held until release."""

    says = "the signature on seat {seat} of {~document} {document} is held"
    document: Reference
    seat: SeatName
    holder: DelegateId
    form: Form
    digest: Digest
    authority: Text
    conditions: Digest
    understanding: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Held."""
        signature = Signature(
            self.holder, self.form, self.digest, self.authority, self.conditions, self.understanding, stamp.at
        )
        return set_seat(a, self.document, self.seat, signature=signature)


@event
class SignatureVoided(Event):
    """A held signature is void: its document changed, its holder was succeeded, or it was withdrawn."""

    says = "the signature on seat {seat} of {~document} {document} is void: {cause}"
    document: Reference
    seat: SeatName
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The seat is open again."""
        return set_seat(a, self.document, self.seat, signature=None)


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A held signature is void when its text changes, a successor takes the seat, or the document is severed."""
    for code, document in a.documents.items():
        digest = document_digest(a, code) if not document.removed else None
        for name, seat in document.seats.items():
            if seat.signature is None or seat.signature.status != "held":
                continue
            cause = _void_for(document, digest, seat, seat.signature)
            if cause:
                yield SignatureVoided(document=code, seat=name, cause=cause)
                return


def _void_for(document: Document, digest: str | None, seat: SeatState, signature: Signature) -> str:
    """Why a held signature is void, in words; empty, where it is not."""
    if document.severed:
        return "it was severed"
    if document.removed:
        return ""
    if signature.digest != digest:
        return "the text changed"
    return f"{seat.holder} succeeds {signature.holder} in the seat" if signature.holder != seat.holder else ""


@act
class SignDocument(AboutDocument):
    """Sign a document, by its digest, in the seat that you hold. The signature is held until release."""

    digest: Digest
    form: Form = "definitive"
    note: Note = ""
    who = Who(("signatory",), "any", agree="a valid authority", sees=Audience.ALL)
    says = "{by} signs {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """A seat of one's own, the document's digest, arrival, the gate of signing, authority, and the order."""
        yield self.known(a)
        yield self.open(a)
        seats = a.documents[self.document].seats
        name = seat_of(a, self.document, by.delegate)
        yield Check(
            "seat_known",
            name is not None,
            f"{by.delegate} holds no seat on {self.document}",
            f"its seats are held by {', '.join(seat.holder for seat in seats.values())}",
            tuple(seat.holder for seat in seats.values()),
            subject=self.document,
        )
        name = own_seat(a, self.document, by.delegate)
        yield Check(
            "own_seat",
            seats[name].party == by.party,
            f"the seat {name} is {seats[name].party}'s, and {by.delegate} acts for {by.party}",
            "each party signs in its own seats",
            subject=self.document,
        )
        yield Gate("signing")
        yield check_ready(a, self.document)
        yield same_digest(self.document, self.digest, document_digest(a, self.document))
        yield authorized(a, self.document, by.party or "")
        yield authority_of(a, self.document, name, at)
        yield self._in_order(a, by)
        yield Check(
            "seat_open",
            not held(a, self.document, name),
            f"{by.delegate} has signed it already; the signature is held",
            "withdraw it first, if it is to be signed anew",
            subject=self.document,
        )

    def _in_order(self, a: Accord, by: Actor) -> Check:
        order = a.definition.documents[self.document].order
        before = order[: order.index(by.party)] if by.party in order else ()
        waiting = [
            name
            for name, seat in a.documents[self.document].seats.items()
            if seat.party in before and not held(a, self.document, name)
        ]
        return Check(
            "order_kept",
            not waiting,
            f"{', '.join(waiting)} signs {self.document} first",
            "wait for the order that the definition gives",
            tuple(a.documents[self.document].seats[name].holder for name in waiting),
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The signature, held."""
        name = own_seat(a, self.document, by.delegate)
        powers = a.documents[self.document].seats[name].powers
        ex_officio = not needs_powers(a, self.document, name)
        yield SignatureHeld(
            document=self.document,
            seat=name,
            holder=by.delegate,
            form=self.form,
            digest=self.digest,
            authority="ex officio" if ex_officio or powers is None else f"full powers {powers.digest}",
            conditions=conditions_digest(a),
            understanding=a.understanding.digest or digest_of(None),
        )


@act
class WithdrawSignature(AboutDocument):
    """Withdraw your held signature; after release nobody can."""

    note: Note = ""
    who = Who(("signatory",), "any", sees=Audience.ALL)
    says = "{by} withdraws the signature on {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A held signature of one's own."""
        yield self.known(a)
        yield self.open(a)
        name = seat_of(a, self.document, by.delegate)
        signature = a.documents[self.document].seats[name].signature if name else None
        yield Check(
            "signature_held",
            signature is not None and signature.holder == by.delegate,
            f"{by.delegate} has no held signature on {self.document}",
            "only the signatory withdraws a signature, and only before release",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The withdrawal."""
        name = own_seat(a, self.document, by.delegate)
        yield SignatureVoided(document=self.document, seat=name, cause=f"withdrawn by {by.delegate}")
