"""How an accord ends: by a right to terminate it, by agreement, at its long-stop date, and by closing it.

It is closed when nothing subsequent is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.authority import able
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, complete, not_yet_given, subject
from workflows.model.deadlines import Deadline
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Note, PartyId, Text, show_date
from workflows.model.wording import called, named
from workflows.tracks.conditions.state import check_satisfied, on_gates
from workflows.tracks.documents.state import live
from workflows.tracks.founding.reopening import LONG_STOP
from workflows.tracks.subsequent import signing_parties


def ended_before(a: Accord) -> Check:
    """That the accord has ended before an act that only an open one takes."""
    return Check(
        "accord_open",
        False,
        f"{named(a, 'accord')} is {'closed' if a.closed else f'terminated: {a.terminated}'}",
        f"its texts and verdicts stay readable; start another {called(a, 'accord')} that names this one as predecessor",
    )


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


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """Termination that follows by itself."""
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
