"""A new accord from the pages: errors at their lines, then opened once."""

from __future__ import annotations

from tests.api.conftest import Api
from tests.api.pages.browser import Browser, Form, text_of


async def test_from_the_example_to_an_accord(api: Api, key: str) -> None:
    browser = Browser(api)
    async with browser.http:
        await browser.sign_in("aa.contact")
        fields = dict(Form(await browser.page("/new"), "/new").fields)
        wrong = fields["definition"].replace("capacity: host", "capacity: hosts")
        answer = await browser.post("/new", {**fields, "definition": wrong, "step": "try"})
        assert answer.status_code == 422
        assert "line 5 , parties.AA.capacity" in text_of(answer.text)
        assert "capacity: hosts" in answer.text
        fields["definition"] = fields["definition"].replace("Working visit", f"Visit {key[:8]}")
        answer = await browser.post("/new", {**fields, "step": "try"})
        assert "This would be proposed" in text_of(answer.text)
        sent = [await browser.post("/new", {**fields, "step": "open"}) for _ in range(2)]
        assert [one.status_code for one in sent] == [303, 303]
        assert sent[0].headers["location"] == sent[1].headers["location"]
        page = await browser.page(sent[0].headers["location"])
        assert "Adopt definition" in page
        other = fields["definition"].replace("Joint statement", "Another")
        answer = await browser.post("/new", {**fields, "definition": other, "step": "open"})
        assert answer.status_code == 422
        assert "was used for another request" in answer.text


async def test_only_a_contact_proposes(browser: Browser) -> None:
    await browser.sign_in("cc.contact")
    fields = dict(Form(await browser.page("/new"), "/new").fields)
    fields["definition"] = fields["definition"].replace("cc.contact", "aa.contact")
    answer = await browser.post("/new", {**fields, "step": "try"})
    assert answer.status_code == 403
    assert "contact" in text_of(answer.text)
