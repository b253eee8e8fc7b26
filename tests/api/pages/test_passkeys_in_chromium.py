"""Passkeys in a real Chromium, with its own virtual authenticator, by name (-m slow)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.runtime.settings import read_settings
from tests.api.pages.chromium import chromium
from tests.memory import memory
from worker.demo.catalog import entry
from worker.demo.hosting import Place, keys_for
from worker.stack.place import forget
from worker.stack.stack import Ports, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Hosted:
    """A running stack, by the name of this machine, and a browser."""

    def __init__(self, url: str, keys: dict[str, str], browser: Any) -> None:
        self.url, self.keys, self.browser = url.replace("127.0.0.1", "localhost"), keys, browser
        self.numbers = url
        self.errors: list[str] = []

    async def page(self, **context: Any) -> Any:
        page = await (await self.browser.new_context(**context)).new_page()
        page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    async def with_key(self, page: Any, who: str) -> None:
        await page.goto(f"{self.url}/sign-in")
        await page.fill("#i-key", self.keys[who])
        await page.click("main button.main")
        await page.wait_for_selector("form.who")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hosted() -> AsyncIterator[Hosted]:
    state = Path(tempfile.mkdtemp(prefix="entente-passkeys-", dir=memory()))
    # Where root runs it, Postgres's own user has to pass through.
    state.chmod(0o711)
    try:
        settings = read_settings(state_dir=state, api_port=0, log_level="warning")
        async with chromium() as browser, Stack(settings, ports=Ports(0, 0, 0), durable=False) as stack:
            place = Place(stack.api_url, None, stack.database_url, state, True)
            yield Hosted(stack.api_url, await keys_for(place, entry("state-visit").read().cast()), browser)
    finally:
        forget(state)
        shutil.rmtree(state)


class Device:
    """The virtual authenticator of one window (Chrome DevTools Protocol, WebAuthn)."""

    def __init__(self, protocol: Any, name: str) -> None:
        self._protocol, self._name = protocol, name

    @classmethod
    async def of(cls, page: Any) -> Device:
        protocol = await page.context.new_cdp_session(page)
        await protocol.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = await protocol.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(protocol, made["authenticatorId"])

    async def passkeys(self) -> list[dict[str, Any]]:
        found = await self._protocol.send("WebAuthn.getCredentials", {"authenticatorId": self._name})
        listed: list[dict[str, Any]] = found["credentials"]
        return listed

    async def verifies(self, who: bool) -> None:
        await self._protocol.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._name, "isUserVerified": who}
        )


async def _enrol(page: Any, label: str) -> None:
    await page.click("#passkeys ~ details > summary")
    await page.fill("#p-label", label)
    await page.click('form[data-passkey="enrol"] button')


async def _shows(page: Any, form: str, text: str) -> None:
    await page.wait_for_function(
        '([form, text]) => document.querySelector(`form[data-passkey="${form}"] [data-said]`)'
        ".textContent.includes(text)",
        arg=[form, text],
    )


async def test_a_delegate_enrols_signs_in_and_revokes(hosted: Hosted) -> None:
    page = await hosted.page()
    device = await Device.of(page)
    await hosted.with_key(page, "ru.protocol")
    await page.goto(f"{hosted.url}/own")
    await _enrol(page, "laptop")
    await page.wait_for_url(f"{hosted.url}/own#passkeys")
    assert "laptop" in await page.inner_text("section:has(> #passkeys) table")
    [kept] = await device.passkeys()
    assert (kept["rpId"], kept["isResidentCredential"]) == ("localhost", True)
    # A second one on the same device takes nothing's place.
    await page.goto(f"{hosted.url}/own")
    await _enrol(page, "laptop again")
    await _shows(page, "enrol", "keeps a passkey of yours")
    await page.click("form.who button")
    await page.wait_for_url(f"{hosted.url}/sign-in")

    # By keyboard, to the page that was asked for.
    await page.goto(f"{hosted.url}/accords?stage=visit")
    await page.focus('form[data-passkey="sign-in"] button')
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{hosted.url}/accords?stage=visit")
    assert "ru.protocol" in await page.inner_text("form.who")
    await page.goto(f"{hosted.url}/own")
    assert "by the passkey" in await page.inner_text("p.lead")

    # Revoked on the page, it is over with this session, and told so where one signs in.
    await page.click("section:has(> #passkeys) td details > summary")
    await page.click("section:has(> #passkeys) td details button")
    await page.wait_for_url(f"{hosted.url}/sign-in**")
    await page.click('form[data-passkey="sign-in"] button')
    await page.wait_for_selector('[role="alert"]')
    assert "it was revoked" in await page.inner_text('[role="alert"]')
    assert not [one for one in hosted.errors if "401" not in one], hosted.errors


async def test_what_is_offered_is_accessible(hosted: Hosted) -> None:
    # Reason: axe comes with the tests' tools alone.
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    for scheme in ("light", "dark"):
        page = await hosted.page(color_scheme=scheme)
        await Device.of(page)
        await page.goto(f"{hosted.url}/sign-in")
        assert await page.is_visible('form[data-passkey="sign-in"]')
        found = (await axe.run(page)).response["violations"]
        await hosted.with_key(page, "kp.protocol")
        await page.goto(f"{hosted.url}/own")
        await _enrol(page, f"in the {scheme}")
        await page.wait_for_url(f"{hosted.url}/own#passkeys")
        await page.click("#passkeys ~ details > summary")
        found += (await axe.run(page)).response["violations"]
        assert not found, found


async def test_a_browser_without_a_passkey_says_so_in_the_readers_language(hosted: Hosted) -> None:
    page = await hosted.page(locale="ru-RU", viewport={"width": 320, "height": 640})
    device = await Device.of(page)
    await page.goto(f"{hosted.url}/sign-in")
    await page.click("text=Войти с ключом доступа")
    await _shows(page, "sign-in", "Браузер не предъявил ключ доступа")
    assert await page.is_enabled('form[data-passkey="sign-in"] button')
    # A device that does not verify its user makes none either.
    await device.verifies(False)
    await hosted.with_key(page, "kp.protocol")
    await page.goto(f"{hosted.url}/own")
    await _enrol(page, "телефон")
    await _shows(page, "enrol", "Браузер не предъявил ключ доступа")
    assert await device.passkeys() == []
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, wide


async def test_by_an_address_of_numbers_none_is_offered(hosted: Hosted) -> None:
    page = await hosted.page()
    await page.goto(f"{hosted.numbers}/sign-in")
    assert await page.query_selector("form[data-passkey]") is None
    # Nor without a script.
    context = await hosted.browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await plain.goto(f"{hosted.url}/sign-in")
    assert not await plain.is_visible('form[data-passkey="sign-in"]')
    assert await plain.is_visible("#i-key")
