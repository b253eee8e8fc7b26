"""Signing: full powers issued → found in due form → revoked | expired; signature held → released | void.

A signature names the document's digest, the authority, the digest of the set of satisfied conditions and that of the
understanding. **Release covers a set**: all documents that are not severed, all or nothing, in one act, with every
gate evaluated again at that instant. A released signature is never undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from workflows.acts import Act as BaseAct
from workflows.acts import Check, Event, Stamp, Who, act, event, party_of
from workflows.authority import holders
from workflows.canonical import digest_of
from workflows.conditions import satisfied
from workflows.consent import CONSENTING, ConsentGiven, clear, complete, missing, not_yet_given, same_digest
from workflows.deadlines import Deadline
from workflows.documents import (
    AboutDocument,
    FullPowers,
    SeatState,
    Signature,
    document_digest,
    live,
    set_seat,
)
from workflows.messages import Actor
from workflows.values import DelegateId, Digest, Instant, Note, PartyId, Reference, Text, show_date

if TYPE_CHECKING:
    from workflows.accord import Accord

Form = Literal["definitive", "ad_referendum", "subject_to_ratification"]
SeatName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(-[2-9])?$")]


def conditions_digest(a: Accord) -> str:
    """The digest of the set of satisfied conditions, with the verdicts that satisfy them."""
    held = {}
    for code in a.definition.conditions:
        if satisfied(a, code):
            verdict = a.conditions[code].verdict
            held[code] = list(verdict.evidence) if verdict else ["waived"]
    return digest_of(held)


def needs_powers(a: Accord, document: str, seat: str) -> bool:
    """Whether a seat is signed on full powers: as its own terms say, or else the document's."""
    terms = a.definition.documents[document]
    own = terms.seats[seat].authority if seat in terms.seats else None
    return (own or terms.authority) == "full_powers"


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


def authority_of(a: Accord, document: str, seat: str, at: datetime) -> Check:
    """Guard: the seat's holder has authority to sign: ex officio, or by full powers found in due form."""
    state = a.documents[document].seats[seat]
    powers = state.powers
    authorities = holders(a, ("competent_authority",), (state.party,))
    if not needs_powers(a, document, seat):
        return Check("authority_valid", True, subject=document)
    if powers is None:
        met, reason, who = False, f"{state.holder} has no full powers for {document}", authorities
    elif powers.status != "issued":
        met, reason, who = (
            False,
            f"the full powers of {state.holder} for {document} are {powers.status}",
            authorities,
        )
    elif powers.valid_from > at or (powers.valid_until is not None and powers.valid_until <= at):
        met, reason, who = (
            False,
            f"the full powers of {state.holder} are not in force on {show_date(at)}",
            authorities,
        )
    else:
        lacking = tuple(
            p
            for p in a.definition.parties
            if p != state.party and p not in powers.found_by and _signs(a, document, p)
        )
        met = not lacking
        reason = f"the full powers of {state.holder} are not found in due form by {', '.join(lacking)}"
        who = holders(a, ("treaty_section",), lacking)
    return Check(
        "authority_valid",
        met,
        "" if met else reason,
        "issue full powers, and let the other parties find them in due form",
        who,
        subject=document,
    )


def _signs(a: Accord, document: str, party: str) -> bool:
    return any(seat.party == party for seat in a.documents[document].seats.values())


def authorized(a: Accord, document: str, party: str) -> Check:
    """Guard: the party's competent authority has authorized signing, where the document asks for that."""
    asked = a.definition.documents[document].authorization
    who = holders(a, ("competent_authority",), (party,))
    return Check(
        "signing_authorized",
        not asked or party in a.documents[document].authorized_by,
        f"the competent authority of {party} has not authorized signing {document}",
        "let it authorize signing",
        who,
        subject=document,
    )


def seats_held(a: Accord, at: datetime) -> Iterator[Check]:
    """Guards of the release: every seat of every document that is not severed holds, with a valid authority."""
    for code in live(a):
        for name, seat in a.documents[code].seats.items():
            signed = held(a, code, name)
            yield Check(
                "seat_held",
                signed,
                f"the seat {name} on {code} is {_seat_words(seat)}",
                f"{seat.holder} signs {code}",
                () if signed else (seat.holder,),
                subject=code,
            )
            if signed:
                yield authority_of(a, code, name, at)


def _seat_words(seat: SeatState) -> str:
    if seat.powers is not None and seat.powers.status in ("revoked", "expired"):
        return f"vacant: the full powers of {seat.holder} are {seat.powers.status}"
    if seat.signature is None:
        return f"not signed by {seat.holder}"
    return (
        f"{seat.signature.status}, no longer of the document's digest"
        if seat.signature.status == "held"
        else seat.signature.status
    )


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


def deadlines(a: Accord) -> Iterator[Deadline]:
    """Full powers that end."""
    for code in live(a):
        for name, seat in a.documents[code].seats.items():
            powers = seat.powers
            if (
                powers is not None
                and powers.status == "issued"
                and powers.valid_until is not None
                and not a.documents[code].released_at
            ):
                yield Deadline(
                    powers.valid_until,
                    "freshness",
                    f"full powers of {powers.holder}",
                    FullPowersExpired(document=code, seat=name),
                )


@event
class FullPowersIssued(Event):
    """A party's competent authority issued full powers for a seat; a successor takes the seat by it."""

    document: Reference
    seat: SeatName
    holder: DelegateId
    digest: Digest
    valid_from: Instant
    valid_until: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The seat's holder has these powers; they wait to be found in due form."""
        state = a.documents[self.document].seats[self.seat]
        powers = FullPowers(
            self.holder, state.party, self.digest, stamp.position, self.valid_from, self.valid_until
        )
        return set_seat(a, self.document, self.seat, holder=self.holder, powers=powers)


@event
class FullPowersFound(Event):
    """Another party's treaty section found full powers in due form."""

    document: Reference
    seat: SeatName
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """One of those that have to find so."""
        powers = a.documents[self.document].seats[self.seat].powers
        if powers is None:
            return a
        return set_seat(
            a, self.document, self.seat, powers=replace(powers, found_by=(*powers.found_by, self.party))
        )


@event
class FullPowersRevoked(Event):
    """Full powers were revoked: the seat is vacant; a held signature waits for confirmation or a successor."""

    document: Reference
    seat: SeatName

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Revoked."""
        powers = a.documents[self.document].seats[self.seat].powers
        if powers is None:
            return a
        return set_seat(a, self.document, self.seat, powers=replace(powers, status="revoked"))


@event
class FullPowersExpired(Event):
    """Full powers ended by themselves."""

    document: Reference
    seat: SeatName

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Expired."""
        powers = a.documents[self.document].seats[self.seat].powers
        if powers is None:
            return a
        return set_seat(a, self.document, self.seat, powers=replace(powers, status="expired"))


@event
class SigningAuthorized(Event):
    """A party's competent authority authorized its signature of a document."""

    document: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Authorized."""
        document = a.documents[self.document]
        return replace(
            a,
            documents={
                **a.documents,
                self.document: replace(document, authorized_by=(*document.authorized_by, self.party)),
            },
        )


@event
class SignatureHeld(Event):
    """A signature was affixed, and is held until release."""

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

    document: Reference
    seat: SeatName
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The seat is open again."""
        return set_seat(a, self.document, self.seat, signature=None)


@event
class SignaturesReleased(Event):
    """All held signatures of the set were released, in one act. The documents are signed."""

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

    document: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Severed: it is not part of the release, and has no effect here."""
        documents = {**a.documents, self.document: replace(a.documents[self.document], severed=True)}
        return clear(replace(a, documents=documents), f"severance/{self.document}")


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A held signature is void when the text it names changes or a successor takes the seat; severance takes effect."""
    for code in live(a):
        document = a.documents[code]
        digest = document_digest(a, code)
        for name, seat in document.seats.items():
            signature = seat.signature
            if signature is None or signature.status != "held":
                continue
            if signature.digest != digest:
                yield SignatureVoided(document=code, seat=name, cause="the document's text changed")
                return
            if signature.holder != seat.holder:
                yield SignatureVoided(
                    document=code, seat=name, cause=f"{seat.holder} succeeds {signature.holder} in the seat"
                )
                return
        if complete(a, f"severance/{code}", a.understanding.digest or ""):
            yield DocumentSevered(document=code)
            return
    for code, document in a.documents.items():
        for name, seat in document.seats.items():
            if document.severed and seat.signature is not None and seat.signature.status == "held":
                yield SignatureVoided(document=code, seat=name, cause="the document was severed")
                return


AUTHORITY = Who(("competent_authority",), "any")
RELEASING = ("protocol", "competent_authority")


class _AboutSeat(AboutDocument):
    seat: SeatName

    def seat_known(self, a: Accord) -> Check:
        """Guard: the document has such a seat."""
        seats = a.documents[self.document].seats
        return Check(
            "seat_known",
            self.seat in seats,
            f"{self.document} has no seat {self.seat}",
            f"its seats are {', '.join(seats)}",
            subject=self.document,
        )


@act
class IssueFullPowers(_AboutSeat):
    """Issue full powers, by digest, to a person of your party for a seat (Vienna Convention, article 7)."""

    holder: DelegateId
    digest: Digest
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    note: Note = ""
    who = AUTHORITY
    says = "{by} issues full powers to {holder} for {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A seat of the own party, on a document that asks for full powers; a known person; a period ahead."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        yield Check(
            "own_seat",
            a.documents[self.document].seats[self.seat].party == by.party,
            f"the seat {self.seat} is not {by.party}'s",
            "each party issues full powers for its own seats",
            subject=self.document,
        )
        yield Check(
            "full_powers_asked_for",
            needs_powers(a, self.document, self.seat),
            f"{self.document} is signed ex officio",
            "no full powers are needed",
            subject=self.document,
        )
        person = a.delegates.get(self.holder)
        yield Check(
            "signatory_appointed",
            person is not None
            and person.party == by.party
            and person.holds(at)
            and "signatory" in person.roles,
            f"{self.holder} is no signatory of {by.party}",
            "let your contact appoint the person as signatory",
            (a.definition.parties[by.party or ""].contact,),
            subject=self.document,
        )
        others = [
            name
            for name, seat in a.documents[self.document].seats.items()
            if seat.holder == self.holder and name != self.seat
        ]
        yield Check(
            "one_seat_each",
            not others,
            f"{self.holder} holds the seat {', '.join(others)} on {self.document} already",
            "a person signs a document once: name another holder",
            subject=self.document,
        )
        yield Check(
            "period_ahead",
            self.valid_until is None or self.valid_until > max(at, self.valid_from or at),
            "the full powers would have ended already",
            "give a later valid_until",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The issue; a successor's powers void the signature of the one before."""
        yield FullPowersIssued(
            document=self.document,
            seat=self.seat,
            holder=self.holder,
            digest=self.digest,
            valid_from=self.valid_from or at,
            valid_until=self.valid_until,
        )


class _AboutPowers(_AboutSeat):
    def powers_issued(self, a: Accord) -> Check:
        """Guard: full powers are issued for the seat, and neither revoked nor expired."""
        powers = a.documents[self.document].seats[self.seat].powers
        state = "not issued" if powers is None else powers.status
        return Check(
            "full_powers_issued",
            state == "issued",
            f"full powers for {self.seat} on {self.document} are {state}",
            "let the party's competent authority issue them",
            holders(a, ("competent_authority",), (a.documents[self.document].seats[self.seat].party,)),
            subject=self.document,
        )


@act
class FindFullPowers(_AboutPowers):
    """Find another party's full powers in due form."""

    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any")
    says = "{by} finds the full powers for {seat} on {document} in due form"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Another's, issued, of this digest, not found by this party yet."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        seat = a.documents[self.document].seats[self.seat]
        yield Check(
            "others_powers",
            seat.party != by.party,
            f"they are {by.party}'s own: nobody finds its own full powers in due form",
            "let the other parties' treaty sections find them",
            holders(a, ("treaty_section",), tuple(p for p in a.definition.parties if p != seat.party)),
            subject=self.document,
        )
        yield self.powers_issued(a)
        yield same_digest(
            f"full powers for {self.seat} on {self.document}",
            self.digest,
            seat.powers.digest if seat.powers else None,
        )
        yield Check(
            "not_yet_found",
            seat.powers is None or by.party not in seat.powers.found_by,
            f"{by.party} has found them in due form already",
            "nothing is left to do",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The finding."""
        yield FullPowersFound(document=self.document, seat=self.seat, party=party_of(by))


@act
class RevokeFullPowers(_AboutPowers):
    """Revoke full powers of your party: the seat is vacant until confirmed or succeeded."""

    note: Note = ""
    who = AUTHORITY
    says = "{by} revokes the full powers for {seat} on {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Own ones, issued, before release."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        yield Check(
            "own_seat",
            a.documents[self.document].seats[self.seat].party == by.party,
            f"the seat {self.seat} is not {by.party}'s",
            "each party revokes its own full powers",
            subject=self.document,
        )
        yield self.powers_issued(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The revocation."""
        yield FullPowersRevoked(document=self.document, seat=self.seat)


@act
class AuthorizeSigning(AboutDocument):
    """Authorize, as your party's competent authority, that a document be signed. Separate from full powers."""

    note: Note = ""
    who = AUTHORITY
    says = "{by} authorizes signing {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Known, open, and not authorized by this party yet."""
        yield self.known(a)
        yield self.open(a)
        yield Check(
            "not_yet_authorized",
            by.party not in a.documents[self.document].authorized_by,
            f"{by.party} has authorized it already",
            "nothing is left to do",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The authorization."""
        yield SigningAuthorized(document=self.document, party=party_of(by))


@act
class SignDocument(AboutDocument):
    """Sign a document, by its digest, in the seat that you hold. The signature is held until release."""

    digest: Digest
    form: Form = "definitive"
    note: Note = ""
    who = Who(("signatory",), "any", agree="a valid authority", sees="all")
    says = "{by} signs {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
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
        yield from a.gate("signing")
        yield a.document_ready(self.document)
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
    who = Who(("signatory",), "any", sees="all")
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


@act
class SeverDocument(AboutDocument):
    """Agree, for your party, to go on without a document that the understanding says is severable."""

    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees="all")
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
class ConsentToRelease(BaseAct):
    """Consent, for your party, to the release of the set of signed documents, by the set's digest."""

    digest: Digest
    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees="all")
    says = "{by} consents to the release"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Every gate open and every seat held, the set's digest, not given yet."""
        yield from a.gate("held")
        yield same_digest("release", self.digest, release_digest(a))
        yield not_yet_given(a, "release", self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="release", party=party_of(by), digest=self.digest)


@act
class ReleaseSignatures(BaseAct):
    """Release all held signatures, as registrar, in one act: every gate is evaluated again, all or nothing."""

    note: Note = ""
    who = Who(("registrar",), "officer", agree="every party's consent", sees="all")
    says = "{by} releases the signatures"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Every gate, every seat, every party's consent to this set."""
        yield from a.gate("release")

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The release."""
        yield SignaturesReleased(documents=live(a), digest=release_digest(a))


__all__ = ["CONSENTING", "conditions_digest", "deadlines", "follows", "release_agreed", "seats_held"]
