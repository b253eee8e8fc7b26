"""Signing in and joining by a provider of another site, in a real Chromium, by name (-m slow).

The provider is on localhost and the pages on 127.0.0.1: two sites, between which a strict cookie stays behind.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import oidc_provider_mock
import pytest
import pytest_asyncio

from activities.runtime.settings import read_settings
from api.client import Entente
from api.client.acts import AdoptDefinition, AppointDelegate
from api.pages.going import COOKIE as GOING
from api.pages.visiting import COOKIE
from tests.api.pages.chromium import chromium
from tests.memory import memory
from worker.demo.catalog import entry
from worker.demo.hosting import Place, keys_for
from worker.stack.place import forget
from worker.stack.stack import Ports, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NAME = "Ministry of the example"


class Abroad:
    """A running stack, a provider on another site, and a browser."""

    def __init__(self, url: str, issuer: str, keys: dict[str, str], browser: Any) -> None:
        self.url, self.issuer, self.keys, self.browser = url, issuer, keys, browser
        self.accord = ""

    async def link_for(self, delegate: str) -> str:
        """A joining link for a delegate whom its contact appoints, in one accord for all of them."""
        async with AsyncExitStack() as open_:
            contact, other = [
                await open_.enter_async_context(Entente(self.url, self.keys[who]))
                for who in ("ru.protocol", "kp.protocol")
            ]
            if not self.accord:
                self.accord = (await contact.open(entry("state-visit").read().definition)).accord
                digest = (await contact.accord(self.accord).state()).definition_digest
                for party in (contact, other):
                    await party.accord(self.accord).do(AdoptDefinition(digest=digest))
            await contact.accord(self.accord).do(
                AppointDelegate(delegate=delegate, office="Treaty Section", roles=("treaty_section",))
            )
            return (await contact.accord(self.accord).make_join_link(delegate)).link

    async def page(self) -> Any:
        """A window of somebody's own browser, in which nothing is kept yet."""
        context = await self.browser.new_context()
        # The provider's pages have a style sheet from elsewhere, which nobody waits for.
        await context.route(lambda url: not url.startswith((self.url, self.issuer)), lambda it: it.abort())
        return await context.new_page()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def abroad() -> AsyncIterator[Abroad]:
    state = Path(tempfile.mkdtemp(prefix="entente-abroad-", dir=memory()))
    # Where root runs it, Postgres's own user has to pass through.
    state.chmod(0o711)
    try:
        with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
            issuer = f"http://localhost:{server.server_port}"
            providers = state / "providers.json"
            secret = state / "secret"
            secret.write_text("the pages' secret\n")
            sign_in = {"client_id": "entente-pages", "client_secret_file": str(secret), "name": NAME}
            providers.write_text(json.dumps([{"issuer": issuer, "audience": "entente", "sign_in": sign_in}]))
            settings = read_settings(state_dir=state, api_port=0, log_level="warning", oidc_file=providers)
            async with (
                chromium() as browser,
                Stack(settings, ports=Ports(0, 0, 0), durable=False) as stack,
            ):
                place = Place(stack.api_url, None, stack.database_url, state, True)
                keys = await keys_for(place, entry("state-visit").read().cast())
                assert stack.api_url.startswith("http://127.0.0.1:")
                yield Abroad(stack.api_url, issuer, keys, browser)
    finally:
        forget(state)
        shutil.rmtree(state)


async def at_provider(abroad: Abroad, page: Any, subject: str) -> None:
    """What a person does there."""
    await page.wait_for_url(f"{abroad.issuer}/**")
    await page.fill('input[name="sub"]', subject)
    await page.click('button:has-text("Authorize")')


async def kept(page: Any) -> dict[str, Any]:
    """The cookies of these pages that the browser has, by name."""
    return {one["name"]: one for one in await page.context.cookies()}


async def test_a_delegate_joins_and_signs_in_again_by_a_provider_of_another_site(abroad: Abroad) -> None:
    link = await abroad.link_for("ru.vera")
    page = await abroad.page()
    errors: list[str] = []
    page.on("console", lambda said: said.type == "error" and errors.append(f"{page.url} {said.text}"))
    page.on("pageerror", lambda error: errors.append(str(error)))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers}"))
    await page.goto(link)
    await page.click(f'button:has-text("Join by {NAME}")')
    await at_provider(abroad, page, "vera")
    await page.wait_for_url(f"{abroad.url}/accords/{abroad.accord}")
    assert "ru.vera" in await page.inner_text("form.who")
    cookies = await kept(page)
    assert (cookies[COOKIE]["sameSite"], cookies[COOKIE]["httpOnly"]) == ("Strict", True)
    assert GOING not in cookies
    secret = link.partition("#")[2]
    assert not [one for one in sent if secret in one and not one.startswith(abroad.url)]
    assert not [one for one in sent if secret in one.partition(" ")[0]], "an address is kept in logs"
    assert not [one for one in errors if abroad.url in one], errors

    # Back leads to no error and begins nothing anew.
    await page.go_back()
    await page.goto(f"{abroad.url}/")
    assert "ru.vera" in await page.inner_text("form.who")
    await page.click("text=Sign out")
    await page.wait_for_url(f"{abroad.url}/sign-in")
    assert COOKIE not in await kept(page)

    # In another browser, to the page that was asked for.
    page = await abroad.page()
    await page.goto(f"{abroad.url}/accords/{abroad.accord}/minutes?only=acts")
    await page.click(f"text=Sign in by {NAME}")
    await at_provider(abroad, page, "vera")
    await page.wait_for_url(f"{abroad.url}/accords/{abroad.accord}/minutes?only=acts")
    assert "ru.vera" in await page.inner_text("form.who")


async def test_a_link_from_another_site_comes_with_the_session(abroad: Abroad) -> None:
    await abroad.link_for("ru.anna")
    page = await abroad.page()
    await page.goto(f"{abroad.url}/sign-in")
    await page.fill("#i-key", abroad.keys["ru.protocol"])
    await page.click('button:has-text("Sign in")')
    await page.wait_for_selector("form.who")
    # A page of another site, such as a mail program's in the browser.
    await page.goto(f"{abroad.issuer}/")
    where = f"{abroad.url}/accords/{abroad.accord}/people"
    await page.evaluate("where => { location.href = where; }", where)
    await page.wait_for_selector("form.who")
    assert page.url == where


async def test_who_is_nobody_here_is_told_the_way_on(abroad: Abroad) -> None:
    page = await abroad.page()
    await page.goto(f"{abroad.url}/sign-in")
    await page.click(f"text=Sign in by {NAME}")
    await at_provider(abroad, page, "boris")
    await page.wait_for_selector('[role="alert"]')
    assert "knows you as boris" in await page.inner_text('[role="alert"]')
    # The same person opens the link that its contact sends, in the same window.
    await page.goto(await abroad.link_for("ru.boris"))
    assert await page.input_value("#i-link") != ""
    await page.click(f'button:has-text("Join by {NAME}")')
    await at_provider(abroad, page, "boris")
    await page.wait_for_url(f"{abroad.url}/accords/**")
    assert "ru.boris" in await page.inner_text("form.who")
