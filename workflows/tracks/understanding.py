"""The formal understanding: proposed → concurred by each → effective → stale.

It pins, by digest, the conditions' terms (not their verdicts), the agreed texts, the visit window and the
signatories, and says which documents are severable. *Suspended* is derived, while a condition has fallen, and lifts
by itself; *stale* needs new concurrence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflows.model.authority import able
from workflows.model.canonical import digest_of
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
from workflows.model.declare import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, Offer, Understanding
from workflows.model.values import Digest, Note, Reference, Text
from workflows.model.wording import called, do, named
from workflows.tracks.conditions.state import on_gates, owed_by, own_state_holds
from workflows.tracks.documents.state import concordant, document_digest, live

SUBJECT = "understanding"
CONCURRING = ("protocol", "competent_authority")


def content(a: Accord, severable: tuple[str, ...]) -> dict[str, Any]:
    """What an understanding made now would pin."""
    window = a.visit.window
    return {
        "conditions": {
            code: condition.terms for code, condition in a.conditions.items() if condition.status != "removed"
        },
        "parties": sorted(a.definition.parties),
        "severable": sorted(severable),
        "signatories": {
            code: {seat: state.holder for seat, state in a.documents[code].seats.items()} for code in live(a)
        },
        "texts": {code: document_digest(a, code) or "" for code in live(a)},
        "window": window.model_dump(mode="json") if window else None,
    }


def drift(a: Accord) -> str | None:
    """What no longer is as the understanding pinned it, or none. New dates that all agreed on are no drift."""
    pins = a.understanding.pins
    now = content(a, a.understanding.severable)
    for code in now["texts"]:
        if code not in pins["texts"]:
            return f"{code} is one of {named(a, 'documents')} and is not named in it"
        if not now["texts"][code]:
            return f"{code} asks for a text that is not there yet"
        if now["texts"][code] != pins["texts"].get(code):
            return f"the text of {code} changed"
        if now["signatories"][code] != pins["signatories"].get(code):
            return f"the signatories of {code} changed"
    for code in sorted(pins["texts"]):
        if code not in a.definition.documents:
            return f"{code} is no longer one of {named(a, 'documents')}"
    if now["parties"] != pins["parties"]:
        return "the parties changed"
    return (
        f"the terms of {named(a, 'conditions')} changed" if now["conditions"] != pins["conditions"] else None
    )


def suspended_by(a: Accord) -> tuple[str, ...]:
    """The conditions that suspend the understanding: fallen and not restored, or closed by a question."""
    return tuple(
        code
        for code in on_gates(a, "visit", "signing", "ceremony")
        if not own_state_holds(a, code)
        and (
            a.conditions[code].fallen
            or (a.conditions[code].questioned and a.conditions[code].question_closes)
        )
    )


subject(SUBJECT, "{the understanding}", lambda a: a.understanding.pending)


def is_effective(a: Accord) -> bool:
    """Whether the understanding is effective, and not suspended."""
    return a.understanding.status == "effective" and not suspended_by(a)


def effective(a: Accord) -> Check:
    """Guard: the understanding is effective, and not suspended."""
    now = a.understanding
    fallen = suspended_by(a)
    remedy = "one party proposes it as things stand now, and every other concurs in it"
    if now.status == "none":
        reason = f"no {called(a, SUBJECT)} has been proposed"
        who, nobody = able(a, CONCURRING)
    elif now.status == "proposed":
        waiting = missing(a, SUBJECT, now.digest or "")
        reason = f"{named(a, SUBJECT)} is not yet concurred in by {', '.join(waiting)}"
        who, nobody = able(a, CONCURRING, waiting)
        remedy = f"{do(waiting, 'concurs', 'concur')} in it"
    elif now.status == "stale":
        reason = f"{named(a, SUBJECT)} is stale: {now.cause}; it needs new concurrence"
        who, nobody = able(a, CONCURRING)
    else:
        reason = f"{named(a, SUBJECT)} is suspended by {', '.join(fallen)}"
        nobody = ""
        who = tuple(dict.fromkeys(one for code in fallen for one in owed_by(a, code)))
        remedy = f"the fallen {called(a, 'conditions')} are brought to a verdict, and what is questioned is confirmed"
    return Check(
        "understanding_effective",
        is_effective(a),
        reason + nobody,
        remedy,
        who,
    )


@event
class UnderstandingProposed(Event):
    """An understanding was put forward, with what it pins."""

    says = "{a understanding} is proposed"
    digest: Digest
    pins: dict[str, Any]
    severable: tuple[Reference, ...] = ()

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It waits for concurrence; beside an effective one, which stays so until then."""
        now = a.understanding
        if now.status == "effective":
            proposed = replace(now, offer=Offer(self.digest, self.pins, self.severable))
        else:
            proposed = Understanding("proposed", self.digest, self.pins, self.severable)
        return clear(a.changed(understanding=proposed), SUBJECT)


@event
class UnderstandingEffective(Event):
    """Every party concurred: the understanding is effective."""

    says = "{the understanding} is effective"
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Effective, in place of an earlier one."""
        now = a.understanding
        if now.offer is not None:
            offer = now.offer
            now = Understanding("effective", offer.digest, offer.pins, offer.severable)
        return clear(
            a.changed(understanding=replace(now, status="effective", effective_at=stamp.at, cause=None)),
            SUBJECT,
        )


@event
class UnderstandingStale(Event):
    """What the understanding pinned has changed; it needs new concurrence."""

    says = "{the understanding} needs new concurrence: {cause}"
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Stale."""
        return clear(
            a.changed(understanding=replace(a.understanding, status="stale", cause=self.cause, offer=None)),
            SUBJECT,
        )


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """It takes effect when all concurred; it goes stale when what it pins changes."""
    now = a.understanding
    if now.status in ("proposed", "effective") and a.released_at is None:
        cause = drift(a)
        if cause is not None:
            yield UnderstandingStale(cause=cause)
            return
    if now.pending is not None and complete(a, SUBJECT, now.pending):
        yield UnderstandingEffective(digest=now.pending)


@act
class ProposeUnderstanding(Act):
    """Propose the formal understanding: it pins terms, texts, window and signatories as they stand now.

    Name the documents that may be severed if a seat stays empty. Your party concurs by proposing.
    """

    severable: tuple[Reference, ...] = ()
    note: Note = ""
    who = Who(CONCURRING, "any", agree="every party")
    says = "{by} proposes {the understanding}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Texts agreed and concordant, a window, known documents, and another content than what is in effect."""
        waiting = [code for code in live(a) if not concordant(a, code)]
        yield Check(
            "texts_concordant",
            not waiting,
            f"{do(waiting, 'is', 'are')} not agreed and concordant in all languages",
            "agree on the texts and certify their concordance first",
            able(a, ("treaty_section",)).who,
        )
        unknown = [code for code in self.severable if code not in live(a)]
        yield Check(
            "documents_known",
            not unknown,
            f"there is no such {called(a, 'document')}: {', '.join(unknown)}",
            f"name some of {', '.join(live(a))}",
        )
        yield Check("window_set", a.visit.window is not None, "no dates are agreed", "propose dates first")
        now, digest = a.understanding, digest_of(content(a, self.severable))
        standing = (now.pending, now.digest if now.status == "effective" else None)
        yield Check(
            "understanding_differs",
            digest not in standing,
            f"this {called(a, SUBJECT)} is {'proposed' if digest == now.pending else now.status} already",
            "let the other parties concur in it" if digest == now.pending else "nothing is left to propose",
        )
        yield _before_release(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own concurrence."""
        pins = content(a, self.severable)
        digest = digest_of(pins)
        yield UnderstandingProposed(digest=digest, pins=pins, severable=self.severable)
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=digest)


@act
class ConcurInUnderstanding(Act):
    """Concur, for your party, in the understanding that was proposed, by its digest."""

    digest: Digest
    note: Note = ""
    who = Who(CONCURRING, "any", agree="every party")
    says = "{by} concurs in {the understanding}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """One is proposed, of this digest, before release, and the party has not concurred."""
        yield _before_release(a)
        now = a.understanding
        yield Check(
            "understanding_proposed",
            now.pending is not None,
            f"no {called(a, SUBJECT)} is waiting for concurrence"
            if now.status != "stale"
            else f"{named(a, SUBJECT)} is stale: {now.cause}",
            "propose one as things stand now",
            able(a, CONCURRING).who,
        )
        yield same_digest(SUBJECT, self.digest, now.pending, named(a, "understanding"))
        yield not_yet_given(a, SUBJECT, self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's concurrence."""
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=self.digest)


def _before_release(a: Accord) -> Check:
    return Check(
        "not_released",
        a.released_at is None,
        f"{named(a, 'documents')} are released already",
        "agree on a later instrument",
    )
