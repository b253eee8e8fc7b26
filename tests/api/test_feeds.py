"""Following the record by server-sent events: every entry once, whoever reconnects when, and nothing for strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from activities.feeds import following
from activities.ledger.store import Ledger
from activities.runtime.settings import Settings
from api import streams
from api.routes import feeds
from tests.api.conftest import Api, on_a_socket, problem
from tests.api.filling import Filler
from tests.simulation.small import bare, digest, small


@dataclass
class Reader:
    """A client that reads a stream as a browser does."""

    api: Api
    by: str
    path: str = "/feed"
    last: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    alive: int = 0

    async def read(self, until: Callable[[Reader], bool], seconds: float = 20.0, **query: Any) -> bool:
        """Read on until something is so; false where the stream ended before."""
        headers = {"Authorization": f"Bearer {await self.api.token(self.by)}"}
        if self.last is not None:
            headers["Last-Event-ID"] = self.last
        async with (
            asyncio.timeout(seconds),
            self.api.http.stream("GET", f"/v1{self.path}", headers=headers, params=query) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            data = ""
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last = value
                elif name == "data":
                    data += value
                elif line == ": alive":
                    self.alive += 1
                elif not line:
                    if data:
                        self.events.append(json.loads(data))
                        self.ids.append(int(self.last or 0))
                        data = ""
                    if until(self):
                        return True
        return False


def has(count: int) -> Callable[[Reader], bool]:
    return lambda reader: len(reader.events) >= count


@pytest_asyncio.fixture(loop_scope="session")
async def served(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> AsyncIterator[Api]:
    """The API on a socket, without Temporal: streams cannot be read otherwise."""
    settings = make_settings(database_url, nowhere, api_deadline=3.0, api_port=0)
    async with on_a_socket(settings) as (app, port):
        api = Api(app, settings)
        await api.http.aclose()
        api.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30.0)
        async with api.http:
            yield api


async def statements(filler: Filler, accord: str, count: int, by: str = "aa.contact") -> None:
    for number in range(count):
        name = f"{accord} {number} {by} {filler.at}"
        await filler.do(accord, "record_statement", by, digest=digest(name), words=f"words {number}")


async def followed(served: Api, by: int) -> None:
    while served.app.state.backend.feed.followers < by:  # noqa: ASYNC110 - nothing says when a stream begins
        await asyncio.sleep(0.02)


@asynccontextmanager
async def beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await task


async def test_every_entry_comes_once_however_often_the_stream_is_broken(served: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.open("b", small(title="Another"))
    reader = Reader(served, "aa.contact")
    # From the beginning, then broken off and taken up again while more is recorded.
    assert await reader.read(has(3), since=0)
    async with beside(statements(filler, "a", 30)):
        for count in (8, 15, 22):
            assert await reader.read(has(count))
    await filler.open("c", bare())
    end = await filler.ledger.feed_position()
    assert await reader.read(lambda one: int(one.last or 0) >= end)
    assert reader.ids == [entry.feed for entry in await whole(filler.ledger)]
    [last] = reader.events[-1:]
    assert last["subject"] == "c"
    only = Reader(served, "bb.contact", "/accords/a/feed")
    assert await only.read(lambda one: int(one.last or 0) >= end, since=0)
    assert [int(one["id"]) for one in only.events] == list(range(filler.states["a"].size))


async def whole(ledger: Ledger) -> list[Any]:
    return await ledger.feed(0, 10_000)


async def test_a_stream_tells_what_its_reader_may_see_as_cloud_events(served: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.do(
        "a", "appoint_delegate", "aa.contact", delegate="aa.press", office="Press", roles=["observer"]
    )
    await filler.open(
        "b",
        small(
            parties={**small()["parties"], "BB": {"name": "B", "capacity": "guest", "contact": "b2"}},
            conditions={},
            documents={},
        ),
    )
    await filler.do("a", "record_statement", "aa.contact", digest=digest("words"), words="Good morning")
    end = await filler.ledger.feed_position()

    async def seen_by(who: str) -> Reader:
        reader = Reader(served, who)
        assert await reader.read(lambda one: int(one.last or 0) >= end, since=0)
        return reader

    mine, theirs = await seen_by("aa.contact"), await seen_by("bb.contact")
    assert {one["subject"] for one in mine.events} == {"a", "b"}
    assert {one["subject"] for one in theirs.events} == {"a"}
    for nobody in ("aa.press", "stranger"):
        assert (await seen_by(nobody)).events == []
    event = theirs.events[-1]
    size = filler.states["a"].size
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0",
        "id": str(size - 1),
        "source": "entente.localhost/accords/a",
        "type": "entente.statement_recorded.v1",
        "subject": "a",
        "time": event["data"]["time"],
        "datacontenttype": "application/json",
        "feed": str(end),
    }
    listed = (await served.get(f"/accords/a/events?start={size - 1}", "bb.contact")).json()["items"]
    assert [event["data"]] == listed
    assert event["data"]["says"].startswith("aa.contact for AA")


async def test_a_silent_stream_says_that_it_is_alive_and_ends_after_a_while(
    served: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "HEARTBEAT", 0.05)
    monkeypatch.setattr(feeds, "LONGEST_LIFE", 0.8)
    await filler.open("a", small())
    reader = Reader(served, "aa.contact")
    assert not await reader.read(lambda one: False)
    assert reader.alive > 3
    assert reader.last == str(await filler.ledger.feed_position())
    assert reader.events == []
    await statements(filler, "a", 1)
    assert await reader.read(has(1))


async def test_whoever_follows_holds_no_connection_to_the_database(
    served: Api, filler: Filler, database_url: str
) -> None:
    await filler.open("a", small())
    connection = await asyncpg.connect(database_url)
    try:

        async def listening() -> int:
            found: int = await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() "
                "and query ilike 'listen%'"
            )
            return found

        readers = [Reader(served, "aa.contact") for _ in range(20)]
        async with asyncio.TaskGroup() as group:
            for one in readers:
                group.create_task(one.read(has(3)))
            await followed(served, 20)
            async with asyncio.timeout(60):
                while (found := await listening()) == 0:  # noqa: ASYNC110 - nothing says when it listens
                    await asyncio.sleep(0.02)
            assert found == 1
            await statements(filler, "a", 3)
        assert all(one.ids == readers[0].ids for one in readers)
        for _ in range(1200):
            if await listening() == 0:
                break
            await asyncio.sleep(0.05)
        assert await listening() == 0, "the last who left did not end the listening"
    finally:
        await connection.close()


async def test_who_is_far_behind_catches_up(
    served: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "KEPT", 3)
    monkeypatch.setattr(following, "PAGE", 2)
    await filler.open("a", small())
    late, prompt = Reader(served, "aa.contact"), Reader(served, "aa.contact")
    async with asyncio.TaskGroup() as group:
        group.create_task(prompt.read(has(12)))
        await followed(served, 1)
        await statements(filler, "a", 12)
    assert await late.read(has(13), since=0)
    assert late.ids == [1, *prompt.ids]


@pytest.mark.parametrize(
    ("headers", "query", "status", "code"),
    [
        ({"Last-Event-ID": "x"}, "", 422, "malformed"),
        ({"Last-Event-ID": "-1"}, "", 422, "malformed"),
        ({"Last-Event-ID": "9" * 40}, "", 422, "malformed"),
        ({"Last-Event-ID": "999"}, "", 422, "beyond_record"),
        ({}, "?since=-1", 422, "malformed"),
        ({}, "?from=3", 422, "malformed"),
    ],
)
async def test_what_is_no_place_in_the_feed_is_refused(
    reading_api: Api, headers: dict[str, str], query: str, status: int, code: str
) -> None:
    answer = await reading_api.get(f"/feed{query}", headers=headers)
    problem(answer, status, code)


async def test_streams_are_bounded(served: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    await filler.open("a", small())
    monkeypatch.setattr(streams, "MOST_OF_ONE", 0)
    problem(await served.get("/feed"), 429, "rate_limited")
    monkeypatch.setattr(streams, "MOST_OF_ONE", 5)
    monkeypatch.setattr(streams, "MOST_READERS", 0)
    answer = await served.get("/feed")
    problem(answer, 503, "busy")
    assert int(answer.headers["retry-after"]) >= 5
    problem(await served.get("/accords/a/feed", "stranger"), 404, "not_found")
    assert (await served.call("HEAD", "/v1/feed", "aa.contact")).status_code == 200
    assert served.app.state.backend.streams.open == 0
