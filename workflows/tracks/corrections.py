"""Corrections of a signed document: a corrigendum, agreed by every party that signed it.

A released signature is never undone; what is found wrong in a text is corrected by a later act of the same parties
(Vienna Convention on the Law of Treaties, article 79). The corrected text is named by its digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workflows.model.authority import able
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, clear, complete, not_yet_given, same_digest, subject
from workflows.model.declare import Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, Corrections
from workflows.model.values import Digest, Language, Note, Reference
from workflows.model.wording import do
from workflows.tracks.documents.state import AboutDocument
from workflows.tracks.subsequent import signing_parties


def pending(a: Accord, document: str) -> str | None:
    """The digest that consents to the waiting corrigendum name, or none."""
    now = a.corrections.get(document, Corrections())
    if now.digest is None:
        return None
    return digest_of({"digest": now.digest, "document": document, "language": now.language})


CORRIGENDUM = subject(
    "corrigendum", "the corrigendum of {document}", pending, "document", parties=signing_parties
)
"""The subject under which consents to a corrigendum are kept."""


def _set(a: Accord, document: str, now: Corrections) -> Accord:
    return a.changed(corrections={**a.corrections, document: now})


@event
class CorrigendumProposed(Event):
    """A corrected text of a signed document was put forward."""

    says = "a corrigendum of {~document} {document} in {language} is proposed"
    document: Reference
    language: Language
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It waits for every signing party, in place of an earlier proposal."""
        now = a.corrections.get(self.document, Corrections())
        return clear(
            _set(a, self.document, replace(now, language=self.language, digest=self.digest)),
            CORRIGENDUM.named(self.document),
        )


@event
class DocumentCorrected(Event):
    """Every party that signed the document agreed to the corrected text."""

    says = "{~document} {document} is corrected in {language}"
    document: Reference
    language: Language
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The correction stands beside what was signed."""
        now = a.corrections.get(self.document, Corrections())
        corrected = Corrections({**now.texts, self.language: self.digest})
        return clear(_set(a, self.document, corrected), CORRIGENDUM.named(self.document))


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A corrigendum takes effect when every party that signed has consented to it."""
    for document, now in a.corrections.items():
        digest = pending(a, document)
        if digest is None or now.language is None or now.digest is None:
            continue
        if complete(a, CORRIGENDUM.named(document), digest, signing_parties(a, document)):
            yield DocumentCorrected(document=document, language=now.language, digest=now.digest)
            return


class _Correcting(AboutDocument):
    def may_correct(self, a: Accord, by: Actor) -> Iterator[Check]:
        """Guards: the document is known and released, and the party has signed it."""
        yield self.known(a)
        yield Check(
            "released",
            a.documents[self.document].released_at is not None,
            f"{self.document} is not released",
            "before release, propose another text instead",
            subject=self.document,
        )
        parties = signing_parties(a, self.document)
        yield Check(
            "signing_party",
            by.party in parties,
            f"{by.party} has not signed {self.document}",
            f"{do(parties, 'agrees', 'agree')} on its correction",
            able(a, ("treaty_section",), parties).who,
            subject=self.document,
        )


@act
class ProposeCorrigendum(_Correcting):
    """Propose a corrected text of a signed document, by digest. Your party consents to it by this."""

    language: Language
    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any", agree="every party that signed it")
    says = "{by} proposes a corrigendum of {document} in {language}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A signed document, one of its languages, and another text than the one that stands."""
        yield from self.may_correct(a, by)
        texts = a.documents[self.document].texts
        yield Check(
            "language_of_document",
            self.language in texts,
            f"{self.document} has no text in {self.language}",
            f"its languages are {', '.join(texts)}",
            subject=self.document,
        )
        now = a.corrections.get(self.document, Corrections())
        text = texts.get(self.language)
        stands = now.texts.get(self.language, text.digest if text else None)
        waits = now.digest if now.language == self.language else None
        yield Check(
            "text_differs",
            self.digest not in (stands, waits),
            "this is the text that stands, or proposed, already",
            "name the digest of the corrected text",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own consent."""
        yield CorrigendumProposed(document=self.document, language=self.language, digest=self.digest)
        named = digest_of({"digest": self.digest, "document": self.document, "language": self.language})
        yield ConsentGiven(subject=CORRIGENDUM.named(self.document), party=party_of(by), digest=named)


@act
class AgreeCorrigendum(_Correcting):
    """Agree, for your party, to the proposed corrigendum of a signed document, by the corrected text's digest."""

    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any", agree="every party that signed it")
    says = "{by} agrees to the corrigendum of {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """One is proposed, of this digest, and the party has not agreed to it."""
        yield from self.may_correct(a, by)
        now = a.corrections.get(self.document, Corrections())
        yield same_digest(f"the corrigendum of {self.document}", self.digest, now.digest)
        yield not_yet_given(a, CORRIGENDUM.named(self.document), pending(a, self.document) or "", by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(
            subject=CORRIGENDUM.named(self.document),
            party=party_of(by),
            digest=pending(a, self.document) or self.digest,
        )
