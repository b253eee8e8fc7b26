"""Signing in and out: what the cookie allows, and what no other site can have done with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from activities.identity.keys import revoke
from activities.runtime.settings import Settings
from api.pages.visiting import COOKIE, local_path
from tests.api.conftest import Api, serving
from tests.api.filling import Filler
from tests.api.pages.browser import HERE, Browser, Form, text_of
from tests.simulation.small import small


async def test_a_session_begins_with_a_key_and_ends_with_it(browser: Browser) -> None:
    answer = await browser.get("/accords?stage=visit")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Faccords%3Fstage%3Dvisit",
    )
    token = await browser.api.token("aa.contact")
    answer = await browser.post("/sign-in", {"key": token, "next": "/accords?stage=visit"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert token not in cookie
    answer = await browser.get(answer.headers["location"])
    assert answer.headers["location"] == "/accords?stage=visit"
    assert "aa.contact" in await browser.page("/accords")

    connection = await asyncpg.connect(browser.api.settings.database_dsn())
    try:
        stored = await connection.fetch("select * from page_sessions")
        assert browser.http.cookies[COOKIE] not in str(stored)
        assert await revoke(connection, token.split("_")[1])
    finally:
        await connection.close()
    assert (await browser.get("/accords")).status_code == 303


async def test_who_signs_out_is_out(browser: Browser) -> None:
    await browser.sign_in("aa.contact")
    page, secret = await browser.page("/accords"), browser.http.cookies[COOKIE]
    answer = await browser.post("/sign-out", await browser.filled(page, "/sign-out"))
    assert answer.headers["location"] == "/sign-in"
    browser.http.cookies.set(COOKIE, secret, domain="localhost.local")
    assert (await browser.get("/accords")).status_code == 303


async def test_a_wrong_key_is_told_so(browser: Browser) -> None:
    answer = await browser.post("/sign-in", {"key": "ent_" + "a" * 12 + "_" + "b" * 52})
    assert answer.status_code == 401
    assert "The token is unknown." in text_of(answer.text)
    assert "set-cookie" not in answer.headers


async def test_a_browser_without_the_cookie_is_told_why(browser: Browser) -> None:
    answer = await browser.get("/signed-in?next=/accords")
    assert answer.status_code == 403
    assert "did not keep the session" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
async def test_no_other_site_sends_a_form(browser: Browser, headers: dict[str, str]) -> None:
    token = await browser.api.token("aa.contact")
    answer = await browser.post("/sign-in", {"key": token}, **headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    await browser.sign_in("aa.contact")
    fields = await browser.filled(await browser.page("/accords"), "/sign-out")
    assert (await browser.post("/sign-out", fields, **headers)).status_code == 403
    assert (await browser.get("/accords")).status_code == 200


async def test_a_form_without_the_sessions_token_is_refused(browser: Browser) -> None:
    await browser.sign_in("aa.contact")
    for fields in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
        assert (await browser.post("/sign-out", fields)).status_code == 403
    answer = await browser.http.post("/sign-out", json={}, headers={"Origin": "https://localhost"})
    assert answer.status_code == 415
    assert (await browser.get("/accords")).status_code == 200


async def test_from_another_site_the_page_comes_with_a_second_step(browser: Browser) -> None:
    # A strict cookie stays behind when another site sends the browser here.
    answer = await browser.get("/accords/a?as_of=3", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert 'href="/accords/a?as_of=3"' in answer.text


def test_one_goes_on_to_this_site_alone() -> None:
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "evil", None, "", "/a\nb"):
        assert local_path(path) == "/"
    assert local_path("/accords/a?x=1#e3") == "/accords/a?x=1#e3"


async def test_chairs_are_the_demonstrations_and_on_this_machine(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path, filler: Filler
) -> None:
    await filler.open("a", small())
    await filler.open("b", small(illustrative=False))
    file = tmp_path / "demo-keys.json"
    async with serving(make_settings(database_url, nowhere, demo_keys_file=file)) as api:
        browser = Browser(api)
        async with browser.http:
            assert 'name="chair"' not in await browser.page("/sign-in")
            file.write_text(json.dumps({"aa.contact": await api.token("aa.contact")}))
            assert 'value="aa.contact"' in await browser.page("/sign-in")
            named = await browser.get("/sign-in", headers={"Host": "evil.example"})
            assert 'name="chair"' not in named.text
            answer = await browser.post("/sign-in", {"chair": "aa.contact"}, Host="evil.example")
            assert answer.status_code == 403
            assert (await browser.post("/sign-in", {"chair": "bb.contact"})).status_code == 403
            assert (await browser.post("/sign-in", {"chair": "aa.contact"})).status_code == 303
            listed = await browser.page("/accords")
            assert 'href="/accords/a"' in listed
            assert 'href="/accords/b"' not in listed
            assert (await browser.get("/accords/a")).status_code == 200
            # What is no demonstration does not exist for who has shown no secret.
            assert (await browser.get("/accords/b")).status_code == 404
            await browser.sign_in("aa.contact")
            assert (await browser.get("/accords/b")).status_code == 200


async def test_without_such_a_file_there_are_no_chairs(reading_api: Api) -> None:
    async with Browser(reading_api).http as http:
        assert "demonstration" not in (await http.get("/sign-in")).text


async def test_what_was_written_is_kept_where_the_session_is_over(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    path = "/accords/a/do/record-statement"
    fields = await browser.filled(await browser.page(path), path, step="preview")
    note = "a note that took\n\nan <hour>"
    written = [(name, note if name == "f.words" else value) for name, value in fields]
    assert ("f.words", note) in written
    first = browser.http.cookies[COOKIE]
    await browser.post("/sign-out", await browser.filled(await browser.page("/accords"), "/sign-out"))
    kept = await browser.post(path, written)
    assert kept.status_code == 401
    assert "signed out" in text_of(kept.text)
    assert ("f.words", note) in Form(kept.text, path).fields
    # Signed in anew in another window: who one is now is told, and the form carries that session's token.
    await browser.sign_in("aa.contact")
    assert browser.http.cookies[COOKIE] != first
    again = await browser.post(path, Form(kept.text, path).fields)
    assert (again.status_code, "aa.contact" in text_of(again.text)) == (403, True)
    shown = await browser.post(path, Form(again.text, path).fields)
    assert shown.status_code == 200, text_of(shown.text)
    assert ("f.words", note) in Form(shown.text, path).fields
    assert "What would follow" not in shown.text

    # The same with a form that may carry files; those have to be chosen again.
    boundary = "kept"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("definition", "title: ä"), ("key", f"web-{'a' * 22}"), ("step", "open"))
    )
    browser.http.cookies.clear()
    kept = await browser.http.post(
        "/new",
        content=f"{parts}--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Origin": HERE},
    )
    assert ("definition", "title: ä") in Form(kept.text, "/new").fields
    assert ("step", "try") in Form(kept.text, "/new").fields
    assert ("step", "open") not in Form(kept.text, "/new").fields
    # From another site nothing is shown again.
    stranger = await browser.post(path, written, Origin="https://elsewhere.example")
    assert (stranger.status_code, note in stranger.text) == (403, False)
