"""Joining by a link in the browser: a key is made, shown once, and good to sign in with."""

from __future__ import annotations

import re

from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.api.test_credentials import appointed, claimed


async def test_a_delegate_joins_by_a_link_and_signs_in(browser: Browser, filler: Filler) -> None:
    await appointed(filler)
    await claimed(browser.api)
    made = await browser.api.post("/accords/a/join-links", json={"delegate": "aa.treaty"})
    link = made.json()["link"]
    said = text_of(await browser.page("/join"))
    assert "In this browser" in said
    assert "entente join LINK" in said
    assert "With your organisation" not in said, "no provider is set up here"

    answer = await browser.post("/join", {"link": link.partition("#")[0]})
    assert (answer.status_code, "This is no joining link" in answer.text) == (422, True)
    answer = await browser.post("/join", {"link": link[:-3] + "aaa"})
    assert (answer.status_code, "There is no such link" in answer.text) == (404, True)

    answer = await browser.post("/join", {"link": f" {link} "})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert "You are known as aa.treaty now" in answer.text
    [key] = re.findall(r'<code class="whole" data-copy>(ent_\w+)</code>', answer.text)
    again = await browser.post("/join", {"link": link})
    assert (again.status_code, "The link is used" in again.text) == (410, True)
    assert (await browser.post("/sign-in", {"key": key, "next": "/"})).status_code == 303
    assert "aa.treaty" in await browser.page("/accords/a")
