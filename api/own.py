"""The headers by which a delegate's own signature comes with an act."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from activities.identity.own_signatures import GivenSignature
from api.calls import TIME_PATTERN

OwnKey = Annotated[
    str | None,
    Header(
        alias="Entente-Key",
        description="The id of the delegate's own key, where the act is signed with one: the first 16 hexadecimal "
        "digits of the SHA-256 of the public key's 32 bytes. A dry run takes it alone, and is judged as if signed.",
        examples=["21fe31dfa154a261"],
        json_schema_extra={"pattern": "^[0-9a-f]{16}$"},
    ),
]
OwnSignatureHeader = Annotated[
    str | None,
    Header(
        alias="Entente-Signature",
        description="Base64 of the delegate's own Ed25519 signature over the act; see deploy/docs/signed-acts.md.",
        json_schema_extra={"pattern": "^[A-Za-z0-9+/]{86}==$"},
    ),
]
OwnSalt = Annotated[
    str | None,
    Header(
        alias="Entente-Salt",
        description="Base64 of the 16 random bytes that the signature covers with the free text of the act, if any.",
        json_schema_extra={"pattern": "^[A-Za-z0-9+/]{22}==$"},
    ),
]


OwnEnd = Annotated[
    str | None,
    Header(
        alias="Entente-Not-After",
        description="The accord's time, by RFC 3339, after which the delegate's own signature no longer counts; the "
        "signature covers it. Recorded later, the act is refused.",
        # By a pattern alone: generators of clients make a date of the format, which they cannot put into a header.
        json_schema_extra={"pattern": f"^{TIME_PATTERN}$"},
    ),
]


async def _signed(
    key: OwnKey = None, signature: OwnSignatureHeader = None, salt: OwnSalt = None, not_after: OwnEnd = None
) -> GivenSignature:
    """The delegate's own signature that a request carries."""
    return GivenSignature(key or "", signature or "", salt or "", not_after or "")


Signed = Annotated[GivenSignature, Depends(_signed)]
