"""Signing in by an OpenID provider: a real one from elsewhere, whose answers are also bent by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import oidc_provider_mock
import pytest_asyncio

from activities.ledger.claiming import take
from activities.ledger.store import Claim
from activities.runtime.settings import Settings
from api.pages.going import COOKIE as GOING
from api.pages.visiting import COOKIE
from tests.api.conftest import serving
from tests.api.filling import Filler
from tests.api.pages.browser import HERE, Browser, text_of
from tests.simulation.small import small

CLIENT = "entente-pages"


@pytest_asyncio.fixture(loop_scope="session")
async def browser(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path, filler: Filler
) -> AsyncIterator[Browser]:
    """A browser, an accord with AA's treaty section, and a provider at which anna is that."""
    await filler.found("a", small())
    await filler.do(
        "a", "appoint_delegate", "aa.contact",
        delegate="aa.treaty", office="Treaty Section", roles=["treaty_section"],
    )  # fmt: skip
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        issuer = f"http://localhost:{server.server_port}"
        secret = tmp_path / "secret"
        secret.write_text("the clients' secret: +/=\n")
        sign_in = {"client_id": CLIENT, "client_secret_file": str(secret), "name": "Ministry of AA"}
        file = tmp_path / "providers.json"
        file.write_text(json.dumps([{"issuer": issuer, "audience": "entente", "sign_in": sign_in}]))
        settings = make_settings(database_url, nowhere, oidc_file=file, public_url=HERE)
        async with serving(settings) as api:
            claim = Claim("aa.contact", ("aa.treaty",))
            assert await take(api.app.state.backend.pool, "a", claim) == ()
            connection = await asyncpg.connect(settings.database_dsn())
            await connection.execute(
                "insert into federated_identities (issuer, subject, principal) values ($1, 'anna', 'aa.treaty')",
                issuer,
            )
            await connection.close()
            one = Browser(api)
            one.issuer = issuer  # type: ignore[attr-defined]
            async with one.http:
                yield one


def at_provider(address: str, subject: str | None = "anna") -> str:
    """What a person does at the provider: signs in, or says no; where it sends the browser then."""
    form = {"action": "deny"} if subject is None else {"sub": subject}
    with httpx.Client(trust_env=False) as client:
        answer = client.post(address, data=form)
    assert answer.status_code == 302, answer.text
    where: str = answer.headers["location"]
    return where.removeprefix(HERE)


async def went_out(browser: Browser, going: str = "/accords/a") -> str:
    query = {"issuer": browser.issuer, "next": going}  # type: ignore[attr-defined]
    answer = await browser.get("/sign-in/with", params=query)
    assert answer.status_code == 303, answer.text
    where: str = answer.headers["location"]
    return where


async def test_a_person_of_a_provider_signs_in_and_out(browser: Browser) -> None:
    page = await browser.page("/sign-in?next=/accords/a")
    assert "Sign in by Ministry of AA" in text_of(page)
    answer = await browser.get("/sign-in/with", params={"issuer": browser.issuer, "next": "/accords/a"})  # type: ignore[attr-defined]
    kept = answer.headers["set-cookie"]
    for part in (f"{GOING}=", "HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in kept
    address = answer.headers["location"]
    asked = parse_qs(urlsplit(address).query)
    assert asked["redirect_uri"] == [f"{HERE}/sign-in/return"]
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    for secret in (asked["state"][0], asked["nonce"][0], asked["code_challenge"][0]):
        assert len(secret) == 43
        assert secret not in kept

    back = await asyncio.to_thread(at_provider, address)
    answer = await browser.get(back)
    assert answer.status_code == 200, answer.text
    assert 'url=/signed-in?next=%2Faccords%2Fa"' in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert any(f"{COOKIE}=" in one and "SameSite=strict" in one and "HttpOnly" in one for one in cookies)
    assert any(one.startswith(f'{GOING}=""') for one in cookies)
    page = await browser.page("/accords/a")
    assert "aa.treaty" in page
    # The provider's code is good once, and so is what the browser kept.
    assert (await browser.get(back)).status_code == 403

    session = browser.http.cookies[COOKIE]
    answer = await browser.post("/sign-out", await browser.filled(page, "/sign-out"))
    assert answer.headers["location"] == "/sign-in"
    browser.http.cookies.set(COOKIE, session, domain="localhost.local")
    assert (await browser.get("/accords/a")).status_code == 303


async def test_nobody_is_signed_in_by_an_answer_to_something_else(browser: Browser) -> None:
    back = await asyncio.to_thread(at_provider, await went_out(browser))
    kept = browser.http.cookies[GOING]

    async def refused(path: str, cookie: str | None = kept) -> str:
        browser.http.cookies.clear()
        if cookie is not None:
            browser.http.cookies.set(GOING, cookie, domain="localhost.local")
        answer = await browser.get(path)
        assert answer.status_code == 403, answer.text
        assert COOKIE not in browser.http.cookies
        return text_of(answer.text)

    assert "began no sign-in" in await refused(back, None)
    assert "began no sign-in" in await refused(back, "nonsense")
    assert "began no sign-in" in await refused(back, "%5B1%2C2%2C3%5D")
    # Somebody else's answer in this browser (login CSRF), and what was bent on its way.
    browser.http.cookies.clear()
    await went_out(browser)
    assert "no answer to the sign-in" in await refused(back, browser.http.cookies[GOING])
    assert "no answer to the sign-in" in await refused(back, kept.replace("accords", "operation"))
    assert "no answer to the sign-in" in await refused(f"/sign-in/return?code={'c' * 20}&state=")
    assert "Another provider" in await refused(f"{back}&iss=https%3A%2F%2Fother.example")
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert "does not take its own code" in await refused(f"/sign-in/return?code=wrong&state={state}")
    assert "no code" in await refused(f"/sign-in/return?state={state}")
    assert "not allowed there" in await refused(f"/sign-in/return?error=access_denied&state={state}")
    said = await refused(f"/sign-in/return?error=%3Cscript%3E&state={state}&session_state=x")
    assert "<script>" in said


async def test_the_verifier_and_the_nonce_are_those_that_were_sent(browser: Browser) -> None:
    going = await went_out(browser)
    asked = parse_qs(urlsplit(going).query)
    sign_ins = browser.api.app.state.backend.sign_ins
    seen: list[Any] = []
    exchanged = sign_ins._exchanged

    async def watched(provider: Any, code: str, verifier: str, return_to: str) -> Any:
        seen.append(verifier)
        return await exchanged(provider, code, verifier, return_to)

    sign_ins._exchanged = watched
    # An ID token for another sign-in's nonce is no answer to this one, though the provider has signed it.
    other = going.replace(asked["nonce"][0], "n" * 43)
    answer = await browser.get(await asyncio.to_thread(at_provider, other))
    assert (answer.status_code, "no answer to this sign-in" in answer.text) == (403, True)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(seen[0].encode()).digest()).decode().rstrip("=")
    assert [challenge] == asked["code_challenge"]


async def test_strangers_and_those_who_are_no_delegate_any_more_stay_out(browser: Browser) -> None:
    answer = await browser.get(await asyncio.to_thread(at_provider, await went_out(browser), "boris"))
    assert answer.status_code == 403
    assert "knows you as boris" in text_of(answer.text)
    await browser.get(await asyncio.to_thread(at_provider, await went_out(browser)))
    assert (await browser.get("/accords/a")).status_code == 200
    delegates = browser.api.app.state.backend.delegates
    connection = await asyncpg.connect(browser.api.settings.database_dsn())
    await connection.execute("update federated_identities set principal = 'bb.contact'")
    await connection.close()
    delegates._held.clear()
    assert (await browser.get("/accords/a")).status_code == 303


async def test_a_provider_that_is_none_or_does_not_answer_is_told(browser: Browser) -> None:
    unknown = await browser.get("/sign-in/with", params={"issuer": "https://other.example"})
    assert unknown.status_code == 404
    assert "Nobody signs in here" in unknown.text
    sign_ins = browser.api.app.state.backend.sign_ins
    issuer = browser.issuer  # type: ignore[attr-defined]
    gone = sign_ins._providers[issuer].model_copy(update={"issuer": "http://127.0.0.1:9"})
    sign_ins._providers["http://127.0.0.1:9"] = gone
    answer = await browser.get("/sign-in/with", params={"issuer": "http://127.0.0.1:9"})
    assert answer.status_code == 503
    assert "does not answer" in text_of(answer.text)
