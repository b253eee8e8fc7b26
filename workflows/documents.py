"""Documents: their texts, and the steps from an outline to a document in force.

outline → negotiating → agreed_text → concordance_certified → authenticated → execution_version → signed → in_force.

Each language text has versions, each version a digest; the **document's digest** is that of its sorted manifest
{language: text digest}, and is the only digest that concordance, initials and signatures name. Steps that a document
does not ask for, or that a single language makes empty, are passed by themselves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from workflows.acts import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.authority import holders
from workflows.canonical import digest_of
from workflows.consent import ConsentGiven, clear, complete, missing, not_yet_given, same_digest
from workflows.definition import DocumentTerms
from workflows.messages import Actor
from workflows.values import DelegateId, Digest, Instant, Language, Note, PartyId, Reference, Text

if TYPE_CHECKING:
    from workflows.accord import Accord


@dataclass(frozen=True, slots=True)
class LanguageText:
    """One language's text: its version's number and digest, and whether all agreed to it.

    ``amendment`` is a later version that was proposed beside an agreed text; it takes the text's place when every
    party has agreed to it, and nothing falls before that.
    """

    digest: str
    number: int
    agreed: bool = False
    proposed_by: str = ""
    amendment: str | None = None
    amended_by: str = ""

    @property
    def pending(self) -> str | None:
        """The digest that waits for the parties' consent, or none."""
        return self.amendment if self.agreed else self.digest


@dataclass(frozen=True, slots=True)
class FullPowers:
    """A party's instrument that lets a person sign a document; found in due form by the other parties."""

    holder: str
    party: str
    digest: str
    position: int
    valid_from: datetime
    valid_until: datetime | None = None
    found_by: tuple[str, ...] = ()
    status: str = "issued"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature on a seat: by whom, in what form, of which digests, and whether it is held, released or void."""

    holder: str
    form: str
    digest: str
    authority: str
    conditions: str
    understanding: str
    at: datetime
    status: str = "held"


@dataclass(frozen=True, slots=True)
class SeatState:
    """Who holds a seat now, on what full powers, and the signature on it."""

    party: str
    holder: str
    powers: FullPowers | None = None
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Where a document stands. Its terms are the definition's."""

    terms: str = ""
    texts: Mapping[str, LanguageText] = field(default_factory=dict)
    certified: str | None = None
    initialled: str | None = None
    execution: str | None = None
    authorized_by: tuple[str, ...] = ()
    seats: Mapping[str, SeatState] = field(default_factory=dict)
    severed: bool = False
    released_at: datetime | None = None
    ratified_by: tuple[str, ...] = ()
    in_force_at: datetime | None = None
    registration: str | None = None
    removed: bool = False


def _terms_digest(terms: DocumentTerms) -> str:
    return digest_of(terms.model_dump(mode="json", exclude_defaults=True))


def adopt_terms(a: Accord) -> Accord:
    """The state with the definition's documents; a document whose terms changed begins anew."""
    documents: dict[str, Document] = {}
    for code, terms in a.definition.documents.items():
        digest = _terms_digest(terms)
        old = a.documents.get(code)
        if old is not None and old.terms == digest and not old.removed:
            documents[code] = old
        else:
            seats = {name: SeatState(seat.party, seat.holder) for name, seat in terms.seats.items()}
            documents[code] = Document(terms=digest, seats=seats)
            texts = [subject for subject in a.consents if subject.startswith(f"text/{code}/")]
            a = clear(a, *texts, *_steps(code), f"severance/{code}")
    for code, old in a.documents.items():
        if code not in documents:
            documents[code] = replace(old, removed=True)
    return replace(a, documents=documents)


def live(a: Accord) -> tuple[str, ...]:
    """The documents that are still part of the accord: neither removed nor severed."""
    return tuple(code for code in a.definition.documents if not a.documents[code].severed)


def manifest(a: Accord, code: str) -> dict[str, str] | None:
    """{language: text digest} of a document, or none while a text is missing."""
    document, terms = a.documents[code], a.definition.documents[code]
    if any(language not in document.texts for language in terms.languages):
        return None
    return {language: document.texts[language].digest for language in sorted(terms.languages)}


def document_digest(a: Accord, code: str) -> str | None:
    """The document's digest: that of its sorted manifest."""
    content = manifest(a, code)
    return None if content is None else _manifest_digest(tuple(content.items()))


@lru_cache(maxsize=16384)
def _manifest_digest(content: tuple[tuple[str, str], ...]) -> str:
    """Kept, since every rule asks for it after every event, and texts change seldom."""
    return digest_of(dict(content))


def text_subject(document: str, language: str) -> str:
    """The subject under which consents to a text are kept."""
    return f"text/{document}/{language}"


def _steps(document: str) -> tuple[str, ...]:
    """The subjects under which consents to the steps after agreement are kept."""
    return (f"concordance/{document}", f"initials/{document}", f"execution/{document}")


def texts_agreed(a: Accord, code: str) -> bool:
    """Whether every language text of a document is agreed by every party."""
    document, terms = a.documents[code], a.definition.documents[code]
    return all(language in document.texts and document.texts[language].agreed for language in terms.languages)


def concordant(a: Accord, code: str) -> bool:
    """Whether the language texts are certified to say the same; one language needs no certificate."""
    digest = document_digest(a, code)
    return texts_agreed(a, code) and (
        len(a.definition.documents[code].languages) == 1 or a.documents[code].certified == digest
    )


def authenticated(a: Accord, code: str) -> bool:
    """Whether the document is initialled, where it asks for that."""
    return concordant(a, code) and (
        not a.definition.documents[code].initialled
        or a.documents[code].initialled == document_digest(a, code)
    )


def executable(a: Accord, code: str) -> bool:
    """Whether the execution version stands, where the document asks for one."""
    return authenticated(a, code) and (
        not a.definition.documents[code].execution_version
        or a.documents[code].execution == document_digest(a, code)
    )


def document_status(a: Accord, code: str) -> str:
    """Where the document stands on its track, in the words of the module's second line."""
    document = a.documents[code]
    if document.severed:
        return "severed"
    if document.in_force_at is not None:
        return "in_force"
    if document.released_at is not None:
        return "signed"
    if executable(a, code):
        return "execution_version"
    if authenticated(a, code):
        return "authenticated"
    if concordant(a, code):
        return "concordance_certified"
    if texts_agreed(a, code):
        return "agreed_text"
    return "negotiating" if document.texts else "outline"


def check_ready(a: Accord, code: str) -> Check:
    """Guard: the document is ready to be signed; if not, its next step and who owes it."""
    document, terms = a.documents[code], a.definition.documents[code]
    digest = document_digest(a, code) or ""
    treaty = ("treaty_section", "drafter")
    if not texts_agreed(a, code):
        waiting: list[str] = []
        who: list[str] = []
        for language in terms.languages:
            text = document.texts.get(language)
            if text is None:
                waiting.append(f"no text in {language}")
                who.extend(holders(a, treaty, tuple(a.definition.parties)))
            elif not text.agreed:
                lacking = missing(a, text_subject(code, language), text.digest)
                waiting.append(f"the text in {language} is not agreed by {', '.join(lacking)}")
                who.extend(holders(a, ("treaty_section",), lacking))
        reason = "; ".join(waiting)
    elif not concordant(a, code):
        lacking = missing(a, f"concordance/{code}", digest)
        reason = f"the concordance of {', '.join(terms.languages)} is not certified by {', '.join(lacking)}"
        who = list(holders(a, ("treaty_section",), lacking))
    elif not authenticated(a, code):
        lacking = missing(a, f"initials/{code}", digest)
        reason, who = (
            f"it is not initialled by {', '.join(lacking)}",
            list(holders(a, ("treaty_section",), lacking)),
        )
    else:
        lacking = missing(a, f"execution/{code}", digest)
        reason = f"the execution version is not approved by {', '.join(lacking)}"
        who = list(holders(a, ("treaty_section",), lacking))
    met = executable(a, code)
    return Check(
        "document_ready",
        met,
        "" if met else f"{code} ({terms.title}): {reason}",
        "take the document's next step",
        () if met else tuple(dict.fromkeys(who)),
        subject=code,
    )


def _set(a: Accord, code: str, **changes: Any) -> Accord:
    return replace(a, documents={**a.documents, code: replace(a.documents[code], **changes)})


def set_seat(a: Accord, code: str, seat: str, **changes: Any) -> Accord:
    """The state with a seat of a document changed."""
    seats = a.documents[code].seats
    return _set(a, code, seats={**seats, seat: replace(seats[seat], **changes)})


@event
class TextProposed(Event):
    """A version of a document's text in one language was put forward; beside an agreed text, as an amendment."""

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
        return _set(a, self.document, texts={**texts, self.language: text})


@event
class TextAgreed(Event):
    """Every party agreed to the text."""

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
        a = clear(a, text_subject(self.document, self.language), *_steps(self.document))
        return _set(
            a,
            self.document,
            texts={**texts, self.language: text},
            certified=None,
            initialled=None,
            execution=None,
        )


@event
class ConcordanceCertified(Event):
    """Every party's treaty section certified that the language texts say the same."""

    document: Reference
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Certified for this digest only."""
        return _set(clear(a, f"concordance/{self.document}"), self.document, certified=self.digest)


@event
class DocumentInitialled(Event):
    """Every party's treaty section initialled the document: it is authentic and definitive."""

    document: Reference
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Initialled for this digest only."""
        return _set(clear(a, f"initials/{self.document}"), self.document, initialled=self.digest)


@event
class ExecutionVersionApproved(Event):
    """Every party approved the copy that is to be signed."""

    document: Reference
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Approved for this digest only."""
        return _set(clear(a, f"execution/{self.document}"), self.document, execution=self.digest)


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A text is agreed, concordance certified, a document initialled, when every party has consented to the digest."""
    for code, terms in a.definition.documents.items():
        document = a.documents.get(code)
        if document is None or document.severed or document.released_at is not None:
            continue
        for language, text in document.texts.items():
            pending = text.pending
            if pending is not None and complete(a, text_subject(code, language), pending):
                yield TextAgreed(document=code, language=language, digest=pending)
                return
        digest = document_digest(a, code)
        if digest is None or not texts_agreed(a, code):
            continue
        if (
            len(terms.languages) > 1
            and document.certified != digest
            and complete(a, f"concordance/{code}", digest)
        ):
            yield ConcordanceCertified(document=code, digest=digest)
            return
        if terms.initialled and document.initialled != digest and complete(a, f"initials/{code}", digest):
            yield DocumentInitialled(document=code, digest=digest)
            return
        if (
            terms.execution_version
            and document.execution != digest
            and complete(a, f"execution/{code}", digest)
        ):
            yield ExecutionVersionApproved(document=code, digest=digest)
            return


class AboutDocument(Act):
    """An act about one document of the accord."""

    document: Reference

    def known(self, a: Accord) -> Check:
        """Guard: the accord has such a document."""
        document = a.documents.get(self.document)
        return Check(
            "document_known",
            document is not None and not document.removed and self.document in a.definition.documents,
            f"there is no document {self.document}",
            f"the documents are {', '.join(a.definition.documents) or 'none'}",
            subject=self.document,
        )

    def open(self, a: Accord) -> Check:
        """Guard: the document is neither released nor severed."""
        document = a.documents[self.document]
        return Check(
            "document_open",
            document.released_at is None and not document.severed,
            f"{self.document} is {'severed' if document.severed else 'released: what was released is never undone'}",
            "agree on a later instrument",
            subject=self.document,
        )


TREATY = Who(("treaty_section",), "any", agree="every party", sees="parties")


@event
class TextCommented(Event):
    """A party commented on a version of a text; the comment is named by its digest. It changes nothing."""

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
    who = Who(("treaty_section", "drafter", "protocol"), "any", sees="parties")
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
        yield same_digest(f"{self.document} in {self.language}", self.digest, pending)
        yield not_yet_given(a, subject, self.digest, by, in_effect=settled)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(
            subject=text_subject(self.document, self.language), party=party_of(by), digest=self.digest
        )


class _OfDocumentDigest(AboutDocument):
    digest: Digest

    step: ClassVar[str]
    """The step: the subject under which consents to it are kept."""
    mark: ClassVar[str]
    """Where the document keeps the digest for which every party has done the step."""

    @abstractmethod
    def asked_for(self, a: Accord) -> Check:
        """Guard: the document asks for this step, and what comes before is done."""

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Known, open, asked for, ready, of the document's digest, not done by this party."""
        yield self.known(a)
        yield self.open(a)
        yield self.asked_for(a)
        yield same_digest(self.document, self.digest, document_digest(a, self.document))
        done = getattr(a.documents[self.document], self.mark) == self.digest
        yield not_yet_given(a, f"{self.step}/{self.document}", self.digest, by, in_effect=done)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's part of the step."""
        yield ConsentGiven(subject=f"{self.step}/{self.document}", party=party_of(by), digest=self.digest)


def _all_agreed(a: Accord, code: str) -> tuple[bool, str]:
    terms, document = a.definition.documents[code], a.documents[code]
    waiting = [one for one in terms.languages if one not in document.texts or not document.texts[one].agreed]
    return not waiting, f"not agreed in {', '.join(waiting)}"


@act
class CertifyConcordance(_OfDocumentDigest):
    """Certify, for your party, that all language texts of a document say the same; names the document's digest."""

    note: Note = ""
    who = TREATY
    says = "{by} certifies the concordance of {document}"

    step = "concordance"
    mark = "certified"

    def asked_for(self, a: Accord) -> Check:
        """More than one language, and all texts agreed."""
        agreed, reason = _all_agreed(a, self.document)
        several = len(a.definition.documents[self.document].languages) > 1
        return Check(
            "texts_agreed",
            several and agreed,
            f"{self.document} is {reason}"
            if several
            else f"{self.document} has one language and needs no concordance",
            "agree on every text first",
            check_ready(a, self.document).who,
            subject=self.document,
        )


@act
class InitialDocument(_OfDocumentDigest):
    """Initial a document for your party: its text is authentic and definitive (Vienna Convention, article 10)."""

    note: Note = ""
    who = TREATY
    says = "{by} initials {document}"

    step = "initials"
    mark = "initialled"

    def asked_for(self, a: Accord) -> Check:
        """The document asks for it, and its texts are concordant."""
        asked = a.definition.documents[self.document].initialled
        return Check(
            "concordance_certified",
            asked and concordant(a, self.document),
            f"{self.document} "
            + ("has no certified concordance yet" if asked else "does not ask for initials"),
            "certify the concordance first",
            check_ready(a, self.document).who,
            subject=self.document,
        )


@act
class ApproveExecutionVersion(_OfDocumentDigest):
    """Approve, for your party, the copy of a document that is to be signed; names the document's digest."""

    note: Note = ""
    who = TREATY
    says = "{by} approves the execution version of {document}"

    step = "execution"
    mark = "execution"

    def asked_for(self, a: Accord) -> Check:
        """The document asks for one, and is authenticated."""
        asked = a.definition.documents[self.document].execution_version
        return Check(
            "authenticated",
            asked and authenticated(a, self.document),
            f"{self.document} " + ("is not authenticated yet" if asked else "asks for no execution version"),
            "authenticate it first",
            check_ready(a, self.document).who,
            subject=self.document,
        )


__all__ = [
    "DelegateId",
    "Document",
    "FullPowers",
    "Instant",
    "PartyId",
    "SeatState",
    "Signature",
    "Text",
    "check_ready",
]
