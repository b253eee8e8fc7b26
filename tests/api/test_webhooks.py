"""Webhooks against a real receiver: in order, signed, tried again, replayed, disabled, never to a private network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook as Signer
from standardwebhooks.webhooks import WebhookVerificationError
from temporalio.client import Client

from activities.feeds.credentials import CredentialRevoked
from activities.feeds.delivering import Delivering
from activities.feeds.starting import tell_webhook
from activities.feeds.webhooks import Owner, Webhooks
from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.reading.states import States
from activities.runtime.reaching import Reaching
from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, sent, serving
from tests.api.filling import Filler
from tests.api.receiving import LOOPBACK, Receiver
from tests.simulation.small import digest, small
from worker.background.telling import telling
from worker.main import accord_worker


async def added(api: Api, url: str, by: str = "aa.contact", **fields: Any) -> dict[str, Any]:
    answer = await api.post("/webhooks", by, json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{found['id']}"
    return found


async def log_of(api: Api, name: str, by: str = "aa.contact") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/webhooks/{name}/deliveries", by)).json()["items"]
    return items


async def test_entries_come_in_order_signed_and_as_cloud_events(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering
) -> None:
    await filler.found("a", small())
    hook = await added(reading_api, receiver.url, "bb.contact", since=0)
    report = await delivering.deliver(hook["id"], 3)
    assert (report.delivered, report.active, report.failures) == (filler.states["a"].size, True, 0)
    events = await receiver.received(report.delivered)
    assert [int(one["id"]) for one in events] == list(range(report.delivered))
    listed = (await reading_api.get("/accords/a/events", "bb.contact")).json()["items"]
    assert [one["data"] for one in events] == listed
    for headers, body in receiver.got:
        Signer(hook["secret"]).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Signer("whsec_" + "A" * 44).verify(body, headers)
        assert headers["content-type"] == "application/cloudevents+json"
        read = JSONFormat().read(CloudEvent, body)
        assert headers["webhook-id"] == f"entry_{read.get_extension('feed')}"
        assert read.get_source() == "entente.test/accords/a"
    # Nothing is sent again, and what comes later alone is.
    assert (await delivering.deliver(hook["id"], 3)).delivered == 0
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"))
    assert (await delivering.deliver(hook["id"], 3)).delivered == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got)
    log = await log_of(reading_api, hook["id"], "bb.contact")
    assert [one["status"] for one in log] == [204] * len(receiver.got)
    page = (await reading_api.get(f"/webhooks/{hook['id']}/deliveries?limit=2", "bb.contact")).json()
    rest = await reading_api.get(f"/webhooks/{hook['id']}/deliveries?after={page['next']}", "bb.contact")
    assert page["items"] + rest.json()["items"] == log


async def test_an_endpoint_is_sent_what_its_owner_may_read_and_asks_for(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering
) -> None:
    await filler.found("a", small())
    await filler.open("b", small(title="Other"))
    typed = await added(reading_api, receiver.url, types=["definition_adopted"], since=0)
    assert (await delivering.deliver(typed["id"], 3)).delivered == 1
    single = await added(reading_api, receiver.url, accord="b", since=0)
    assert (await delivering.deliver(single["id"], 3)).delivered == 1
    stranger = await added(reading_api, receiver.url, "stranger", since=0)
    assert (await delivering.deliver(stranger["id"], 3)).delivered == 0
    auditor = await added(reading_api, receiver.url, "auditor", since=0)
    assert (await delivering.deliver(auditor["id"], 3)).delivered == await filler.ledger.feed_position()


async def test_two_secrets_live_while_receivers_change_over(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering
) -> None:
    await filler.open("a", small())
    hook = await added(reading_api, receiver.url, since=0)
    path = f"/webhooks/{hook['id']}/rotate-secret"
    rotated = (await reading_api.post(path, key="r1", json={"overlap_hours": 1})).json()
    again = (await reading_api.post(path, key="r1", json={"overlap_hours": 1})).json()
    assert again["secret"] == rotated["secret"] != hook["secret"]
    assert datetime.fromisoformat(rotated["former_secret_until"]) > datetime.now(UTC) + timedelta(minutes=50)
    await delivering.deliver(hook["id"], 3)
    [(headers, body)] = receiver.got
    Signer(hook["secret"]).verify(body, headers)
    Signer(rotated["secret"]).verify(body, headers)
    await reading_api.post(path, json={"overlap_hours": 0})
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"))
    await delivering.deliver(hook["id"], 3)
    headers, body = receiver.got[-1]
    assert len(headers["webhook-signature"].split()) == 1


async def test_failures_are_logged_and_a_dead_endpoint_is_disabled_and_enabled_again(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering
) -> None:
    await filler.found("a", small())
    hook = await added(reading_api, receiver.url, since=0)
    receiver.answers = [204, 500, 302]
    reports = [await delivering.deliver(hook["id"], 3) for _ in range(2)]
    assert [(one.delivered, one.failures, one.active) for one in reports] == [(1, 1, True), (0, 2, True)]
    shown = (await reading_api.get(f"/webhooks/{hook['id']}")).json()
    assert (shown["failures"], shown["active"]) == (2, True)
    assert shown["failing_since"] is not None
    receiver.answers = [404]
    assert not (await delivering.deliver(hook["id"], 3)).active
    shown = (await reading_api.get(f"/webhooks/{hook['id']}")).json()
    assert (shown["active"], shown["failures"]) == (False, 3)
    assert "3 attempts failed since" in shown["reason"]
    assert "answered 404" in shown["reason"]
    assert not (await delivering.deliver(hook["id"], 3)).active
    assert [one["error"] for one in await log_of(reading_api, hook["id"])] == [
        "answered 404",
        "answered 302",
        "answered 500",
        None,
    ]
    shown = (await reading_api.post(f"/webhooks/{hook['id']}/enable")).json()
    assert (shown["active"], shown["failures"], shown["reason"]) == (True, 0, None)
    size = filler.states["a"].size
    assert (await delivering.deliver(hook["id"], 3)).delivered == size - 1
    receiver.answers = [410]
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"))
    await delivering.deliver(hook["id"], 3)
    shown = (await reading_api.get(f"/webhooks/{hook['id']}")).json()
    assert (shown["active"], "410" in shown["reason"]) == (False, True)


async def test_an_endpoint_ends_with_the_key_that_set_it_up(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering, database_url: str
) -> None:
    await filler.found("a", small())
    stolen, kept = [(await reading_api.post("/api-keys", "aa.contact", json={})).json() for _ in range(2)]
    assert len(stolen["id"]) == len(kept["id"]) == 12
    body = {"url": receiver.url, "since": 0}
    hook = (await sent(reading_api, "POST", "/webhooks", stolen["key"], json=body)).json()
    other = (await sent(reading_api, "POST", "/webhooks", kept["key"], json=body)).json()
    assert (await reading_api.call("DELETE", f"/v1/api-keys/{stolen['id']}", "aa.contact")).status_code == 204
    assert not (await delivering.deliver(hook["id"], 3)).active
    assert not receiver.got
    shown = (await reading_api.get(f"/webhooks/{hook['id']}")).json()
    assert (shown["active"], shown["reason"]) == (
        False,
        f"the key {stolen['id']} by which it was set up is revoked",
    )
    assert (await reading_api.get(f"/webhooks/{other['id']}")).json()["active"]
    # A process that has not heard of it yet sets nothing up by the key that stays.
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        hooks = Webhooks(pool)
        for again in (
            hooks.add(Owner("aa.contact"), "late", receiver.url, credential=stolen["id"]),
            hooks.switch(hook["id"], Owner("aa.contact"), active=True, reason=None, credential=stolen["id"]),
        ):
            with pytest.raises(CredentialRevoked, match="is revoked"):
                await again
    # The owner goes on with it by another key, whose end is the endpoint's from then on.
    await sent(reading_api, "POST", f"/webhooks/{hook['id']}/enable", kept["key"])
    assert (await delivering.deliver(hook["id"], 3)).active
    await reading_api.call("DELETE", f"/v1/api-keys/{kept['id']}", "aa.contact")
    assert not (await reading_api.get(f"/webhooks/{hook['id']}")).json()["active"]


async def test_a_replay_sends_again_under_the_same_ids(
    reading_api: Api, filler: Filler, receiver: Receiver, delivering: Delivering
) -> None:
    await filler.found("a", small())
    hook = await added(reading_api, receiver.url, since=0)
    await delivering.deliver(hook["id"], 3)
    first = [headers["webhook-id"] for headers, _ in receiver.got]
    receiver.got.clear()
    for _ in range(2):
        answer = await reading_api.post(f"/webhooks/{hook['id']}/replay", key="again", json={"since": 2})
        assert answer.status_code == 200, answer.text
    assert answer.json()["position"] == 2
    await delivering.deliver(hook["id"], 3)
    assert [headers["webhook-id"] for headers, _ in receiver.got] == first[2:]
    done = await reading_api.call("DELETE", f"/v1/webhooks/{hook['id']}", "aa.contact")
    assert done.status_code == 204
    problem(await reading_api.get(f"/webhooks/{hook['id']}"), 404, "not_found")


async def test_no_private_network_is_reached(
    reading_api: Api, filler: Filler, receiver: Receiver, database_url: str
) -> None:
    await filler.open("a", small())
    hook = await added(reading_api, f"https://127.0.0.1:{receiver.port}/", since=0)

    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    async with reading_pool(database_url, min_size=0, max_size=1) as pool:
        for url, said in (
            (hook["url"], "127.0.0.1 has an address that is not public"),
            # What a name resolves to inside is not told.
            ("https://inner.example/", "inner.example has an address that is not public"),
            (receiver.url, "is asked by https only"),
        ):
            await pool.execute("update webhooks set url = $1", url)
            reaching = Reaching(resolve=None if "127" in url else resolve, setting="ENTENTE_WEBHOOK_NETWORKS")
            delivering = Delivering(pool, States(PostgresLedger(pool)), reaching, "entente.test")
            report = await delivering.deliver(hook["id"], 9)
            await reaching.aclose()
            assert (report.delivered, report.active) == (0, True)
            [last, *_] = await Webhooks(pool).attempts(hook["id"])
            assert said in str(last.error)
            assert "10.0.0.7" not in str(last.error)
    assert receiver.got == []


async def test_a_worker_delivers_by_itself_and_tries_again(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    filler: Filler,
    receiver: Receiver,
) -> None:
    """The whole of it: entries are announced, a workflow delivers them, waits after a failure, and goes on."""
    settings = make_settings(database_url, temporal_address, webhook_networks=(LOOPBACK,))
    await filler.open("a", small())
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        serving(settings) as api,
        telling(settings, temporal_client),
    ):
        hook = await added(api, receiver.url)
        await temporal_client.get_workflow_handle(f"webhook:{hook['id']}").terminate(
            "a test's pauses are short"
        )
        await tell_webhook(temporal_client, hook["id"], settings.task_queue, backoff=(0.1, 0.2, 60.0))
        receiver.answers = [500, 503]
        await filler.do("a", "record_statement", "aa.contact", digest=digest("x"))
        events = await receiver.received(3)
        assert [one["id"] for one in events] == ["1", "1", "1"]
        await filler.do("a", "record_statement", "aa.contact", digest=digest("y"))
        assert (await receiver.received(4))[-1]["id"] == "2"
        # After three failures it would wait for a minute; a replay hurries it.
        receiver.answers = [500, 500, 500]
        await filler.do("a", "record_statement", "aa.contact", digest=digest("z"))
        await receiver.received(7)
        assert (await api.post(f"/webhooks/{hook['id']}/replay", json={"since": 3})).status_code == 200
        assert (await receiver.received(8))[-1]["id"] == "3"
        done = await api.call("DELETE", f"/v1/webhooks/{hook['id']}", "aa.contact")
        assert done.status_code == 204
        await tell_webhook(temporal_client, hook["id"], settings.task_queue)
        async with asyncio.timeout(60):
            await temporal_client.get_workflow_handle(f"webhook:{hook['id']}").result()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "ftp://x.example"}, 422, "malformed"),
        ({"url": "https://user@x.example/"}, 422, "malformed"),
        ({}, 422, "malformed"),
        ({"url": "https://x.example/", "types": ["blessed"]}, 422, "malformed"),
        ({"url": "https://x.example/", "event": "x"}, 422, "malformed"),
        ({"url": "https://x.example/", "accord": "none"}, 404, "not_found"),
    ],
)
async def test_what_is_no_endpoint_is_refused(
    reading_api: Api, body: dict[str, Any], status: int, code: str
) -> None:
    problem(await reading_api.post("/webhooks", json=body), status, code)


async def test_endpoints_are_their_owners_and_bounded(
    reading_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.feeds.webhooks.MOST_ENDPOINTS", 2)
    hook = await added(reading_api, "https://x.example/")
    same = await reading_api.post("/webhooks", key="k", json={"url": "https://y.example/"})
    again = await reading_api.post("/webhooks", key="k", json={"url": "https://y.example/"})
    assert same.json() == again.json()
    problem(
        await reading_api.post("/webhooks", key="k", json={"url": "https://z.example/"}),
        422,
        "idempotency_key_reused",
    )
    problem(await reading_api.post("/webhooks", json={"url": "https://z.example/"}), 403, "forbidden")
    listed = (await reading_api.get("/webhooks")).json()["items"]
    assert [one["id"] for one in listed] == [hook["id"], same.json()["id"]]
    assert all("secret" not in one for one in listed)
    problem(await reading_api.get(f"/webhooks/{hook['id']}", "bb.contact"), 404, "not_found")
    problem(await reading_api.post(f"/webhooks/{hook['id']}/disable", "bb.contact"), 404, "not_found")
