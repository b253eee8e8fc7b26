"""The one consent mechanism: a proposal has a digest, a consent names that digest.

What all have consented to takes effect (the tracks' rules say how). Any change makes a new digest, and consents
fall away by themselves, since they name the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from workflows.model.commands import Actor
from workflows.model.declare import Act, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, PartyId, Text
from workflows.model.vocabulary import placeholders
from workflows.model.wording import named

CONSENTING = ("contact", "protocol", "treaty_section")
"""Roles that may give a party's consent where an act does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of what is consented to: how its subjects are named, what digest a consent names now, and whose it takes.

    ``parts`` are what a name goes on with after the kind, such as document and language in ``text/D1/en``; ``current``
    and ``parties`` are asked with them. ``current`` is none, where there is nothing of the kind to consent to.
    """

    kind: str
    words: str
    """What it is, with the parts, and terms of the vocabulary, in braces."""
    parts: tuple[str, ...]
    current: Callable[..., str | None]
    parties: Callable[..., Iterable[str]]

    def named(self, *parts: str) -> str:
        """The subject under which consents are kept."""
        return "/".join((self.kind, *parts))

    def says(self, vocabulary: str, *parts: str) -> str:
        """What the subject is, in the words of a vocabulary."""
        return self.words.format_map(
            {**placeholders(vocabulary), **dict(zip(self.parts, parts, strict=True))}
        )


SUBJECTS: dict[str, Subject] = {}
"""Every kind of subject by its name."""


def in_words(subject: str, vocabulary: str) -> str:
    """A subject's name as words: ``text/D1/en`` is "the text of D1 in en"; what is no such name stays as it is."""
    kind, *parts = subject.split("/")
    declared = SUBJECTS.get(kind)
    return (
        declared.says(vocabulary, *parts)
        if declared is not None and len(parts) == len(declared.parts)
        else subject
    )


def _every_party(a: Accord, *_: str) -> Iterable[str]:
    return a.definition.parties


def subject(
    kind: str,
    words: str,
    current: Callable[..., str | None],
    *parts: str,
    parties: Callable[..., Iterable[str]] = _every_party,
) -> Subject:
    """Register a kind of subject."""
    if kind in SUBJECTS:
        raise TypeError(f"the subject {kind} is declared twice")
    SUBJECTS[kind] = Subject(kind, words, parts, current, parties)
    return SUBJECTS[kind]


@dataclass(frozen=True, slots=True)
class Pending:
    """A consent that some have given and others have not: to what, by which digest, by whom, and who is waited for."""

    subject: str
    says: str
    digest: str
    given: tuple[str, ...]
    missing: tuple[str, ...]


def pending(a: Accord) -> Iterator[Pending]:
    """What parties have consented to, as it stands now, and others have yet to consent to."""
    for name in a.consents:
        kind, *parts = name.split("/")
        declared = SUBJECTS[kind]
        digest = declared.current(a, *parts)
        if digest is None:
            continue
        have, lacking = given(a, name, digest), missing(a, name, digest, declared.parties(a, *parts))
        if have and lacking:
            yield Pending(name, declared.says(a.definition.vocabulary, *parts), digest, have, lacking)


def given(a: Accord, subject: str, digest: str) -> tuple[str, ...]:
    """The parties whose consent to ``subject`` names ``digest``, in the definition's order, then those to be added."""
    consents = a.consents.get(subject, {})
    parties = dict.fromkeys((*a.definition.parties, *consents))
    return tuple(party for party in parties if consents.get(party) == digest)


def missing(a: Accord, subject: str, digest: str, parties: Iterable[str] | None = None) -> tuple[str, ...]:
    """The parties (all, if none are named) whose consent to ``digest`` is still missing."""
    have = given(a, subject, digest)
    return tuple(
        party for party in (a.definition.parties if parties is None else parties) if party not in have
    )


def complete(a: Accord, subject: str, digest: str, parties: Iterable[str] | None = None) -> bool:
    """Whether every one of the parties has consented to ``digest``."""
    return not missing(a, subject, digest, parties)


def give(a: Accord, subject: str, party: str, digest: str) -> Accord:
    """The state in which ``party`` consents to ``digest``; an earlier consent of its own is replaced."""
    return a.changed(consents={**a.consents, subject: {**a.consents.get(subject, {}), party: digest}})


def clear(a: Accord, *subjects: str) -> Accord:
    """The state without any consent to ``subjects``."""
    return a.changed(consents={key: value for key, value in a.consents.items() if key not in subjects})


def not_yet_given(a: Accord, subject: str, digest: str, by: Actor, in_effect: bool = False) -> Check:
    """Guard: the party has not consented to this digest already, and what it consents to is not in effect."""
    return Check(
        "not_yet_given",
        not in_effect and by.party not in given(a, subject, digest),
        f"{'every party' if in_effect else by.party} has consented to this already",
        "nothing is left for your side to do here",
        subject=subject,
    )


def same_digest(subject: str, named: str, current: str | None, about: str = "") -> Check:
    """Guard: the digest that the act names is the one that stands; ``about`` says the subject in words."""
    return Check(
        "digest_is_current",
        named == current,
        f"the digest named is not the current one of {about or subject}, which is {current or 'not there yet'}",
        "read the current version, and name its digest if you agree"
        if current is not None
        else "it has to be proposed first, in all of its parts",
        subject=subject,
    )


class _AboutConsent(Event):
    """An event about consents, whose sentence says in words what they are to."""

    subject: Text

    @classmethod
    def sentence(cls, facts: Mapping[str, Any], vocabulary: str) -> str:
        """The event as one line for people."""
        subject = in_words(str(facts.get("subject", "")), vocabulary)
        return super().sentence({**facts, "subject": subject}, vocabulary)


@event
class ConsentGiven(_AboutConsent):
    """A party consented to a digest."""

    says = "{party} consents to {subject}"
    party: PartyId
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Keep the consent."""
        return give(a, self.subject, self.party, self.digest)


@event
class ConsentsFell(_AboutConsent):
    """Consents that had not taken effect fell: what they named is no longer so, or its gate closed."""

    says = "consents to {subject} fall: {cause}"
    parties: tuple[PartyId, ...]
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Forget them: they do not come back by themselves."""
        kept = {
            party: digest
            for party, digest in a.consents.get(self.subject, {}).items()
            if party not in self.parties
        }
        return a.changed(consents={**a.consents, self.subject: kept})


@event
class ConsentWithdrawn(_AboutConsent):
    """A party withdrew a consent that had not taken effect."""

    says = "{party} withdraws its consent to {subject}"
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Forget the consent."""
        rest = {
            party: digest for party, digest in a.consents.get(self.subject, {}).items() if party != self.party
        }
        return a.changed(consents={**a.consents, self.subject: rest})


SubjectName = Annotated[
    str,
    Field(
        pattern=r"^[a-z_]{1,40}( [a-z]{1,20})?(/[A-Za-z0-9:._-]{1,100}){0,3}$",
        description="what the consent is to, as the accord's pending consents name it",
    ),
]


@act
class WithdrawConsent(Act):
    """Withdraw a consent that your party gave and that has not taken effect yet."""

    subject: SubjectName
    who = Who(CONSENTING, "any")
    says = "{by} withdraws the consent to {subject}"
    before_founding = True
    # A pause must not hold a party to its consent to an amendment, which others can adopt meanwhile.
    while_paused = True
    by_candidates = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """There is such a consent, and it has not taken effect: then it would have been used up."""
        yield Check(
            "consent_pending",
            by.party in a.consents.get(self.subject, {}),
            f"{by.party} has no pending consent to {self.subject}; what took effect cannot be taken back",
            f"see the pending consents of {named(a, 'accord')} for the subjects that are open",
            subject=self.subject,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The withdrawal."""
        yield ConsentWithdrawn(subject=self.subject, party=party_of(by))
