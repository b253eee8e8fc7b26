"""What is the visitor's own, by forms: keys, accounts, notices, webhooks, and links for whom a contact appoints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from activities.identity.scopes import SCOPES
from activities.runtime.settings import Settings
from api.pages.own import SCOPE_WORDS
from tests.api.conftest import serving
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, Form, text_of
from tests.api.test_credentials import appointed, claimed
from tests.api.test_notices import mail_server
from tests.simulation.small import small


def form_with(page: str, action: str, **wanted: str) -> list[tuple[str, str]]:
    """The fields of the one form to ``action`` that carries what is wanted, of several to the same."""
    for form in re.findall(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL):
        fields = Form(form, action).fields
        if all((name, value) in fields for name, value in wanted.items()):
            return fields
    raise AssertionError((action, wanted, text_of(page)))


async def test_keys_are_made_used_and_revoked(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    page = await browser.page("/own")
    assert 'href="/own"' in await browser.page("/")
    fields = [one for one in Form(page, "/own/keys").fields if one[0] in ("csrf", "key")]
    # Nothing is chosen: told at the form, and what was filled in stays.
    refused = await browser.post(
        "/own/keys", [*fields, ("label", "the <b>archive</b>"), ("expires", "2099-01-31")]
    )
    assert refused.status_code == 422
    kept = dict(Form(refused.text, "/own/keys").fields)
    assert "Choose what the key is to be good for" in text_of(refused.text)
    assert (kept["label"], kept["expires"]) == ("the <b>archive</b>", "2099-01-31")
    again = [one for one in Form(refused.text, "/own/keys").fields if one[0] not in ("scopes", "label")]
    sent = [*again, ("label", "archive"), ("scopes", "read")]
    made = await browser.post("/own/keys", sent)
    assert (made.status_code, made.headers["cache-control"]) == (200, "private, no-store")
    [key] = re.findall(r"ent_[a-z2-7]{12}_[a-z2-7]{52}", made.text)
    # A reload makes no second one, and says so.
    repeated = await browser.post("/own/keys", sent)
    assert (repeated.status_code, "ent_" in repeated.text.replace('placeholder="ent_', "")) == (409, False)
    reader = {"Authorization": f"Bearer {key}"}
    assert (await browser.http.get("/v1/accords/a", headers=reader)).status_code == 200

    page = await browser.page("/own")
    assert "archive" in text_of(page)
    name = key.split("_")[1]
    answer = await browser.post("/own/keys/revoke", form_with(page, "/own/keys/revoke", id=name))
    assert answer.headers["location"] == "/own#keys"
    assert "revoked" in text_of(await browser.page("/own"))
    unknown = await browser.post(
        "/own/keys/revoke", [("csrf", dict(Form(page, "/own/keys").fields)["csrf"]), ("id", "a" * 12)]
    )
    assert (unknown.status_code, 'role="alert"' in unknown.text) == (404, True)


async def test_a_contact_invites_by_a_link_and_withdraws_it(browser: Browser, filler: Filler) -> None:
    await appointed(filler)
    await claimed(browser.api)
    await browser.sign_in("aa.contact")
    assert 'href="/accords/a/links"' in await browser.page("/accords/a/people")
    page = await browser.page("/accords/a/links?delegate=aa.treaty")
    fields = Form(page, "/accords/a/links").fields
    assert ("delegate", "aa.treaty") in fields
    made = await browser.post("/accords/a/links", fields)
    assert made.status_code == 200, text_of(made.text)
    [link] = re.findall(r"https://localhost/join#inv_\w+", made.text)
    listed = await browser.page("/accords/a/links")
    assert "inv_" not in listed
    assert "good until" in text_of(listed)
    joiner = Browser(browser.api)
    async with joiner.http:
        assert "You are known as aa.treaty now" in (await joiner.post("/join", {"link": link})).text
    assert " used " in text_of(await browser.page("/accords/a/links"))

    for delegate in ("aa.protocol", "bb.treaty", ""):
        fields = [one for one in Form(listed, "/accords/a/links").fields if one[0] not in ("delegate", "key")]
        key = dict(Form(await browser.page("/accords/a/links"), "/accords/a/links").fields)["key"]
        answer = await browser.post("/accords/a/links", [*fields, ("key", key), ("delegate", delegate)])
        assert answer.status_code == {"aa.protocol": 200, "bb.treaty": 403, "": 422}[delegate]
    listed = await browser.page("/accords/a/links")
    [open_] = re.findall(r'name="id" value="(\w+)"', listed)
    answer = await browser.post(
        "/accords/a/links", [*form_with(listed, "/accords/a/links", id=open_), ("step", "withdraw")]
    )
    assert answer.status_code == 303
    assert "withdrawn" in text_of(await browser.page("/accords/a/links"))

    await browser.sign_in("aa.treaty")
    assert "/accords/a/links" not in await browser.page("/accords/a/people")
    assert "Only a party's contact" in text_of(await browser.page("/accords/a/links"))
    appointing = dict(Form(listed, "/accords/a/links").fields)
    stranger = await browser.page("/own")
    appointing["csrf"] = dict(Form(stranger, "/own/keys").fields)["csrf"]
    assert (
        await browser.post("/accords/a/links", {**appointing, "delegate": "aa.protocol"})
    ).status_code == 403


async def test_webhooks_are_set_up_and_changed(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    page = await browser.page("/own")
    fields = [one for one in Form(page, "/own/webhooks").fields if one[0] not in ("url", "label", "accord")]
    wrong = await browser.post(
        "/own/webhooks", [*fields, ("url", "ftp://monitor.example/x"), ("label", "monitor"), ("accord", "a")]
    )
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)
    kept = dict(Form(wrong.text, "/own/webhooks").fields)
    assert (kept["url"], kept["label"], kept["accord"]) == ("ftp://monitor.example/x", "monitor", "a")
    made = await browser.post("/own/webhooks", {**kept, "url": "https://monitor.example/entente"})
    assert made.status_code == 200, text_of(made.text)
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", made.text)

    async def change(step: str) -> str:
        shown = await browser.page("/own")
        assert secret not in shown
        answer = await browser.post(
            "/own/webhooks/change", [*Form(shown, "/own/webhooks/change").fields, ("step", step)]
        )
        return answer.text if answer.status_code == 200 else await browser.page("/own")

    assert "disabled" in text_of(await change("disable"))
    assert "all is delivered" in text_of(await change("enable"))
    [other] = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", await change("rotate"))
    assert other != secret
    assert "monitor.example" not in await change("delete")
    assert (
        await browser.post("/own/webhooks/change", {**dict(fields), "id": "wh_none", "step": "nothing"})
    ).status_code == 400


async def test_an_address_is_chosen_confirmed_and_forgotten(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], filler: Filler
) -> None:
    await filler.found("a", small())
    with mail_server() as mailbox:
        settings = make_settings(database_url, nowhere, smtp_url=mailbox.url, mail_from="entente@a.example")
        async with serving(settings) as api:
            browser = Browser(api)
            async with browser.http:
                await browser.sign_in("aa.contact")
                fields = dict(Form(await browser.page("/own"), "/own/notices").fields)
                wrong = await browser.post(
                    "/own/notices", {**fields, "address": "a@b.example", "zone": "Mars/One", "hour": "9"}
                )
                assert (wrong.status_code, "no such zone" in wrong.text) == (422, True)
                kept = dict(Form(wrong.text, "/own/notices").fields)
                assert (kept["address"], kept["hour"], kept["zone"]) == ("a@b.example", "9", "Mars/One")
                await browser.post("/own/notices", {**kept, "zone": "Asia/Seoul"})
                assert "A code of eight digits was sent to a@b.example" in text_of(await browser.page("/own"))
                [code] = re.findall(r"\b\d{8}\b", mailbox.text())[:1]
                base = {"csrf": kept["csrf"], "step": "confirm"}
                assert (await browser.post("/own/notices", {**base, "code": "00000000"})).status_code == 422
                assert (await browser.post("/own/notices", {**base, "code": code})).status_code == 303
                assert "You are told at a@b.example" in text_of(await browser.page("/own"))
                await browser.post("/own/notices", {**base, "step": "end"})
                assert "a@b.example" not in await browser.page("/own")


async def test_from_a_chair_nothing_is_made_that_outlasts_it(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path, filler: Filler
) -> None:
    await appointed(filler)
    file = tmp_path / "demo-keys.json"
    async with serving(make_settings(database_url, nowhere, demo_keys_file=file)) as api:
        await claimed(api)
        file.write_text(json.dumps({"aa.contact": await api.token("aa.contact")}))
        browser = Browser(api)
        async with browser.http:
            await browser.post("/sign-in", {"chair": "aa.contact"})
            page = await browser.page("/own")
            assert "demo-keys.json" in text_of(page)
            for action in ("/own/keys", "/own/passkeys", "/own/webhooks", "/own/notices"):
                assert f'action="{action}"' not in page
            csrf = dict(Form(page, "/sign-out").fields)["csrf"]
            asked = {"csrf": csrf, "key": f"web-{'a' * 22}", "scopes": "read", "delegate": "aa.treaty"}
            asked |= {"url": "https://monitor.example/", "address": "a@b.example", "step": "choose"}
            answer = await browser.post("/own/passkeys/options", {"csrf": csrf})
            assert (answer.status_code, "From a chair" in answer.json()["wrong"]) == (403, True)
            for path in ("/own/keys", "/own/passkeys", "/own/webhooks", "/own/notices", "/accords/a/links"):
                answer = await browser.post(path, asked)
                assert (answer.status_code, "From a chair" in answer.text) == (403, True), path


async def test_who_is_no_delegate_has_webhooks_alone(browser: Browser) -> None:
    await browser.sign_in("ops", "operator")
    page = text_of(await browser.page("/own"))
    assert "Webhooks" in page
    assert "Notices by e-mail" not in page


def test_every_scope_has_its_words() -> None:
    assert tuple(SCOPE_WORDS) == SCOPES
