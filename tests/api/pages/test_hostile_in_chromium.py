"""Hostile texts in a real Chromium, by name (-m slow): titles, names, notes and names of files, on every page.

None runs, and none turns or reorders what stands beside it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.pages.verifying import whole
from tests.api.pages.addresses import GENERAL, OF_ACCORD, OF_OPERATOR, shown
from tests.api.pages.chromium import chromium
from tests.api.pages.prepared import Words, prepare
from tests.api.pages.test_in_chromium import Hosted, hosted
from worker.demo.catalog import entry
from worker.demo.hosting import OPERATOR

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

__all__ = ["hosted"]

MARKUP = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'><svg onload=alert(1)>"
LINE = f"{MARKUP} javascript:alert(1) שלום عنوان 💥 {'W' * 60}"
"""What a title or a name may hold: markup, an address that is a script, letters from right to left, a long word."""

TURNED = f"\u202egnp.exe \u2066\u2069\u2069 \u200f\u200b{LINE}"
"""A note may hold more: what turns the direction of all that follows, and what has no width."""

TURNS = "/[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/"

LOOSE = """() => {
  const found = [], strong = /[\\u0590-\\u08ff]/;
  const block = (one) => !getComputedStyle(one).display.startsWith("inline") || one.tagName === "OPTION";
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!strong.test(node.textContent)) continue;
    let one = node.parentElement, alone = true, inside = node;
    for (;;) {
      if (["SCRIPT", "STYLE", "TEXTAREA"].includes(one.tagName)) break;
      for (const beside of one.childNodes) {
        if (beside !== inside && /[\\p{L}\\p{N}]/u.test(beside.textContent)) alone = false;
      }
      if (/isolate|plaintext/.test(getComputedStyle(one).unicodeBidi)) break;
      if (block(one)) { if (!alone) found.push(one.outerHTML.slice(0, 300)); break; }
      inside = one;
      one = one.parentElement;
    }
  }
  return found;
}"""
"""Elements in which a text from right to left stands beside others, and not in an element of its own direction."""


@pytest_asyncio.fixture(loop_scope="session")
async def ran(hosted: Hosted) -> AsyncIterator[tuple[Any, list[str]]]:
    """A page of a party's contact, and what ran on it that should not."""
    page = await hosted.sit("ru.protocol")
    told: list[str] = []

    async def heard(dialog: Any) -> None:
        told.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", lambda dialog: asyncio.ensure_future(heard(dialog)))
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page, told
    await page.context.close()


async def _harmless(page: Any, where: str, *, isolates: bool = True) -> list[str]:
    wrong = []
    if await page.locator("img[src=x], main svg, main script, a[href^='javascript:' i]").count():
        wrong.append(f"{where}: markup")
    turning = await page.evaluate(
        f"() => {TURNS}.test(document.body.innerText.replaceAll('\\u2068', '').replaceAll('\\u2069', ''))"
    )
    if turning:
        wrong.append(f"{where}: a character that turns what follows")
    if isolates:
        wrong += [f"{where}: {one}" for one in await page.evaluate(LOOSE)]
    return wrong


async def test_no_hostile_text_runs_or_reorders_what_is_beside_it(
    hosted: Hosted, ran: tuple[Any, list[str]]
) -> None:
    definition = entry("state-visit").read().definition
    conditions = {code: one.model_copy(update={"title": LINE}) for code, one in definition.conditions.items()}
    documents = {code: one.model_copy(update={"title": LINE}) for code, one in definition.documents.items()}
    parties = {
        code: one.model_copy(update={"name": f"{LINE[:180]} {code}"})
        for code, one in definition.parties.items()
    }
    made = await prepare(
        hosted.url, hosted.keys, Words(LINE, TURNED, f"# {TURNED}\n\n[a link](javascript:alert(1)) {TURNED}"),
        title=f"{LINE} {uuid.uuid4().hex[:6]}", conditions=conditions, documents=documents, parties=parties,
    )  # fmt: skip
    page, told = ran
    wrong: list[str] = []
    entries = [f"/accords/{made.accord}/entries/{position}" for position in range(10)]
    for path in [*shown(GENERAL), *shown(OF_ACCORD, **made.values), *entries]:
        if path in ("/docs", "/verify"):
            continue
        await page.goto(hosted.url + path)
        wrong += await _harmless(page, path)
    # What is typed comes back as it was written, and is harmless beside it too.
    await page.goto(f"{hosted.url}/accords/{made.accord}/do/record-statement")
    await page.fill("#i-digest", f"sha256:{'b' * 64}")
    await page.fill("#i-words", TURNED)
    await page.click('button[value="preview"]')
    await page.wait_for_selector("#follows")
    wrong += await _harmless(page, "a preview")
    await page.click('button[value="change"]')
    await page.wait_for_selector("#i-words")
    assert await page.input_value("#i-words") == TURNED
    await page.goto(f"{hosted.url}/accords/{made.accord}/do/submit-evidence?condition=C1")
    await page.fill("#i-source", TURNED[:290])
    await page.fill("#i-digest", f"sha256:{'b' * 64}")
    await page.select_option("#i-grade", "documented")
    await page.click('button[value="preview"]')
    await page.wait_for_selector(".error")
    wrong += await _harmless(page, "a text that is refused")
    assert await page.input_value("#i-source") == TURNED[:290]
    page = await hosted.sit(OPERATOR)
    for path in shown(OF_OPERATOR, **made.values):
        await page.goto(hosted.url + path)
        wrong += await _harmless(page, path)
    assert not wrong, "\n".join(wrong)
    assert not told


async def test_the_name_of_a_file_turns_nothing(
    hosted: Hosted, ran: tuple[Any, list[str]], tmp_path: Path
) -> None:
    page, told = ran
    made = await prepare(hosted.url, hosted.keys)
    file = tmp_path / "\u202egnp.שלום<img src=x onerror=alert(1)>.bin"
    file.write_bytes(b"a content")
    await page.goto(f"{hosted.url}/accords/{made.accord}/do/record-statement")
    await page.set_input_files('.drop input[type="file"]', file)
    await page.wait_for_function("() => document.getElementById('i-digest').value !== ''", timeout=30_000)
    assert not await _harmless(page, "the hint", isolates=False)
    assert "⟨U+202E⟩gnp" in await page.inner_text("[data-drop-hint]")
    assert not told


async def test_the_page_that_verifies_is_not_turned_by_what_it_judges(tmp_path: Path) -> None:
    kept = tmp_path / "verify.html"
    kept.write_text(whole()[0])
    file = tmp_path / "\u202eelgnub.שלום<img src=x onerror=alert(1)>.zip"
    file.write_bytes(b"PK\x03\x04 no bundle \xe2\x80\xae")
    async with chromium() as browser:
        page = await (await browser.new_context()).new_page()
        told: list[str] = []
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("pageerror", lambda error: told.append(str(error)))
        await page.goto(kept.as_uri())
        await page.set_input_files("#bundle", file)
        await page.wait_for_selector("#answer h2")
        assert not await _harmless(page, "no bundle")
        assert "⟨U+202E⟩elgnub" in await page.inner_text("#answer")
        # As a forged bundle would name itself, and as the findings would name its parts.
        await page.evaluate(
            """(name) => show(document.getElementById("answer"), { name }, {
              manifest: { accord: name, size: 3 }, entries: [],
              findings: [
                { question: "record", status: "fails", problems: [`the payload of ${name} is another`], why: "" },
                { question: "acts", status: "unproven", problems: [], why: `nobody named ${name}` },
              ],
            })""",
            f"\u202e\u2069{LINE}",
        )
        assert not await _harmless(page, "a forged bundle")
        assert not told
