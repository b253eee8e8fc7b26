"""Overload: whoever comes beyond what a process has under way is told so at once, and the others get through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from activities.runtime.settings import Settings
from tests.api.conftest import problem, serving


async def test_one_request_too_many_is_turned_away_at_once(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> None:
    async with serving(make_settings(database_url, nowhere, api_requests=2)) as api:
        await api.token("aa.contact")
        go_on, begun = asyncio.Event(), asyncio.Semaphore(0)

        async def slow_body() -> AsyncIterator[bytes]:
            # It is asked for once the request is under way.
            begun.release()
            yield b"{"
            await go_on.wait()
            yield b"}"

        slow = [
            asyncio.create_task(
                api.post("/accords", content=slow_body(), headers={"Content-Type": "application/json"})
            )
            for _ in range(2)
        ]
        for _ in slow:
            await begun.acquire()
        began = time.monotonic()
        answers = await asyncio.gather(*(api.get("/accords") for _ in range(50)))
        took = time.monotonic() - began
        for answer in answers:
            said = problem(answer, 503, "busy")
            assert "2 requests are under way" in said["detail"]
            assert 1 <= int(answer.headers["retry-after"]) <= 3
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert took < api.settings.api_deadline, "they waited for the others"
        assert (await api.call("GET", "/livez", None)).status_code == 200
        go_on.set()
        assert {answer.status_code for answer in await asyncio.gather(*slow)} == {422}
        assert (await api.get("/accords")).status_code == 200
