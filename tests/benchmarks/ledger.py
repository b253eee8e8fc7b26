"""What the ledger costs: appends beside the same bytes written otherwise, proofs and verification beside bare hashes.

    python -m tests.benchmarks.ledger [--seconds 4] [--entries 10000]

All on one Postgres, in one run, each in a database of its own:

- *ledger*: one event for each append, an accord for each writer, through the batching writer, as the worker does;
- *plain inserts*: the same bytes into one table, a transaction for each, by asyncpg;
- *eventsourcing*: the recorder of that package, where it is installed (``pip install "eventsourcing[postgres]"``);
  it keeps a gap-free order too;
- *limit*: the same rows in the same tables, everything computed beforehand, one statement for each table and batch.

Then proofs from the database, and the verification of a bundle, beside the hashes and signatures that they consist of.
Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger, write_settlement
from activities.ledger.settle import Settlement, seal_events, settle
from activities.ledger.store import Append
from activities.ledger.writer import BatchWriter
from activities.tlog.merkle import Frontier, leaf_hash, node_hash, verify_inclusion
from activities.verifier.verify import verify_bundle
from tests.activities.ledger.making import append
from tests.activities.ledger.memory import MemoryLedger
from tests.activities.verifier.record import Record, negotiated
from tests.conftest import with_database
from worker.stack.postgres import Postgres

WRITERS = (1, 32, 256)
CONNECTIONS = 48
"""Connections for what has a transaction for each insert: beyond that the server only gets slower."""

console = Console(width=110)

Write = Callable[[int, int], Awaitable[None]]
"""Writes the event number n of a writer."""


class Timing:
    """How many were written, in how long, and how long each took, in seconds."""

    def __init__(self, seconds: float, each: list[float]) -> None:
        self.seconds = seconds
        self.each = sorted(each)

    def cells(self, per: int = 1) -> list[str]:
        """Rate, median and 95th percentile; ``per`` is how many events each time is of."""
        at = [
            self.each[min(len(self.each) - 1, round(share * (len(self.each) - 1)))] for share in (0.5, 0.95)
        ]
        return [f"{len(self.each) * per / self.seconds:,.0f}", *(f"{each * 1000:.1f}" for each in at)]


@asynccontextmanager
async def database(postgres: Postgres, *, migrated: bool = True) -> AsyncIterator[str]:
    """A fresh database."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f'create database "{name}"')
    try:
        url = with_database(postgres.url("postgres"), name)
        if migrated:
            await migrate(url)
        yield url
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


async def timed(writers: int, seconds: float, write: Write) -> Timing:
    """Let so many write at the same time, for so long; the first second is not counted."""
    began = time.perf_counter()
    warm, end = began + min(1.0, seconds / 2), began + seconds
    each: list[float] = []

    async def one(writer: int) -> None:
        number = 0
        while (start := time.perf_counter()) < end:
            await write(writer, number)
            number += 1
            if start >= warm:
                each.append(time.perf_counter() - start)

    await asyncio.gather(*(one(writer) for writer in range(writers)))
    return Timing(time.perf_counter() - warm, each)


def sealed_bytes(accord: str, number: int) -> tuple[Append, bytes]:
    """An append, and all the bytes that the ledger would store for it."""
    made = append(accord, number, f"d/{accord}/{number}")
    [entry] = seal_events(made)
    return made, entry.content + entry.facts.content + entry.particulars.content + made.signed


async def the_ledger(postgres: Postgres, writers: int, seconds: float) -> Timing:
    """Appends through the writer."""
    async with database(postgres) as url, PostgresLedger.connect(url) as ledger, BatchWriter(ledger) as batch:

        async def write(writer: int, number: int) -> None:
            outcome = await batch.record(append(f"a{writer}", number, f"d/{number}"))
            assert outcome.status == "appended"

        return await timed(writers, seconds, write)


async def plain_inserts(postgres: Postgres, writers: int, seconds: float) -> Timing:
    """The same bytes, a transaction each, without a chain, an order or an outcome."""
    async with (
        database(postgres, migrated=False) as url,
        asyncpg.create_pool(url, min_size=1, max_size=min(writers, CONNECTIONS)) as pool,
    ):
        await pool.execute(
            "create table plain (accord text, position bigint, bytes bytea, primary key (accord, position))"
        )
        _, content = sealed_bytes("a", 0)

        async def write(writer: int, number: int) -> None:
            await pool.execute("insert into plain values ($1, $2, $3)", f"a{writer}", number, content)

        return await timed(writers, seconds, write)


async def eventsourcing(postgres: Postgres, writers: int, seconds: float) -> Timing | None:
    """The recorder of the eventsourcing package, in as many threads as it has connections."""
    try:
        from eventsourcing.persistence import StoredEvent  # type: ignore[import-not-found,unused-ignore]
        from eventsourcing.postgres import (  # type: ignore[import-not-found,unused-ignore]
            PostgresApplicationRecorder,
            PostgresDatastore,
        )
    except ImportError:
        return None
    threads = min(writers, CONNECTIONS)
    async with database(postgres, migrated=False) as url:
        place = urlsplit(url)
        with (
            PostgresDatastore(
                dbname=place.path.lstrip("/"), host=place.hostname or "", port=place.port or 0,
                user=place.username or "", password=place.password or "", pool_size=threads, max_waiting=writers,
            ) as store,
            ThreadPoolExecutor(threads) as pool,
        ):  # fmt: skip
            recorder = PostgresApplicationRecorder(store)
            recorder.create_table()
            ids = [uuid.uuid4() for _ in range(writers)]
            _, content = sealed_bytes("a", 0)
            loop = asyncio.get_running_loop()

            async def write(writer: int, number: int) -> None:
                event = StoredEvent(ids[writer], number, "tests:Event", content)
                await loop.run_in_executor(pool, recorder.insert_events, [event])

            return await timed(writers, seconds, write)


async def the_limit(postgres: Postgres, batch: int, seconds: float) -> Timing:
    """The rows alone: every hash, tree and receipt computed beforehand."""
    rounds: list[Settlement] = []
    frontiers: dict[str, Frontier] = {}
    for number in range(max(20, 4000 // batch)):
        made = [append(f"a{writer}", number, f"d/{number}") for writer in range(batch)]
        done = settle([(each, seal_events(each)) for each in made], frontiers=frontiers, known={}, leaves={})
        frontiers |= done.frontiers
        rounds.append(done)
    each: list[float] = []
    async with database(postgres) as url:
        connection = await asyncpg.connect(url)
        try:
            await connection.executemany(
                "insert into heads values ($1, 0, sha256(''), '')",
                [(f"a{writer}",) for writer in range(batch)],
            )
            began = time.perf_counter()
            for done in rounds:
                start = time.perf_counter()
                async with connection.transaction():
                    await write_settlement(connection, done)
                each.append(time.perf_counter() - start)
                if time.perf_counter() - began > seconds:
                    break
            return Timing(time.perf_counter() - began, each)
        finally:
            await connection.close()


async def appends(postgres: Postgres, seconds: float) -> None:
    """The table of appends."""
    table = Table("appends", "writers", "per second", "p50 ms", "p95 ms", title="Appends")
    for name, measure in (
        ("ledger", the_ledger),
        ("plain inserts, a transaction each", plain_inserts),
        ("eventsourcing", eventsourcing),
    ):
        for writers in WRITERS:
            timing = await measure(postgres, writers, seconds)
            table.add_row(name, str(writers), *(timing.cells() if timing else ["not installed", "", ""]))
    for batch in (1, 32, 128):
        timing = await the_limit(postgres, batch, seconds)
        table.add_row(
            f"limit: rows alone, {batch} in a batch (times are a batch's)", "1", *timing.cells(batch)
        )
    console.print(table)


def rate(count: int, work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` returns, and how many it did in a second."""
    began = time.perf_counter()
    found = work()
    return found, count / (time.perf_counter() - began)


async def proofs(postgres: Postgres, folder: Path, count: int) -> list[tuple[str, float]]:
    """Inclusion proofs out of the database, and their verification."""
    LogKeys.create(folder / "log.key", "bench.test")
    keys = LogKeys.load(folder / "log.key", "bench.test")
    async with database(postgres) as url, asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        ledger = PostgresLedger(pool)
        for start in range(0, count, 500):
            await ledger.record([append("a", start, f"d/{start}", count=min(500, count - start))])
        checkpoints = Checkpoints(ledger, pool, keys, Guard(guard_directory(folder / "log.key")))
        kept = await checkpoints.sign("a")
        wanted = range(0, count, max(1, count // 500))
        began = time.perf_counter()
        made = [await checkpoints.inclusion("a", position, count) for position in wanted]
        generated = len(made) / (time.perf_counter() - began)
        entries = [(await ledger.entries("a", position, 1))[0] for position in wanted]
        root = kept.checkpoint.root

        def verify() -> None:
            for entry, proof in zip(entries, made, strict=True):
                verify_inclusion(entry.leaf, entry.position, count, proof, root)

        _, verified = rate(len(made), verify)
        return [("inclusion proofs from Postgres", generated), ("inclusion proofs verified", verified)]


async def verification(folder: Path, count: int) -> list[tuple[str, float]]:
    """Export and verification of a record of ``count`` signed acts, beside the bare cost of the cryptography."""
    record = await negotiated(Record(ledger=MemoryLedger()))
    await record.send(
        *(
            record.command(
                "aa.contact", "record_statement", digest="sha256:" + "0" * 64, words=f"Statement {number}"
            )
            for number in range(count)
        )
    )
    await record.sign()
    size = await record.size()
    began = time.perf_counter()
    path = await record.export(folder / "bundle")
    exported = size / (time.perf_counter() - began)
    report, verified = rate(size, lambda: verify_bundle(path, record.trust()))
    assert report.exit_code(strict=True) == 0

    entries = await record.ledger.entries(record.accord, 0, size)
    key = Ed25519PrivateKey.generate()
    message = b"x" * 400
    signature, public = key.sign(message), key.public_key()

    def bare() -> None:
        for entry in entries:
            node_hash(leaf_hash(entry.content), entry.leaf)
            for payload in (entry.facts, entry.particulars):
                assert payload is not None
                hashlib.sha256(payload.salt + payload.content).digest()
            public.verify(signature, message)

    _, alone = rate(size, bare)
    console.print(f"a bundle of {size:,} entries has {path.stat().st_size / size:,.0f} bytes for each")
    return [
        ("bundle exported", exported),
        ("bundle verified, rules and signatures included", verified),
        ("bare: four hashes and one Ed25519 verification", alone),
    ]


async def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement of appends")
    parser.add_argument("--entries", type=int, default=10_000, help="of the record that is verified")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-bench-") as name:
        folder = Path(name)
        # The unprivileged user that Postgres runs as has to pass through when root runs this.
        folder.chmod(0o711)
        async with Postgres(folder / "state", port=0) as postgres:
            await appends(postgres, given.seconds)
            rows = await proofs(postgres, folder, min(given.entries, 10_000))
        rows += await verification(folder, given.entries)
    table = Table("proofs and verification", "entries per second", title="Proofs and verification")
    for label, each in rows:
        table.add_row(label, f"{each:,.0f}")
    console.print(table)


if __name__ == "__main__":
    asyncio.run(main())
