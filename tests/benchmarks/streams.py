"""A thousand readers of the feed: how long an entry takes from its commit to each of them, and what memory they cost.

    python -m tests.benchmarks.streams [--readers 1000] [--entries 200]

One embedded Postgres; the API in a process of its own, as in production; the readers in this one. Entries are recorded
straight into the ledger at a steady pace, so that what is measured is the fan-out alone. Baselines of the same run: one
reader, and a hundred. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from activities.identity.keys import create_key
from activities.identity.signing import CommandSigner
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from tests.api.filling import Filler
from tests.benchmarks import UNLIMITED
from tests.simulation.small import digest, small
from worker.stack.place import forget
from worker.stack.postgres import Postgres

PACE = 0.05
"""Seconds between two entries."""

EACH = 40
"""Streams of one principal; so many keys of the two parties' delegates and auditors are made."""

_ID = re.compile(rb"^id: ([0-9]+)$", re.MULTILINE)


class Reader:
    """One stream, read as fast as it comes; when each entry came, by its feed position."""

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self.reading = asyncio.Event()

    async def read(self, port: int, token: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        try:
            while chunk := await reader.read(65536):
                now = time.perf_counter()
                self.reading.set()
                if b"data:" in chunk:
                    for found in _ID.findall(chunk):
                        self.came.setdefault(int(found), now)
        finally:
            writer.close()


def memory(pid: int) -> float:
    """Megabytes that a process has in memory."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+([0-9]+) kB", text)
    return int(found.group(1)) / 1024 if found else 0.0


async def measure(
    readers: int, entries: int, port: int, tokens: list[str], filler: Filler, pid: int
) -> list[str]:
    before = memory(pid)
    listening = [Reader() for _ in range(readers)]
    tasks = [
        asyncio.create_task(one.read(port, tokens[number // EACH])) for number, one in enumerate(listening)
    ]
    for one in listening:
        await asyncio.wait_for(one.reading.wait(), 120)
    await asyncio.sleep(1)
    committed: dict[int, float] = {}
    for number in range(entries):
        began = time.perf_counter()
        await filler.do("a", "record_statement", "aa.contact", digest=digest(f"{readers} {number}"))
        committed[await filler.ledger.feed_position()] = time.perf_counter()
        await asyncio.sleep(max(0.0, PACE - (time.perf_counter() - began)))
    last = max(committed)
    async with asyncio.timeout(60):
        while not all(last in one.came for one in listening):  # noqa: ASYNC110 - nothing says when the last came
            await asyncio.sleep(0.05)
    after = memory(pid)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    delays = sorted(
        max(one.came[feed] - at, 0.0) * 1000 for one in listening for feed, at in committed.items()
    )
    missed = sum(feed not in one.came for one in listening for feed in committed)
    return [
        f"{readers:,}",
        f"{entries}",
        f"{statistics.median(delays):.1f}",
        f"{delays[int(len(delays) * 0.95)]:.1f}",
        f"{delays[-1]:.1f}",
        str(missed),
        f"{after:.0f}",
        f"{(after - before) / readers * 1024:.0f}",
    ]


async def main(readers: int, entries: int) -> None:
    out = Console(width=120)
    place = Path(tempfile.mkdtemp(prefix="entente-bench-"))
    place.chmod(0o711)
    postgres = Postgres(place, port=0, durable=False)
    await postgres.start()
    api = None
    try:
        dsn = postgres.url("postgres")
        await migrate(dsn)
        key = place / "command.pem"
        signer = CommandSigner.create(key)
        connection = await asyncpg.connect(dsn)
        kinds = ["delegate", *["auditor"] * (readers // EACH + 1)]
        names = ["aa.contact", *(f"auditor-{number}" for number in range(len(kinds)))]
        tokens = [
            await create_key(connection, name, "a benchmark's", kind)  # type: ignore[arg-type]
            for name, kind in zip(names, kinds, strict=False)
        ]
        await connection.close()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {
            **os.environ,
            "DATABASE_URL": dsn,
            "ENTENTE_COMMAND_KEY_FILE": str(key),
            "ENTENTE_COMMAND_PUBLIC_KEYS": signer.public_key,
            "ENTENTE_API_PORT": str(port),
            "ENTENTE_LOG_LEVEL": "warning",
            "TEMPORAL_ADDRESS": "127.0.0.1:9",
            **{f"ENTENTE_{name.upper()}": value for name, value in UNLIMITED.items()},
        }
        api = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker.cli.main", "api", env=environment
        )
        while True:
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.2)
        async with PostgresLedger.connect(dsn) as ledger:
            filler = Filler(ledger)
            await filler.found("a", small())
            table = Table(
                "readers",
                "entries",
                "delay p50 ms",
                "p95 ms",
                "longest ms",
                "missed",
                "API MB",
                "KB a reader",
            )
            for count in (1, 100, readers):
                table.add_row(*await measure(count, entries, port, tokens, filler, api.pid))
        out.print(table)
    finally:
        if api is not None and api.returncode is None:
            api.terminate()
            await api.wait()
        await postgres.stop()
        forget(place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.readers, given.entries))
