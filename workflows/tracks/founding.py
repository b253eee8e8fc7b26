"""Founding: parties adopt the definition, appoint their delegates, amend what they adopted.

States: proposed → founded. Until all have adopted the definition's digest, the only acts are adopt, amend, decline
and withdraw a consent. Later amendments need every party again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from workflows.model.commands import Actor
from workflows.model.consent import (
    CONSENTING,
    ConsentGiven,
    clear,
    complete,
    missing,
    not_yet_given,
    same_digest,
    subject,
)
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.definition import Definition
from workflows.model.state import Accord, Appointment
from workflows.model.terms import OFFICER_ROLES
from workflows.model.values import DelegateId, Digest, Instant, Note, PartyId, Role, Text
from workflows.tracks.conditions.state import adopt_terms as adopt_conditions
from workflows.tracks.documents.state import adopt_terms as adopt_documents
from workflows.tracks.visit import DatesAgreed
from workflows.tracks.visit import adopt_terms as adopt_visit

SUBJECT = "definition"
"""The subject under which consents to the definition, or to its amendment, are kept."""
LONG_STOP = "long-stop date passed"
"""The ground for termination that the long-stop date gives, until the parties agree on another date."""


@event
class AccordOpened(Event):
    """A definition was proposed and the accord's record begins. The only event without a state before it."""

    accord: Text
    definition: dict[str, object]
    digest: Digest
    clock_offset: int = Field(description="microseconds that the accord's time differs from the server's")

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: the state begins with this event (see ``accord.begin``)."""
        return a


@event
class DefinitionAdopted(Event):
    """Every party has adopted the definition: the accord is founded, and its terms are agreed."""

    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Conditions, documents and visit begin; officers take up their roles."""
        a = replace(a, founded=True, definition_digest=self.digest)
        return clear(take_up(a, stamp.at), SUBJECT)


@event
class DefinitionProposed(Event):
    """A party proposed another definition in place of the current one."""

    definition: dict[str, object]
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Before founding it replaces the proposal; afterwards it stands beside what is in force."""
        proposed = Definition.on_record(self.definition)
        a = clear(a, SUBJECT)
        if a.founded:
            return candidates(replace(a, amendment=proposed))
        return contacts(replace(a, definition=proposed, definition_digest=self.digest))


@event
class DefinitionAmended(Event):
    """Every party has agreed to the amendment: it is in force; changed terms void what rested on them."""

    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Put the amendment in force."""
        amended = a.amendment
        if amended is None:
            return a
        if amended.long_stop != a.definition.long_stop:
            grounds = tuple(one for one in a.termination_grounds if one != LONG_STOP)
            a = replace(a, long_stop_reached=False, termination_grounds=grounds)
        moved = amended.window is not None and amended.window != a.definition.window
        a = replace(a, definition=amended, definition_digest=self.digest, amendment=None)
        a = clear(take_up(contacts(a), stamp.at), SUBJECT)
        if amended.window is None or not moved or a.visit.arrived_at is not None:
            return a
        # An amended window is new dates to which every party has agreed.
        return DatesAgreed(window=amended.window, postponed=True).apply(a, stamp)


@event
class DelegateAppointed(Event):
    """A party's contact appointed a delegate."""

    delegate: DelegateId
    party: PartyId
    office: Text
    roles: tuple[Role, ...]
    valid_from: Instant | None = None
    valid_until: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The appointment stands in place of an earlier one."""
        roles = self.roles
        if a.definition.parties[self.party].contact == self.delegate and "contact" not in roles:
            roles = ("contact", *roles)
        one = Appointment(self.delegate, self.party, self.office, roles, self.valid_from, self.valid_until)
        return replace(a, delegates={**a.delegates, self.delegate: one})


@event
class DelegateRevoked(Event):
    """A party's contact revoked an appointment."""

    delegate: DelegateId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The delegate stays known, so that a later attempt is refused and on the record."""
        one = a.delegates.get(self.delegate)
        if one is None:
            return a
        return replace(a, delegates={**a.delegates, self.delegate: replace(one, revoked=True)})


def contacts(a: Accord) -> Accord:
    """The state with the definition's contacts as delegates; a contact who was replaced keeps no such role."""
    named = {party.contact: (code, party) for code, party in a.definition.parties.items()}
    delegates: dict[str, Appointment] = {}
    for code, one in a.delegates.items():
        if "contact" in one.roles and code not in named:
            rest = tuple(role for role in one.roles if role != "contact")
            one = replace(one, roles=rest or ("observer",), revoked=one.revoked or not rest)
        delegates[code] = one
    for delegate, (code, party) in named.items():
        old = delegates.get(delegate)
        if old is None or old.party != code:
            delegates[delegate] = Appointment(delegate, code, f"Contact of {party.name}", ("contact",))
        elif "contact" not in old.roles:
            delegates[delegate] = replace(old, roles=("contact", *old.roles))
    return replace(a, delegates=delegates)


def candidates(a: Accord) -> Accord:
    """The state in which the contacts of parties that the pending amendment adds are known, and no earlier ones."""
    parties = a.amendment.parties if a.amendment else {}
    delegates = {
        code: one
        for code, one in a.delegates.items()
        if one.party is None or one.party in a.definition.parties or one.party in parties
    }
    for code, party in parties.items():
        if code not in a.definition.parties:
            delegates = {key: one for key, one in delegates.items() if one.party != code}
            delegates[party.contact] = Appointment(
                party.contact, code, f"Contact of {party.name}", ("contact",)
            )
    return replace(a, delegates=delegates)


def is_candidate(a: Accord, delegate: str) -> bool:
    """Whether a delegate stands for a party that a pending amendment would add."""
    one = a.delegates.get(delegate)
    return one is not None and one.party is not None and one.party not in a.definition.parties


def take_up(a: Accord, at: datetime) -> Accord:
    """The state in which the definition's terms are in force."""
    delegates = dict(a.delegates)
    for code, one in list(delegates.items()):
        if one.party is None and code not in a.definition.officers:
            delegates[code] = replace(one, revoked=True)
    for code, officer in a.definition.officers.items():
        delegates[code] = Appointment(code, None, officer.office, officer.roles)
    return adopt_visit(adopt_documents(adopt_conditions(replace(a, delegates=delegates), at)))


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """Adoption or amendment takes effect when every party has consented to its digest."""
    if not a.founded:
        if complete(a, SUBJECT, a.definition_digest):
            yield DefinitionAdopted(digest=a.definition_digest)
    elif a.amendment is not None:
        digest = a.amendment.digest()
        if complete(a, SUBJECT, digest, _adopting(a)):
            yield DefinitionAmended(digest=digest)


def founded(a: Accord) -> Check:
    """Guard: every party has adopted the definition."""
    waiting = missing(a, SUBJECT, a.definition_digest) if not a.founded else ()
    return Check(
        "founded",
        a.founded,
        f"the definition is not yet adopted by {', '.join(waiting)}",
        "each party's contact adopts the definition's digest first",
        tuple(a.definition.parties[party].contact for party in waiting),
    )


def _before_release(a: Accord) -> Check:
    return Check(
        "not_released",
        a.released_at is None,
        "documents are released already: what was released is never undone",
        "agree on a later instrument instead",
    )


def _pending_digest(a: Accord) -> str | None:
    if not a.founded:
        return a.definition_digest
    return a.amendment.digest() if a.amendment else None


def _adopting(a: Accord) -> Iterable[str]:
    """The parties that have to adopt what is pending: those that an amendment adds among them."""
    return dict.fromkeys((*a.definition.parties, *(a.amendment.parties if a.amendment else ())))


subject(SUBJECT, "the definition, or its amendment", _pending_digest, parties=_adopting)


@act
class AdoptDefinition(Act):
    """Adopt the definition, or an amendment of it, by its digest, for your party."""

    digest: Digest
    who = Who(("contact",), "any", agree="every party", sees=Audience.ALL)
    says = "{by} adopts the definition"
    while_paused = True
    before_founding = True
    by_candidates = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Something is pending, the digest is its, and the party has not adopted it yet."""
        pending = _pending_digest(a)
        yield Check(
            "definition_pending",
            pending is not None,
            "no definition is waiting for adoption",
            "propose an amendment first",
        )
        yield same_digest(SUBJECT, self.digest, pending)
        yield not_yet_given(a, SUBJECT, self.digest, by)
        yield _before_release(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=self.digest)


@act
class AmendDefinition(Act):
    """Propose a whole definition in place of the current one; it takes effect when every party adopts its digest."""

    definition: Definition
    note: Note = ""
    who = Who(("contact", "protocol"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} proposes an amended definition"
    while_paused = True
    before_founding = True

    def target(self) -> str:
        """The definition's digest: the whole would be too long a name."""
        return self.definition.digest()

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Another content, by rules not older; clock, host and illustrative mark stay; nothing signed changes."""
        d, now = self.definition, a.definition
        yield Check(
            "definition_differs",
            d.digest() != a.definition_digest,
            "it equals the current definition",
            "change it",
        )
        yield Check(
            "rules_not_older",
            not a.founded or d.rules >= now.rules,
            f"the accord is judged by rules {now.rules}, and the amendment names the older rules {d.rules}",
            f"name rules {now.rules}, or newer ones; what was judged by them cannot be judged by older ones",
        )
        too_large = d.too_large()
        yield Check(
            "definition_bounded",
            not too_large,
            too_large,
            "leave out what is not needed, or open several accords",
        )
        same = (d.clock, d.illustrative, d.host) == (now.clock, now.illustrative, now.host)
        yield Check(
            "foundation_kept",
            same,
            "clock, illustrative mark and host cannot be amended",
            "open another accord for that",
        )
        gone = [party for party in now.parties if party not in d.parties]
        yield Check(
            "parties_kept",
            not gone,
            f"the amendment drops {', '.join(gone)}",
            "a party leaves by declining or terminating",
        )
        taken = [
            code
            for code, party in now.parties.items()
            if code != by.party and code in d.parties and d.parties[code].contact != party.contact
        ]
        yield Check(
            "contacts_kept",
            a.founded or not taken,
            f"the proposal names another contact for {', '.join(taken)}, which has adopted nothing yet",
            "until the definition is adopted, only a party itself names another contact of its own",
        )
        known = [
            party.contact
            for code, party in d.parties.items()
            if code not in now.parties and party.contact in a.delegates and not is_candidate(a, party.contact)
        ]
        yield Check(
            "new_contacts_free",
            not known,
            f"{', '.join(known)} is a delegate here already, and cannot stand for a party that is added",
            "name a contact of its own for each party that is added",
        )
        yield _before_release(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own consent where it is the contact that adopts."""
        digest = self.definition.digest()
        yield DefinitionProposed(definition=self.definition.as_facts(), digest=digest)
        if by.role == "contact":
            yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=digest)


@act
class AppointDelegate(Act):
    """Appoint a delegate of your own party, in one or more roles, from and until dates that may be open."""

    delegate: DelegateId
    office: Text
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    person: Note = ""
    who = Who(("contact",), "any", sees=Audience.PARTIES)
    says = "{by} appoints {delegate} ({office})"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Own party's delegates only; officers' roles are agreed by all; a period that can be."""
        now = a.delegates.get(self.delegate)
        named = [
            seat.party
            for document in a.definition.documents.values()
            for seat in document.seats.values()
            if seat.holder == self.delegate and seat.party != by.party
        ]
        theirs = now.party if now is not None else named[0] if named else by.party
        yield Check(
            "own_delegate",
            theirs == by.party,
            f"{self.delegate} acts for {theirs or 'all parties'} already, or is to sign for it",
            "choose another delegate id",
        )
        common = [
            role
            for role in self.roles
            if role in OFFICER_ROLES and role not in ("observer", "auditor", "verifier")
        ]
        yield Check(
            "role_is_the_partys",
            not common and "contact" not in self.roles,
            f"{', '.join(common) or 'contact'} is named in the definition, by all parties",
            "amend the definition to name such an officer or contact",
        )
        contact = self.delegate == (a.definition.parties[by.party].contact if by.party else None)
        yield Check(
            "contact_undated",
            not contact or (self.valid_from is None and self.valid_until is None),
            f"{self.delegate} is the contact, as long as the definition says so",
            "appoint the contact without dates",
        )
        yield Check(
            "period_in_order",
            self.valid_until is None or self.valid_until > max(at, self.valid_from or at),
            "the appointment would end before it begins",
            "give a later valid_until",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The appointment."""
        yield DelegateAppointed(
            delegate=self.delegate,
            party=party_of(by),
            office=self.office,
            roles=self.roles,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


@act
class RevokeDelegate(Act):
    """Revoke the appointment of a delegate of your own party."""

    delegate: DelegateId
    note: Note = ""
    who = Who(("contact",), "any", sees=Audience.PARTIES)
    says = "{by} revokes the appointment of {delegate}"
    while_paused = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """One of its own, appointed, and not the contact."""
        now = a.delegates.get(self.delegate)
        yield Check(
            "own_delegate",
            now is not None and now.party == by.party,
            f"{self.delegate} is no delegate of {by.party}",
            "each party revokes its own delegates only",
        )
        yield Check(
            "appointed",
            now is not None and not now.revoked,
            f"{self.delegate} is revoked already",
            "nothing is left to do",
        )
        yield Check(
            "not_the_contact",
            self.delegate != (a.definition.parties[by.party].contact if by.party else None),
            "the contact stands in the definition",
            "amend the definition to name another contact",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The revocation."""
        yield DelegateRevoked(delegate=self.delegate)


__all__ = ["CONSENTING", "AccordOpened", "DefinitionAdopted", "follows", "founded"]
