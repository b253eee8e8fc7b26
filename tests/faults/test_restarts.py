"""Worker, API, Temporal and Postgres are killed with SIGKILL, each at any moment, under load: nothing is lost.

Real processes of a whole stack; callers over HTTP who try again with the same key, as clients do.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from activities.identity.keys import create_key
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from tests.simulation.small import bare, digest, small
from worker.stack.stack import Ports, Stack
from workflows.model.fold import evolve
from workflows.model.state import Accord
from workflows.model.summary import summarize

AGAIN = (502, 503, 504)


@dataclass
class Caller:
    """A client of the API that tries again, with the same key, until it has an answer."""

    stack: Stack
    http: httpx.AsyncClient
    tokens: dict[str, str]

    async def post(self, by: str, path: str, body: Any, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[by]}", "Idempotency-Key": key or uuid.uuid4().hex}
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                answer = await self.http.post(self.stack.api_url + path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code not in AGAIN:
                return answer
            await asyncio.sleep(0.2)
        raise AssertionError(f"{path} had no answer in 90 s")

    async def get(self, by: str, path: str) -> Any:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                answer = await self.http.get(
                    self.stack.api_url + path, headers={"Authorization": f"Bearer {self.tokens[by]}"}
                )
                if answer.status_code == 200:
                    return answer.json()
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
        raise AssertionError(f"{path} had no answer in 60 s")

    async def opened(self, definition: dict[str, Any]) -> str:
        answer = await self.post("aa.contact", "/v1/accords", definition)
        assert answer.status_code == 201, answer.text
        accord: str = answer.json()["accord"]
        named = (await self.get("aa.contact", f"/v1/accords/{accord}"))["definition_digest"]
        for by in self.tokens:
            adopted = await self.post(by, f"/v1/accords/{accord}/adopt-definition", {"digest": named})
            assert adopted.status_code == 200, adopted.text
        return accord

    async def fold(self, accord: str) -> Accord:
        async with PostgresLedger.connect(self.stack.database_url) as ledger:
            state: Accord | None = None
            for entry in await ledger.entries(accord, 0, 100_000):
                state = evolve(state, entry.recorded())
            assert state is not None
            assert await ledger.summary(accord) == summarize(state)
            return state


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def caller() -> AsyncIterator[Caller]:
    """A whole stack of its own, durable as `entente up` has it."""
    with tempfile.TemporaryDirectory(prefix="entente-faults-") as directory:
        Path(directory).chmod(0o711)
        settings = read_settings(state_dir=Path(directory) / "state", api_port=0, api_deadline=5.0)
        async with Stack(settings, ports=Ports(0, 0, 0)) as stack, httpx.AsyncClient(timeout=20) as http:
            connection = await asyncpg.connect(stack.database_url)
            tokens = {by: await create_key(connection, by, "test") for by in ("aa.contact", "bb.contact")}
            await connection.close()
            yield Caller(stack, http, tokens)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["worker", "api", "temporal", "postgres"])
async def test_killed_under_load_nothing_is_lost_or_doubled(caller: Caller, victim: str) -> None:
    accord = await caller.opened(bare())
    keys = [[f"{number}-{index}" for index in range(12)] for number in range(3)]

    async def work(mine: list[str]) -> list[dict[str, Any]]:
        receipts = []
        for key in mine:
            answer = await caller.post(
                "aa.contact", f"/v1/accords/{accord}/record-statement", {"digest": digest(key)}, key
            )
            assert answer.status_code == 200, answer.text
            receipts.append(answer.json())
        return receipts

    working = [asyncio.create_task(work(mine)) for mine in keys]
    for _ in range(2):
        await asyncio.sleep(0.25)
        caller.stack.kill(victim)
        await asyncio.sleep(1)
    receipts = [receipt for each in await asyncio.gather(*working) for receipt in each]

    state = await caller.fold(accord)
    assert state.statements == 36
    assert len({receipt["position"] for receipt in receipts}) == 36
    again = await caller.post(
        "aa.contact", f"/v1/accords/{accord}/record-statement", {"digest": digest("0-0")}, "0-0"
    )
    assert again.json() == receipts[0]


@pytest.mark.timeout(240)
async def test_a_timer_fires_although_everything_was_killed(caller: Caller) -> None:
    """The deadline falls while no worker runs; it is dated when it was due."""
    definition = small()
    due = datetime.now(UTC) + timedelta(seconds=6)
    definition["conditions"]["C1"]["due"] = due.isoformat()
    accord = await caller.opened(definition)
    await caller.stack.hold("worker")
    for victim in ("temporal", "postgres", "api"):
        caller.stack.kill(victim)
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 1)
    await caller.stack.resume("worker")
    for _ in range(150):
        condition = (await caller.get("aa.contact", f"/v1/accords/{accord}"))["conditions"]
        state = await caller.fold(accord)
        if state.conditions["C1"].overdue:
            break
        await asyncio.sleep(0.2)
    assert condition
    assert state.conditions["C1"].overdue
    async with PostgresLedger.connect(caller.stack.database_url) as ledger:
        entries = [entry.entry() for entry in await ledger.entries(accord)]
    overdue = [entry for entry in entries if entry.type == "condition_overdue"]
    assert [entry.time for entry in overdue] == [due]
