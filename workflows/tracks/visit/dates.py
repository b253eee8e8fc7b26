"""The dates: proposed by one party, agreed by every party. A visit that was confirmed is postponed by new ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    clear,
    not_yet_given,
)
from workflows.model.declare import Act, Check, Event, Stamp, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Note, Window, show_date
from workflows.model.wording import named
from workflows.tracks.visit.state import (
    PROTOCOL,
    before_arrival,
    dates_digest,
    with_visit,
)


@event
class DatesProposed(Event):
    """New dates for the visit were proposed."""

    says = "new dates are proposed for {the visit}"
    window: Window
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """They stand beside the current dates until all agree."""
        return clear(with_visit(a, proposed=self.window), "dates")


@event
class DatesAgreed(Event):
    """Every party agreed to the new dates. A visit that was confirmed is postponed by it, and confirmed anew."""

    says = "the new dates of {the visit} are agreed"
    window: Window
    postponed: bool

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Tentative at the new dates. All agreed to them, so the understanding is not stale by them."""
        a = with_visit(
            a,
            status="tentative",
            window=self.window,
            proposed=None,
            round=a.visit.round + 1,
            dates_agreed=stamp.position,
        )
        return clear(a, "dates", "confirmation", "arrival")


def dates_can_be(a: Accord, window: Window, at: datetime) -> Iterator[Check]:
    """Guards: dates that can be those of the visit, when they are proposed and when they are agreed to."""
    yield before_arrival(a)
    yield Check(
        "dates_ahead",
        window.begins > at,
        f"the window begins on {show_date(window.begins)}, which is past",
        "propose later dates",
    )
    yield Check(
        "before_long_stop",
        a.definition.long_stop is None or window.begins <= a.definition.long_stop.at,
        "the window begins after the long-stop date",
        "propose earlier dates, or amend the definition's long stop first, with every party",
    )


@act
class ProposeDates(Act):
    """Propose dates for the visit, or new ones; they stand when every party has agreed to them."""

    window: Window
    note: Note = ""
    who = PROTOCOL
    says = "{by} proposes dates for {the visit}"

    def target(self) -> str:
        """The proposed window."""
        return digest_of(self.window.model_dump(mode="json"))

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Before arrival, ahead, before the long stop, and different."""
        yield from dates_can_be(a, self.window, at)
        yield Check(
            "dates_differ",
            self.window != a.visit.window,
            "these are the current dates",
            f"confirm {named(a, 'visit')}, or propose other dates",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own consent."""
        digest = digest_of(self.window.model_dump(mode="json"))
        yield DatesProposed(window=self.window, digest=digest)
        yield ConsentGiven(subject="dates", party=party_of(by), digest=digest)


@act
class AgreeDates(Act):
    """Agree, for your party, to the dates that were proposed, by their digest."""

    digest: Digest
    note: Note = ""
    who = PROTOCOL
    says = "{by} agrees to the proposed dates of {the visit}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Dates are proposed, of this digest, which can still be, and the party has not agreed."""
        proposed = a.visit.proposed
        current = dates_digest(a)
        yield Check("dates_proposed", proposed is not None, "no dates are proposed", "propose some")
        if proposed is not None:
            yield from dates_can_be(a, proposed, at)
        yield Check(
            "digest_is_current",
            current == self.digest,
            f"the dates proposed have digest {current}",
            "agree to that",
        )
        yield not_yet_given(a, "dates", self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="dates", party=party_of(by), digest=self.digest)
