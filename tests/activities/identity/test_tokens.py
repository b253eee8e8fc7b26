"""Tokens of providers: who is believed, and nobody else."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from activities.errors import SettingsProblem
from activities.identity.keys import NotAuthenticated
from activities.identity.providers import Provider, load_providers
from activities.identity.tokens import COOLDOWN, HELD, STALE, ProviderUnavailable, Tokens
from tests.activities.identity.provider import AUDIENCE, OwnProvider, own_provider


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def believing(provider: OwnProvider, clock: Clock | None = None, **changes: Any) -> Tokens:
    given = {"issuer": provider.issuer, "audience": AUDIENCE, **changes}
    return Tokens((Provider.model_validate(given),), clock or Clock())


async def reason(tokens: Tokens, text: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await tokens.verify(text)
    return refused.value.reason


async def test_a_token_of_a_provider_that_counts_is_believed() -> None:
    async with own_provider() as provider:
        tokens = believing(provider)
        found = await tokens.verify(provider.token())
        assert (found.issuer, found.subject, found.delegate) == (provider.issuer, "person-1", None)
        assert (await tokens.verify(provider.token(aud=["other", AUDIENCE]))).subject == "person-1"
        assert provider.asked == 1
        claimed = believing(provider, claim="delegate", contact="aa.contact")
        found = await claimed.verify(provider.token(delegate="aa.treaty"))
        assert (found.delegate, found.contact) == ("aa.treaty", "aa.contact")
        assert (await claimed.verify(provider.token(delegate=["aa.treaty"]))).delegate is None


async def test_what_is_not_as_it_has_to_be_is_not() -> None:
    async with own_provider() as provider:
        tokens = believing(provider)
        now = int(time.time())
        other = rsa.generate_private_key(65537, 2048)
        header, payload, signature = provider.token().split(".")
        changed = base64.urlsafe_b64encode(
            json.dumps({**jwt.decode(provider.token(), options={"verify_signature": False}), "sub": "x"}).encode()
        ).decode().rstrip("=")  # fmt: skip
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        # A public key taken for a shared secret: what a verifier would do that lets the token choose.
        shared = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').decode().rstrip("=")
        confused = f"{shared}.{payload}.{signature}"
        cases = {
            provider.token(exp=now - 60): "expired",
            provider.token(exp=float("inf")): "does not hold",
            provider.token(nbf=now + 600): "not in force yet",
            provider.token(iat=now + 600): "not in force yet",
            provider.token(aud="elsewhere"): "another audience",
            provider.token(aud=None): "lacks a claim",
            provider.token(exp=None): "lacks a claim",
            provider.token(sub=None): "lacks a claim",
            provider.token(sub=""): "names nobody",
            provider.token(sub="x" * 256): "names nobody",
            provider.token(iss="http://127.0.0.1:1"): "does not count",
            provider.token(iss=None): "does not count",
            provider.token(iss=provider.issuer + "/"): "does not count",
            provider.token(key=other): "signature",
            provider.token(algorithm="PS256"): "not signed by RS256",
            provider.token(kid="k2", key=other): "does not have",
            f"{header}.{changed}.{signature}": "signature",
            f"{none}.{payload}.": "not signed by",
            confused: "not signed by",
            "a.b.c": "no JSON Web Token",
            "..": "no JSON Web Token",
            f"{header}.{payload}.{signature}x.": "no JSON Web Token",
            "e." + "a" * 20_000 + ".c": "too long",
        }
        for text, said in cases.items():
            assert said in await reason(tokens, text), (said, text[:80])


async def test_rotated_keys_are_asked_for_at_once_and_not_too_often() -> None:
    async with own_provider() as provider:
        clock = Clock()
        tokens = believing(provider, clock, algorithms=["RS256", "ES256"])
        old = provider.token()
        await tokens.verify(old)
        provider.rotate("k2", curve=True)
        new = provider.token(algorithm="ES256")
        # Within the cooldown nobody makes us ask, whatever is sent.
        assert "does not have" in await reason(tokens, new)
        assert provider.asked == 1
        clock.now += COOLDOWN
        assert (await tokens.verify(new)).subject == "person-1"
        assert "does not have" in await reason(tokens, old)
        assert provider.asked == 2
        # Where it does not answer, its keys are believed on for a while.
        clock.now += HELD
        provider.answers = False
        assert (await tokens.verify(new)).subject == "person-1"
        clock.now += STALE
        with pytest.raises(ProviderUnavailable):
            await tokens.verify(new)
        provider.answers = True
        clock.now += COOLDOWN
        assert (await tokens.verify(new)).subject == "person-1"


async def test_a_provider_that_says_something_else_is_not_believed() -> None:
    async with own_provider() as provider:
        for says in ({"issuer": "https://elsewhere.example"}, {"jwks_uri": "http://elsewhere.example/keys"}):
            provider.says = says
            with pytest.raises(ProviderUnavailable):
                await believing(provider).verify(provider.token())
        provider.says = {}
        odd = [
            {"kty": "RSA", "n": {}, "e": 1, "alg": "RS256"},
            {"kty": "EC", "alg": []},
            {"alg": "RS256"},
            7,
            None,
        ]
        for gives in ({"k": 1}, 3, "", odd, [{"kty": "oct", "k": "c2VjcmV0", "alg": "RS256"}]):
            provider.gives = gives
            with pytest.raises(ProviderUnavailable):
                await believing(provider).verify(provider.token())
        provider.gives = None
        # It has no key for the algorithm that is pinned.
        with pytest.raises(ProviderUnavailable):
            await believing(provider, algorithms=["ES256"]).verify(
                provider.token(algorithm="ES256", key=_curve())
            )


def _curve() -> Any:
    made = OwnProvider()
    made.rotate("k", curve=True)
    return made.keys["k"]


def test_providers_are_named_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    file.write_text('[{"issuer": "https://login.example", "audience": "entente", "algorithms": ["ES256"]}]')
    [one] = load_providers(file)
    assert (one.issuer, one.algorithms) == ("https://login.example", ("ES256",))
    assert load_providers(None) == ()
    for wrong, said in (
        ('[{"issuer": "http://login.example", "audience": "e"}]', "no https address"),
        ('[{"issuer": "https://login.example", "audience": ""}]', "audience"),
        ('[{"issuer": "https://a", "audience": "e", "algorithms": ["HS256"]}]', "algorithms"),
        ('[{"issuer": "https://a", "audience": "e", "algorithms": []}]', "algorithms"),
        ('[{"issuer": "https://a", "audience": "e", "claim": "delegate"}]', "go together"),
        ('[{"issuer": "https://a", "audience": "e", "more": 1}]', "more"),
        ('[{"issuer": "https://a", "audience": "e"}, {"issuer": "https://a", "audience": "f"}]', "twice"),
        ("no JSON", "names no providers"),
    ):
        file.write_text(wrong)
        with pytest.raises(SettingsProblem, match=said):
            load_providers(file)
    with pytest.raises(SettingsProblem, match="cannot be read"):
        load_providers(tmp_path / "none")
