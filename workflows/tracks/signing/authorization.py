"""Authorization to sign: given by a party's competent authority → withdrawn, or lapsed with the texts it was for.

It stands beside full powers, which say who signs; this says that the party signs at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from workflows.model.authority import able
from workflows.model.commands import Actor
from workflows.model.consent import same_digest
from workflows.model.declare import Check, Event, Stamp, Who, act, event, party_of
from workflows.model.state import Accord
from workflows.model.values import Digest, Note, PartyId, Reference, Text
from workflows.tracks.documents.state import AboutDocument, document_digest, open_documents, with_document

NOT_AUTHORIZED = "not authorized"
"""In the place of a digest, of a party that has authorized nothing; no digest reads so."""


def authorized(a: Accord, document: str, party: str) -> Check:
    """Guard: the party's competent authority has authorized signing, where the document asks for that."""
    asked = a.definition.documents[document].authorization
    who, nobody = able(a, ("competent_authority",), (party,))
    return Check(
        "signing_authorized",
        not asked or party in a.documents[document].authorized_by,
        f"the competent authority of {party} has not authorized signing {document}{nobody}",
        "let it authorize signing (authorize-signing)",
        who,
        subject=document,
    )


def _with_authorizations(a: Accord, document: str, given: Mapping[str, str | None]) -> Accord:
    return with_document(a, document, authorized_by=given)


def _without(a: Accord, document: str, party: str) -> Accord:
    before = a.documents[document].authorized_by
    return _with_authorizations(a, document, {one: of for one, of in before.items() if one != party})


@event
class SigningAuthorized(Event):
    """A party's competent authority authorized its signature of a document; with a digest, of these texts only."""

    says = "{party} authorizes its signature of {~document} {document}"
    document: Reference
    party: PartyId
    digest: Digest | None = None

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Authorized."""
        before = a.documents[self.document].authorized_by
        return _with_authorizations(a, self.document, {**before, self.party: self.digest})


@event
class SigningAuthorizationWithdrawn(Event):
    """A party's competent authority took its authorization back; a held signature waits for another."""

    says = "{party} withdraws the authorization of its signature of {~document} {document}"
    document: Reference
    party: PartyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not authorized any more."""
        return _without(a, self.document, self.party)


@event
class SigningAuthorizationLapsed(Event):
    """An authorization for certain texts lapsed, since the document's texts are others now."""

    says = "the authorization of {party} to sign {~document} {document} lapses: {cause}"
    document: Reference
    party: PartyId
    cause: Text

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Not authorized any more, should the former texts return too."""
        return _without(a, self.document, self.party)


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """An authorization that names texts lapses when one of them is another."""
    for code in open_documents(a):
        for party, digest in a.documents[code].authorized_by.items():
            if digest is not None and digest != document_digest(a, code):
                yield SigningAuthorizationLapsed(
                    document=code, party=party, cause=f"the text of {code} changed"
                )
                return


class _Authorization(AboutDocument):
    note: Note = ""
    who = Who(("competent_authority",), "any")


@act
class AuthorizeSigning(_Authorization):
    """Authorize, as your party's competent authority, that a document be signed. Separate from full powers.

    With the document's ``digest`` it is for these texts only, and lapses when one of them changes.
    """

    digest: Digest | None = None
    says = "{by} authorizes signing {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Known, open, the texts that stand, and not authorized so by this party yet."""
        yield self.known(a)
        yield self.open(a)
        if self.digest is not None:
            yield same_digest(self.document, self.digest, document_digest(a, self.document))
        given = a.documents[self.document].authorized_by
        yield Check(
            "not_yet_authorized",
            given.get(party_of(by), NOT_AUTHORIZED) != self.digest,
            f"{by.party} has authorized it already",
            "nothing is left to do",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The authorization."""
        yield SigningAuthorized(document=self.document, party=party_of(by), digest=self.digest)


@act
class WithdrawAuthorization(_Authorization):
    """Take back, as your party's competent authority, the authorization to sign a document, before its release."""

    says = "{by} withdraws the authorization to sign {document}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Known, open, and authorized by this party."""
        yield self.known(a)
        yield self.open(a)
        yield Check(
            "signing_was_authorized",
            by.party in a.documents[self.document].authorized_by,
            f"{by.party} has not authorized signing {self.document}",
            "nothing is left to take back",
            subject=self.document,
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The withdrawal."""
        yield SigningAuthorizationWithdrawn(document=self.document, party=party_of(by))


__all__ = [
    "AuthorizeSigning",
    "SigningAuthorizationLapsed",
    "SigningAuthorizationWithdrawn",
    "SigningAuthorized",
    "WithdrawAuthorization",
    "authorized",
    "follows",
]
