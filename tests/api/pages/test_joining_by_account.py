"""Joining by a link with a provider's account, in the browser: on the provider that signing in is tested with."""

from __future__ import annotations

import asyncio
import json
import re
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit

from activities.ledger.claiming import take
from activities.ledger.store import Claim
from api.pages.going import COOKIE as GOING
from api.pages.going import going_of
from tests.api.conftest import Api
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, Form, text_of
from tests.api.pages.test_providers import at_provider, browser, went_out

__all__ = ["browser"]


async def link_for(api: Api, filler: Filler, delegate: str) -> str:
    """A joining link for a delegate of AA's, whom its contact appoints and claims."""
    await filler.do(
        "a", "appoint_delegate", "aa.contact", delegate=delegate, office="Protocol", roles=["protocol"]
    )
    assert await take(api.app.state.backend.pool, "a", Claim("aa.contact", (delegate,))) == ()
    made = await api.post("/accords/a/join-links", json={"delegate": delegate})
    link: str = made.json()["link"]
    return link


async def out_with(browser: Browser, link: str) -> str:
    """From the joining page to the provider: its address there."""
    issuer = browser.issuer  # type: ignore[attr-defined]
    answer = await browser.post("/join", {"link": link, "issuer": issuer})
    # A form of a page of ours may lead to no other site: a page of our own has to lead there.
    assert answer.status_code == 200, answer.text
    [where] = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert where.count(link.partition("#")[2]) == 0
    return unescape(where)


async def test_a_delegate_joins_by_an_account_and_sits_in_its_chair(browser: Browser, filler: Filler) -> None:
    page = await browser.page("/join")
    assert "Join by Ministry of AA" in text_of(page)
    link = await link_for(browser.api, filler, "aa.protocol")
    back = await asyncio.to_thread(at_provider, await out_with(browser, link), "boris")
    answer = await browser.get(back)
    assert answer.status_code == 200, answer.text
    assert 'url=/signed-in?next=%2Faccords%2Fa"' in answer.text
    assert "aa.protocol" in await browser.page("/accords/a")
    # From now on the account is enough.
    browser.http.cookies.clear()
    await browser.get(await asyncio.to_thread(at_provider, await went_out(browser), "boris"))
    assert "aa.protocol" in await browser.page("/accords/a")
    # The link is used up, which is told before anybody goes to a provider.
    issuer = browser.issuer  # type: ignore[attr-defined]
    again = await browser.post("/join", {"link": link, "issuer": issuer})
    assert (again.status_code, "The link is used" in text_of(again.text)) == (410, True)


async def test_a_link_is_not_lost_where_joining_stops(browser: Browser, filler: Filler) -> None:
    link = await link_for(browser.api, filler, "aa.protocol")
    secret = link.partition("#")[2]

    async def stopped(back: str) -> str:
        answer = await browser.get(back)
        assert ("link", secret) in Form(answer.text, "/join").fields, answer.text
        assert "__Host-entente" not in browser.http.cookies
        return f"{answer.status_code} {text_of(answer.text)}"

    [state] = parse_qs(urlsplit(await out_with(browser, link)).query)["state"]
    said = await stopped(f"/sign-in/return?error=access_denied&state={state}")
    assert said.startswith("403"), said
    assert "not allowed there" in said
    # Anna is aa.treaty already.
    said = await stopped(await asyncio.to_thread(at_provider, await out_with(browser, link)))
    assert "is aa.treaty here already" in said
    issuer = browser.issuer  # type: ignore[attr-defined]
    unknown = await browser.post("/join", {"link": link, "issuer": f"{issuer}/other"})
    assert ("link", link) in Form(unknown.text, "/join").fields
    assert unknown.status_code == 404
    wrong = await browser.post("/join", {"link": "some words", "issuer": issuer})
    assert (wrong.status_code, ("link", "some words") in Form(wrong.text, "/join").fields) == (422, True)
    # It is good all the while.
    joined = await browser.post("/join", {"link": link})
    assert "You are known as aa.protocol now" in joined.text


async def test_nobody_joins_by_a_link_that_was_put_in_on_the_way(browser: Browser, filler: Filler) -> None:
    link = await link_for(browser.api, filler, "aa.protocol")
    back = await asyncio.to_thread(at_provider, await went_out(browser), "boris")
    kept = json.loads(unquote(browser.http.cookies[GOING]))
    kept[3] = link.partition("#")[2]
    browser.http.cookies.clear()
    browser.http.cookies.set(GOING, json.dumps(kept), domain="localhost.local")
    answer = await browser.get(back)
    assert (answer.status_code, "no answer to the sign-in" in text_of(answer.text)) == (403, True)
    for broken in ("no link", 7, None):
        kept[3] = broken
        request = type("Asked", (), {"cookies": {GOING: json.dumps(kept)}})
        assert going_of(request) is None  # type: ignore[arg-type]
