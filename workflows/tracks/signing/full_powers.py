"""Authority to sign: full powers issued → found in due form → revoked | expired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.consent import same_digest
from workflows.model.deadlines import Deadline
from workflows.model.declare import Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, FullPowers
from workflows.model.values import DelegateId, Digest, Instant, Note, PartyId, Reference, show_date
from workflows.model.wording import called, listed, named
from workflows.tracks.documents.state import AboutDocument, live, set_seat

SeatName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(-[2-9])?$")]


def needs_powers(a: Accord, document: str, seat: str) -> bool:
    """Whether a seat is signed on full powers: as its own terms say, or else the document's."""
    terms = a.definition.documents[document]
    own = terms.seats[seat].authority if seat in terms.seats else None
    return (own or terms.authority) == "full_powers"


def authority_of(a: Accord, document: str, seat: str, at: datetime) -> Check:
    """Guard: the seat's holder has authority to sign: ex officio, or by full powers found in due form."""
    state = a.documents[document].seats[seat]
    powers = state.powers
    authorities = able(a, ("competent_authority",), (state.party,))
    remedy = (
        f"the competent authority of {state.party} issues {called(a, 'powers')}, "
        "and the other parties find them in due form"
    )
    if not needs_powers(a, document, seat):
        return Check("authority_valid", True, subject=document)
    if powers is None:
        met, reason, who = False, f"{state.holder} has no {called(a, 'powers')} for {document}", authorities
    elif powers.status != "issued":
        met, reason, who = (
            False,
            f"{named(a, 'powers')} of {state.holder} for {document} are {powers.status}",
            authorities,
        )
    elif powers.valid_from > at or (powers.valid_until is not None and powers.valid_until <= at):
        met, reason, who = (
            False,
            f"{named(a, 'powers')} of {state.holder} are not in force on {show_date(at)}",
            authorities,
        )
    else:
        lacking = tuple(
            p
            for p in a.definition.parties
            if p != state.party and p not in powers.found_by and _signs(a, document, p)
        )
        met = not lacking
        reason = f"{named(a, 'powers')} of {state.holder} are not found in due form by {', '.join(lacking)}"
        who = able(a, ("treaty_section",), lacking)
        remedy = f"the treaty sections of {listed(lacking)} find them in due form"
    return Check(
        "authority_valid",
        met,
        "" if met else reason + who.nobody,
        "" if met else remedy,
        who.who,
        subject=document,
    )


def _signs(a: Accord, document: str, party: str) -> bool:
    return any(seat.party == party for seat in a.documents[document].seats.values())


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
                    f"{called(a, 'powers')} of {powers.holder}",
                    FullPowersExpired(document=code, seat=name),
                )


@event
class FullPowersIssued(Event):
    """A party's competent authority issued full powers for a seat; a successor takes the seat by it."""

    says = "{~powers} for seat {seat} of {~document} {document} are issued to {holder}"
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


def _with_powers(a: Accord, document: str, seat: str, **changes: Any) -> Accord:
    """The state with a seat's full powers changed; as it is, where the seat has none."""
    powers = a.documents[document].seats[seat].powers
    return a if powers is None else set_seat(a, document, seat, powers=replace(powers, **changes))


@event
class FullPowersFound(Event):
    """Another party's treaty section found full powers in due form."""

    says = "{party} finds {the powers} for seat {seat} of {~document} {document} in due form"
    document: Reference
    seat: SeatName
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """One of those that have to find so."""
        powers = a.documents[self.document].seats[self.seat].powers
        found_by = (*powers.found_by, self.party) if powers else ()
        return _with_powers(a, self.document, self.seat, found_by=found_by)


@event
class FullPowersRevoked(Event):
    """Full powers were revoked: the seat is vacant; a held signature waits for confirmation or a successor."""

    says = "{the powers} for seat {seat} of {~document} {document} are revoked"
    document: Reference
    seat: SeatName

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Revoked."""
        return _with_powers(a, self.document, self.seat, status="revoked")


@event
class FullPowersExpired(Event):
    """Full powers ended by themselves."""

    says = "{the powers} for seat {seat} of {~document} {document} expire"
    document: Reference
    seat: SeatName

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Expired."""
        return _with_powers(a, self.document, self.seat, status="expired")


AUTHORITY = Who(("competent_authority",), "any")


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
    says = "{by} issues {~powers} to {holder} for {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A seat of the own party, on a document that asks for full powers; a known person; a period ahead."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        yield Check(
            "own_seat",
            a.documents[self.document].seats[self.seat].party == by.party,
            f"the seat {self.seat} is not {by.party}'s",
            f"each party issues {called(a, 'powers')} for its own seats",
            subject=self.document,
        )
        yield Check(
            "full_powers_asked_for",
            needs_powers(a, self.document, self.seat),
            f"{self.document} is signed ex officio",
            f"no {called(a, 'powers')} are needed",
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
            f"a person signs {self.document} once: name another holder",
            subject=self.document,
        )
        yield Check(
            "period_ahead",
            self.valid_until is None or self.valid_until > max(at, self.valid_from or at),
            f"{named(a, 'powers')} would have ended already",
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
        who, nobody = able(a, ("competent_authority",), (a.documents[self.document].seats[self.seat].party,))
        return Check(
            "full_powers_issued",
            state == "issued",
            f"{called(a, 'powers')} for {self.seat} on {self.document} are {state}{nobody}",
            "let the party's competent authority issue them (issue-full-powers)",
            who,
            subject=self.document,
        )


@act
class FindFullPowers(_AboutPowers):
    """Find another party's full powers in due form."""

    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any")
    says = "{by} finds {the powers} for {seat} on {document} in due form"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Another's, issued, of this digest, not found by this party yet."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        seat = a.documents[self.document].seats[self.seat]
        yield Check(
            "others_powers",
            seat.party != by.party,
            f"they are {by.party}'s own: nobody finds its own {called(a, 'powers')} in due form",
            "let the other parties' treaty sections find them",
            able(a, ("treaty_section",), (p for p in a.definition.parties if p != seat.party)).who,
            subject=self.document,
        )
        yield self.powers_issued(a)
        yield same_digest(
            f"{called(a, 'powers')} for {self.seat} on {self.document}",
            self.digest,
            seat.powers.digest if seat.powers else None,
            f"{named(a, 'powers')} for {self.seat} on {self.document}",
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
    says = "{by} revokes {the powers} for {seat} on {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Own ones, issued, before release."""
        yield self.known(a)
        yield self.open(a)
        yield self.seat_known(a)
        yield Check(
            "own_seat",
            a.documents[self.document].seats[self.seat].party == by.party,
            f"the seat {self.seat} is not {by.party}'s",
            f"each party revokes its own {called(a, 'powers')}",
            subject=self.document,
        )
        yield self.powers_issued(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The revocation."""
        yield FullPowersRevoked(document=self.document, seat=self.seat)
