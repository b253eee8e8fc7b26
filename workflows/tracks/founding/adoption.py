"""Adoption: a definition, or an amendment of it, takes effect when every party has consented to its digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import Field

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
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, met, party_of
from workflows.model.definition import Definition
from workflows.model.state import Accord, Appointment
from workflows.model.values import Digest, Text
from workflows.model.wording import named
from workflows.tracks.conditions.state import adopt_terms as adopt_conditions
from workflows.tracks.documents.state import adopt_terms as adopt_documents
from workflows.tracks.founding.appointments import candidates, contacts, taken_from
from workflows.tracks.founding.reopening import reopened
from workflows.tracks.visit.state import adopt_terms as adopt_visit

SUBJECT = "definition"
"""The subject under which consents to the definition, or to its amendment, are kept."""


@event
class AccordOpened(Event):
    """A definition was proposed and the accord's record begins. The only event without a state before it."""

    says = "{the accord} is opened with a definition that is proposed"
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

    says = "the definition is adopted, and {the accord} founded"
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Conditions, documents and visit begin; officers take up their roles."""
        a = a.changed(founded=True, definition_digest=self.digest, added=(), withdrawn={})
        return clear(take_up(a, stamp.at), SUBJECT)


@event
class DefinitionProposed(Event):
    """A party proposed another definition in place of the current one."""

    says = "another definition is proposed"
    definition: dict[str, object]
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Before founding it replaces the proposal; afterwards it stands beside what is in force."""
        proposed = Definition.on_record(self.definition)
        a = clear(a, SUBJECT)
        if a.founded:
            return candidates(a.changed(amendment=proposed))
        added = tuple(
            code for code in proposed.parties if code in a.added or code not in a.definition.parties
        )
        withdrawn = {
            code: party.contact
            for code, party in a.definition.parties.items()
            if code not in proposed.parties
        }
        a = a.changed(added=added, withdrawn={**a.withdrawn, **withdrawn})
        return contacts(a.changed(definition=proposed, definition_digest=self.digest))


@event
class DefinitionAmended(Event):
    """Every party has agreed to the amendment: it is in force. What it reopened fell before, each by its own event."""

    says = "the definition is amended"
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Put the amendment in force."""
        if a.amendment is None:
            return a
        a = a.changed(definition=a.amendment, definition_digest=self.digest, amendment=None)
        return clear(take_up(contacts(a), stamp.at), SUBJECT)


def take_up(a: Accord, at: datetime) -> Accord:
    """The state in which the definition's terms are in force."""
    delegates = dict(a.delegates)
    for code, officer in a.definition.officers.items():
        delegates[code] = Appointment(code, None, officer.office, officer.roles)
    return adopt_visit(adopt_documents(adopt_conditions(a.changed(delegates=delegates), at)))


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """Adoption or amendment takes effect when every party has consented to its digest; what it reopens falls first."""
    if not a.founded:
        if complete(a, SUBJECT, a.definition_digest):
            yield DefinitionAdopted(digest=a.definition_digest)
    elif a.amendment is not None:
        digest = a.amendment.digest()
        if complete(a, SUBJECT, digest, adopting(a)):
            yield from reopened(a, a.amendment)
            yield DefinitionAmended(digest=digest)


def founded(a: Accord) -> Check:
    """Guard: every party has adopted the definition."""
    if a.founded:
        return met("founded")
    waiting = missing(a, SUBJECT, a.definition_digest)
    return Check(
        "founded",
        False,
        f"the definition is not yet adopted by {', '.join(waiting)}",
        "each party's contact adopts the definition's digest first",
        tuple(a.definition.parties[party].contact for party in waiting),
    )


def before_release(a: Accord) -> Check:
    """Guard: nothing is released that an amendment would touch."""
    return Check(
        "not_released",
        a.released_at is None,
        f"{named(a, 'documents')} are released already: what was released is never undone",
        "agree on a later instrument instead",
    )


def _pending_digest(a: Accord) -> str | None:
    if not a.founded:
        return a.definition_digest
    return a.amendment.digest() if a.amendment else None


def adopting(a: Accord) -> Iterable[str]:
    """The parties that have to adopt what is pending: those that an amendment adds among them."""
    return dict.fromkeys((*a.definition.parties, *(a.amendment.parties if a.amendment else ())))


subject(SUBJECT, "the definition, or its amendment", _pending_digest, parties=adopting)


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
        """Something is pending, the digest is its, the party has not adopted it yet, and whom it names is free."""
        pending = _pending_digest(a)
        yield Check(
            "definition_pending",
            pending is not None,
            "no definition is waiting for adoption",
            "propose an amendment first",
        )
        yield same_digest(SUBJECT, self.digest, pending, "the definition")
        yield not_yet_given(a, SUBJECT, self.digest, by)
        yield named_are_free(a, a.amendment if a.founded and a.amendment is not None else a.definition)
        yield before_release(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=self.digest)


def named_are_free(a: Accord, proposed: Definition) -> Check:
    """Guard: whom a definition names for a side is no delegate of another side here."""
    taken = tuple(taken_from(a, proposed.owners()))
    return Check(
        "named_are_free",
        not taken,
        f"{', '.join(taken[:12])} acts for another side here than the definition says",
        "propose a definition that names other delegates",
    )
