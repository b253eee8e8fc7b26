"""How long nobody is answered after a process is killed, on a stack of its own.

    python -m tests.benchmarks.recovery [--accords 20] [--entries 300]

Accords of some hundred entries each get acts all the time. Then each process in turn is killed with SIGKILL; the stack
starts it again. For each accord it counts how long no act was answered. The baseline is the longest pause without any
fault, over as long a time in the same run. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
import statistics
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from activities.identity.keys import create_key
from activities.runtime.settings import read_settings
from tests.benchmarks import UNLIMITED
from tests.simulation.small import bare, digest
from worker.stack.stack import Ports, Stack

WATCHED = 40.0
"""Seconds for which the accords are watched after each fault, at the most."""


@dataclass
class Accord:
    """An accord under load, and when its acts were answered."""

    name: str
    answered: list[float] = field(default_factory=list)
    retries: int = 0

    async def act(self, http: httpx.AsyncClient, token: str, index: str) -> None:
        """One act, sent again under its key until it is answered as done."""
        body = {"digest": digest(index)}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        while True:
            try:
                answer = await http.post(
                    f"/v1/accords/{self.name}/record-statement", json=body, headers=headers
                )
                if answer.status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            self.retries += 1
            await asyncio.sleep(0.1)
        self.answered.append(time.monotonic())

    def pause(self, since: float, until: float) -> float:
        """The longest time without an answer between two moments, and until the first answer after them."""
        after = [at for at in self.answered if at > until][:1]
        moments = [since, *(at for at in self.answered if since <= at <= until), *after]
        return max((b - a for a, b in itertools.pairwise(moments)), default=until - since)


async def open_accords(http: httpx.AsyncClient, tokens: dict[str, str], count: int) -> list[Accord]:
    opened = []
    for _ in range(count):
        headers = {
            "Authorization": f"Bearer {tokens['aa.contact']}",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        answer = await http.post("/v1/accords", json=bare(), headers=headers)
        answer.raise_for_status()
        accord = answer.json()["accord"]
        state = (await http.get(f"/v1/accords/{accord}", headers=headers)).json()
        for delegate, token in tokens.items():
            (
                await http.post(
                    f"/v1/accords/{accord}/adopt-definition",
                    json={"digest": state["definition_digest"]},
                    headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"adopt-{delegate}"},
                )
            ).raise_for_status()
        opened.append(Accord(accord))
    return opened


async def run(count: int, entries: int, directory: Path) -> None:
    console = Console(width=110)
    settings = read_settings(state_dir=directory, **UNLIMITED, api_port=0, log_level="error")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        connection = await asyncpg.connect(stack.database_url)
        tokens = {who: await create_key(connection, who, "benchmark", "delegate") for who in _WHO}
        await connection.close()
        limits = httpx.Limits(max_connections=count + 10)
        async with httpx.AsyncClient(base_url=stack.api_url, timeout=15, limits=limits) as http:
            accords = await open_accords(http, tokens, count)
            begun = time.monotonic()
            await asyncio.gather(*(_fill(each, http, tokens["aa.contact"], entries) for each in accords))
            console.print(f"{count} accords of {entries} acts: filled in {time.monotonic() - begun:.0f} s")
            table = Table(
                *("killed", "started again after", "median", "longest", "sent again"),
                title="Seconds without an answer, from the kill on",
            )
            stop = asyncio.Event()
            load = [
                asyncio.create_task(_load(each, http, tokens["aa.contact"], stop, number))
                for number, each in enumerate(accords)
            ]
            for name in (None, "worker", "api", "temporal", "postgres"):
                before = sum(each.retries for each in accords)
                since = time.monotonic()
                started = "" if name is None else f"{await _killed(stack, name):.1f}"
                await _all_answered(accords, since)
                pauses = [each.pause(since, time.monotonic() - 0.01) for each in accords]
                again = sum(each.retries for each in accords) - before
                table.add_row(
                    name or "nothing (baseline)",
                    started,
                    f"{statistics.median(pauses):.1f}",
                    f"{max(pauses):.1f}",
                    str(again),
                )
                await asyncio.sleep(3)
            stop.set()
            await asyncio.gather(*load)
            console.print(table)


async def _killed(stack: Stack, name: str) -> float:
    """Kill a process; seconds until another one was started for it, which is not ready yet."""
    process = stack.processes[name]
    assert process is not None
    begun = time.monotonic()
    os.kill(process, signal.SIGKILL)
    while stack.processes[name] in (process, None):  # noqa: ASYNC110 (the stack tells nobody)
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


_WHO = ("aa.contact", "bb.contact")


async def _fill(accord: Accord, http: httpx.AsyncClient, token: str, entries: int) -> None:
    for index in range(entries):
        await accord.act(http, token, f"{index}")


async def _load(
    accord: Accord, http: httpx.AsyncClient, token: str, stop: asyncio.Event, number: int
) -> None:
    while not stop.is_set():
        await accord.act(http, token, f"load {number}")
        await asyncio.sleep(0.5)


async def _all_answered(accords: list[Accord], since: float) -> None:
    """Until each accord has had two answers, the second of which was asked for after the fault."""
    while time.monotonic() - since < WATCHED:
        await asyncio.sleep(0.1)
        if all(sum(at > since + 2 for at in each.answered) >= 2 for each in accords):
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accords", type=int, default=20)
    parser.add_argument("--entries", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-recovery-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        asyncio.run(run(given.accords, given.entries, path))


if __name__ == "__main__":
    main()
