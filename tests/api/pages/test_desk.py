"""The first page: what waits on whom over all accords, what is new since one last looked; and the operator's pages."""

from __future__ import annotations

from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import digest, small


async def test_the_desk_says_what_waits_on_whom_and_what_is_new(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.invite("a")
    await browser.sign_in("aa.contact")
    page = await browser.page("/")
    assert "You owe" in page
    assert 'href="/accords/a/do/submit-evidence?condition=C1' in page
    assert "you have not looked at it yet" in text_of(page)
    await browser.page("/accords/a")
    assert "Since you last looked" not in await browser.page("/")
    await filler.do(
        "a",
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=digest("x"),
        grade="documented",
        source="S",
    )
    assert "1 new entry" in text_of(await browser.page("/"))
    assert "Since you last looked: 1 new entry" in text_of(await browser.page("/accords/a"))
    assert "Since you last looked" not in await browser.page("/accords/a")
    # Now it waits on the other side, for whom the act is filled in.
    assert "/accords/a/do/verify-condition?" not in await browser.page("/")
    await browser.sign_in("bb.contact")
    page = await browser.page("/")
    assert "You could verify" in page
    assert "/accords/a/do/verify-condition?" in page


async def test_who_has_nothing_to_do_is_told_so(browser: Browser) -> None:
    await browser.sign_in("cc.contact")
    assert "Nothing waits on you now." in text_of(await browser.page("/"))


async def test_operators_see_whether_it_runs(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    for path in ("/operation", "/accords/a/operation"):
        assert (await browser.get(path)).status_code == 403
    await browser.sign_in("operator", "operator")
    assert (await browser.get("/")).headers["location"] == "/accords"
    said = text_of(await browser.page("/operation"))
    assert "✓ met Database" in said
    assert "✗ not met Temporal" in said
    page = await browser.page("/accords/a/operation")
    assert 'href="/accords/a/do/pause-accord"' in page
    assert (await browser.get("/accords/a/do/verify-condition")).status_code == 403
