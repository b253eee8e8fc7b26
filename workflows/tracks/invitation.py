"""The invitation: drafted → issued → accepted | accepted_in_principle | declined | expired | withdrawn.

Only the host issues, extends and withdraws; only a guest acknowledges and answers. With several guests, accepted
means accepted by each whose acceptance is required.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Literal

from workflows.model.authority import NOBODY, able
from workflows.model.commands import Actor
from workflows.model.deadlines import Deadline
from workflows.model.declare import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Instant, Note, PartyId, show_date
from workflows.model.wording import called, named

Answer = Literal["accepted", "accepted_in_principle", "declined"]


def _status(a: Accord) -> str:
    return "not issued yet" if a.invitation.status == "drafted" else a.invitation.status.replace("_", " ")


def required(a: Accord) -> tuple[str, ...]:
    """The guests whose acceptance is required."""
    return tuple(code for code in a.definition.guests if a.definition.parties[code].required)


def _unanswered(a: Accord) -> tuple[str, ...]:
    """The guests whose acceptance is required, and who have not accepted without reserve."""
    return tuple(code for code in required(a) if a.invitation.answers.get(code) != "accepted")


def is_accepted(a: Accord) -> bool:
    """Whether every required guest has accepted, without reserve."""
    return a.invitation.status == "accepted" and not _unanswered(a)


def accepted(a: Accord) -> Check:
    """Guard: every required guest has accepted, without reserve."""
    waiting = _unanswered(a)
    if a.invitation.status == "drafted":
        reason = f"{named(a, 'invitation')} has not been issued"
        who, nobody = able(a, ("protocol",), (a.definition.host,))
    elif waiting:
        said = ", ".join(
            f"{code} {a.invitation.answers.get(code, 'has not answered').replace('_', ' ')}"
            for code in waiting
        )
        reason = f"{named(a, 'invitation')} is not accepted by all: {said}"
        who, nobody = able(a, ("protocol",), waiting)
    else:
        reason, (who, nobody) = f"{named(a, 'invitation')} is {_status(a)}", NOBODY
    return Check(
        "invitation_accepted",
        is_accepted(a),
        reason + nobody,
        f"{named(a, 'host')}'s protocol issues it (issue-invitation)"
        if a.invitation.status == "drafted"
        else "whoever has to accept it does (accept-invitation)",
        who,
        a.invitation.valid_until,
    )


def _pending(a: Accord, verb: str, guest: str | None = None) -> Check:
    """Guard: it waits for answers; for a guest that may come later than the others, also once these have accepted."""
    who, nobody = able(a, ("protocol",), (a.definition.host,)) if a.invitation.status == "drafted" else NOBODY
    late = a.invitation.status == "accepted" and guest is not None
    return Check(
        "invitation_pending",
        late or a.invitation.status in ("issued", "accepted_in_principle"),
        f"{named(a, 'invitation')} is {_status(a)}, so it cannot be {verb}{nobody}",
        f"{named(a, 'host')}'s protocol issues it first (issue-invitation)"
        if a.invitation.status == "drafted"
        else "it can only be done between issue and acceptance",
        who,
    )


def deadlines(a: Accord) -> Iterator[Deadline]:
    """A dated invitation expires unless it was accepted by then."""
    if a.invitation.status in ("issued", "accepted_in_principle") and a.invitation.valid_until is not None:
        yield Deadline(a.invitation.valid_until, "response", called(a, "invitation"), InvitationExpired())


@event
class InvitationIssued(Event):
    """The host issued the invitation."""

    says = "{the invitation} is issued"
    valid_until: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It is open for answers."""
        return a.changed(
            invitation=replace(
                a.invitation, status="issued", issued_at=stamp.at, valid_until=self.valid_until
            ),
        )


@event
class InvitationReceived(Event):
    """A guest acknowledged receipt; its answer is pending."""

    says = "{party} has received {the invitation}"
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Keep when."""
        received = {**a.invitation.received, self.party: stamp.at}
        return a.changed(invitation=replace(a.invitation, received=received))


@event
class InvitationAnswered(Event):
    """A guest answered."""

    says = "{party} answers {the invitation}: {answer}"
    party: PartyId
    answer: Answer

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Keep the answer; the invitation is accepted when each required guest has accepted."""
        answers = {**a.invitation.answers, self.party: self.answer}
        wanted = [answers.get(code) for code in required(a)]
        status = a.invitation.status
        if all(answer == "accepted" for answer in wanted):
            status = "accepted"
        elif any(answer == "declined" for answer in wanted):
            status = "declined"
        elif status != "accepted" and all(
            answer in ("accepted", "accepted_in_principle") for answer in wanted
        ):
            status = "accepted_in_principle"
        return a.changed(invitation=replace(a.invitation, answers=answers, status=status))


@event
class InvitationAccepted(Event):
    """The invitation is accepted by all whom an amendment still asks, which had accepted it before."""

    says = "{the invitation} is accepted by each whose acceptance is required"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Accepted, as by the last answer."""
        return a.changed(invitation=replace(a.invitation, status="accepted"))


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """Whoever need not accept any more keeps nobody waiting who has."""
    open_ = a.invitation.status in ("issued", "accepted_in_principle")
    if open_ and all(a.invitation.answers.get(code) == "accepted" for code in required(a)):
        yield InvitationAccepted()


@event
class InvitationExtended(Event):
    """The host extended its own invitation."""

    says = "{the invitation} is extended"
    valid_until: Instant | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """A later end, or none."""
        return a.changed(invitation=replace(a.invitation, valid_until=self.valid_until))


@event
class InvitationWithdrawn(Event):
    """The host withdrew the invitation. The accord terminates with it; what was verified stays readable."""

    says = "{the invitation} is withdrawn"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """No longer open."""
        return a.changed(invitation=replace(a.invitation, status="withdrawn"))


@event
class InvitationExpired(Event):
    """The invitation's validity ended before it was accepted."""

    says = "{the invitation} expires"

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """No longer open."""
        return a.changed(invitation=replace(a.invitation, status="expired"))


@act
class IssueInvitation(Act):
    """Issue the invitation, in the terms of the definition, to every guest."""

    note: Note = ""
    who = Who(("protocol",), "host")
    says = "{by} issues {the invitation}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Only a drafted one; not one that would be expired at once."""
        yield Check(
            "invitation_drafted",
            a.invitation.status == "drafted",
            f"{named(a, 'invitation')} is {_status(a)} already",
            "extend or withdraw it instead",
        )
        until = a.definition.invitation.valid_until
        yield Check(
            "validity_ahead",
            until is None or until > at,
            f"it would be valid until {show_date(until)}, which is past",
            "amend the definition's invitation.valid_until",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The issue."""
        yield InvitationIssued(valid_until=a.definition.invitation.valid_until)


@act
class AcknowledgeInvitation(Act):
    """Acknowledge receipt of the invitation; the answer stays open."""

    note: Note = ""
    who = Who(("protocol",), "guest")
    says = "{by} acknowledges receipt of {the invitation}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is one to acknowledge, and it was not acknowledged before."""
        yield _pending(a, "acknowledged", by.party)
        yield Check(
            "not_acknowledged",
            by.party not in a.invitation.received,
            "receipt is acknowledged already",
            "answer it",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The receipt."""
        yield InvitationReceived(party=party_of(by))


class _Answering(Act):
    answer: ClassVar[Answer]
    note: Note = ""

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """It is open, and the guest has not given this answer yet."""
        yield _pending(a, "answered", by.party)
        earlier = a.invitation.answers.get(by.party or "")
        yield Check(
            "answer_open",
            earlier in (None, "accepted_in_principle") and earlier != self.answer,
            f"{by.party} has answered already: {(earlier or '').replace('_', ' ')}",
            "a final answer stands; terminate where a right to it exists",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The answer."""
        yield InvitationAnswered(party=party_of(by), answer=self.answer)


@act
class AcceptInvitation(_Answering):
    """Accept the invitation for your party."""

    who = Who(("protocol",), "guest")
    says = "{by} accepts {the invitation}"

    answer = "accepted"


@act
class AcceptInvitationInPrinciple(_Answering):
    """Accept the invitation in principle; full acceptance is to follow."""

    who = Who(("protocol",), "guest")
    says = "{by} accepts {the invitation} in principle"

    answer = "accepted_in_principle"


@act
class DeclineInvitation(_Answering):
    """Decline the invitation for your party. If its acceptance is required, the accord terminates."""

    who = Who(("protocol",), "guest")
    says = "{by} declines {the invitation}"

    answer = "declined"


@act
class ExtendInvitation(Act):
    """Extend the validity of the invitation, to a later date or without an end."""

    valid_until: Instant | None
    note: Note = ""
    who = Who(("protocol",), "host")
    says = "{by} extends {the invitation} until {valid_until}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """It is open, and the new end is later."""
        yield _pending(a, "extended")
        now = a.invitation.valid_until
        later = self.valid_until is None or (now is not None and self.valid_until > now)
        yield Check(
            "later_end",
            later and not (now is None and self.valid_until is None),
            "it is open-ended already"
            if now is None
            else f"it is valid until {show_date(now)}; {show_date(self.valid_until)} is no extension",
            "give a later date",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The extension."""
        yield InvitationExtended(valid_until=self.valid_until)


@act
class WithdrawInvitation(Act):
    """Withdraw the invitation, as long as the definition lets you; the accord terminates."""

    note: Note = ""
    who = Who(("protocol",), "host")
    says = "{by} withdraws {the invitation}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Issued, and not beyond the point up to which the definition allows withdrawal."""
        until = a.definition.invitation.withdrawable_until
        yield Check(
            "invitation_issued",
            a.invitation.status in ("issued", "accepted", "accepted_in_principle"),
            f"{named(a, 'invitation')} is {_status(a)}",
            "nothing is issued that could be withdrawn; "
            f"to end {named(a, 'accord')}, agree on termination (agree-termination)",
        )
        over = a.released_at is not None or (
            a.invitation.status == "accepted" if until == "acceptance" else a.visit.arrived_at is not None
        )
        yield Check(
            "still_withdrawable",
            not over,
            f"the definition lets it be withdrawn until {until}, which has passed",
            f"terminate where a right to it exists, or agree on curtailing {named(a, 'visit')}",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The withdrawal."""
        yield InvitationWithdrawn()
