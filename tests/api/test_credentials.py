"""Who one is: by a key that is good for so much, by a provider's token, by a joining link."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import oidc_provider_mock
import pytest_asyncio

from activities.identity.keys import create_key
from activities.ledger.claiming import take
from activities.ledger.store import Claim
from activities.runtime.settings import Settings
from tests.activities.identity.provider import AUDIENCE, own_provider
from tests.api.conftest import Api, problem, sent, serving
from tests.api.filling import Filler
from tests.simulation.small import small


async def claimed(api: Api, accord: str = "a") -> None:
    """The contacts have claimed their own ids, and AA's two further ones, as the API does when they act."""
    for claim in (Claim("aa.contact", ("aa.treaty", "aa.protocol")), Claim("bb.contact", ("bb.treaty",))):
        assert await take(api.app.state.backend.pool, accord, claim) == ()


async def appointed(filler: Filler, accord: str = "a") -> None:
    await filler.found(accord, small())
    for contact, delegate in (
        ("aa.contact", "aa.treaty"),
        ("aa.contact", "aa.protocol"),
        ("bb.contact", "bb.treaty"),
    ):
        await filler.do(
            accord, "appoint_delegate", contact, delegate=delegate, office="Treaty Section", roles=["treaty_section"]
        )  # fmt: skip


async def test_me_tells_who_one_is(reading_api: Api, filler: Filler) -> None:
    await appointed(filler)
    await claimed(reading_api)
    me = (await reading_api.get("/me", "aa.treaty")).json()
    assert (me["delegate"], me["kind"], me["claimed_by"]) == ("aa.treaty", "delegate", "aa.contact")
    assert me["scopes"] == ["read", "act", "deposit", "keys"]
    [standing] = me["accords"]
    assert (standing["accord"], standing["party"], standing["roles"]) == ("a", "AA", ["treaty_section"])
    operator = (await reading_api.get("/me", "operator")).json()
    assert (operator["delegate"], operator["kind"], operator["accords"]) == (None, "operator", [])
    problem(await reading_api.get("/me", None), 401, "not_authenticated")
    assert (await reading_api.get("/me", "dd.nobody")).json()["accords"] == []


async def test_a_key_is_good_for_what_its_scopes_say(
    reading_api: Api, filler: Filler, database_url: str
) -> None:
    await appointed(filler)
    connection = await asyncpg.connect(database_url)
    try:
        reads = await create_key(connection, "aa.contact", "", scopes=["read"])
        reports = await create_key(connection, "aa.contact", "", scopes=["act:record_statement"])
    finally:
        await connection.close()
    assert (await sent(reading_api, "GET", "/accords/a", reads)).status_code == 200
    refused = await sent(reading_api, "POST", "/accords/a/record-statement?dry_run=true", reads, json={})
    assert "act:record_statement" in problem(refused, 403, "forbidden")["detail"]
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    for method, path in (
        ("POST", "/accords?dry_run=true"), ("PUT", f"/files/sha256:{'0' * 64}?accord=a"), ("POST", "/api-keys"),
        ("POST", "/accords/a/clock"), ("POST", "/accords/a/join-links"),
        ("POST", "/accords/a/signals/condition-changed"), ("DELETE", "/api-keys/aaaaaaaaaaaa"),
    ):  # fmt: skip
        problem(await sent(reading_api, method, path, reads, json={}), 403, "forbidden")
    dry = "?dry_run=true"
    digest = {"digest": f"sha256:{'0' * 64}"}
    done = await sent(reading_api, "POST", f"/accords/a/record-statement{dry}", reports, json=digest)
    assert done.status_code == 200, done.text
    problem(
        await sent(reading_api, "POST", f"/accords/a/close-accord{dry}", reports, json={}), 403, "forbidden"
    )
    problem(await sent(reading_api, "GET", "/accords/a", reports), 403, "forbidden")
    assert (await sent(reading_api, "GET", "/me", reports)).status_code == 200


async def test_keys_are_made_listed_and_revoked(reading_api: Api, filler: Filler) -> None:
    await appointed(filler)
    await claimed(reading_api)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    fields = {"label": "monitor", "scopes": ["read", "keys"], "expires": soon}
    made = await reading_api.post("/api-keys", "aa.treaty", key="once", json=fields)
    assert made.status_code == 201, made.text
    key = made.json()
    assert made.headers["cache-control"] == "no-store"
    problem(await reading_api.post("/api-keys", "aa.treaty", key="once", json=fields), 409, "shown_once")
    problem(
        await reading_api.post("/api-keys", "aa.treaty", key="once", json={}), 422, "idempotency_key_reused"
    )
    me = (await sent(reading_api, "GET", "/me", key["key"])).json()
    assert (me["delegate"], me["key"], me["scopes"]) == ("aa.treaty", key["id"], ["read", "keys"])
    # It makes none that is good for more, or for longer.
    problem(
        await sent(reading_api, "POST", "/api-keys", key["key"], json={"scopes": ["act"]}), 403, "forbidden"
    )
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    wanted = {"scopes": ["read"], "expires": later}
    problem(await sent(reading_api, "POST", "/api-keys", key["key"], json=wanted), 422, "malformed")
    bounded = await sent(reading_api, "POST", "/api-keys", key["key"], json={"scopes": ["read"]})
    assert bounded.json()["expires"] is not None
    for wrong in (
        {"scopes": ["everything"]},
        {"scopes": []},
        {"expires": "2001-01-01T00:00:00Z"},
        {"more": 1},
    ):
        problem(await reading_api.post("/api-keys", "aa.treaty", json=wrong), 422, "malformed")
    for reader in ("operator", "auditor"):
        problem(await reading_api.post("/api-keys", reader, json={}), 403, "forbidden")

    listed = (await reading_api.get("/api-keys", "aa.treaty")).json()["items"]
    assert key["id"] in [one["id"] for one in listed]
    assert key["key"].rpartition("_")[2] not in json.dumps(listed)
    # The contact that claimed the id sees its keys, and can end them; nobody else.
    assert key["id"] in [one["id"] for one in (await reading_api.get("/api-keys")).json()["items"]]
    for other in ("aa.protocol", "bb.contact"):
        assert key["id"] not in [
            one["id"] for one in (await reading_api.get("/api-keys", other)).json()["items"]
        ]
        problem(await reading_api.call("DELETE", f"/v1/api-keys/{key['id']}", other), 404, "not_found")
    assert (await reading_api.call("DELETE", f"/v1/api-keys/{key['id']}", "aa.contact")).status_code == 204
    problem(await reading_api.call("DELETE", f"/v1/api-keys/{key['id']}", "aa.contact"), 404, "not_found")
    reading_api.app.state.backend.identities._held.clear()
    problem(await sent(reading_api, "GET", "/me", key["key"]), 401, "not_authenticated")


async def test_one_joins_by_a_link_once(reading_api: Api, filler: Filler, database_url: str) -> None:
    await appointed(filler)
    await claimed(reading_api)
    wanted = {"delegate": "aa.treaty", "valid_for": "PT1H"}
    first = await reading_api.post("/accords/a/join-links", json=wanted)
    made = await reading_api.post("/accords/a/join-links", json=wanted)
    assert (first.status_code, made.status_code) == (201, 201), made.text
    link, token = made.json()["link"], made.json()["token"]
    assert link.endswith(f"/join#{token}")
    # A link for the same delegate ends the one before.
    problem(
        await sent(reading_api, "POST", "/join", None, json={"token": first.json()["token"]}),
        410,
        "link_ended",
    )
    look = await sent(reading_api, "POST", "/join?dry_run=true", None, json={"token": token})
    assert (look.json()["delegate"], look.json()["office"], look.json()["key"]) == (
        "aa.treaty",
        "Treaty Section",
        None,
    )
    both = await asyncio.gather(
        *(sent(reading_api, "POST", "/join", None, json={"token": token, "label": "phone"}) for _ in range(2))
    )
    assert sorted(one.status_code for one in both) == [200, 410]
    [joined] = [one.json() for one in both if one.status_code == 200]
    assert (await sent(reading_api, "GET", "/me", joined["key"])).json()["delegate"] == "aa.treaty"
    statuses = [one["status"] for one in (await reading_api.get("/accords/a/join-links")).json()["items"]]
    assert sorted(statuses) == ["used", "withdrawn"]
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    problem(await sent(reading_api, "POST", "/join", None, json={"token": wrong}), 404, "not_found")
    problem(await sent(reading_api, "POST", "/join", None, json={"token": "inv_"}), 422, "malformed")
    for by, delegate in (
        ("aa.treaty", "aa.protocol"), ("aa.contact", "bb.treaty"), ("aa.contact", "aa.nobody"),
        ("bb.contact", "aa.treaty"),
    ):  # fmt: skip
        problem(
            await reading_api.post("/accords/a/join-links", by, json={"delegate": delegate}), 403, "forbidden"
        )
    for valid_for in ("P31D", "PT0M", "soon"):
        fields = {"delegate": "aa.treaty", "valid_for": valid_for}
        problem(await reading_api.post("/accords/a/join-links", json=fields), 422, "malformed")
    problem(await reading_api.post("/accords/a/join-links", "dd.nobody", json=wanted), 404, "not_found")

    made = await reading_api.post("/accords/a/join-links", json={"delegate": "aa.protocol"})
    where = f"/v1/accords/a/join-links/{made.json()['about']['id']}"
    problem(await reading_api.call("DELETE", where, "bb.contact"), 404, "not_found")
    assert (await reading_api.call("DELETE", where, "aa.contact")).status_code == 204
    token = {"token": made.json()["token"]}
    problem(await sent(reading_api, "POST", "/join", None, json=token), 410, "link_ended")
    # Nobody joins by what was revoked meanwhile, or has expired.
    made = await reading_api.post("/accords/a/join-links", json={"delegate": "aa.protocol"})
    await filler.do("a", "revoke_delegate", "aa.contact", delegate="aa.protocol")
    token = {"token": made.json()["token"]}
    problem(await sent(reading_api, "POST", "/join", None, json=token), 410, "link_ended")
    made = await reading_api.post("/accords/a/join-links", json={"delegate": "aa.treaty"})
    connection = await asyncpg.connect(database_url)
    await connection.execute("update join_links set expires = now() - interval '1 s'")
    await connection.close()
    token = {"token": made.json()["token"]}
    problem(await sent(reading_api, "POST", "/join", None, json=token), 410, "link_ended")


@contextlib.contextmanager
def stock_provider() -> Any:
    """A provider from elsewhere, with its own idea of OpenID Connect."""
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


def signed_in(issuer: str, subject: str) -> str:
    """What a person gets who signs in at the provider: the authorization code flow, to its token."""
    redirect = "http://127.0.0.1/back"
    query = {"client_id": AUDIENCE, "redirect_uri": redirect, "response_type": "code", "scope": "openid"}
    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"{issuer}/oauth2/authorize", params=query, data={"sub": subject})
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        found = client.post(f"{issuer}/oauth2/token", data=form, auth=(AUDIENCE, "secret")).json()
    token: str = found["id_token"]
    return token


@pytest_asyncio.fixture(loop_scope="session")
async def provided(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> AsyncIterator[tuple[Api, str, Any]]:
    """The API, with a provider from elsewhere, and one of ours that gives out the ids of AA's side."""
    with stock_provider() as issuer:
        async with own_provider() as own:
            file = tmp_path / "providers.json"
            ours = {"issuer": own.issuer, "audience": AUDIENCE, "claim": "delegate", "contact": "aa.contact"}
            file.write_text(json.dumps([{"issuer": issuer, "audience": AUDIENCE}, ours]))
            async with serving(make_settings(database_url, nowhere, oidc_file=file)) as api:
                yield api, issuer, own


async def test_a_person_of_a_provider_joins_and_is_known(
    provided: tuple[Api, str, Any], filler: Filler
) -> None:
    api, issuer, _ = provided
    await appointed(filler)
    await claimed(api)
    token = await asyncio.to_thread(signed_in, issuer, "anna")
    stranger = (await sent(api, "GET", "/me", token)).json()
    assert (stranger["delegate"], stranger["subject"], stranger["issuer"]) == (None, "anna", issuer)
    assert "joining link" in problem(await sent(api, "GET", "/accords", token), 403, "forbidden")["detail"]
    link = (await api.post("/accords/a/join-links", json={"delegate": "aa.treaty"})).json()
    joined = (await sent(api, "POST", "/join", token, json={"token": link["token"]})).json()
    assert (joined["delegate"], joined["key"], joined["subject"]) == ("aa.treaty", None, "anna")
    again = await asyncio.to_thread(signed_in, issuer, "anna")
    me = (await sent(api, "GET", "/me", again)).json()
    assert (me["delegate"], me["key"], me["issuer"]) == ("aa.treaty", None, issuer)
    assert (await sent(api, "GET", "/accords/a", again)).status_code == 200
    # Who is one delegate here does not become another by a link, which stays good.
    other = (await api.post("/accords/a/join-links", json={"delegate": "aa.protocol"})).json()
    taken = await sent(api, "POST", "/join", again, json={"token": other["token"]})
    problem(taken, 409, "linked_elsewhere")
    assert (await sent(api, "POST", "/join", None, json={"token": other["token"]})).status_code == 200
    # A key that outlasts the token has an end all the same.
    made = await sent(api, "POST", "/api-keys", again, json={"scopes": ["read"]})
    left = datetime.fromisoformat(made.json()["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    later = (datetime.now(UTC) + timedelta(days=91)).isoformat()
    problem(await sent(api, "POST", "/api-keys", again, json={"expires": later}), 422, "malformed")
    hook = await sent(api, "POST", "/webhooks", again, json={"url": "https://monitor.example/in"})
    assert hook.status_code == 201
    # The contact that claimed the id sees the account, and can end it; nobody else.
    [account] = (await api.get("/accounts")).json()["items"]
    assert (account["delegate"], account["subject"], account["issuer"]) == ("aa.treaty", "anna", issuer)
    assert (await sent(api, "GET", "/accounts", again)).json()["items"] == [account]
    where = f"/v1/accounts/{account['id']}"
    for other in ("bb.contact", "aa.protocol"):
        assert (await api.get("/accounts", other)).json()["items"] == []
        problem(await api.call("DELETE", where, other), 404, "not_found")
    assert (await api.call("DELETE", where, "aa.contact")).status_code == 204
    problem(await api.call("DELETE", where, "aa.contact"), 404, "not_found")
    assert (await sent(api, "GET", "/me", again)).json()["delegate"] is None
    disabled = (await sent(api, "GET", f"/webhooks/{hook.json()['id']}", made.json()["key"])).json()
    assert (disabled["active"], account["id"] in disabled["reason"]) == (False, True)
    wrong = await sent(api, "GET", "/me", again[:-6] + "AAAAAA")
    problem(wrong, 401, "not_authenticated")
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]


async def test_a_provider_gives_out_the_ids_of_its_own_side_alone(
    provided: tuple[Api, str, Any], filler: Filler
) -> None:
    api, _, own = provided
    await appointed(filler)
    await claimed(api)

    async def known_as(subject: str, delegate: str) -> str | None:
        said = (await sent(api, "GET", "/me", own.token(sub=subject, delegate=delegate))).json()
        found: str | None = said["delegate"]
        return found

    assert await known_as("1", "aa.treaty") == "aa.treaty"
    assert await known_as("2", "aa.contact") == "aa.contact"
    for number, foreign in enumerate(("bb.treaty", "bb.contact", "watch", "aa.unclaimed", "")):
        assert await known_as(f"x{number}", foreign) is None
    assert await known_as("1", "bb.treaty") is None
    own.answers = False
    own.rotate("k9")
    api.app.state.backend.tokens._keys[own.issuer]._read = -1e9
    problem(await sent(api, "GET", "/me", own.token()), 503, "unavailable")
