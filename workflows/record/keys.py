"""Delegates' own keys: enrolled, rotated and revoked by acts, and what a signature with one of them covers.

A party may require that its delegates sign their acts with Ed25519 keys of their own (``signed_acts`` in the
definition), and the definition may ask the same of an officer. Whoever runs the server has no such key, and can
neither invent nor alter those acts. Which key has to sign is judged here; whether the signature fits is verified
where there is cryptography: before an act is sent, before it is recorded, and by whoever verifies the record.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from workflows.model.canonical import canonical, digest_bytes
from workflows.model.commands import Actor, OwnSignature
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, met
from workflows.model.state import Accord, DelegateKey
from workflows.model.terms import OFFICER_ROLES, Party
from workflows.model.values import DelegateId, PublicKey, show_time

PURPOSE = "entente.act/1"
"""Stands in what is signed, so that the signature cannot be taken for one over anything else."""

MOST_KEYS = 50
"""Keys that a delegate may have had, revoked ones included."""


def key_id(public_key: str) -> str:
    """The id of a public key in base64: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]


KeyId = Annotated[
    str, Field(pattern="^[0-9a-f]{16}$", description="the id of a key: 16 hexadecimal digits of its SHA-256")
]


def particulars_digest(salt: str, particulars: dict[str, Any]) -> str | None:
    """What stands for an act's free text in what is signed: ``sha256:`` of salt and canonical JSON; none for none.

    The salt (base64 of 16 bytes) is kept with the free text and erased with it; then nobody can guess the text.
    """
    return digest_bytes(base64.b64decode(salt) + canonical(particulars)) if particulars else None


def own_part(
    *,
    accord: str,
    act: str,
    delegate: str,
    fields: dict[str, Any],
    command: str,
    particulars: str | None,
    not_after: str | None,
    required_version: int | None,
) -> dict[str, Any]:
    """What a delegate's signature covers, as canonical JSON.

    ``fields`` are the act's facts as the record has them (times in UTC, defaults left out), ``command`` its id,
    ``particulars`` the digest that stands for its free text, ``not_after`` when the signature ends, as the record has
    it, and ``required_version`` the version that the accord has to have: null, where the delegate named none.
    """
    return {
        "accord": accord,
        "act": act,
        "delegate": delegate,
        "fields": fields,
        "id": command,
        "not_after": not_after,
        "particulars": particulars,
        "purpose": PURPOSE,
        "required_version": required_version,
    }


def find(a: Accord, delegate: str, key: str) -> DelegateKey | None:
    """The delegate's key of that id, revoked or not."""
    return next((one for one in a.keys.get(delegate, ()) if one.id == key), None)


def live(a: Accord, delegate: str) -> tuple[DelegateKey, ...]:
    """The delegate's keys that are enrolled and not revoked, the oldest first."""
    return tuple(one for one in a.keys.get(delegate, ()) if one.revoked is None)


def _parties(a: Accord) -> dict[str, Party]:
    """The parties, and those that a pending amendment would add."""
    return {**(a.amendment.parties if a.amendment is not None else {}), **a.definition.parties}


def first_enroller(a: Accord, delegate: str) -> str | None:
    """Who enrols the delegate's first key: the contact of its party; an officer does so itself. None for others."""
    one = a.delegates.get(delegate)
    if one is None:
        return None
    if one.party is None:
        return delegate if delegate in a.definition.officers else None
    party = _parties(a).get(one.party)
    return party.contact if party is not None else None


def agreed_key(a: Accord, delegate: str) -> str | None:
    """The public key that the definition gives as the delegate's first one, if it does."""
    officer = a.definition.officers.get(delegate)
    if officer is not None:
        return officer.key
    return next((one.contact_key for one in _parties(a).values() if one.contact == delegate), None)


def given_to(a: Accord, public_key: str) -> str | None:
    """Whom the definition gives this key as the first one, if anybody."""
    for party in _parties(a).values():
        if party.contact_key == public_key:
            return party.contact
    return next((code for code, one in a.definition.officers.items() if one.key == public_key), None)


def asked_to_sign(a: Accord, delegate: str) -> bool:
    """Whether the definition asks that the delegate's acts are signed: its party's, or those of this officer."""
    one = a.delegates.get(delegate)
    if one is None:
        return False
    if one.party is None:
        officer = a.definition.officers.get(delegate)
        return officer is not None and officer.signed_acts
    party = _parties(a).get(one.party)
    return party is not None and party.signed_acts


def required(a: Accord, wanted: Act, by: Actor) -> bool:
    """Whether an act has to carry the delegate's own signature.

    Until a party is bound to a definition, others can propose another one: so a contact that has enrolled a key signs
    whatever is proposed. Where the definition gives its first key, it enrols that before it adopts. A contact, and an
    officer, enrols its own first key unsigned: there is none yet to sign with.
    """
    if wanted.signed_with() is not None:
        return True
    had = bool(a.keys.get(by.delegate))
    unbound = not a.founded or by.party not in (None, *a.definition.parties)
    if unbound and had:
        return True
    if not asked_to_sign(a, by.delegate):
        return False
    own_key = isinstance(wanted, EnrolKey) and wanted.delegate == by.delegate
    if own_key and not had and first_enroller(a, by.delegate) == by.delegate:
        return False
    return not unbound or agreed_key(a, by.delegate) is not None


def own_signature(a: Accord, wanted: Act, by: Actor, own: OwnSignature | None, at: datetime) -> Check:
    """Guard: the act is signed with a key of the delegate's own, where that is required; key and signature hold."""
    name = "own_signature"
    if own is None and not required(a, wanted, by):
        return met(name)
    first = first_enroller(a, by.delegate)
    who = (first,) if first is not None and not live(a, by.delegate) else (by.delegate,)
    if own is None:
        remedy = "sign it with your key and send it under a new idempotency key"
        if not live(a, by.delegate):
            remedy = "ask your party's contact to enrol a key of yours, and sign it with that"
            if first == by.delegate:
                remedy = "enrol a key of yours, and sign it with that"
        return Check(
            name,
            False,
            f"{by.delegate} has to sign this with a key of its own",
            remedy,
            who,
        )
    key = find(a, by.delegate, own.key)
    if key is None:
        return Check(
            name,
            False,
            f"{own.key} is no key of {by.delegate}",
            "sign it with a key that is enrolled, or "
            + ("enrol this one" if first == by.delegate else "ask your party's contact to enrol this one"),
            who,
        )
    if key.revoked is not None:
        return Check(
            name,
            False,
            f"the key {own.key} of {by.delegate} is revoked",
            "sign it with a key that is in force",
            who,
        )
    if own.not_after is not None and at > own.not_after:
        return Check(
            name,
            False,
            f"the signature of {by.delegate} was to count until {show_time(own.not_after)}",
            "sign it anew, if it is still what you want",
            who,
        )
    wants = wanted.signed_with()
    return Check(
        name,
        wants is None or wants == own.key,
        f"it is signed with {own.key}, and has to be with {wants}",
        "sign it with the key that is replaced",
        who,
    )


@event
class KeyEnrolled(Event):
    """A key of a delegate's own was enrolled: what is signed with it from here on is that delegate's."""

    says = "a key of {delegate}'s own is enrolled"
    delegate: DelegateId
    public_key: PublicKey

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The key stands beside the delegate's earlier ones."""
        key = DelegateKey(key_id(self.public_key), self.public_key, stamp.position)
        return a.changed(keys={**a.keys, self.delegate: (*a.keys.get(self.delegate, ()), key)})


@event
class KeyRevoked(Event):
    """A delegate's key was revoked: nothing can be signed with it from here on; what was, stays."""

    says = "key {key} of {delegate} is revoked"
    delegate: DelegateId
    key: KeyId

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The key stays known, so that earlier signatures can be verified."""
        kept = tuple(
            replace(one, revoked=stamp.position) if one.id == self.key and one.revoked is None else one
            for one in a.keys.get(self.delegate, ())
        )
        return a.changed(keys={**a.keys, self.delegate: kept})


def _new_key(a: Accord, delegate: str, public_key: str) -> Iterator[Check]:
    holder = next(
        (code for code, keys in a.keys.items() for one in keys if one.id == key_id(public_key)), None
    )
    agreed = given_to(a, public_key)
    yield Check(
        "key_is_not_anothers",
        agreed in (None, delegate),
        f"the definition gives this key to {agreed}",
        "enrol a key of the delegate's own",
    )
    # Whoever enrolled for himself what was then given to another must not keep that one out by it: he cannot sign
    # with it, and a signature names its delegate.
    first = agreed == delegate and not a.keys.get(delegate)
    yield Check(
        "key_is_new",
        holder is None or first,
        f"this key was enrolled for {holder} before",
        "make another key; a key belongs to one delegate, and is not taken up again",
    )
    yield Check(
        "few_keys",
        len(a.keys.get(delegate, ())) < MOST_KEYS,
        f"{delegate} has had {MOST_KEYS} keys",
        "let another delegate act, with keys of its own",
    )


def _as_agreed(a: Accord, delegate: str, public_key: str) -> Check:
    """Guard: the first key is the one that the definition gives, so that nobody else's can come before it."""
    agreed = agreed_key(a, delegate)
    return Check(
        "key_as_agreed",
        agreed is None or bool(a.keys.get(delegate)) or agreed == public_key,
        f"the definition gives {key_id(agreed) if agreed is not None else 'another'} as the first key of {delegate}",
        "enrol that key first; with it others can be enrolled, and the definition can be amended",
    )


def _own_to_manage(a: Accord, delegate: str, by: Actor) -> Check:
    one = a.delegates.get(delegate)
    return Check(
        "own_delegate",
        one is not None and one.party == by.party and (by.party is not None or delegate == by.delegate),
        f"{delegate} is no delegate of {by.party}" if by.party else f"{delegate} is not {by.delegate}",
        "appoint the delegate first; each party sees to its own delegates' keys, and each officer to its own",
    )


@act
class EnrolKey(Act):
    """Enrol an Ed25519 key with which a delegate of your own party, or you as an officer, will sign acts."""

    delegate: DelegateId
    public_key: PublicKey
    who = Who(("contact", *OFFICER_ROLES), "anyone", sees=Audience.ALL)
    says = "{by} enrols a key of {delegate}"
    while_paused = True
    before_founding = True
    by_candidates = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A delegate of one's own party, by its contact, or an officer's own; a key that nobody had."""
        contact = first_enroller(a, by.delegate)
        yield Check(
            "enroller",
            by.party is None or by.role == "contact",
            f"{by.delegate} is not the contact of {by.party}",
            f"let {contact} do it",
            (contact,) if contact is not None else (),
        )
        yield _own_to_manage(a, self.delegate, by)
        yield from _new_key(a, self.delegate, self.public_key)
        yield _as_agreed(a, self.delegate, self.public_key)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The key."""
        yield KeyEnrolled(delegate=self.delegate, public_key=self.public_key)


@act
class RotateKey(Act):
    """Put another key in the place of one of yours. It has to be signed with the key that is replaced."""

    key: KeyId
    public_key: PublicKey
    who = Who((), "anyone", sees=Audience.ALL)
    says = "{by} puts another key in the place of {key}"
    while_paused = True
    before_founding = True
    by_candidates = True

    def signed_with(self) -> str | None:
        """The key that is replaced."""
        return self.key

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A key that nobody had."""
        yield from _new_key(a, by.delegate, self.public_key)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The new key, and the end of the old one."""
        yield KeyEnrolled(delegate=by.delegate, public_key=self.public_key)
        yield KeyRevoked(delegate=by.delegate, key=self.key)


@act
class RevokeKey(Act):
    """Revoke a key: your own, or as the contact that of a delegate of your party."""

    delegate: DelegateId
    key: KeyId
    who = Who((), "anyone", sees=Audience.ALL)
    says = "{by} revokes the key {key} of {delegate}"
    while_paused = True
    before_founding = True
    by_candidates = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """One's own key, or as contact a delegate's; in force; and not the last one of who enrols its own and signs."""
        party = a.definition.parties.get(by.party or "")
        contact = party.contact if party is not None else None
        yield Check(
            "own_key",
            self.delegate == by.delegate or by.delegate == contact,
            f"{by.delegate} cannot revoke a key of {self.delegate}",
            "let that delegate do it, or your party's contact",
            (self.delegate, *((contact,) if contact is not None else ())),
        )
        yield _own_to_manage(a, self.delegate, by)
        keys = live(a, self.delegate)
        yield Check(
            "key_in_force",
            any(one.id == self.key for one in keys),
            f"{self.key} is no key of {self.delegate} that is in force",
            f"those in force are {', '.join(one.id for one in keys) or 'none'}",
        )
        signs = asked_to_sign(a, self.delegate) or not a.founded
        alone = first_enroller(a, self.delegate) == self.delegate and signs
        yield Check(
            "key_remains",
            not alone or len(keys) > 1,
            f"it is the last key of {self.delegate}, without which nobody could enrol another",
            "rotate it, or enrol another first",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The end of the key."""
        yield KeyRevoked(delegate=self.delegate, key=self.key)
