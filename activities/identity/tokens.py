"""Tokens of OpenID providers: JSON Web Tokens (RFC 7519) that a provider has signed for this installation.

Which providers count, and for what, the operator says in a file (``ENTENTE_OIDC_FILE``). Algorithm, issuer and
audience are pinned there: nothing in a token chooses them. A provider's keys (RFC 7517) are held, asked for again when
they are old or a token names one that is not among them, and no oftener than every few seconds, whatever tokens come.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from pydantic import (
    BaseModel,
    ConfigDict,
)

from activities.errors import RuntimeProblem
from activities.identity.keys import NotAuthenticated
from activities.identity.providers import LOOPBACK, Provider

HELD = 300.0
"""Seconds for which a provider's keys are believed."""

STALE = 3600.0
"""Seconds for which they are believed on, where the provider does not answer meanwhile."""

COOLDOWN = 5.0
"""Seconds between two questions to a provider, whoever sends what."""

PATIENCE = 5.0
"""Seconds that a provider has to answer."""

LEEWAY = 30
"""Seconds by which a provider's clock may be off."""

LONGEST = 16 * 1024
"""Characters that a token may have."""

LARGEST = 512 * 1024
"""Bytes that a provider's answer may have."""

log = structlog.get_logger(__name__)


class ProviderUnavailable(RuntimeProblem):
    """A provider does not answer, or not with what it should, and its keys are not known well enough without."""


class Token(BaseModel):
    """What a verified token says: who is meant, and the id that the provider gives out, if it may."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    subject: str
    delegate: str | None = None
    contact: str | None = None


def account_id(issuer: str, subject: str) -> str:
    """What an account of a provider is called here, where a key's id would stand."""
    return "oidc-" + hashlib.sha256(f"{issuer} {subject}".encode()).hexdigest()[:16]


class Tokens:
    """Verifies tokens of the providers. One for each API process.

    Args:
        providers: whose tokens count.
        passed: the clock that keys are held by, in seconds.
    """

    def __init__(self, providers: tuple[Provider, ...], passed: Callable[[], float] = time.monotonic) -> None:
        self._keys = {one.issuer: _ProviderKeys(one, passed) for one in providers}

    @staticmethod
    def is_token(text: str) -> bool:
        """Whether it has the form of a JSON Web Token, whoever made it."""
        return text.count(".") == 2 and not text.startswith("ent_")

    async def verify(
        self, text: str, *, audience: str | None = None, issuer: str | None = None, nonce: str | None = None
    ) -> Token:
        """What a token says, if a provider that counts has signed it for us and it is in force.

        Args:
            text: the token.
            audience: whom it has to be for; what the provider's tokens are for, where none is given.
            issuer: which provider has to have made it.
            nonce: what it has to carry, where it answers a sign-in (OpenID Connect Core 1.0, 3.1.3.7).

        Raises:
            NotAuthenticated: it is none such.
            ProviderUnavailable: the provider's keys cannot be had.
        """
        if len(text) > LONGEST:
            raise NotAuthenticated("The token is too long.")
        try:
            header = jwt.get_unverified_header(text)
            # Whose keys to take; the signature is verified with this very issuer below.
            named = jwt.decode(text, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise NotAuthenticated("The token is no JSON Web Token.") from None
        known = self._keys.get(named) if isinstance(named, str) else None
        if known is None or (issuer is not None and named != issuer):
            raise NotAuthenticated("The token is of a provider that does not count here.")
        provider = known.provider
        if header.get("alg") not in provider.algorithms:
            raise NotAuthenticated(f"The token is not signed by {' or '.join(provider.algorithms)}.")
        key = await known.key(header.get("kid"), str(header["alg"]))
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=list(provider.algorithms),
                audience=audience or provider.audience,
                issuer=provider.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise NotAuthenticated("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError) as error:
            # Such as an end in a billion years, or beyond all numbers.
            raise NotAuthenticated(f"The token does not hold: {_said(error)}.") from None
        if nonce is not None and not _is_for(claims, audience, nonce):
            raise NotAuthenticated("The token is no answer to this sign-in.")
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise NotAuthenticated("The token names nobody: its subject is no text of 1 to 255 characters.")
        given = claims.get(provider.claim) if provider.claim is not None else None
        return Token(
            issuer=provider.issuer,
            subject=subject,
            delegate=given if isinstance(given, str) else None,
            contact=provider.contact,
        )


def _is_for(claims: Mapping[str, Any], audience: str | None, nonce: str) -> bool:
    """Whether an ID token carries the nonce, and was issued to us where it says to whom."""
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        return False
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    return bool(claims.get("azp", None if several else audience) == audience)


def _said(error: Exception) -> str:
    """What the library says of a token, without what stood in it."""
    return {
        jwt.InvalidSignatureError: "its signature is not the provider's",
        jwt.InvalidAudienceError: "it is for another audience",
        jwt.InvalidIssuerError: "it is of another issuer",
        jwt.ImmatureSignatureError: "it is not in force yet",
        jwt.MissingRequiredClaimError: "it lacks a claim that it has to have: exp, iss, aud, sub",
    }.get(type(error), "it is not as it has to be")


class _ProviderKeys:
    """The keys of one provider."""

    def __init__(self, provider: Provider, passed: Callable[[], float]) -> None:
        self.provider = provider
        self._passed = passed
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._read = -STALE
        self._asked = -COOLDOWN
        self._asking: asyncio.Task[None] | None = None

    async def key(self, kid: Any, algorithm: str) -> jwt.PyJWK:
        """The key that a token names, or the only one there is.

        Raises:
            NotAuthenticated: the provider has no such key.
            ProviderUnavailable: its keys cannot be had.
        """
        if self._passed() - self._read >= HELD:
            await self._refresh()
        found = self._found(kid)
        if found is None:
            # It may have been made since: rotated keys are asked for at once.
            await self._refresh()
            found = self._found(kid)
        if found is None:
            raise NotAuthenticated("The token is signed by a key that its provider does not have.")
        if found.algorithm_name != algorithm:
            raise NotAuthenticated("The token's key is for another algorithm.")
        return found

    def _found(self, kid: Any) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _refresh(self) -> None:
        """Ask the provider, once for all who wait; not again within the cooldown.

        Raises:
            ProviderUnavailable: its keys cannot be had, and those that are held are too old.
        """
        if self._asking is None or self._asking.done():
            if self._passed() - self._asked < COOLDOWN:
                if self._passed() - self._read >= STALE:
                    raise self._unavailable()
                return
            self._asked = self._passed()
            self._asking = asyncio.create_task(self._ask(), name="ask a provider for its keys")
        # Shielded: who gives up waiting must not end it for the others.
        await asyncio.shield(self._asking)
        if self._passed() - self._read >= STALE:
            raise self._unavailable()

    def _unavailable(self) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"The provider {self.provider.issuer} does not give its keys.",
            "Try again; or use an API key meanwhile.",
        )

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._keys = await self._fetched()
                self._read = self._passed()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            log.warning(
                "a provider does not give its keys",
                issuer=self.provider.issuer,
                reason=str(error) or type(error).__name__,
            )

    async def _fetched(self) -> dict[str | None, jwt.PyJWK]:
        host = urlsplit(self.provider.issuer).hostname
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=host not in LOOPBACK) as client:
            where = self.provider.jwks_uri
            if where is None:
                said = await configuration(client, self.provider)
                # An address as one would have to be written into the file.
                where = Provider(
                    issuer=self.provider.issuer, audience="-", jwks_uri=str(said.get("jwks_uri"))
                ).jwks_uri
            said = await json_object(client, "GET", str(where))
        found: dict[str | None, jwt.PyJWK] = {}
        listed = said.get("keys")
        if not isinstance(listed, list):
            raise ValueError("its keys are no list")
        for one in listed[:100]:
            if not isinstance(one, dict) or one.get("use", "sig") != "sig":
                continue
            try:
                # A key that names no algorithm is for the first that is pinned.
                key = jwt.PyJWK(one, None if "alg" in one else self._algorithm(one))
            except (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
                continue
            if key.algorithm_name in self.provider.algorithms:
                found[key.key_id] = key
        if not found:
            raise ValueError("it has no key for a pinned algorithm")
        return found

    def _algorithm(self, key: Mapping[str, Any]) -> str:
        families = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}.get(str(key.get("kty")), ())
        return next((one for one in self.provider.algorithms if one[:2] in families), "RS256")


async def configuration(client: httpx.AsyncClient, provider: Provider) -> dict[str, Any]:
    """What a provider says of itself (OpenID Connect Discovery 1.0, 4).

    Raises:
        ValueError: it says something else.
        httpx.HTTPError: it does not answer.
    """
    base = provider.issuer.rstrip("/")
    said = await json_object(client, "GET", f"{base}/.well-known/openid-configuration")
    if said.get("issuer") != provider.issuer:
        raise ValueError("its configuration names another issuer")
    return said


async def json_object(
    client: httpx.AsyncClient, method: str, address: str, *, refused: Exception | None = None, **options: Any
) -> dict[str, Any]:
    """The JSON object that an address answers with, of a bounded length, without following anything elsewhere.

    Raises:
        ValueError: it answers with something else.
        Exception: ``refused``, where that is given and it answers with 400, 401 or 403.
        httpx.HTTPError: it does not answer.
    """
    async with client.stream(method, address, headers={"Accept": "application/json"}, **options) as answer:
        if refused is not None and answer.status_code in (400, 401, 403):
            raise refused
        if answer.status_code != 200:
            raise ValueError(f"{address} answers {answer.status_code}")
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > LARGEST:
                raise ValueError(f"{address} answers with more than {LARGEST:,} bytes")
    said = json.loads(content)
    if not isinstance(said, dict):
        raise ValueError(f"{address} answers with no JSON object")
    return said
