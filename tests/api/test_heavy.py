"""Long bodies and heavy work go beside the event loop, in a bounded queue; strangers' long bodies are not read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from starlette.requests import Request

from activities.runtime.settings import Settings, read_settings
from api import bodies
from api.bodies import LARGEST, content_of, json_body, may_be_large
from api.heavy import SMALL, Heavy, is_large
from api.problems import Problem
from tests.activities.definitions.hostile import JSON, YAML
from tests.api.conftest import Api, problem, serving
from tests.simulation.small import bare, small


def request(content: bytes, **headers: str) -> Request:
    """A request with this body, which is sent in pieces; ``content_type`` becomes ``content-type``."""
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)] or [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    app = SimpleNamespace(state=SimpleNamespace(backend=SimpleNamespace(settings=read_settings())))
    scope = {"type": "http", "method": "POST", "path": "/", "headers": named, "app": app}
    return Request(scope, receive)


async def test_long_bodies_are_read_in_another_thread_and_short_ones_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def reading(content: bytes) -> Any:
        seen.append(threading.current_thread().name.partition("_")[0])
        return json.loads(content)

    monkeypatch.setattr(bodies, "read_json", reading)
    for size in (10, SMALL + 1):
        assert (await json_body(request(json.dumps({"a": "x" * size}).encode()))).value == {"a": "x" * size}
    assert seen == ["MainThread", "reading"]


async def test_more_than_the_queue_takes_is_asked_to_come_again() -> None:
    heavy, going = Heavy("test", most=3), threading.Event()
    waiting = [asyncio.create_task(heavy.run(going.wait, 30)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await heavy.run(int)
    assert (refused.value.code, refused.value.headers["Retry-After"]) == ("unavailable", "1")
    # Who does not wait any more leaves the work behind, which still counts.
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    with pytest.raises(Problem):
        await heavy.run(int)
    going.set()
    assert await asyncio.gather(*waiting[1:]) == [True, True]
    assert await heavy.run(int) == 0


async def test_a_body_that_says_it_is_too_long_is_not_read_at_all() -> None:
    for length in (str(LARGEST + 1), "9" * 30):
        sent = request(b"x" * 5000, content_length=length)
        with pytest.raises(Problem, match="larger than"):
            await content_of(sent)
        assert len((await sent.receive())["body"]) == 1000, "the first piece is still there"
    with pytest.raises(Problem, match="larger than"):
        await content_of(request(b"x" * (LARGEST + 1)))


@pytest.mark.parametrize(
    ("length", "large"),
    [
        ("10", False),
        (str(SMALL), False),
        (str(SMALL + 1), True),
        (None, True),
        ("-1", True),
        ("\u0662", True),
    ],
)
def test_what_says_nothing_of_its_length_may_be_large(length: str | None, large: bool) -> None:
    assert may_be_large(request(b"", **({} if length is None else {"content_length": length}))) is large


@pytest.mark.parametrize(
    ("value", "large"),
    [
        ({}, False),
        ({"a": ["x" * 100] * 10}, False),
        ({"a": "x" * (SMALL + 1)}, True),
        ({"a": [0] * SMALL}, True),
        ([[[0] * 100] * 100], True),
    ],
)
def test_fields_of_an_act_are_large_or_not(value: Any, large: bool) -> None:
    assert is_large(value) is large


@pytest_asyncio.fixture
async def api(
    database_url: str, temporal_address: str, make_settings: Callable[..., Settings]
) -> AsyncIterator[Api]:
    async with serving(make_settings(database_url, temporal_address)) as serving_api:
        yield serving_api


async def test_a_strangers_long_body_is_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the answer that there is no such accord, before anything is parsed."""

    def reading(content: bytes) -> Any:
        raise AssertionError("it was read")

    monkeypatch.setattr(bodies, "read_json", reading)
    long = json.dumps({"definition": small(), "note": "x" * SMALL})
    for way in ({}, {"params": {"dry_run": "true"}}):
        answer = await api.post("/accords/none-aaaaaaaaaa/amend-definition", "zz.nobody", content=long, **way)
        problem(answer, 404, "not_found")


async def test_every_hostile_body_has_one_clear_answer(api: Api) -> None:
    for families, kind in ((JSON, "application/json"), (YAML, "application/yaml")):
        for name, make in families.items():
            answer = await api.post(
                "/accords", content=make(40_000), params={"dry_run": "true"}, headers={"Content-Type": kind}
            )
            assert answer.status_code in (200, 400, 413, 422), (name, answer.text[:300])
            assert len(answer.content) < 60_000, name
    assert (await api.post("/accords", json=bare(), params={"dry_run": "true"})).status_code == 200
