"""The texts of a document: proposed, commented on, agreed by every party."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, clear, complete, not_yet_given, same_digest
from workflows.model.declare import Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord, LanguageText
from workflows.model.values import Digest, Language, Note, Reference
from workflows.tracks.documents.state import (
    AboutDocument,
    open_documents,
    steps_after_agreement,
    text_subject,
    with_document,
)


@event
class TextProposed(Event):
    """A version of a document's text in one language was put forward; beside an agreed text, as an amendment."""

    says = "version {number} of {~document} {document} in {language} is proposed"
    document: Reference
    language: Language
    digest: Digest
    number: int

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It takes the place of an earlier proposal; an agreed text stands until all agree to the new one."""
        by = stamp.actor.party or ""
        texts = a.documents[self.document].texts
        current = texts.get(self.language)
        if current is not None and current.agreed:
            text = replace(current, amendment=self.digest, amended_by=by)
        else:
            text = LanguageText(self.digest, self.number, False, by)
        a = clear(a, text_subject(self.document, self.language))
        return with_document(a, self.document, texts={**texts, self.language: text})


@event
class TextAgreed(Event):
    """Every party agreed to the text."""

    says = "the text of {~document} {document} in {language} is agreed"
    document: Reference
    language: Language
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Agreed text; the consents are used up. What rested on an earlier version is void, should it return too."""
        texts = a.documents[self.document].texts
        current = texts[self.language]
        text = replace(current, agreed=True)
        if current.amendment == self.digest:
            text = LanguageText(self.digest, current.number + 1, True, current.amended_by)
        a = clear(a, text_subject(self.document, self.language), *steps_after_agreement(self.document))
        return with_document(
            a,
            self.document,
            texts={**texts, self.language: text},
            certified=None,
            initialled=None,
            execution=None,
        )


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A text is agreed when every party has consented to its digest."""
    for code in open_documents(a):
        for language, text in a.documents[code].texts.items():
            pending = text.pending
            if pending is not None and complete(a, text_subject(code, language), pending):
                yield TextAgreed(document=code, language=language, digest=pending)
                return


@event
class TextCommented(Event):
    """A party commented on a version of a text; the comment is named by its digest. It changes nothing."""

    says = "the text of {~document} {document} in {language} is commented on"
    changes_state = False
    document: Reference
    language: Language
    digest: Digest
    comment: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: the record is all there is to it."""
        return a


@act
class CommentOnText(AboutDocument):
    """Comment, by digest, on a version of a document's text that stands or is proposed. It changes nothing."""

    language: Language
    digest: Digest
    comment: Digest
    note: Note = ""
    who = Who(("treaty_section", "drafter", "protocol"), "any", sees=Audience.PARTIES)
    says = "{by} comments on the text of {document} in {language}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A version that is there to be commented on."""
        yield self.known(a)
        yield self.open(a)
        text = a.documents[self.document].texts.get(self.language)
        yield Check(
            "version_there",
            text is not None and self.digest in (text.digest, text.pending),
            f"{self.document} has no such version in {self.language}",
            "name the digest of the text that stands, or of the one that is proposed",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The comment."""
        yield TextCommented(
            document=self.document, language=self.language, digest=self.digest, comment=self.comment
        )


@act
class ProposeText(AboutDocument):
    """Put forward a version of a document's text in one language, by digest. Your party consents to it by this."""

    language: Language
    digest: Digest
    note: Note = ""
    who = Who(("treaty_section", "drafter"), "any", agree="every party")
    says = "{by} proposes a text of {document} in {language}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A known, open document; one of its languages; another digest than the current one."""
        yield self.known(a)
        yield self.open(a)
        languages = a.definition.documents[self.document].languages
        yield Check(
            "language_of_document",
            self.language in languages,
            f"{self.document} has no text in {self.language}",
            f"its languages are {', '.join(languages)}",
            subject=self.document,
        )
        current = a.documents[self.document].texts.get(self.language)
        yield Check(
            "text_differs",
            current is None or self.digest not in (current.digest, current.amendment),
            "this is the current version, or proposed, already",
            "agree to it, or propose another",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The version, and the proposer's own consent."""
        current = a.documents[self.document].texts.get(self.language)
        number = current.number + 1 if current else 1
        yield TextProposed(document=self.document, language=self.language, digest=self.digest, number=number)
        yield ConsentGiven(
            subject=text_subject(self.document, self.language), party=party_of(by), digest=self.digest
        )


@act
class AgreeText(AboutDocument):
    """Agree, for your party, to the current text of a document in one language, by its digest."""

    language: Language
    digest: Digest
    note: Note = ""
    who = Who(("treaty_section",), "any", agree="every party")
    says = "{by} agrees to the text of {document} in {language}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is a text, of this digest, to which the party has not agreed."""
        yield self.known(a)
        yield self.open(a)
        text = a.documents[self.document].texts.get(self.language)
        subject = text_subject(self.document, self.language)
        settled = text is not None and text.pending is None
        pending = (text.digest if settled else text.pending) if text else None
        yield same_digest(
            f"{self.document} in {self.language}",
            self.digest,
            pending,
            f"the text of {self.document} in {self.language}",
        )
        yield not_yet_given(a, subject, self.digest, by, in_effect=settled)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(
            subject=text_subject(self.document, self.language), party=party_of(by), digest=self.digest
        )
