"""Contents in the pages: sent with a form or by the page's script, taken away, compared; and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from activities.identity.keys import create_key
from tests.api.conftest import Api
from tests.api.depositing import REPORT, files_api, kept, put, submitted, three
from tests.api.filling import Filler
from tests.api.pages.browser import HERE, Browser, Form, text_of
from workflows.model.canonical import digest_bytes

__all__ = ["files_api"]

SUBMIT = "/accords/a/do/submit-evidence"
FIRST, SECOND = b"The parties meet in May.\n", "The parties meet in June; 회담 <b>.\n".encode()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(files_api: Api) -> AsyncIterator[Browser]:
    one = Browser(files_api)
    async with one.http:
        yield one


async def sent_with_file(
    browser: Browser,
    page: str,
    content: bytes,
    name: str = "report.pdf",
    kind: str = "application/pdf",
    **changes: str,
) -> httpx.Response:
    fields = await browser.filled(page, SUBMIT, **changes)
    return await browser.http.post(
        SUBMIT,
        data={key: value for key, value in fields if key != "u.digest"},
        files={"u.digest": (name, content, kind)},
        headers={"Origin": HERE},
    )


async def evidence_form(browser: Browser, filler: Filler) -> tuple[str, dict[str, str]]:
    await three(filler)
    await browser.sign_in("aa.contact")
    page = await browser.page(f"{SUBMIT}?condition=C1")
    assert 'enctype="multipart/form-data"' in page
    assert 'name="u.digest" type="file"' in page
    return page, {"step": "preview", "grade": "documented", "source": "Report"}


async def test_a_file_comes_with_the_form_and_is_there_to_be_taken_away(
    browser: Browser, files_api: Api, filler: Filler
) -> None:
    page, filled = await evidence_form(browser, filler)
    previewed = await sent_with_file(browser, page, REPORT, **filled)
    assert previewed.status_code == 200, previewed.text
    digest = digest_bytes(REPORT)
    assert dict(Form(previewed.text, SUBMIT).fields)["f.digest"] == digest
    assert f"/accords/a/files/{digest}" in previewed.text
    assert len(kept(files_api)) == 1

    await submitted(filler)
    other = Browser(files_api)
    async with other.http:
        await other.sign_in("bb.contact")
        condition = await other.page("/accords/a/conditions/C1")
        assert f'href="/accords/a/files/{digest}"' in condition
        assert "37 bytes" in text_of(condition)
        taken = await other.get(f"/accords/a/files/{digest}")
        assert (taken.status_code, taken.content) == (200, REPORT)
        assert taken.headers["content-disposition"] == f'attachment; filename="a-{digest[7:23]}.pdf"'
        assert "sandbox" in taken.headers["content-security-policy"]
        part = await other.get(f"/accords/a/files/{digest}", headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"%PDF")
        entry = await other.page(
            f"/accords/a/entries/{(await files_api.get('/accords/a', 'bb.contact')).json()['version']}"
        )
        assert digest in entry
        await other.sign_in("bb.guest")
        assert (await other.get(f"/accords/a/files/{digest}")).status_code == 403
        await other.sign_in("cc.nobody")
        assert (await other.get(f"/accords/a/files/{digest}")).status_code == 404


async def test_what_is_wrong_with_a_file_is_said_at_its_field(
    browser: Browser, files_api: Api, filler: Filler
) -> None:
    page, filled = await evidence_form(browser, filler)
    no_pdf = await sent_with_file(browser, page, b"hello", **filled)
    assert no_pdf.status_code == 422
    assert "application/pdf" in no_pdf.text
    assert 'id="i-digest-error"' in no_pdf.text
    type_not_taken = await sent_with_file(browser, page, b"<svg/>", "a.svg", "image/svg+xml", **filled)
    assert type_not_taken.status_code == 422
    assert "no media type of contents" in type_not_taken.text
    too_large = await sent_with_file(
        browser, page, bytes(4_000_001), "a.bin", "application/octet-stream", **filled
    )
    assert too_large.status_code == 422
    assert "at most 4,000,000 bytes" in too_large.text
    beyond = await sent_with_file(
        browser, page, bytes(6_000_000), "a.bin", "application/octet-stream", **filled
    )
    assert beyond.status_code == 413
    assert "larger than" in beyond.text
    assert kept(files_api) == []

    alone = await sent_with_file(browser, page, REPORT, **filled | {"csrf": "0" * 64})
    assert alone.status_code == 403
    fields = [*await browser.filled(page, SUBMIT, **filled), ("alone.digest", "true")]
    hashed = await browser.http.post(
        SUBMIT,
        data=dict(fields),
        files={"u.digest": ("a.pdf", REPORT, "application/pdf")},
        headers={"Origin": HERE},
    )
    assert hashed.status_code == 200
    assert digest_bytes(REPORT) in hashed.text
    assert kept(files_api) == []
    elsewhere = await browser.http.post(
        SUBMIT, data=dict(fields), files={"u.digest": b""}, headers={"Origin": "https://x.example"}
    )
    assert elsewhere.status_code == 403
    for body in (b"--x\r\nnothing", b""):
        broken = await browser.http.post(
            SUBMIT, content=body, headers={"Origin": HERE, "Content-Type": "multipart/form-data; boundary=x"}
        )
        assert broken.status_code in (400, 403), broken.text


async def test_without_a_file_the_form_asks_for_it(browser: Browser, filler: Filler) -> None:
    page, filled = await evidence_form(browser, filler)
    fields = dict(await browser.filled(page, SUBMIT, **filled))
    fields.pop("u.digest", None)
    missing = await browser.http.post(
        SUBMIT, data=fields, files={"u.digest": ("", b"")}, headers={"Origin": HERE}
    )
    assert missing.status_code == 422
    assert 'id="i-digest-error"' in missing.text


async def test_the_script_sends_parts_and_goes_on(browser: Browser, files_api: Api, filler: Filler) -> None:
    page, _ = await evidence_form(browser, filler)
    token = dict(Form(page, SUBMIT).fields)["csrf"]
    address = f"/accords/a/files/{digest_bytes(REPORT)}"

    async def part(begin: int, end: int, **headers: Any) -> httpx.Response:
        given = {"Origin": HERE, "X-CSRF-Token": token, "Content-Type": "application/pdf", **headers}
        given["Content-Range"] = f"bytes {begin}-{end - 1}/{len(REPORT)}"
        return await browser.http.put(address, content=REPORT[begin:end], headers=given)

    refused = await part(0, 10, **{"X-CSRF-Token": "0"})
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert (await part(0, 10, Origin="https://x.example")).status_code == 403
    assert (await part(0, 10)).status_code == 202
    there = await browser.http.head(address)
    assert (there.status_code, there.headers["upload-offset"]) == (404, "10")
    again = await part(0, 10)
    assert (again.status_code, again.headers["upload-offset"]) == (409, "10")
    assert (await part(10, len(REPORT))).status_code == 201
    assert (await browser.http.head(address)).status_code == 200
    browser.http.cookies.clear()
    signed_out = await part(0, 10)
    assert signed_out.status_code == 401
    assert "Sign in" in signed_out.json()["detail"]


async def test_two_versions_of_a_text_are_compared(browser: Browser, files_api: Api, filler: Filler) -> None:
    await three(filler)
    document, terms = next(
        iter((await files_api.get("/accords/a", "aa.contact")).json()["documents"].items())
    )
    language = terms["languages"][0]
    for text in (FIRST, SECOND):
        digest = digest_bytes(text)
        await filler.do(
            "a", "propose_text", "aa.contact", document=document, language=language, digest=digest
        )
        assert (await put(files_api, text, "aa.contact", kind="text/plain")).status_code == 201
    await browser.sign_in("bb.contact")
    page = await browser.page(f"/accords/a/documents/{document}")
    assert text_of(page).count("Download") == 3
    address = "/accords/a/redline"
    chosen = dict(Form(page, address).fields)
    assert (chosen["older"], chosen["newer"]) == (digest_bytes(FIRST), digest_bytes(SECOND))
    shown = (await browser.get(address, params=chosen)).text
    assert "<del>" in shown
    assert "<ins>" in shown
    assert "회담" in shown
    assert "<b>." not in shown
    assert "deleted" in text_of(shown)
    assert f"Back to {document}" in text_of(shown)
    same = await browser.get(address, params={**chosen, "newer": chosen["older"]})
    assert "nothing: the two texts are the same" in text_of(same.text)
    missing = await browser.get(address, params={**chosen, "newer": "sha256:" + "0" * 64})
    assert missing.status_code == 404
    assert (await browser.get(address, params={**chosen, "newer": "no digest"})).status_code == 422


async def test_a_key_without_deposits_sends_no_file(browser: Browser, files_api: Api, filler: Filler) -> None:
    await three(filler)
    connection = await asyncpg.connect(files_api.settings.database_dsn())
    try:
        key = await create_key(connection, "aa.contact", "", scopes=["read", "act"])
    finally:
        await connection.close()
    assert (await browser.post("/sign-in", {"key": key})).status_code == 303
    page = await browser.page(f"{SUBMIT}?condition=C1")
    assert 'type="file"' not in page
    filled = {"step": "preview", "grade": "documented", "source": "Report"}
    assert (await sent_with_file(browser, page, REPORT, **filled)).status_code == 403
    token = dict(Form(page, SUBMIT).fields)["csrf"]
    answer = await browser.http.put(
        f"/accords/a/files/{digest_bytes(REPORT)}",
        content=REPORT,
        headers={"Origin": HERE, "X-CSRF-Token": token},
    )
    assert answer.status_code == 403
    assert kept(files_api) == []
