"""Schedules: many texts as one proposal with one digest, so that one consent of each party adopts them all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, field_validator

from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven
from workflows.model.declare import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, ScheduledText
from workflows.model.values import Digest, Note, some
from workflows.tracks.documents.state import text_subject
from workflows.tracks.documents.texts import ProposeText

MOST_SCHEDULES = 50
"""Schedules that may wait for consent at the same time."""


Texts = Annotated[tuple[ScheduledText, ...], Field(min_length=1, max_length=500)]


def schedule_digest(texts: tuple[ScheduledText, ...]) -> str:
    """The digest of a schedule; the order in which its texts are listed makes no difference."""
    return digest_of(sorted([one.document, one.language, one.digest] for one in texts))


def waiting(a: Accord, digest: str, party: str) -> tuple[ScheduledText, ...]:
    """The texts of a schedule that are still as proposed and wait for the party's consent."""
    found = []
    for one in a.schedules.get(digest, ()):
        document = a.documents.get(one.document)
        text = document.texts.get(one.language) if document is not None else None
        given = a.consents.get(text_subject(one.document, one.language), {})
        if text is not None and text.pending == one.digest and given.get(party) != one.digest:
            found.append(one)
    return tuple(found)


@event
class ScheduleProposed(Event):
    """Texts were put forward together, under one digest."""

    says = "texts are proposed together"
    digest: Digest
    texts: tuple[ScheduledText, ...]

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Kept until it is adopted, or crowded out by later ones."""
        others = {key: value for key, value in a.schedules.items() if key != self.digest}
        kept = dict(list(others.items())[-(MOST_SCHEDULES - 1) :])
        return a.changed(schedules={**kept, self.digest: self.texts})


@act
class ProposeTexts(Act):
    """Put forward many texts at once, as a schedule with one digest. Your party consents to each by this."""

    texts: Texts
    note: Note = ""
    who = Who(("treaty_section", "drafter"), "any", agree="every party")
    says = "{by} proposes a schedule of texts"

    @field_validator("texts")
    @classmethod
    def _each_once(cls, texts: tuple[ScheduledText, ...]) -> tuple[ScheduledText, ...]:
        places = [(one.document, one.language) for one in texts]
        twice = sorted({" in ".join(place) for place in places if places.count(place) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return texts

    def target(self) -> str:
        """The schedule's digest."""
        return schedule_digest(self.texts)

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Each text could be proposed by itself."""
        for one in self.texts:
            for check in self._single(one).guards(a, by, at):
                yield check
                if not check.met and check.guard.endswith("_known"):
                    return

    def _single(self, one: ScheduledText) -> ProposeText:
        return ProposeText(document=one.document, language=one.language, digest=one.digest)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The schedule, each version, and the proposer's own consents."""
        yield ScheduleProposed(digest=schedule_digest(self.texts), texts=self.texts)
        for one in self.texts:
            yield from self._single(one).events(a, by, at)


@act
class AgreeTexts(Act):
    """Agree, for your party, to all texts of a schedule, by its digest."""

    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any", agree="every party")
    says = "{by} agrees to the schedule of texts"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is such a schedule, its texts are as proposed, and the party has not consented to all of them."""
        texts = a.schedules.get(self.digest, ())
        yield Check(
            "schedule_known",
            bool(texts),
            "no schedule of this digest is waiting",
            f"the schedules that wait have the digests {some(a.schedules)}"
            if a.schedules
            else "propose one (propose-texts)",
        )
        changed = [f"{one.document} in {one.language}" for one in texts if not _as_proposed(a, one)]
        yield Check(
            "schedule_is_current",
            not changed,
            f"other texts were proposed or agreed since: {', '.join(changed)}",
            "agree to the texts one by one, or propose a new schedule",
        )
        yield Check(
            "not_yet_given",
            bool(waiting(a, self.digest, by.party or "")),
            f"{by.party} has consented to all of it already",
            "nothing is left for your side to do here",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent to each text."""
        party = party_of(by)
        for one in waiting(a, self.digest, party):
            yield ConsentGiven(
                subject=text_subject(one.document, one.language), party=party, digest=one.digest
            )


def _as_proposed(a: Accord, one: ScheduledText) -> bool:
    document = a.documents.get(one.document)
    if document is None or document.severed or document.removed or document.released_at is not None:
        return False
    text: Any = document.texts.get(one.language)
    return text is not None and one.digest in (text.digest, text.pending)
