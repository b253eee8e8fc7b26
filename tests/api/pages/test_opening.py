"""A new accord from the pages: errors at their lines, then opened once."""

from __future__ import annotations

import httpx

from tests.api.conftest import Api
from tests.api.pages.browser import HERE, Browser, Form, text_of


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


async def test_the_rows_of_a_sheet_are_put_into_the_definition(browser: Browser) -> None:
    await browser.sign_in("aa.contact")
    page = await browser.page("/new")
    fields = dict(Form(page, "/new").fields)

    async def put_in(name: str, content: bytes, **changes: str) -> httpx.Response:
        sent = {key: value for key, value in {**fields, "step": "sheet", **changes}.items() if key != "sheet"}
        return await browser.http.post(
            "/new", data=sent, files={"sheet": (name, content)}, headers={"Origin": HERE}
        )

    head = "id,title,obligors,gate,verifiers,due"
    bad = await put_in("conditions.csv", f"{head}\nC1,Venue,ZZ,visit,bb.contact,soon\n".encode())
    assert bad.status_code == 422
    assert "conditions F2 ( due )" in text_of(bad.text)
    assert "capacity: host" in bad.text
    rows = "".join(f"C{i},Matter {i},BB,visit,aa.contact,2030-04-01\n" for i in range(1, 41))
    good = await put_in("conditions.csv", f"{head}\n{rows}".encode(), zone="+10:00")
    assert good.status_code == 200, text_of(good.text)
    assert "Put in from the sheet: 40 conditions" in text_of(good.text)
    filled = dict(Form(good.text, "/new").fields)
    assert "Matter 40" in filled["definition"]
    assert "2030-04-01T13:59:00" in filled["definition"]
    tried = await browser.post("/new", {**filled, "step": "try"})
    assert "This would be proposed" in text_of(tried.text)
    assert (await put_in("x.xlsx", b"PK none")).status_code == 422
    assert "no zone" in text_of((await put_in("conditions.csv", head.encode(), zone="Mars")).text)
    nothing = await browser.post("/new", {**fields, "step": "sheet"})
    assert "Choose the sheet first" in text_of(nothing.text)
    large = await put_in("conditions.csv", bytes(2_700_000))
    assert large.status_code == 413
    forged = await put_in("conditions.csv", head.encode(), csrf="0" * 64)
    assert forged.status_code == 403
