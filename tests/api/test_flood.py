"""Many acts on one accord at once, with real servers: each has an outcome, and a flood is only the flooder's matter."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx
from temporalio.client import Client

from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket, problem, serving
from tests.api.test_acting import founded
from tests.simulation.small import bare, digest
from worker.main import accord_worker


async def until(reached: Callable[[], bool]) -> None:
    """Return once it is so; fail if it never is."""
    for _ in range(3000):
        if reached():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


async def state_that(api: Api, accord: str, by: str, words: str) -> httpx.Response:
    return await api.act(accord, "record_statement", by, key=words, digest=digest(words))


async def test_two_hundred_acts_at_once_all_have_an_outcome(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    # A deadline long enough for a busy machine: what is asked here is that nothing hangs.
    settings = make_settings(database_url, temporal_address, api_deadline=120.0)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        accord = await founded(api, bare())
        answers = await asyncio.gather(
            *(state_that(api, accord, "aa.contact", f"w{number}") for number in range(200))
        )
        assert Counter(answer.status_code for answer in answers) == {200: 200}
        assert len({answer.json()["position"] for answer in answers}) == 200


async def test_in_a_flood_the_other_delegate_is_answered(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(database_url, temporal_address, api_deadline=120.0)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        accord = await founded(api, bare())
        queue = api.app.state.backend.queue
        answered: list[str] = []

        async def act(by: str, words: str) -> None:
            answer = await state_that(api, accord, by, words)
            assert answer.status_code == 200, answer.text
            answered.append(by)

        flood = [asyncio.create_task(act("aa.contact", f"f{number}")) for number in range(150)]
        await until(lambda: queue.waiting(accord) >= 100)
        before = len(answered)
        await act("bb.contact", "other")
        # What was under way goes first, and a turn of the flood for each place; not the flood.
        assert len(answered) - 1 - before < 40
        assert queue.waiting(accord) > 30
        await asyncio.gather(*flood)


async def test_without_a_worker_a_flood_is_answered_and_leaves_no_one_waiting(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(database_url, temporal_address)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        accord = await founded(api, bare())
    async with serving(settings.model_copy(update={"api_deadline": 5.0})) as api:
        await api.token("aa.contact")
        answers = await asyncio.gather(
            *(state_that(api, accord, "aa.contact", f"w{number}") for number in range(220))
        )
        kinds = Counter(answer.json()["code"] for answer in answers)
        # One delegate has so many places to wait in; who has none is told at once.
        assert set(kinds) == {"unavailable", "busy"}
        assert all(answer.headers["retry-after"] for answer in answers)
        busy = next(answer for answer in answers if answer.json()["code"] == "busy")
        assert "200 acts of aa.contact" in problem(busy, 503, "busy")["detail"]
        queue = api.app.state.backend.queue
        assert (queue.waiting(accord), queue.under_way(accord)) == (0, 0)
        # The same requests, sent again once a worker is there.
        async with accord_worker(settings, temporal_client) as worker, worker:
            for number in range(0, 220, 40):
                for _ in range(20):
                    answer = await state_that(api, accord, "aa.contact", f"w{number}")
                    if answer.status_code == 200:
                        break
                assert answer.status_code == 200, answer.text


async def test_who_hangs_up_frees_the_place(
    database_url: str, temporal_address: str, temporal_client: Client, make_settings: Callable[..., Settings]
) -> None:
    """Over a real socket, since only there a caller can go away."""
    settings = make_settings(database_url, temporal_address, api_deadline=60.0)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        accord = await founded(api, bare())
        token = await api.token("aa.contact")
    async with on_a_socket(settings.model_copy(update={"api_port": 0})) as (app, port):
        queue = app.state.backend.queue
        # No worker: whoever waits does so for a minute.
        callers = [asyncio.create_task(_call(port, token, accord, f"h{number}")) for number in range(30)]
        await until(lambda: queue.waiting(accord) >= 20)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        await until(lambda: (queue.waiting(accord), queue.under_way(accord)) == (0, 0))


async def _call(port: int, token: str, accord: str, words: str) -> None:
    async with httpx.AsyncClient(timeout=120) as http:
        await http.post(
            f"http://127.0.0.1:{port}/v1/accords/{accord}/record-statement",
            json={"digest": digest(words)},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": words},
        )
