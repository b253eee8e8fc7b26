"""Clients over HTTP: each does one act after the other, tries again with the same key, and keeps its history."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.faults.installation import Installation
from tests.faults.order import Act, Read
from tests.simulation.small import digest, small

AGAIN = (429, 502, 503, 504)
"""Answers after which the same request is sent again."""

PATIENCE = 90.0
"""Seconds after which a client has waited for its answer for too long."""


class Unanswered(AssertionError):
    """A request had no answer, though it was sent again and again."""


@dataclass
class History:
    """What all clients saw. Times are of one clock."""

    acts: list[Act] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    receipts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    signals: list[tuple[str, str]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    """From when to when each act, of whatever outcome, waited for its answer."""
    pending: dict[int, float] = field(default_factory=dict)
    """When each request was sent that has no answer yet."""
    wrong: list[str] = field(default_factory=list)
    attempts: int = 0


class Load:
    """Clients of ``accords`` accords, acting until they are stopped."""

    def __init__(self, installation: Installation, seed: int, accords: int, seconds: float) -> None:
        self.history = History()
        self.accords: list[str] = []
        self.due: dict[str, datetime] = {}
        self._installation = installation
        self._chance = random.Random(seed)
        self._many = accords
        self._seconds = seconds
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._http = httpx.AsyncClient(
            base_url=installation.api_url,
            timeout=httpx.Timeout(20.0, connect=5.0),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._count = 0

    async def begin(self) -> None:
        """Open the accords, and let the clients begin."""
        self.accords = await asyncio.gather(*(self._found(number) for number in range(self._many)))
        for accord in self.accords:
            for by in ("aa.contact", "bb.contact"):
                self._tasks.append(asyncio.create_task(self._act_on(accord, by)))
            self._tasks.append(asyncio.create_task(self._report_on(accord)))

    async def stop(self) -> None:
        """Let each client have its last answer.

        Raises:
            Unanswered: one did not have it.
        """
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """End at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def failed(self) -> BaseException | None:
        """The error of a client that gave up."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                return error
        return None

    async def go_on(self) -> None:
        """One more act on each accord.

        Raises:
            Unanswered: one is not answered.
        """
        await asyncio.gather(*(self._state(accord, "aa.contact") for accord in self.accords))

    # One client

    async def _found(self, number: int) -> str:
        definition = small(title=f"Accord {number}")
        due = datetime.now(UTC) + timedelta(seconds=self._chance.uniform(12.0, max(13.0, self._seconds)))
        definition["conditions"]["C1"]["due"] = due.isoformat()
        status, opened = await self._post("aa.contact", "/v1/accords", definition, self._key())
        assert status == 201, opened
        accord: str = opened["accord"]
        self.due[accord] = due
        seen = await self._get("aa.contact", f"/v1/accords/{accord}")
        for by in ("aa.contact", "bb.contact"):
            await self._act(accord, by, "adopt-definition", {"digest": seen["definition_digest"]})
        return accord

    async def _act_on(self, accord: str, by: str) -> None:
        chance = random.Random(self._chance.random())
        before: tuple[str, str, dict[str, Any]] | None = None
        while not self._stopping.is_set():
            drawn = chance.random()
            if drawn < 0.7:
                before = await self._state(accord, by)
            elif drawn < 0.8 and before is not None:
                # What was answered long ago is answered the same again.
                await self._again(accord, by, *before)
            elif drawn < 0.9:
                body = {"condition": "C1", "evidence": [digest(self._key())]}
                await self._act(accord, by, "verify-condition", body)
            else:
                await self._read(accord, by)
            await self._pause(chance.uniform(0.2, 0.6))

    async def _report_on(self, accord: str) -> None:
        chance = random.Random(self._chance.random())
        while not self._stopping.is_set():
            key = self._key()
            body = {
                "condition": "C1",
                "report": key,
                "source": "Monitor",
                "observed_at": "2026-01-01T00:00:00Z",
            }
            status, answer = await self._post(
                "watch", f"/v1/accords/{accord}/signals/condition-changed", body, key
            )
            if status == 202:
                self.history.signals.append((accord, f"watch/{key}"))
            else:
                self.history.wrong.append(f"a signal to {accord} was answered {status}: {answer}")
            await self._pause(chance.uniform(0.5, 1.5))

    async def _state(self, accord: str, by: str) -> tuple[str, str, dict[str, Any]]:
        key, path = self._key(), "record-statement"
        body = {"digest": digest(key)}
        await self._act(accord, by, path, body, key)
        return key, path, body

    async def _act(
        self, accord: str, by: str, act: str, body: Mapping[str, Any], key: str | None = None
    ) -> None:
        key = key or self._key()
        sent = time.monotonic()
        status, answer = await self._post(by, f"/v1/accords/{accord}/{act}", body, key)
        now = time.monotonic()
        command = f"{by}/{key}"
        self.history.waits.append((sent, now))
        if status == 200:
            self.history.receipts[accord, command] = answer
            self.history.acts.append(
                Act(accord, command, sent, now, answer["first_position"], answer["position"])
            )
        elif status == 409 and answer.get("code") == "refused" and "position" in answer:
            self.history.refused[accord, command] = answer["position"]
        else:
            self.history.wrong.append(f"{act} of {command} on {accord} was answered {status}: {answer}")

    async def _again(self, accord: str, by: str, key: str, act: str, body: Mapping[str, Any]) -> None:
        status, answer = await self._post(by, f"/v1/accords/{accord}/{act}", body, key)
        first = self.history.receipts.get((accord, f"{by}/{key}"))
        if first is not None and (status, answer) != (200, first):
            self.history.wrong.append(f"{by}/{key} on {accord} was first answered {first}, and then {answer}")

    async def _read(self, accord: str, by: str) -> None:
        sent = time.monotonic()
        seen = await self._get(by, f"/v1/accords/{accord}")
        self.history.reads.append(Read(accord, sent, time.monotonic(), seen["size"]))

    # HTTP

    async def _post(self, by: str, path: str, body: Any, key: str) -> tuple[int, dict[str, Any]]:
        return await self._send("POST", by, path, json=body, headers={"Idempotency-Key": key})

    async def _get(self, by: str, path: str) -> dict[str, Any]:
        # What is read is asked for once more after a failure: then it is another reading, that begins later.
        status, answer = await self._send("GET", by, path)
        assert status == 200, (path, status, answer)
        return answer

    async def _send(self, method: str, by: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._installation.tokens[by]}", **options.pop("headers", {})}
        begun, last = time.monotonic(), "nothing"
        self._count += 1
        number = self._count
        self.history.pending[number] = begun
        try:
            while time.monotonic() < begun + PATIENCE:
                self.history.attempts += 1
                try:
                    answer = await self._http.request(method, path, headers=headers, **options)
                except httpx.TransportError as error:
                    last = repr(error)
                else:
                    if answer.status_code not in AGAIN:
                        return answer.status_code, answer.json()
                    last = f"{answer.status_code} {answer.text[:300]}"
                await asyncio.sleep(0.2)
        finally:
            del self.history.pending[number]
        raise Unanswered(f"{method} {path} by {by} had no answer in {PATIENCE:g} s; the last was: {last}")

    def _key(self) -> str:
        return f"{self._chance.getrandbits(64):016x}"

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
