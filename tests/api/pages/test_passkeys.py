"""Passkeys: enrolled and revoked on one's own page, signed in by; and what nobody gets in by."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import activities.identity.passkeys
from activities.identity.keys import Identity, create_key, revoke
from activities.identity.passkeys import PasskeyRefused, Passkeys, Site
from activities.identity.sessions import Sessions
from activities.runtime.settings import Settings
from api.pages.passkeys import COOKIE
from tests.api.conftest import Api, serving
from tests.api.pages.authenticator import PRESENT, VERIFIED, Authenticator
from tests.api.pages.browser import Browser, Form, text_of
from tests.api.pages.test_own import form_with

SITE = Site("localhost", "https://localhost")


async def options(browser: Browser, path: str, **fields: str) -> dict[str, Any]:
    answer = await browser.post(f"{path}/options", fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def enrol(browser: Browser, device: Authenticator, label: str = "phone", **wrong: Any) -> Any:
    """By the form of one's own page, as the script fills it in."""
    fields = dict(Form(await browser.page("/own"), "/own/passkeys").fields)
    made = device.make(await options(browser, "/own/passkeys", csrf=fields["csrf"]), **wrong)
    return await browser.post("/own/passkeys", {**fields, "passkey": label, "credential": made})


async def sign_in(browser: Browser, device: Authenticator, **wrong: Any) -> Any:
    given = await options(browser, "/sign-in/passkey")
    return await browser.post("/sign-in/passkey", {"next": "/own", "credential": device.show(given, **wrong)})


@asynccontextmanager
async def owner(api: Api) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(api.settings.database_dsn())
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


async def test_a_delegate_enrols_a_passkey_signs_in_with_it_and_revokes_it(
    browser: Browser, device: Authenticator
) -> None:
    await browser.sign_in("aa.contact")
    own = await browser.page("/own")
    assert "passkeys.js" in own
    answer = await enrol(browser, device, "the <b>phone</b>")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/own#passkeys")
    page = await browser.page("/own")
    assert "the <b>phone</b>" in text_of(page).replace("&lt;", "<")
    assert "<b>phone</b>" not in page

    other = Browser(browser.api)
    async with other.http:
        assert "Sign in with a passkey" in await other.page("/sign-in")
        answer = await sign_in(other, device)
        assert answer.headers["location"] == "/signed-in?next=%2Fown"
        said = await other.page("/own")
        assert "You are aa.contact here, by the passkey" in text_of(said)
        assert COOKIE not in other.http.cookies
        # The session is one of the key: what it makes is of that key, and no passkey outlives it.
        second = Authenticator()
        assert (await enrol(other, second, "second")).status_code == 303

        # Revoked, its session is over at once, and it signs in no more.
        async with owner(browser.api) as database:
            name = await database.fetchval("select id from passkeys where label like 'the%'")
        fields = form_with(await browser.page("/own"), "/own/passkeys/revoke", id=name)
        assert (await browser.post("/own/passkeys/revoke", fields)).status_code == 303
        assert (await other.get("/own")).status_code == 303
        refused = await sign_in(other, device)
        assert (refused.status_code, "unknown here, or it was revoked" in text_of(refused.text)) == (
            401,
            True,
        )
        assert (await sign_in(other, second)).status_code == 303

        # So does the operator's revocation of the key that it stands for.
        token = await browser.api.token("aa.contact")
        async with owner(browser.api) as database:
            assert await revoke(database, token.split("_")[1])
        assert (await other.get("/own")).status_code == 303
        assert (await sign_in(other, second)).status_code == 401


async def test_the_operator_revokes_a_passkey_by_its_id(browser: Browser, device: Authenticator) -> None:
    await browser.sign_in("bb.contact")
    await enrol(browser, device)
    other = Browser(browser.api)
    async with other.http, owner(browser.api) as database:
        await sign_in(other, device)
        name = await database.fetchval("select id from passkeys")
        assert await revoke(database, name)
        assert not await revoke(database, name)
        assert (await other.get("/own")).status_code == 303
        assert (await browser.get("/own")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "http://localhost"},
        {"site": "elsewhere.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
    ],
    ids=str,
)
async def test_what_is_of_another_site_or_unverified_is_refused(
    browser: Browser, device: Authenticator, wrong: dict[str, Any]
) -> None:
    await browser.sign_in("aa.contact")
    answer = await enrol(browser, device, **wrong)
    assert (answer.status_code, "The passkey is not taken" in text_of(answer.text)) == (403, True)
    assert (await enrol(browser, device)).status_code == 303
    other = Browser(browser.api)
    async with other.http:
        answer = await sign_in(other, device, **wrong)
        assert (answer.status_code, "The passkey is not taken" in text_of(answer.text)) == (401, True)
        assert (await other.get("/own")).status_code == 303
        assert (await sign_in(other, device)).status_code == 303


async def test_an_answer_is_good_once_and_for_its_own_browser(
    browser: Browser, device: Authenticator
) -> None:
    await browser.sign_in("aa.contact")
    fields = dict(Form(await browser.page("/own"), "/own/passkeys").fields)
    made = device.make(await options(browser, "/own/passkeys", csrf=fields["csrf"]))
    sent = {**fields, "passkey": "phone", "credential": made}
    thief = Browser(browser.api)
    async with thief.http:
        # Enrolled by somebody else with the same answer, it would be the other's.
        await thief.sign_in("bb.contact")
        csrf = dict(Form(await thief.page("/own"), "/own/passkeys").fields)["csrf"]
        assert (await thief.post("/own/passkeys", {**sent, "csrf": csrf})).status_code == 403
        assert (await browser.post("/own/passkeys", sent)).status_code == 303
        again = await browser.post("/own/passkeys", sent)
        assert (again.status_code, "too late, or a second time" in text_of(again.text)) == (403, True)

        other = Browser(browser.api)
        async with other.http:
            given = await options(other, "/sign-in/passkey")
            shown = {"credential": device.show(given)}
            cookie = other.http.cookies[COOKIE]
            await options(thief, "/sign-in/passkey")
            assert (await thief.post("/sign-in/passkey", shown)).status_code == 401
            assert (await other.post("/sign-in/passkey", shown)).status_code == 303
            # Replayed, with the very cookie.
            other.http.cookies.set(COOKIE, cookie, domain="localhost.local")
            assert (await other.post("/sign-in/passkey", shown)).status_code == 401
            # What was shown to sign in enrols nothing, and the other way round.
            assert (await other.post("/sign-in/passkey", {"credential": made})).status_code == 401
            assert (await other.post("/sign-in/passkey", {})).status_code == 401


async def test_nobody_signs_in_by_another_ones_passkey(browser: Browser, device: Authenticator) -> None:
    await browser.sign_in("aa.contact")
    await enrol(browser, device)
    other = Browser(browser.api)
    async with other.http:
        # Its id, signed by another key; and its own signature under another delegate's handle.
        forged = Authenticator(id=device.id, handle=device.handle, count=5)
        assert (await sign_in(other, forged)).status_code == 401
        theirs = Authenticator(id=device.id, key=device.key, handle=bytes(32), count=5)
        assert (await sign_in(other, theirs)).status_code == 401
        # A copy that counts on its own: whoever comes second is refused.
        copy = Authenticator(id=device.id, key=device.key, handle=device.handle, count=device.count)
        assert (await sign_in(other, device)).status_code == 303
        assert (await sign_in(other, copy)).status_code == 401
        # The same credential is nobody else's to enrol.
        await other.sign_in("bb.contact")
        assert "enrolled already" in text_of((await enrol(other, device)).text)


async def test_what_cannot_be_read_is_refused_once_and_for_all(browser: Browser) -> None:
    await browser.sign_in("aa.contact")
    device = Authenticator()
    fields = dict(Form(await browser.page("/own"), "/own/passkeys").fields)
    whole = json.loads(device.make(await options(browser, "/own/passkeys", csrf=fields["csrf"])))
    for said in (
        "",
        "null",
        "[]",
        "{}",
        "x" * 40_000,
        json.dumps({**whole, "rawId": "AAAA"}),
        json.dumps({**whole, "response": {**whole["response"], "attestationObject": "gA"}}),
        json.dumps({**whole, "response": {**whole["response"], "clientDataJSON": "e30"}}),
        json.dumps(whole)[:-9],
    ):
        answer = await browser.post("/own/passkeys", {**fields, "passkey": "x", "credential": said})
        assert answer.status_code == 403, (said[:80], answer.text)
        answer = await browser.post("/sign-in/passkey", {"credential": said})
        assert answer.status_code == 401, said[:80]
    async with owner(browser.api) as database:
        assert await database.fetchval("select count(*) from passkeys") == 0


async def test_a_passkey_is_good_for_what_its_key_is(browser: Browser, device: Authenticator) -> None:
    async with owner(browser.api) as database:
        ends = datetime.now(UTC) + timedelta(hours=1)
        key = await create_key(database, "aa.narrow", "", expires=ends, scopes=("read", "act", "keys"))
        plain = await create_key(database, "aa.narrow", "", scopes=("read", "act"))
    await browser.post("/sign-in", {"key": plain})
    fields = dict(Form(await browser.page("/own"), "/own/passkeys").fields)
    answer = await browser.post("/own/passkeys/options", {"csrf": fields["csrf"]})
    assert (answer.status_code, "needs keys" in answer.json()["wrong"]) == (403, True)
    await browser.post("/sign-in", {"key": key})
    assert (await enrol(browser, device)).status_code == 303
    other = Browser(browser.api)
    async with other.http, owner(browser.api) as database:
        await sign_in(other, device)
        passkeys = Passkeys(await pool_of(browser))
        [one] = await passkeys.of("aa.narrow")
        assert (one.expires, one.key_id) == (ends, key.split("_")[1])
        session = await browser.api.app.state.backend.sessions.find(other.http.cookies["__Host-entente"])
        assert session.identity.scopes == ("read", "act", "keys")
        assert session.identity.key_id == key.split("_")[1]
        late = Passkeys(await pool_of(browser), lambda: ends + timedelta(seconds=1))
        given = json.loads(await late.to_sign_in(SITE, "b"))
        with pytest.raises(PasskeyRefused, match="not in force"):
            await late.authenticate(SITE, "b", device.show(given))


async def pool_of(browser: Browser) -> Any:
    return browser.api.app.state.backend.pool


async def test_a_challenge_ends_with_its_time(browser: Browser, device: Authenticator) -> None:
    pool = await pool_of(browser)
    given = json.loads(await Passkeys(pool).to_sign_in(SITE, "b"))
    late = Passkeys(pool, lambda: datetime.now(UTC) + timedelta(minutes=6))
    with pytest.raises(PasskeyRefused, match="late"):
        await late.authenticate(SITE, "b", device.show(given))
    await late.to_sign_in(SITE, "b")
    async with owner(browser.api) as database:
        assert await database.fetchval("select count(*) from passkey_challenges") == 1, (
            "old ones are forgotten"
        )


async def test_no_other_site_and_no_address_of_numbers(browser: Browser) -> None:
    for path in ("/sign-in/passkey", "/sign-in/passkey/options", "/own/passkeys", "/own/passkeys/options"):
        await browser.sign_in("aa.contact")
        answer = await browser.post(path, {}, Origin="https://elsewhere.example")
        assert answer.status_code == 403, path
    for host in ("localhost:none", "[localhost"):
        answer = await browser.get("/sign-in", headers={"Host": host})
        assert (answer.status_code, "data-passkey" in answer.text) == (200, False), host
    numbers = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}
    answer = await browser.post("/sign-in/passkey/options", {}, **numbers)
    assert (answer.status_code, "by their name" in answer.json()["wrong"]) == (403, True)


@pytest.mark.parametrize(
    ("url", "site", "usable"),
    [
        ("https://entente.example/", Site("entente.example", "https://entente.example"), True),
        ("https://Entente.example:8443", Site("entente.example", "https://entente.example:8443"), True),
        ("https://entente.example:443/x", Site("entente.example", "https://entente.example"), True),
        ("http://entente.example/", Site("entente.example", "http://entente.example"), False),
        ("http://localhost:8080/", Site("localhost", "http://localhost:8080"), True),
        ("http://127.0.0.1:8080/", Site("127.0.0.1", "http://127.0.0.1:8080"), False),
        ("http://localhost:none/", Site("", ""), False),
        ("http://[localhost/", Site("", ""), False),
        ("https://[::1]/", Site("::1", "https://::1"), False),
    ],
)
def test_where_browsers_keep_passkeys(url: str, site: Site, usable: bool) -> None:
    assert (Site.of(url), Site.of(url).usable) == (site, usable)


async def test_one_of_an_account_ends_with_it(browser: Browser, device: Authenticator) -> None:
    site, identity = (
        SITE,
        Identity("aa.vera", "delegate", "oidc-x", "i", issuer="https://i.example", subject="v"),
    )
    passkeys = Passkeys(await pool_of(browser))
    given = json.loads(await passkeys.to_enrol(site, identity, "b"))
    await passkeys.enrol(site, identity, "b", device.make(given), "phone", None)
    async with owner(browser.api) as database:
        await database.execute(
            "insert into federated_identities (issuer, subject, principal) values ('https://i.example', 'v', 'aa.vera')"
        )
    known, name = await passkeys.authenticate(
        site, "b", device.show(json.loads(await passkeys.to_sign_in(site, "b")))
    )
    assert (known.principal, known.issuer, known.subject, known.key_id) == (
        "aa.vera",
        "https://i.example",
        "v",
        "",
    )
    # No provider of that name is set up here any more: the page asks, as for a session at it.
    answer = await sign_in(browser, device)
    assert (answer.status_code, "unknown here" in text_of(answer.text)) == (401, True)
    session = await browser.api.app.state.backend.sessions.begin(known, name)
    browser.http.cookies.set("__Host-entente", session.secret, domain="localhost.local")
    assert (await browser.get("/own")).status_code == 303


@pytest.mark.parametrize("label", ["", "  ", "x" * 201, "two\nlines", "no\0thing"])
async def test_a_passkey_has_a_name(browser: Browser, device: Authenticator, label: str) -> None:
    await browser.sign_in("aa.contact")
    answer = await enrol(browser, device, label)
    assert (answer.status_code, "Give the passkey a name" in text_of(answer.text)) == (422, True)


async def test_at_most_so_many_are_kept(
    browser: Browser, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.identity.passkeys, "MOST", 1)
    await browser.sign_in("aa.contact")
    csrf = dict(Form(await browser.page("/own"), "/own/passkeys").fields)["csrf"]
    second = Authenticator().make(await options(browser, "/own/passkeys", csrf=csrf))
    assert (await enrol(browser, device)).status_code == 303
    answer = await browser.post("/own/passkeys/options", {"csrf": csrf})
    assert (answer.status_code, "as many passkeys" in answer.json()["wrong"]) == (403, True)
    answer = await browser.post("/own/passkeys", {"csrf": csrf, "passkey": "x", "credential": second})
    assert "as many passkeys" in text_of(answer.text)


async def test_attempts_without_end_are_turned_away(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> None:
    async with serving(make_settings(database_url, nowhere, rate_failures="3/hour")) as api:
        browser = Browser(api)
        async with browser.http:
            asked = [(await browser.post("/sign-in/passkey/options", {})).status_code for _ in range(4)]
            assert asked == [200, 200, 200, 429]
            tried = [
                (await browser.post("/sign-in/passkey", {"credential": "{}"})).status_code for _ in range(4)
            ]
            assert tried == [401, 401, 401, 429]


@pytest.mark.parametrize("kind", ["operator", "auditor"])
async def test_a_reader_of_everything_has_no_passkey(
    browser: Browser, device: Authenticator, kind: str
) -> None:
    await browser.sign_in("ops", kind)
    page = await browser.page("/own")
    assert "/own/passkeys" not in page
    csrf = dict(Form(page, "/sign-out").fields)["csrf"]
    assert (await browser.post("/own/passkeys/options", {"csrf": csrf})).status_code == 403
    # Nor as the delegate of that name, where one was enrolled all the same.
    key = (await browser.api.token("ops", kind)).split("_")[1]  # type: ignore[arg-type]
    passkeys, identity = Passkeys(await pool_of(browser)), Identity("ops", "delegate", key, "")
    await passkeys.enrol(
        SITE, identity, "b", device.make(json.loads(await passkeys.to_enrol(SITE, identity, "b"))), "x", None
    )
    assert (await sign_in(browser, device)).status_code == 401


async def test_the_apis_role_is_enough_and_revokes_for_good(
    browser: Browser, device: Authenticator, database_url: str
) -> None:
    key = (await browser.api.token("aa.contact")).split("_")[1]

    async def as_api(connection: asyncpg.Connection[Any]) -> None:
        await connection.execute("set role entente_api")

    async with asyncpg.create_pool(database_url, min_size=0, max_size=1, setup=as_api) as limited:
        passkeys, identity = Passkeys(limited), Identity("aa.contact", "delegate", key, "")
        given = json.loads(await passkeys.to_enrol(SITE, identity, "b"))
        name = await passkeys.enrol(SITE, identity, "b", device.make(given), "phone", None)
        shown = device.show(json.loads(await passkeys.to_sign_in(SITE, "b")))
        known, _ = await passkeys.authenticate(SITE, "b", shown)
        session = await Sessions(limited).begin(known, name)
        assert await Sessions(limited).find(session.secret) is not None
        assert not await passkeys.revoke("bb.contact", name)
        assert await passkeys.revoke("aa.contact", name)
        assert not await passkeys.revoke("aa.contact", name)
        assert await Sessions(limited).find(session.secret) is None
        for statement in ("update passkeys set revoked = null", "delete from passkeys"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await limited.execute(statement)
