"""How long ``/livez`` takes while a fuzzer looks for bodies that are short to send and long to read.

    python -m tests.benchmarks.hostile [--seconds 60]

The API is that of an embedded stack. A process of its own asks ``/livez`` every 10 ms: first while nothing else goes
on, then while an honest definition of 1,000 conditions is tried, then under the fuzzer. The fuzzer sends every family
of ``tests.activities.definitions.hostile`` at full length, as a definition and as an act's fields, also of a stranger
to the accord, several at once; then it goes on from those that took longest, cut up and put together anew. Prints
tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from activities.identity.keys import create_key
from activities.runtime.settings import read_settings
from api.bodies import LARGEST
from tests.activities.definitions.hostile import JSON, YAML
from tests.benchmarks import UNLIMITED
from tests.benchmarks.acts import percentile
from tests.simulation.small import bare, small
from worker.stack.stack import Ports, Stack

AT_ONCE = 4
KEPT = 12
"""Bodies that the fuzzer goes on from: those that took longest."""


@dataclass(frozen=True)
class Sent:
    """A body, how it is sent, and what came of it."""

    name: str
    path: str
    kind: str
    content: bytes
    seconds: float = 0.0
    status: int = 0


async def ping(url: str) -> None:
    """Ask every 10 ms until standard input ends; print when each was asked and how long it took."""
    loop = asyncio.get_running_loop()
    over = loop.run_in_executor(None, sys.stdin.read)
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        while not over.done():
            asked = time.time()
            began = time.perf_counter()
            (await http.get("/livez")).raise_for_status()
            print(f"{asked} {time.perf_counter() - began}", flush=True)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def pinging(url: str, into: list[tuple[float, float]]) -> AsyncIterator[None]:
    """Collect in ``into`` what :func:`ping` measures during the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.hostile", "--ping", url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    into.append(_measured(await process.stdout.readline()))
    into.clear()  # The first one opens the connection.
    try:
        yield
    finally:
        process.stdin.close()
        into += [_measured(line) for line in (await process.stdout.read()).splitlines()]
        await process.wait()


def _measured(line: bytes) -> tuple[float, float]:
    asked, took = line.split()
    return float(asked), float(took)


def bodies(accord: str) -> list[Sent]:
    """Every family at full length, on every way in."""
    found = []
    act = f"/v1/accords/{accord}/amend-definition?dry_run=true"
    for families, kind in ((JSON, "application/json"), (YAML, "application/yaml")):
        for name, make in families.items():
            content = make(LARGEST - 2000)[:LARGEST]
            found.append(Sent(name, "/v1/accords?dry_run=true", kind, content))
            if kind == "application/json":
                found.append(
                    Sent(f"{name} (act)", act, kind, b'{"definition":' + content[: LARGEST - 20] + b"}")
                )
    return found


def bred(worst: list[Sent], choice: random.Random) -> Sent:
    """Another body, made of pieces of those that took longest."""
    one, other = choice.choice(worst), choice.choice(worst)
    start, end = sorted(choice.randrange(len(one.content) + 1) for _ in range(2))
    content = one.content[:start] + other.content[start:end] * choice.choice((0, 1, 2)) + one.content[end:]
    return Sent(f"bred of {one.name.removeprefix('bred of ')}", one.path, one.kind, content[:LARGEST])


async def send(http: httpx.AsyncClient, one: Sent, tokens: list[str], choice: random.Random) -> Sent:
    began = time.perf_counter()
    try:
        answer = await http.post(
            one.path,
            content=one.content,
            headers={
                "Authorization": f"Bearer {choice.choice(tokens)}",
                "Content-Type": one.kind,
                "Idempotency-Key": uuid.uuid4().hex,
            },
        )
        status = answer.status_code
    except httpx.HTTPError:
        status = 0
    return Sent(one.name, one.path, one.kind, one.content, time.perf_counter() - began, status)


async def fuzz(http: httpx.AsyncClient, accord: str, tokens: list[str], seconds: float) -> list[Sent]:
    """Send for so many seconds; all that was sent, the slowest first."""
    choice = random.Random(1)
    waiting = bodies(accord)
    choice.shuffle(waiting)
    done: list[Sent] = []
    ends = time.perf_counter() + seconds

    async def sender() -> None:
        while time.perf_counter() < ends:
            worst = sorted(done, key=lambda sent: -sent.seconds)[:KEPT]
            one = waiting.pop() if waiting else bred(worst, choice)
            done.append(await send(http, one, tokens, choice))

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return sorted(done, key=lambda sent: -sent.seconds)


async def run(seconds: float, directory: Path) -> None:
    console = Console(width=110)
    settings = read_settings(state_dir=directory, **UNLIMITED, api_port=0, log_level="warning")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        connection = await asyncpg.connect(stack.database_url)
        tokens = [
            await create_key(connection, delegate, "benchmark", "delegate")
            for delegate in ("aa.contact", "zz.nobody")
        ]
        await connection.close()
        async with httpx.AsyncClient(base_url=stack.api_url, timeout=120) as http:
            own = {"Authorization": f"Bearer {tokens[0]}"}
            opened = await http.post("/v1/accords", json=bare(), headers={**own, "Idempotency-Key": "open"})
            opened.raise_for_status()
            first = small()["conditions"]["C1"]
            honest = json.dumps(small(conditions={f"C{number}": first for number in range(1, 1001)})).encode()
            table = Table("while", "asked", "p50 ms", "p95 ms", "max ms", title="/livez")

            async def idle() -> None:
                await asyncio.sleep(seconds / 6)

            async def large() -> None:
                ends = time.perf_counter() + seconds / 6
                while time.perf_counter() < ends:
                    sent = Sent("honest", "/v1/accords?dry_run=true", "application/json", honest)
                    if (sent := await send(http, sent, tokens[:1], random.Random(1))).status != 200:
                        raise SystemExit(f"the honest definition is answered {sent.status}")

            sent: list[Sent] = []

            async def hostile() -> None:
                sent.extend(await fuzz(http, opened.json()["accord"], tokens, seconds))

            for name, work in (
                ("nothing else", idle),
                (f"a definition of 1,000 conditions ({len(honest) // 1024} KB)", large),
                (f"the fuzzer, {AT_ONCE} at once", hostile),
            ):
                measured: list[tuple[float, float]] = []
                async with pinging(stack.api_url, measured):
                    await work()
                taken = [took * 1000 for _, took in measured]
                table.add_row(
                    name,
                    str(len(taken)),
                    f"{statistics.median(taken):.1f}",
                    f"{percentile(taken, 0.95):.1f}",
                    f"{max(taken):.1f}",
                )
            console.print(table)
            slowest = Table("body", "answer", "ms", title=f"The slowest of {len(sent)} bodies")
            for one in sent[:10]:
                slowest.add_row(one.name, str(one.status), f"{one.seconds * 1000:.0f}")
            console.print(slowest)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the fuzzer goes on")
    parser.add_argument("--ping", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ping:
        asyncio.run(ping(given.ping))
        return
    with tempfile.TemporaryDirectory(prefix="entente-benchmark-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        asyncio.run(run(given.seconds, path))


if __name__ == "__main__":
    main()
