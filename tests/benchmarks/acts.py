"""How long an act takes and how many fit in a second, beside a bare Temporal update in the same run.

    python -m tests.benchmarks.acts [--acts 200]

All go to one embedded server with one worker process each. The baselines are updates with a no-op activity, regular
and local, sent straight to Temporal; the act is ``record-statement``, sent over HTTP: authenticated, signed, judged and
committed to Postgres. Prints tables, among them the events and workflow tasks of one act; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from activities.identity.keys import create_key
from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from tests.benchmarks import UNLIMITED
from tests.benchmarks.bare import QUEUE, Bare
from tests.simulation.small import bare as definition_of
from tests.simulation.small import digest
from worker.stack.stack import Ports, Stack

ACCORDS = (1, 10, 50)
TICKS = os.sysconf("SC_CLK_TCK")

Call = Callable[[int], Awaitable[None]]


def cpu_seconds(pid: int, *, children: bool = True) -> float:
    """CPU time, user and system, of a process, and of the children that it has now."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        number, parent = int(stat.parent.name), int(fields[1])
        if number == pid or (children and parent == pid):
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


async def latency(call: Call, count: int) -> list[float]:
    """Seconds that each of ``count`` calls in a row took."""
    taken = []
    for index in range(count):
        begun = time.perf_counter()
        await call(index)
        taken.append(time.perf_counter() - begun)
    return taken


async def throughput(calls: list[Call], each: int) -> float:
    """Calls per second, with one caller for each accord, none of whom pauses."""

    async def caller(call: Call) -> None:
        for index in range(each):
            await call(index)

    begun = time.perf_counter()
    await asyncio.gather(*(caller(call) for call in calls))
    return len(calls) * each / (time.perf_counter() - begun)


async def bare_calls(client: Client, count: int, update: str) -> list[Call]:
    """A caller of ``update`` for each of ``count`` bare workflows."""
    handles = [
        await client.start_workflow(Bare.run, id=f"bare-{uuid.uuid4().hex[:8]}", task_queue=QUEUE)
        for _ in range(count)
    ]

    def caller(number: int) -> Call:
        async def call(index: int) -> None:
            await handles[number].execute_update(update, f"{index}")

        return call

    return [caller(number) for number in range(count)]


async def act_calls(clients: AsyncExitStack, url: str, token: str, count: int) -> list[Call]:
    """A caller for each of ``count`` accords, which are opened here.

    Each has a client of its own, as delegates have. In one pool the search for a connection grows with the callers: it
    was a fifth of all the CPU time that fifty of them cost.
    """
    headers = {"Authorization": f"Bearer {token}"}
    made = []
    for _ in range(count):
        http = await clients.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
        answer = await http.post(
            "/v1/accords", json=definition_of(), headers={**headers, "Idempotency-Key": uuid.uuid4().hex}
        )
        answer.raise_for_status()
        accord = answer.json()["accord"]
        named = (await http.get(f"/v1/accords/{accord}", headers=headers)).json()["definition_digest"]
        made.append((http, accord, named))
    return [await _founded(*each) for each in made]


_TOKENS: dict[str, str] = {}
_CALLS: dict[str, Call] = {}
"""The caller for each accord."""


async def _founded(http: httpx.AsyncClient, accord: str, named: str) -> Call:
    for delegate, token in _TOKENS.items():
        answer = await http.post(
            f"/v1/accords/{accord}/adopt-definition",
            json={"digest": named},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"adopt-{delegate}"},
        )
        answer.raise_for_status()
    token = _TOKENS["aa.contact"]

    async def call(index: int) -> None:
        answer = await http.post(
            f"/v1/accords/{accord}/record-statement",
            json={"digest": digest(str(index))},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex},
        )
        answer.raise_for_status()

    _CALLS[accord] = call
    return call


async def run(acts: int, directory: Path) -> None:
    console = Console(width=110)
    settings = read_settings(state_dir=directory, **UNLIMITED, api_port=0, log_level="warning")
    begun = time.perf_counter()
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        console.print(f"stack ready after {time.perf_counter() - begun:.1f} s (Postgres with fsync)")
        baseline = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.bare", env=stack.environment()
        )
        try:
            client = await connect(read_settings(), target=stack.temporal_address)
            connection = await asyncpg.connect(stack.database_url)
            for delegate in ("aa.contact", "bb.contact"):
                _TOKENS[delegate] = await create_key(connection, delegate, "benchmark", "delegate")
            await connection.close()
            async with AsyncExitStack() as clients:
                await measure(console, stack, baseline.pid, client, clients, acts)
        finally:
            baseline.terminate()
            await baseline.wait()


async def measure(
    console: Console, stack: Stack, baseline: int, client: Client, clients: AsyncExitStack, acts: int
) -> None:
    bare, local = await bare_calls(client, 50, "act"), await bare_calls(client, 50, "local")
    full = await act_calls(clients, stack.api_url, _TOKENS["aa.contact"], 50)
    for calls in (bare, local, full):
        await latency(calls[0], 20)

    table = Table("", "p50 ms", "p95 ms", title=f"One act, one caller, {acts} in a row")
    for name, calls in (
        ("bare Temporal update, regular no-op activity", bare),
        ("bare Temporal update, local no-op activity", local),
        ("act through the API, recorded", full),
    ):
        taken = await latency(calls[0], acts)
        table.add_row(name, f"{statistics.median(taken) * 1000:.1f}", f"{percentile(taken, 0.95) * 1000:.1f}")
    console.print(table)

    table = Table(
        *("accords", "regular/s", "local/s", "acts/s", "of regular", "of local"),
        title="One caller for each accord, none pauses",
    )
    used: dict[tuple[str, str], list[str]] = {}
    for count in ACCORDS:
        each = max(5, acts // count)
        rates = []
        for name, calls in (("regular", bare), ("local", local), ("acts", full)):
            before = _cpu(stack, baseline)
            rates.append(await throughput(calls[:count], each))
            for process, seconds in _cpu(stack, baseline).items():
                spent = (seconds - before[process]) / (count * each) * 1000
                used.setdefault((process, name), []).append(f"{spent:.1f}")
        table.add_row(
            str(count),
            *(f"{rate:.0f}" for rate in rates),
            *(f"{rates[2] / rate:.2f}" for rate in rates[:2]),
        )
    console.print(table)
    await count_events(console, client)

    table = Table(
        "process", "calls", *(f"{count} accords" for count in ACCORDS), title="CPU ms for each call"
    )
    for (process, name), spent_each in used.items():
        if any(float(each) for each in spent_each):
            table.add_row(process, name, *spent_each)
    console.print(table)


async def count_events(console: Console, client: Client) -> None:
    """Events and workflow tasks of one act, counted over ten in the history of an accord."""
    [accord] = [each.id async for each in client.list_workflows('WorkflowType = "Accord"', limit=1)]
    counts = []
    for _ in range(2):
        events = (await client.get_workflow_handle(accord).fetch_history()).events
        tasks = sum(each.HasField("workflow_task_completed_event_attributes") for each in events)
        counts.append((len(events), tasks))
        for index in range(10):
            await _CALLS[accord](index)
    events, tasks = ((after - before) / 10 for before, after in zip(*counts, strict=True))
    console.print(f"one act: {events:.1f} events, {tasks:.1f} workflow tasks (in ten acts on {accord})")


def _cpu(stack: Stack, baseline: int) -> dict[str, float]:
    pids = {name: pid for name, pid in stack.processes.items() if pid is not None}
    return {
        name: cpu_seconds(pid, children=name != "this client")
        for name, pid in {**pids, "this client": os.getpid(), "baseline": baseline}.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--acts", type=int, default=200, help="acts in a row, and for each number of accords")
    with tempfile.TemporaryDirectory(prefix="entente-benchmark-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        asyncio.run(run(parser.parse_args().acts, path))


if __name__ == "__main__":
    main()
