"""What makes agreed texts one authentic document: concordance, initials, and the copy that is signed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, clear, complete, not_yet_given, same_digest
from workflows.model.declare import Check, Event, Stamp, act, event, party_of
from workflows.model.state import Accord
from workflows.model.terms import DocumentTerms
from workflows.model.values import Digest, Note, Reference
from workflows.tracks.documents.state import (
    TREATY,
    AboutDocument,
    authenticated,
    check_ready,
    concordant,
    document_digest,
    open_documents,
    texts_agreed,
    with_document,
)


class _StepTaken(Event):
    """Every party has done a step on a document. It holds for this digest only."""

    document: Reference
    digest: Digest

    step: ClassVar[str]
    """The subject under which consents to the step are kept."""
    mark: ClassVar[str]
    """Where the document keeps the digest for which every party has done it."""

    @classmethod
    @abstractmethod
    def asked(cls, terms: DocumentTerms) -> bool:
        """Whether a document of these terms asks for the step; where it does not, the step is passed by itself."""

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The step is done, and the consents to it are used up."""
        a = clear(a, f"{self.step}/{self.document}")
        return with_document(a, self.document, **{self.mark: self.digest})


@event
class ConcordanceCertified(_StepTaken):
    """Every party's treaty section certified that the language texts say the same."""

    says = "the texts of {~document} {document} are certified to say the same"
    step = "concordance"
    mark = "certified"

    @classmethod
    def asked(cls, terms: DocumentTerms) -> bool:
        """For more than one language."""
        return len(terms.languages) > 1


@event
class DocumentInitialled(_StepTaken):
    """Every party's treaty section initialled the document: it is authentic and definitive."""

    says = "{~document} {document} is initialled"
    step = "initials"
    mark = "initialled"

    @classmethod
    def asked(cls, terms: DocumentTerms) -> bool:
        """Where the terms say so."""
        return terms.initialled


@event
class ExecutionVersionApproved(_StepTaken):
    """Every party approved the copy that is to be signed."""

    says = "the copy of {~document} {document} that is to be signed is approved"
    step = "execution"
    mark = "execution"

    @classmethod
    def asked(cls, terms: DocumentTerms) -> bool:
        """Where the terms say so."""
        return terms.execution_version


STEPS: tuple[type[_StepTaken], ...] = (ConcordanceCertified, DocumentInitialled, ExecutionVersionApproved)
"""The steps after agreement, in their order."""


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A step is done when every party has consented to it for the document's digest."""
    for code in open_documents(a):
        terms, document, digest = a.definition.documents[code], a.documents[code], document_digest(a, code)
        if digest is None or not texts_agreed(a, code):
            continue
        for taken in STEPS:
            done = getattr(document, taken.mark) == digest
            if taken.asked(terms) and not done and complete(a, f"{taken.step}/{code}", digest):
                yield taken(document=code, digest=digest)
                return


class _TakeStep(AboutDocument):
    digest: Digest
    note: Note = ""
    who = TREATY

    step: ClassVar[type[_StepTaken]]
    """What follows when every party has done it."""
    after: ClassVar[str]
    """The guard: what comes before the step."""
    first: ClassVar[str]
    """What to do before the step."""
    needless: ClassVar[str]
    """What is said of a document that does not ask for the step."""

    @abstractmethod
    def waits_for(self, a: Accord) -> str:
        """What the document has yet to reach before the step, in words; empty, where it has."""

    def asked_for(self, a: Accord) -> Check:
        """Guard: the document asks for this step, and what comes before is done."""
        asked = self.step.asked(a.definition.documents[self.document])
        waits = self.waits_for(a)
        return Check(
            self.after,
            asked and not waits,
            f"{self.document} {waits if asked else self.needless}",
            self.first if asked else "leave this step out, and take the next one",
            check_ready(a, self.document).who,
            subject=self.document,
        )

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Known, open, asked for, ready, of the document's digest, not done by this party."""
        yield self.known(a)
        yield self.open(a)
        yield self.asked_for(a)
        yield same_digest(self.document, self.digest, document_digest(a, self.document))
        done = getattr(a.documents[self.document], self.step.mark) == self.digest
        yield not_yet_given(a, f"{self.step.step}/{self.document}", self.digest, by, in_effect=done)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's part of the step."""
        subject = f"{self.step.step}/{self.document}"
        yield ConsentGiven(subject=subject, party=party_of(by), digest=self.digest)


@act
class CertifyConcordance(_TakeStep):
    """Certify, for your party, that all language texts of a document say the same; names the document's digest."""

    says = "{by} certifies the concordance of {document}"
    step = ConcordanceCertified
    after = "texts_agreed"
    first = "agree on every text first"
    needless = "has one language and needs no concordance"

    def waits_for(self, a: Accord) -> str:
        """All texts agreed."""
        texts = a.documents[self.document].texts
        languages = a.definition.documents[self.document].languages
        waiting = [one for one in languages if one not in texts or not texts[one].agreed]
        return f"is not agreed in {', '.join(waiting)}" if waiting else ""


@act
class InitialDocument(_TakeStep):
    """Initial a document for your party: its text is authentic and definitive (Vienna Convention, article 10)."""

    says = "{by} initials {document}"
    step = DocumentInitialled
    after = "concordance_certified"
    first = "certify the concordance first"
    needless = "does not ask for initials"

    def waits_for(self, a: Accord) -> str:
        """Texts that are concordant."""
        return "" if concordant(a, self.document) else "has no certified concordance yet"


@act
class ApproveExecutionVersion(_TakeStep):
    """Approve, for your party, the copy of a document that is to be signed; names the document's digest."""

    says = "{by} approves the execution version of {document}"
    step = ExecutionVersionApproved
    after = "authenticated"
    first = "authenticate it first"
    needless = "asks for no execution version"

    def waits_for(self, a: Accord) -> str:
        """A document that is authenticated."""
        return "" if authenticated(a, self.document) else "is not authenticated yet"
