"""The pages in a real Chromium, by name (-m slow): played by hand, by keyboard, on a phone, in the dark, on paper.

The whole stack runs as ``entente up`` runs it, and delegates sit in the chairs of the demonstration.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.runtime.settings import read_settings
from tests.api.pages.addresses import GENERAL, OF_ACCORD, OF_OPERATOR, shown
from tests.api.pages.chromium import chromium
from tests.api.pages.playing import ByForm
from tests.api.pages.prepared import NEW, Words, prepare
from tests.memory import memory
from worker.demo.catalog import entry
from worker.demo.hosting import OPERATOR, Place, keys_for
from worker.demo.over_http import OverHttp
from worker.demo.player import Player
from worker.stack.place import forget
from worker.stack.stack import Ports, Stack
from workflows.model.definition import Definition

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


class Hosted:
    """A running stack, its demonstration's keys, and a browser."""

    def __init__(self, place: Place, keys: dict[str, str], browser: Any) -> None:
        self.place, self.keys, self.browser = place, keys, browser

    @property
    def url(self) -> str:
        return self.place.api_url

    async def with_key(self, who: str, **context: Any) -> Any:
        page = await (await self.browser.new_context(**context)).new_page()
        await page.goto(f"{self.url}/sign-in")
        await page.fill("#i-key", self.keys[who])
        await page.click('main button.main:has-text("Sign in")')
        await page.wait_for_selector("form.who")
        return page

    async def sit(self, who: str, **context: Any) -> Any:
        page = await (await self.browser.new_context(**context)).new_page()
        await page.goto(f"{self.url}/sign-in")
        await page.click(f'button[value="{who}"]')
        await page.wait_for_selector("form.who")
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hosted() -> AsyncIterator[Hosted]:
    state = Path(tempfile.mkdtemp(prefix="entente-pages-", dir=memory()))
    # Where root runs it, Postgres's own user has to pass through.
    state.chmod(0o711)
    try:
        async with chromium() as browser:
            settings = read_settings(state_dir=state, api_port=0, log_level="warning")
            async with Stack(settings, ports=Ports(0, 0, 0), durable=False) as stack:
                place = Place(stack.api_url, None, stack.database_url, state, True)
                cast = [who for name in ("state-visit", "jv-closing") for who in entry(name).read().cast()]
                yield Hosted(place, await keys_for(place, cast), browser)
    finally:
        forget(state)
        shutil.rmtree(state)


async def _opened(hosted: Hosted, **changes: Any) -> str:
    """An accord of the state visit's definition, changed, that is only proposed yet."""
    definition = entry("state-visit").read().definition.model_copy(update=changes)
    async with OverHttp(hosted.url, hosted.keys, hosted.keys[OPERATOR]) as backend:
        await backend.open(Definition.model_validate(definition.as_facts()), "ru.protocol")
        return (await backend.look()).accord


@pytest.mark.parametrize("name", ["state-visit", "jv-closing"])
async def test_a_scenario_is_played_by_hand(hosted: Hosted, name: str) -> None:
    play = entry(name).read()
    keys, operator = hosted.keys, hosted.keys[OPERATOR]
    async with ByForm(hosted.url, keys, operator, hosted.browser, hosted.place.database_url) as people:
        result = await Player(play, people, lambda _: None).play()
        assert result.went_well, result.differences
        assert result.refusals > 3
        assert not people.problems


async def test_what_one_does_the_other_sees(hosted: Hosted) -> None:
    accord = await _opened(hosted)
    one, other = await hosted.sit("ru.protocol"), await hosted.sit("kp.protocol")
    await other.goto(f"{hosted.url}/accords/{accord}/people")
    await one.goto(f"{hosted.url}/accords/{accord}/minutes")
    assert "KP consents" not in await one.inner_text("#live")
    await other.goto(f"{hosted.url}/accords/{accord}/do/adopt-definition")
    await other.click('button[value="preview"]')
    await other.click('button[value="send"]')
    await other.wait_for_selector(".recorded")
    await one.wait_for_function(
        "() => document.getElementById('live').innerText.includes('kp.protocol')", timeout=15_000
    )


async def _forms(hosted: Hosted, page: Any, accord: str) -> AsyncIterator[str]:
    """Pages that answer a form, one after the other: where each is, in words."""
    await page.goto(f"{hosted.url}/accords/{accord}/do/record-statement")
    await page.fill("#i-digest", f"sha256:{'a' * 64}")
    await page.click('button[value="preview"]')
    await page.wait_for_selector("#follows")
    yield "a preview"
    await page.click('button[value="send"]')
    await page.wait_for_selector(".recorded")
    yield "an outcome"
    await page.goto(f"{hosted.url}/accords/{accord}/do/issue-invitation")
    await page.click('button[value="preview"]')
    await page.wait_for_selector('main button[name="step"]')
    yield "a preview of a refusal or not"
    await page.goto(f"{hosted.url}/new")
    await page.fill("#definition", "title: [")
    await page.click('button[value="try"]')
    await page.wait_for_selector('[role="alert"]')
    yield "a definition with errors"
    await page.goto(f"{hosted.url}/accords/{accord}/do/record-statement")
    await page.context.clear_cookies()
    await page.click('button[value="preview"]')
    await page.wait_for_selector('a[target="_blank"]')
    yield "a form that is kept"
    await page.goto(f"{hosted.url}/signed-in")
    yield "a cookie that was not kept"
    await page.goto(f"{hosted.url}/join")
    await page.fill("#i-link", "no link")
    await page.click("main button")
    await page.wait_for_selector('[role="alert"]')
    yield "a link that is none"


async def test_back_and_reload_send_nothing_again_and_lead_to_no_error(hosted: Hosted) -> None:
    accord = (await prepare(hosted.url, hosted.keys)).accord
    page = await hosted.sit("ru.protocol")
    start = f"{hosted.url}/accords/{accord}/conditions/C1"
    await page.goto(start)
    form = f"{hosted.url}/accords/{accord}/do/record-statement"
    await page.goto(form)
    await page.fill("#i-digest", f"sha256:{'a' * 64}")
    await page.click('button[value="preview"]')
    await page.wait_for_selector("#follows")
    await page.click('button[value="send"]')
    await page.wait_for_selector(".recorded")
    came = page.url
    await page.reload()
    assert (page.url, await page.locator(".recorded").count()) == (came, 1)
    await page.go_back()
    assert page.url == form
    await page.go_back()
    await page.go_forward()
    # Where something is wrong the form begins there.
    await page.goto(f"{hosted.url}/accords/{accord}/do/record-statement")
    await page.evaluate("document.querySelector('form.act').noValidate = true")
    await page.fill("#i-digest", "no digest")
    await page.click('button[value="preview"]')
    await page.wait_for_selector(".error")
    assert await page.evaluate("document.activeElement.id") == "i-digest"
    assert await page.input_value("#i-digest") == "no digest"


async def test_no_page_has_an_obstacle(hosted: Hosted) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    made = await prepare(hosted.url, hosted.keys)
    found: dict[str, Any] = {}

    async def look(page: Any, where: str) -> None:
        for violation in (await axe.run(page)).response["violations"]:
            targets = [node["target"] for node in violation["nodes"]][:3]
            found[f"{where} {violation['id']}"] = targets

    for scheme in ("light", "dark"):
        options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": 1200, "height": 900}}
        for who, pages in (
            ("ru.protocol", [*shown(GENERAL), *shown(OF_ACCORD, **made.values)]),
            (OPERATOR, ["/own", *shown(OF_OPERATOR, **made.values)]),
            ("press", [f"/accords/{made.accord}", f"/accords/{made.accord}/record"]),
        ):
            page = await hosted.sit(who, **options)
            for path in pages:
                answer = await page.goto(hosted.url + path)
                assert answer.status == (404 if path == "/accords/nowhere" else 200), path
                await look(page, f"{scheme} {who} {path}")
        page = await hosted.sit("ru.protocol", **options)
        async for where in _forms(hosted, page, made.accord):
            await look(page, f"{scheme} {where}")
        # With a key more can be made than in a chair.
        page = await hosted.with_key("ru.protocol", **options)
        for path in ("/own", f"/accords/{made.accord}/links"):
            await page.goto(hosted.url + path)
            await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            await look(page, f"{scheme} {path} with a key")
        await page.select_option("#l-delegate", NEW)
        await page.click("main form button.main")
        await page.wait_for_selector(".recorded .whole")
        await look(page, f"{scheme} a link")
    assert not found, json.dumps(found, indent=1)


WIDE = "العربية نص طويل من اليمين إلى اليسار · 正式訪問の合同声明と実施計画に関する長い表題 · 공식방문에관한공동성명"

LONG = f"{'W' * 200} {'漢' * 40}"
"""A word without a break that is wider than a phone."""


async def test_a_phone_shows_all_of_it(hosted: Hosted) -> None:
    # Whatever the script, nothing runs out of a window 320 px wide (WCAG 2.2, 1.4.10).
    definition = entry("state-visit").read().definition
    conditions = {code: one.model_copy(update={"title": WIDE}) for code, one in definition.conditions.items()}
    made = await prepare(
        hosted.url,
        hosted.keys,
        Words(LONG, LONG, LONG),
        title=f"{WIDE} {uuid.uuid4().hex}",
        conditions=conditions,
    )
    page = await hosted.sit("ru.protocol", viewport={"width": 320, "height": 640})
    for path in [*shown(GENERAL), *shown(OF_ACCORD, **made.values)]:
        await page.goto(hosted.url + path)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, (path, wide)
    await page.goto(f"{hosted.url}/accords/{made.accord}")
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('.title bdi')).unicodeBidi") == "isolate"
    )


async def test_on_paper_there_is_the_record_and_no_buttons(hosted: Hosted) -> None:
    accord = await _opened(hosted)
    page = await hosted.sit("ru.protocol")
    await page.goto(f"{hosted.url}/accords/{accord}/minutes")
    await page.emulate_media(media="print")
    assert await page.is_visible(".minutes")
    for hidden in (".top", ".tabs", ".filter", "footer"):
        assert not await page.is_visible(hidden), hidden
    assert (await page.pdf())[:5] == b"%PDF-"


async def test_the_keyboard_does_for_everything(hosted: Hosted) -> None:
    accord = await _opened(hosted)
    page = await hosted.sit("ru.protocol")
    await page.goto(f"{hosted.url}/accords/{accord}")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"

    async def to(text: str) -> None:
        for _ in range(60):
            await page.keyboard.press("Tab")
            if text in str(await page.evaluate("document.activeElement.innerText")):
                outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", "where the focus is can be seen"
                return
        raise AssertionError(f"the keyboard does not come to {text}")

    await to("Adopt definition")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("form.act")
    await to("See what would follow")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#follows")
    await to("Adopt definition")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".recorded")


async def test_a_file_is_hashed_and_sent_from_the_page(hosted: Hosted, tmp_path: Path) -> None:
    accord = await _opened(hosted)
    content = uuid.uuid4().bytes + bytes(9 * 1024 * 1024)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    file = tmp_path / "scan.bin"
    file.write_bytes(content)
    page = await hosted.sit("ru.protocol")
    asked: list[str] = []
    await page.goto(f"{hosted.url}/accords/{accord}/do/record-statement")
    page.on("request", lambda request: "/files/" in request.url and asked.append(request.method))

    async def chosen() -> None:
        await page.set_input_files('.drop input[type="file"]', file)
        await page.wait_for_function(
            "wanted => document.getElementById('i-digest').value === wanted", arg=digest, timeout=30_000
        )

    await page.check('.drop input[type="checkbox"]')
    await chosen()
    assert not asked, "a digest alone sends nothing"

    # One part gets lost on its way, and the upload goes on from there.
    lost: list[str] = []

    async def lose_one(route: Any) -> None:
        if route.request.method == "PUT" and not lost:
            lost.append(route.request.url)
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route("**/files/**", lose_one)
    await page.fill("#i-digest", "")
    await page.uncheck('.drop input[type="checkbox"]')
    await page.wait_for_function(
        "wanted => document.getElementById('i-digest').value === wanted", arg=digest, timeout=30_000
    )
    assert asked == ["HEAD", "PUT", "PUT", "PUT", "PUT"]
    assert lost
    await page.click('button[value="preview"]')
    await page.wait_for_selector(f'a[href="/accords/{accord}/files/{digest}"]')
