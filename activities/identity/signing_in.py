"""Signing in at an OpenID provider from a browser: the authorization code flow (OpenID Connect Core 1.0, 3.1).

With proof key (RFC 7636, S256), state and nonce. All three are made of one secret that the browser keeps in a cookie
for some minutes, of the provider, and of where the person was going: so what comes back belongs to the browser that
went out, to this very provider, and nothing of it has to be kept here meanwhile. Where to go, the provider's
configuration says (OpenID Connect Discovery 1.0); where it names itself in its answer (RFC 9207), it has to be the one
that was asked.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import structlog

from activities.identity.keys import NotAuthenticated
from activities.identity.providers import LOOPBACK, Provider
from activities.identity.tokens import (
    HELD,
    PATIENCE,
    ProviderUnavailable,
    Token,
    Tokens,
    configuration,
    json_object,
)

LONGEST_CODE = 4096
"""Characters that a provider's code may have."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Going:
    """One sign-in under way, as the browser keeps it: at which provider, and where the person was going then.

    Who joins has the joining link's secret there too, and nothing of it goes to the provider.
    """

    secret: str
    issuer: str
    path: str
    link: str = ""

    def derived(self, what: str) -> str:
        """The state, nonce or verifier: 43 characters that nobody makes without the secret."""
        said = "\0".join((f"entente {what}", self.issuer, self.path, self.link))
        made = hmac.digest(self.secret.encode(), said.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


class SignIns:
    """Sends browsers to providers, and takes what they bring back. One for each API process.

    Args:
        providers: those that count; one signs people in if it says how (``sign_in``).
        tokens: what verifies their tokens.
        passed: the clock that configurations are held by, in seconds.
    """

    def __init__(
        self, providers: tuple[Provider, ...], tokens: Tokens, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._providers = {one.issuer: one for one in providers if one.sign_in is not None}
        self._tokens = tokens
        self._passed = passed
        self._held: dict[str, tuple[float, Mapping[str, Any]]] = {}

    @property
    def offered(self) -> Mapping[str, str]:
        """The issuers at which people can sign in, and what each is called."""
        return {
            issuer: (one.sign_in.name if one.sign_in and one.sign_in.name else None)
            or urlsplit(issuer).hostname
            or issuer
            for issuer, one in self._providers.items()
        }

    def begin(self, issuer: str, path: str, link: str = "") -> Going:
        """A new sign-in at a provider; with the secret of a joining link, by which the person is to join.

        Raises:
            NotAuthenticated: people do not sign in there.
        """
        if issuer not in self._providers:
            raise NotAuthenticated("Nobody signs in here by that provider.")
        return Going(secrets.token_urlsafe(32), issuer, path, link)

    async def address(self, going: Going, return_to: str) -> str:
        """Where the browser goes to.

        Raises:
            ProviderUnavailable: the provider does not answer.
        """
        provider = self._providers[going.issuer]
        assert provider.sign_in is not None  # noqa: S101 - the others are not held
        challenge = hashlib.sha256(going.derived("verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": provider.sign_in.client_id,
            "redirect_uri": return_to,
            "scope": provider.sign_in.scope,
            "state": going.derived("state"),
            "nonce": going.derived("nonce"),
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        where = (await self._configuration(provider))["authorization_endpoint"]
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(query)}"

    async def finish(self, going: Going, said: Mapping[str, str], return_to: str) -> Token:
        """Who has signed in, by what the provider sent back with the browser.

        Raises:
            NotAuthenticated: it is not an answer to this sign-in, or the provider says no.
            ProviderUnavailable: the provider does not answer.
        """
        provider = self._providers.get(going.issuer)
        if provider is None or provider.sign_in is None:
            raise NotAuthenticated("Nobody signs in here by that provider.")
        if not hmac.compare_digest(said.get("state", "").encode(), going.derived("state").encode()):
            raise NotAuthenticated("That is no answer to the sign-in that this browser began.")
        if said.get("iss", provider.issuer) != provider.issuer:
            raise NotAuthenticated("Another provider answers than the one that was asked.")
        if "error" in said:
            denied = said["error"] == "access_denied"
            told = "it was not allowed there" if denied else f"it says {said['error'][:60]!r}"
            raise NotAuthenticated(f"The provider did not sign you in: {told}.")
        code = said.get("code", "")
        if not 1 <= len(code) <= LONGEST_CODE:
            raise NotAuthenticated("The provider's answer has no code.")
        answer = await self._exchanged(provider, code, going.derived("verifier"), return_to)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotAuthenticated("The provider gave no ID token.")
        return await self._tokens.verify(
            token, audience=provider.sign_in.client_id, issuer=provider.issuer, nonce=going.derived("nonce")
        )

    def still(self, issuer: str, subject: str, principal: str) -> Token | None:
        """A token such as the session was begun with, to ask again whose it is; none where the provider is gone."""
        provider = self._providers.get(issuer)
        if provider is None:
            return None
        delegate = principal if provider.claim is not None else None
        return Token(issuer=issuer, subject=subject, delegate=delegate, contact=provider.contact)

    async def _configuration(self, provider: Provider) -> Mapping[str, Any]:
        """The provider's configuration, at most some minutes old.

        Raises:
            ProviderUnavailable: it cannot be had.
        """
        held = self._held.get(provider.issuer)
        if held is not None and self._passed() - held[0] < HELD:
            return held[1]
        try:
            async with asyncio.timeout(PATIENCE), _client(provider) as client:
                said = await configuration(client, provider)
            for name in ("authorization_endpoint", "token_endpoint"):
                Provider(issuer=provider.issuer, audience="-", jwks_uri=str(said.get(name)))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise self._unavailable(provider, error) from error
        self._held[provider.issuer] = (self._passed(), said)
        return said

    async def _exchanged(
        self, provider: Provider, code: str, verifier: str, return_to: str
    ) -> Mapping[str, Any]:
        """What the provider gives for a code (RFC 6749, 4.1.3).

        Raises:
            NotAuthenticated: it takes the code from nobody, or not from us.
            ProviderUnavailable: it does not answer.
        """
        assert provider.sign_in is not None  # noqa: S101 - the others are not held
        said = await self._configuration(provider)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_to,
            "code_verifier": verifier,
        }
        client_id, secret, auth = provider.sign_in.client_id, provider.sign_in.secret(), None
        methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret is not None and "client_secret_basic" in methods:
            # RFC 6749, 2.3.1: both are form-encoded first.
            auth = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": client_id} | ({} if secret is None else {"client_secret": secret})
        try:
            async with asyncio.timeout(PATIENCE), _client(provider) as client:
                return await json_object(
                    client,
                    "POST",
                    said["token_endpoint"],
                    data=form,
                    auth=auth or httpx.USE_CLIENT_DEFAULT,
                    refused=NotAuthenticated("The provider does not take its own code. Sign in anew."),
                )
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise self._unavailable(provider, error) from error

    def _unavailable(self, provider: Provider, error: Exception) -> ProviderUnavailable:
        log.warning(
            "a provider signs nobody in",
            issuer=provider.issuer,
            reason=str(error) or type(error).__name__,
        )
        return ProviderUnavailable(
            f"The provider {provider.issuer} does not answer.", "Try again, or sign in with a key meanwhile."
        )


def _client(provider: Provider) -> httpx.AsyncClient:
    host = urlsplit(provider.issuer).hostname
    return httpx.AsyncClient(timeout=PATIENCE, trust_env=host not in LOOPBACK)
