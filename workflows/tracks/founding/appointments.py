"""Delegates: each party's contact appoints and revokes its own; the definition names contacts and officers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, Appointment
from workflows.model.terms import OFFICER_ROLES
from workflows.model.values import (
    DelegateId,
    Instant,
    Line,
    Message,
    Note,
    Particular,
    PartyId,
    Role,
    Text,
)

MOST_FORMER = 50
"""Contacts of earlier proposals who stay known until the accord is founded, so that they are refused by name."""

MOST_AT_ONCE = 50
"""Delegates that one act can appoint."""

MOST_DELEGATES = 200
"""Delegates that a party may have had, revoked ones included: a state has to load, also after years."""


@event
class DelegateAppointed(Event):
    """A party's contact appointed a delegate."""

    says = "{delegate} is appointed for {party}"
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
        return a.changed(delegates={**a.delegates, self.delegate: one})


@event
class DelegateRevoked(Event):
    """A party's contact revoked an appointment."""

    says = "the appointment of {delegate} is revoked"
    delegate: DelegateId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The delegate stays known, so that a later attempt is refused and on the record."""
        one = a.delegates.get(self.delegate)
        if one is None:
            return a
        return a.changed(delegates={**a.delegates, self.delegate: replace(one, revoked=True)})


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
        if old is None or old.party != code or old.revoked:
            delegates[delegate] = Appointment(delegate, code, f"Contact of {party.name}", ("contact",))
        elif "contact" not in old.roles:
            # A contact is one as long as the definition says so, whatever dates an earlier appointment had.
            delegates[delegate] = replace(
                old, roles=("contact", *old.roles), valid_from=None, valid_until=None
            )
    if not a.founded:
        # One party can propose others again and again, and must not make all that is known grow without end.
        former = [code for code, one in delegates.items() if one.revoked and code not in a.keys]
        for code in former[:-MOST_FORMER]:
            del delegates[code]
    return a.changed(delegates=delegates)


def candidates(a: Accord) -> Accord:
    """The state in which the contacts of parties that the pending amendment adds are known, and no earlier ones."""
    added = {
        code: party
        for code, party in (a.amendment.parties if a.amendment else {}).items()
        if code not in a.definition.parties
    }
    delegates = {
        code: one
        for code, one in a.delegates.items()
        if one.party is None or one.party in a.definition.parties
    }
    for code, party in added.items():
        # Whoever is a delegate here already is no candidate; the amendment cannot be adopted as long as that is so.
        delegates.setdefault(
            party.contact, Appointment(party.contact, code, f"Contact of {party.name}", ("contact",))
        )
    return a.changed(delegates=delegates)


def is_candidate(a: Accord, delegate: str) -> bool:
    """Whether a delegate stands for a party that a pending amendment would add."""
    one = a.delegates.get(delegate)
    return one is not None and one.party is not None and one.party not in a.definition.parties


def taken_from(a: Accord, owners: dict[str, str | None]) -> Iterator[str]:
    """The delegates who act for another side here than these owners (a party, or none for all of them) say.

    A revoked one is still its party's: what it did stands on the record under its id.
    """
    for delegate, owner in owners.items():
        one = a.delegates.get(delegate)
        if one is not None and one.party != owner and not is_candidate(a, delegate):
            yield delegate


class NewDelegate(Message):
    """A delegate who is to be appointed: office, roles, from and until dates that may be open."""

    delegate: DelegateId
    office: Line
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    valid_from: Instant | None = None
    valid_until: Instant | None = None


def _appointment_checks(a: Accord, by: Actor, at: datetime, one: NewDelegate, new: int) -> Iterator[Check]:
    """Own party's delegates only; officers' roles are agreed by all; a period that can be.

    ``new`` is how many the act adds to those that the party has had.
    """
    now, owners = a.delegates.get(one.delegate), a.definition.owners()
    sides = [owners[one.delegate]] if one.delegate in owners else []
    if now is not None and not is_candidate(a, one.delegate):
        sides.append(now.party)
    others = [side or "all parties" for side in sides if side != by.party]
    yield Check(
        "own_delegate",
        not others,
        f"{one.delegate} acts for {', '.join(dict.fromkeys(others))}, by the definition or an appointment",
        "choose another delegate id",
    )
    common = [
        role
        for role in one.roles
        if role in OFFICER_ROLES and role not in ("observer", "auditor", "verifier")
    ]
    yield Check(
        "role_is_the_partys",
        not common and "contact" not in one.roles,
        f"{', '.join(common) or 'contact'} is named in the definition, by all parties",
        "amend the definition to name such an officer or contact",
    )
    own = sum(1 for each in a.delegates.values() if each.party == by.party)
    yield Check(
        "few_delegates",
        now is not None or own + new <= MOST_DELEGATES,
        f"{by.party} has had {own} delegates, those revoked included, and at most {MOST_DELEGATES} are kept"
        if own < MOST_DELEGATES
        else f"{by.party} has had {MOST_DELEGATES} delegates, those revoked included",
        "appoint one of them anew, in other roles or from other dates",
    )
    contact = one.delegate == (a.definition.parties[by.party].contact if by.party else None)
    yield Check(
        "contact_undated",
        not contact or (one.valid_from is None and one.valid_until is None),
        f"{one.delegate} is the contact, as long as the definition says so",
        "appoint the contact without dates",
    )
    yield Check(
        "period_in_order",
        one.valid_until is None or one.valid_until > max(at, one.valid_from or at),
        "the appointment would end before it begins",
        "give a later valid_until",
    )


def _appointed(one: NewDelegate, by: Actor) -> DelegateAppointed:
    return DelegateAppointed(
        delegate=one.delegate,
        party=party_of(by),
        office=one.office,
        roles=one.roles,
        valid_from=one.valid_from,
        valid_until=one.valid_until,
    )


@act
class AppointDelegate(Act):
    """Appoint a delegate of your own party, in one or more roles, from and until dates that may be open."""

    delegate: DelegateId
    office: Line
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    person: Note = ""
    who = Who(("contact",), "any", sees=Audience.PARTIES)
    says = "{by} appoints {delegate} ({office})"

    def _new(self) -> NewDelegate:
        return NewDelegate(
            delegate=self.delegate,
            office=self.office,
            roles=self.roles,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Own party's delegates only; officers' roles are agreed by all; a period that can be."""
        yield from _appointment_checks(a, by, at, self._new(), 1)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The appointment."""
        yield _appointed(self._new(), by)


@act
class AppointDelegates(Act):
    """Appoint several delegates of your own party in one act: all of them, or none."""

    delegates: Annotated[tuple[NewDelegate, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    persons: Annotated[
        dict[DelegateId, Annotated[str, Field(max_length=300)]],
        Field(default_factory=dict, max_length=MOST_AT_ONCE, description="who they are, by their ids"),
        Particular(),
    ]
    who = Who(("contact",), "any", sees=Audience.PARTIES)
    says = "{by} appoints several delegates"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Each named once, and each as if appointed by an act of its own."""
        named = [one.delegate for one in self.delegates]
        twice = sorted({one for one in named if named.count(one) > 1})
        yield Check(
            "named_once", not twice, f"{', '.join(twice)} is named more than once", "name each delegate once"
        )
        strangers = sorted(set(self.persons) - set(named))
        yield Check(
            "persons_appointed",
            not strangers,
            f"{', '.join(strangers)} is among the persons, and not among the delegates",
            "name persons of the delegates who are appointed",
        )
        new = sum(1 for one in named if one not in a.delegates)
        for one in self.delegates:
            for check in _appointment_checks(a, by, at, one, new):
                yield replace(check, subject=one.delegate)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The appointments."""
        for one in self.delegates:
            yield _appointed(one, by)


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
