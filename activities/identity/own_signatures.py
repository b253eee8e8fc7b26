"""Delegates' own signatures on their acts: how one is made, and whether one fits (Ed25519, RFC 8032).

What is signed is the canonical JSON (RFC 8785) of ``workflows.record.keys.own_part``. This is small and needs
no server, so that whoever verifies a record can read it, and whoever signs can run it where the key is.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workflows.errors import EntenteError
from workflows.model.canonical import canonical
from workflows.model.commands import Command, OwnSignature
from workflows.model.declare import Act, parse_act
from workflows.model.state import Accord
from workflows.record.keys import find, key_id, own_part, particulars_digest

SALT_BYTES = 16
"""Bytes of the salt on an act's free text."""


class WrongSignature(EntenteError):
    """A delegate's own signature does not fit the act, or no such key was ever enrolled for the delegate."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "Sign the act anew, with a key that is enrolled for the delegate")


def public_key_of(key: Ed25519PrivateKey) -> str:
    """The public key as it is enrolled: base64 of its 32 bytes."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def sign_act(
    key: Ed25519PrivateKey, command: Command, salt: bytes | None = None, not_after: datetime | None = None
) -> OwnSignature:
    """The delegate's own signature on a command, with the version that it requires, if any; until ``not_after``.

    ``salt`` (16 bytes) is drawn where none is given.

    Raises:
        Rejected: the command is no act, or malformed.
    """
    wanted = parse_act(command.act, command.fields)
    free = wanted.particulars()
    salted = base64.b64encode(salt or secrets.token_bytes(SALT_BYTES)).decode() if free else ""
    digest = particulars_digest(salted, free)
    unsigned = OwnSignature(
        key=key_id(public_key_of(key)), signature="", particulars=digest, salt=salted, not_after=not_after
    )
    content = canonical(_part(command, wanted.facts(), unsigned))
    return unsigned.model_copy(update={"signature": base64.b64encode(key.sign(content)).decode()})


@dataclass(frozen=True, slots=True)
class GivenSignature:
    """What a client gives beside an act: key id, signature, salt, and end; all empty where the act is not signed."""

    key: str = ""
    signature: str = ""
    salt: str = ""
    not_after: str = ""

    def __bool__(self) -> bool:
        return bool(self.key or self.signature)

    def on(self, wanted: Act) -> OwnSignature:
        """The signature as it goes with the act.

        Raises:
            WrongSignature: free text without a salt.
            ValidationError: a part of it is not written as it has to be.
        """
        free = wanted.particulars()
        if free and not self.salt:
            raise WrongSignature("the act has free text, and no salt is given with the signature")
        own = OwnSignature.model_validate(
            {
                "key": self.key,
                "signature": self.signature,
                "salt": self.salt if free else "",
                "not_after": self.not_after or None,
            }
        )
        return own.model_copy(update={"particulars": particulars_digest(own.salt, free)})


def verify_own(a: Accord, command: Command) -> None:
    """Return if the command carries no own signature, or one that fits under a key that the delegate has, or had.

    Whether the key is still in force is the model's to judge, which refuses the act then.

    Raises:
        WrongSignature: it does not fit, or there is no such key.
        Rejected: the command is no act, or malformed.
    """
    own = command.own
    if own is None:
        return
    wanted = parse_act(command.act, command.fields)
    key = find(a, command.delegate, own.key)
    if key is None:
        raise WrongSignature(f"{own.key} is no key that was ever enrolled for {command.delegate}")
    free = wanted.particulars()
    if bool(free) != bool(own.salt) or own.particulars != particulars_digest(own.salt, free):
        raise WrongSignature("the digest that was signed is not that of the act's free text and its salt")
    if not fits(key.public_key, own.signature, _part(command, wanted.facts(), own)):
        raise WrongSignature(f"the signature with {own.key} of {command.delegate} does not fit the act")


def fits(public_key: str, signature: str, part: dict[str, Any]) -> bool:
    """Whether ``signature`` (base64) over ``part`` was made with the key; False for whatever is malformed."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), canonical(part))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _part(command: Command, facts: dict[str, Any], own: OwnSignature) -> dict[str, Any]:
    return own_part(
        accord=command.accord,
        act=command.act,
        delegate=command.delegate,
        fields=facts,
        command=command.id,
        particulars=own.particulars,
        not_after=own.facts().get("not_after"),
        required_version=command.required_version,
    )
