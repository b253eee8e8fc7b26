"""The release of all held signatures, all or nothing, in one act; and what is severed from it before.

Consents to either name texts, seats, verdicts and understanding by digest. They fall, as an event, as soon as the gate
closes or what they name is another; they do not come back when the same is so once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflows.model.authority import able
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import (
    ConsentGiven,
    ConsentsFell,
    clear,
    complete,
    missing,
    not_yet_given,
    same_digest,
    subject,
)
from workflows.model.declare import Act, Audience, Check, Event, Gate, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Note, Reference, show_time
from workflows.model.wording import called, do, named
from workflows.tracks import understanding
from workflows.tracks.conditions.state import on_gates, resting_on
from workflows.tracks.documents.state import AboutDocument, document_digest, is_open, live, with_document
from workflows.tracks.signing.signatures import held


def _verdicts(a: Accord) -> dict[str, Any]:
    """By what each condition before the release, and each on which one depends, holds: this very verdict, waivers."""
    found: dict[str, Any] = {}
    for code in resting_on(a, *on_gates(a, "visit", "signing", "ceremony")):
        condition = a.conditions[code]
        verdict = condition.verdict
        found[code] = {
            "status": condition.status,
            "terms": condition.terms,
            "verdict": None
            if verdict is None
            else [
                verdict.position,
                verdict.policy,
                *sorted(verdict.evidence),
                "by",
                *sorted(verdict.verifiers),
            ],
            "waived_by": sorted(condition.waived_by) if condition.status == "waived" else [],
        }
    return found


def _seat(a: Accord, code: str, name: str) -> dict[str, Any]:
    seat = a.documents[code].seats[name]
    signature = seat.signature if held(a, code, name) else None
    return {
        "holder": seat.holder,
        "signature": None
        if signature is None
        else [signature.form, signature.authority, signature.conditions, signature.understanding],
    }


def release_digest(a: Accord) -> str:
    """The digest of the set that is released: texts, seats with the signatures on them, verdicts, the understanding."""
    return digest_of(
        {
            "texts": {code: document_digest(a, code) or "" for code in live(a)},
            "seats": {
                code: {name: _seat(a, code, name) for name in a.documents[code].seats} for code in live(a)
            },
            "understanding": a.understanding.digest,
            "verdicts": _verdicts(a),
        }
    )


def severance_digest(a: Accord, document: str) -> str:
    """The digest of what a severance is agreed on: the document, and texts, seats, verdicts and understanding by then.

    Without the signatures: whoever signs meanwhile changes nothing of what is severed.
    """
    return digest_of(
        {
            "severed": document,
            "texts": {code: document_digest(a, code) or "" for code in live(a)},
            "seats": {
                code: {name: seat.holder for name, seat in a.documents[code].seats.items()}
                for code in live(a)
            },
            "understanding": [a.understanding.digest, show_time(a.understanding.effective_at)]
            if a.understanding.effective_at is not None
            else None,
            "verdicts": _verdicts(a),
        }
    )


subject("release", "the release of the signatures", lambda a: release_digest(a) if a.founded else None)


def _severing(a: Accord, document: str) -> str | None:
    return severance_digest(a, document) if is_open(a, document) else None


subject("severance", "the severance of {document}", _severing, "document")


def release_agreed(a: Accord) -> Check:
    """Guard: every party has consented to release this very set."""
    digest = release_digest(a)
    waiting = missing(a, "release", digest)
    who, nobody = able(a, RELEASING, waiting)
    return Check(
        "release_agreed",
        not waiting,
        f"consent to the release is missing from {', '.join(waiting)}{nobody}",
        f"{do(waiting, 'consents', 'consent')} to the release by its digest (consent-to-release)",
        who,
    )


def to_release(a: Accord) -> Check:
    """What is left when every seat holds and every party has consented: the registrar's act."""
    who, nobody = able(a, ("registrar",))
    return Check(
        "released",
        a.released_at is not None,
        f"everything is held and agreed; the signatures are not released yet{nobody}",
        "the registrar releases the signatures (release-signatures)",
        who,
    )


@event
class SignaturesReleased(Event):
    """All held signatures of the set were released, in one act. The documents are signed."""

    says = "the signatures of {documents} are released: signed"
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
        # What was offered in place of the understanding on which they are released comes too late.
        understood = replace(a.understanding, offer=None)
        a = a.changed(documents=documents, released_at=stamp.at, understanding=understood)
        return clear(a, "release", understanding.SUBJECT)


@event
class DocumentSevered(Event):
    """Every party agreed to go on without a document that the understanding says is severable."""

    says = "{~document} {document} is severed"
    document: Reference

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Severed: it is not part of the release, and has no effect here."""
        return clear(with_document(a, self.document, severed=True), f"severance/{self.document}")


def falls(a: Accord, closed: Iterable[Check]) -> Iterator[Event]:
    """Consents to the release fall when its gate closes, those to a severance when no understanding is in effect.

    ``closed`` are the guards of the gate of consents to the release that are not met.
    """
    given = a.consents.get("release", {})
    if given and a.released_at is None:
        first = next(iter(closed), None)
        yield from _fallen("release", given, release_digest(a), first)
    for code in live(a):
        given = a.consents.get(f"severance/{code}", {})
        if given:
            check = understanding.effective(a)
            yield from _fallen(
                f"severance/{code}", given, severance_digest(a, code), None if check.met else check
            )


def _fallen(name: str, given: Mapping[str, str], current: str, closed: Check | None) -> Iterator[Event]:
    gone = tuple(party for party, digest in given.items() if closed is not None or digest != current)
    if gone:
        cause = f"the gate closed: {closed.reason}" if closed is not None else "what they named changed"
        yield ConsentsFell(subject=name, parties=gone, cause=cause[:300])


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A document is severed when every party has agreed to it under the understanding in effect."""
    for code in live(a):
        if a.consents.get(f"severance/{code}") and complete(
            a, f"severance/{code}", severance_digest(a, code)
        ):
            yield DocumentSevered(document=code)
            return


RELEASING = ("protocol", "competent_authority")


@act
class SeverDocument(AboutDocument):
    """Agree, for your party, to go on without a document that the understanding says is severable."""

    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees=Audience.ALL)
    says = "{by} agrees to sever {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Severable by an effective understanding, open, not the last one, not agreed by this party yet."""
        yield self.known(a)
        yield self.open(a)
        now = a.understanding
        yield Check(
            "severable",
            now.status == "effective" and self.document in now.severable,
            f"no {called(a, 'understanding')} in effect says that {self.document} is severable",
            f"propose another {called(a, 'understanding')} that says so, and let every party concur in it",
            subject=self.document,
        )
        yield Check(
            "not_the_last",
            len(live(a)) > 1,
            f"{self.document} is the last of {named(a, 'documents')}",
            "terminate instead",
            subject=self.document,
        )
        yield understanding.effective(a)
        yield not_yet_given(a, f"severance/{self.document}", severance_digest(a, self.document), by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(
            subject=f"severance/{self.document}",
            party=party_of(by),
            digest=severance_digest(a, self.document),
        )


@act
class ConsentToRelease(Act):
    """Consent, for your party, to the release of the set of signed documents, by the set's digest."""

    digest: Digest
    note: Note = ""
    who = Who(RELEASING, "any", agree="every party", sees=Audience.ALL)
    says = "{by} consents to the release"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Every gate open and every seat held, the set's digest, not given yet."""
        yield Gate("held")
        yield same_digest("release", self.digest, release_digest(a), "the set to be released")
        yield not_yet_given(a, "release", self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject="release", party=party_of(by), digest=self.digest)


@act
class ReleaseSignatures(Act):
    """Release all held signatures, as registrar, in one act: every gate is evaluated again, all or nothing."""

    note: Note = ""
    who = Who(("registrar",), "officer", agree="every party's consent", sees=Audience.ALL)
    says = "{by} releases the signatures"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check | Gate]:
        """Every gate, every seat, every party's consent to this set."""
        yield Gate("release")

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The release."""
        yield SignaturesReleased(documents=live(a), digest=release_digest(a))
