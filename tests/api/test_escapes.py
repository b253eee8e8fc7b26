"""What a key, a link or an endpoint would let through beyond what it is for. Each of these did, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from activities.feeds import following
from activities.feeds.delivering import NOBODY_READS, Delivering
from activities.identity import delegates
from activities.identity.keys import create_key
from activities.identity.scopes import SCOPES
from activities.identity.tokens import Token
from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.api.receiving import Receiver
from tests.api.test_credentials import appointed, claimed, sent
from tests.api.test_webhooks import added
from tests.simulation.small import digest, small


async def made_key(database_url: str, principal: str, **about: Any) -> str:
    connection = await asyncpg.connect(database_url)
    try:
        return await create_key(connection, principal, "a test's key", **about)
    finally:
        await connection.close()


async def test_a_joining_link_leads_to_nothing_that_its_makers_key_is_not_good_for(
    reading_api: Api, filler: Filler, database_url: str
) -> None:
    await appointed(filler)
    await claimed(reading_api)
    wanted = {"delegate": "aa.treaty"}
    for scopes in (
        ["keys"],
        ["read", "keys"],
        ["read", "act", "keys"],
        ["read", "act:adopt_definition", "keys"],
    ):
        token = await made_key(database_url, "aa.contact", scopes=scopes)
        said = problem(
            await sent(reading_api, "POST", "/accords/a/join-links", token, json=wanted), 403, "forbidden"
        )
        assert "leads to more" in said["detail"]
    # Nor does anybody join as what one is: that would be a key without the bounds of one's own.
    for scopes in (["keys"], list(SCOPES)):
        token = await made_key(database_url, "aa.contact", scopes=scopes)
        own = {"delegate": "aa.contact"}
        problem(await sent(reading_api, "POST", "/accords/a/join-links", token, json=own), 403, "forbidden")
    soon = datetime.now(UTC) + timedelta(hours=1)
    token = await made_key(database_url, "aa.contact", expires=soon)
    made = await sent(reading_api, "POST", "/accords/a/join-links", token, json=wanted)
    assert datetime.fromisoformat(made.json()["about"]["expires"]) == soon


async def test_a_key_that_does_not_read_learns_no_accord(
    reading_api: Api, filler: Filler, database_url: str, receiver: Receiver
) -> None:
    await appointed(filler)
    token = await made_key(database_url, "aa.contact", scopes=["act", "deposit", "keys"])
    me = (await sent(reading_api, "GET", "/me", token)).json()
    assert (me["delegate"], me["accords"], me["more"]) == ("aa.contact", [], False)
    # Nor has it the record sent elsewhere.
    answer = await sent(reading_api, "POST", "/webhooks", token, json={"url": receiver.url, "since": 0})
    assert "this needs read" in problem(answer, 403, "forbidden")["detail"]
    hook = await added(reading_api, receiver.url, "aa.contact")
    for change, body in (("enable", None), ("replay", {"since": 0})):
        answer = await sent(reading_api, "POST", f"/webhooks/{hook['id']}/{change}", token, json=body)
        assert "this needs read" in problem(answer, 403, "forbidden")["detail"]
    # Nor does it try acts, at times to come too, to learn what would follow and what is not met.
    tried = "/accords/a/issue-invitation?dry_run=true&at=2031-01-01T00:00:00Z"
    answer = await sent(reading_api, "POST", tried, token, json={})
    assert "this needs read" in problem(answer, 403, "forbidden")["detail"]


async def test_a_namesake_of_a_reader_of_everything_has_nothing_of_its_endpoints(
    reading_api: Api, filler: Filler, database_url: str, receiver: Receiver
) -> None:
    await filler.found("a", small())
    body = {"url": receiver.url, "since": 0}
    hook = (await reading_api.post("/webhooks", "auditor", key="one", json=body)).json()
    # Whoever opens an accord chooses its delegates' ids, so also this one.
    token = await made_key(database_url, "auditor")
    assert (await sent(reading_api, "GET", "/webhooks", token)).json()["items"] == []
    own = (await sent(reading_api, "POST", "/webhooks", token, key="one", json=body)).json()
    assert own["id"] != hook["id"]
    assert own["secret"] != hook["secret"]
    where = f"/webhooks/{hook['id']}"
    for method, path, content in (
        ("GET", where, None), ("GET", f"{where}/deliveries", None), ("POST", f"{where}/disable", None),
        ("POST", f"{where}/rotate-secret", {}), ("POST", f"{where}/replay", {"since": 0}), ("DELETE", where, None),
    ):  # fmt: skip
        problem(await sent(reading_api, method, path, token, json=content), 404, "not_found")
    assert [one["id"] for one in (await reading_api.get("/webhooks", "auditor")).json()["items"]] == [
        hook["id"]
    ]


@pytest.mark.parametrize(
    ("ended", "why"), [("expires = now()", NOBODY_READS), ("revoked = now()", "is revoked")]
)
async def test_who_reads_everything_is_sent_nothing_once_its_key_has_ended(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering, database_url: str,
    ended: str, why: str,
) -> None:  # fmt: skip
    await filler.found("a", small())
    hook = await added(reading_api, receiver.url, "auditor", since=0)
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"update api_keys set {ended} where kind = 'auditor'")
    report = await delivering.deliver(hook["id"], 3)
    reason = await connection.fetchval("select reason from webhooks")
    await connection.close()
    assert (report.delivered, report.active, receiver.got) == (0, False, [])
    assert why in reason


async def test_a_link_is_used_up_for_something_or_not_at_all(
    reading_api: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await appointed(filler)
    await claimed(reading_api)
    link = (await reading_api.post("/accords/a/join-links", json={"delegate": "aa.treaty"})).json()["token"]
    other = (await reading_api.post("/accords/a/join-links", json={"delegate": "aa.protocol"})).json()[
        "token"
    ]
    monkeypatch.setattr(delegates, "MOST_KEYS", 0)
    problem(await sent(reading_api, "POST", "/join", None, json={"token": link}), 403, "forbidden")
    monkeypatch.undo()
    # One person of a provider tries two at once, and is one delegate; the other link stays good.
    held = reading_api.app.state.backend.delegates
    person = Token(issuer="https://login.example", subject="anna")
    opened = [await held.opened(one) for one in (link, other)]
    became = await asyncio.gather(*(held.join_as(one, person) for one in opened))
    [now] = set(became)
    assert now in ("aa.treaty", "aa.protocol")
    assert await held.join_as(opened[became.index(now)], person) is None
    left = other if now == "aa.treaty" else link
    assert (await sent(reading_api, "POST", "/join", None, json={"token": left})).status_code == 200


async def test_what_is_erased_comes_back_from_no_memory(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], filler: Filler
) -> None:
    """A feed keeps entries for those who follow; what the record says is erased is in none that it gives."""
    await filler.found("a", small())
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"), words="Mr Example said so.")
    at = filler.states["a"].size - 1
    async with serving(make_settings(database_url, nowhere)) as api:
        feed = api.app.state.backend.feed

        async def told(count: int) -> dict[str, Any]:
            """What is told of the statement to somebody who follows from before it."""
            found: list[bytes] = []
            stream = feed.follow(following.Following("aa.contact"), at, heartbeat=0.2)
            async with asyncio.timeout(60):
                async for one in stream:
                    found += [event for _, event in one.events]
                    if len(found) >= count:
                        break
            await stream.aclose()
            said: dict[str, Any] = httpx.Response(200, content=found[0]).json()["data"]
            return said

        # Somebody follows all the while, so that what came is kept.
        keeping = feed.follow(following.Following("bb.contact"), None, heartbeat=0.2)
        await anext(keeping)
        kept = asyncio.create_task(_drained(keeping))
        assert (await told(1))["particulars"] is not None
        erasing = {"positions": [at], "ground": "Article 17", "ordered_by": "Data office"}
        await filler.do("a", "erase_particulars", "installation", **erasing)
        # On record, and not yet deleted: nobody is given it, from memory or from the database.
        said = await told(2)
        assert (said["particulars"], said["erased"]) == (None, True)
        [listed] = [
            one
            for one in (await api.get("/accords/a/events?limit=200")).json()["items"]
            if one["position"] == at
        ]
        assert (listed["particulars"], listed["erased"]) == (None, True)
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)
        await keeping.aclose()


async def _drained(stream: Any) -> None:
    async for _ in stream:
        pass
