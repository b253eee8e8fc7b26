"""What the ledger costs: appends beside the same bytes written otherwise, proofs and verification beside bare hashes.

    python -m tests.benchmarks.ledger [--seconds 4] [--turns 2] [--only-appends] [--entries 10000]

All on one Postgres, in one run, each in a database of its own:

- *limit*: the same rows in the same tables, set-wise, in one statement for as many appends as there are writers.
  Everything is computed beforehand, nothing is judged, nobody waits for a batch to fill;
- *ledger*: one event for each append, an accord for each writer, through the batching writer, as the worker does;
- *plain inserts*: the same bytes into one table, a transaction for each, by asyncpg;
- *eventsourcing*: the recorder of that package, where it is installed (``pip install "eventsourcing[postgres]"``);
  it keeps a gap-free order too.

Limit and ledger are measured in turns, so that what else the machine does meets both.

Then proofs from the database, and the verification of a bundle, beside the hashes and signatures that they consist of.
Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.appending import arguments
from activities.ledger.connections import writing_pool
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.ledger.settle import seal_events, settle
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

    @property
    def rate(self) -> float:
        """How many in a second."""
        return len(self.each) / self.seconds

    def cells(self) -> list[str]:
        """Rate, median and 95th percentile."""
        at = [
            self.each[min(len(self.each) - 1, round(share * (len(self.each) - 1)))] for share in (0.5, 0.95)
        ]
        return [f"{self.rate:,.0f}", *(f"{each * 1000:.1f}" for each in at)]


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
    # What was made beforehand is not to be searched for garbage while others are measured.
    gc.collect()
    gc.freeze()
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
    gc.unfreeze()
    return Timing(time.perf_counter() - warm, each)


def sealed_bytes(accord: str, number: int) -> tuple[Append, bytes]:
    """An append, and all the bytes that the ledger would store for it."""
    made = append(accord, number, f"d/{accord}/{number}")
    [entry] = seal_events(made)
    return made, entry.content + entry.facts.content + entry.particulars.content + made.signed


MADE = 6_000
"""How many appends for a second of measuring are made beforehand."""


async def the_ledger(postgres: Postgres, writers: int, seconds: float) -> Timing:
    """Appends through the writer, each resting on the tree after the writer's last.

    Events, summaries and signed commands are made beforehand, since they are the recorder's work, not the ledger's.
    """
    count = round(min(MADE * seconds, 30_000) / writers) + 2
    made = [
        [parts(append(f"a{writer}", number, f"d/{number}")) for number in range(count)]
        for writer in range(writers)
    ]
    frontiers: list[Frontier | None] = [Frontier()] * writers
    async with database(postgres) as url, PostgresLedger.connect(url) as ledger, BatchWriter(ledger) as batch:

        async def write(writer: int, number: int) -> None:
            given = (
                made[writer][number] if number < count else parts(append(f"a{writer}", number, f"d/{number}"))
            )
            outcome = await batch.record(Append(**given, frontier=frontiers[writer]))
            assert outcome.status == "appended"
            frontiers[writer] = outcome.frontier

        return await timed(writers, seconds, write)


def parts(made: Append) -> dict[str, Any]:
    """What an append is made of, but for the tree."""
    return {
        each.name: getattr(made, each.name) for each in fields(made) if each.init and each.name != "frontier"
    }


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


LIMIT = """
with c as (
    insert into commands (accord, id, fingerprint, salt, outline, receipt, signed)
    select accord, id, fingerprint, salt, outline, receipt::jsonb, signed
    from unnest($8::text[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::text[], $14::bytea[])
        as n (accord, id, fingerprint, salt, outline, receipt, signed)
), h as (
    insert into heads as h (accord, size, root, frontier)
    select accord, size, root, frontier
    from unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[])
        as n (accord, old, before, size, root, frontier)
    on conflict (accord) do update set size = excluded.size, root = excluded.root, frontier = excluded.frontier
), p as (
    insert into payloads (accord, position, kind, salt, bytes)
    select accord, position, 'facts', salt, bytes
    from unnest($15::text[], $16::bigint[], $22::bytea[], $23::bytea[]) as n (accord, position, salt, bytes)
    union all
    select accord, position, 'particulars', salt, bytes
    from unnest($15::text[], $16::bigint[], $24::bytea[], $25::bytea[]) as n (accord, position, salt, bytes)
), m as (
    insert into merkle_nodes (accord, level, index, hash)
    select * from unnest($27::text[], $28::smallint[], $29::bigint[], $30::bytea[])
), a as (
    insert into accords (accord, stage, parties, members, position, next_deadline, ended, summary)
    select s.accord, s.stage, s.parties, s.members, s.position, s.next_deadline, s.ended, n.summary
    from (select summary::jsonb from unnest($7::text[]) as t (summary)) as n,
        jsonb_to_record(n.summary) as s (
            accord text, stage text, parties text[], members text[], position bigint,
            next_deadline timestamptz, ended boolean
        )
    on conflict (accord) do update set
        stage = excluded.stage, parties = excluded.parties, members = excluded.members,
        position = excluded.position, next_deadline = excluded.next_deadline, ended = excluded.ended,
        summary = excluded.summary
), f as (
    update feed set position = position + cardinality($15::text[]) returning position
), e as (
    insert into entries (accord, position, feed, type, time, command, bytes, leaf, mark)
    select n.accord, n.position, f.position - cardinality($15::text[]) + n.ordinal,
        n.type, n.time, n.command, n.bytes, n.leaf, n.mark
    from f, unnest(
        $15::text[], $16::bigint[], $17::text[], $18::timestamptz[], $19::text[], $20::bytea[], $21::bytea[],
        $26::text[]
    ) with ordinality as n (accord, position, type, time, command, bytes, leaf, mark, ordinal)
)
select pg_notify('entente_feed', position::text) from f
"""
"""What ``append_batch`` writes, with the same arguments, and without a question."""


def prepared(writers: int, rounds: int) -> list[list[list[Any]]]:
    """The arguments of so many batches, in each of which every writer appends once."""
    found = []
    frontiers: dict[str, Frontier] = {}
    for number in range(rounds):
        made = [append(f"a{writer}", number, f"d/{number}") for writer in range(writers)]
        done = settle([(each, seal_events(each)) for each in made], frontiers=frontiers, known={}, leaves={})
        found.append(arguments(done, frontiers))
        frontiers |= done.frontiers
    return found


async def the_limit(postgres: Postgres, writers: int, seconds: float) -> Timing:
    """The rows alone, in batches of ``writers``."""
    batches = prepared(writers, round(min(20_000, 5_000 * seconds) / writers) + 2)
    each: list[float] = []
    async with database(postgres) as url, writing_pool(url, max_size=1) as pool, pool.acquire() as connection:
        warm = time.perf_counter() + min(1.0, seconds / 2)
        end = warm - min(1.0, seconds / 2) + seconds
        began = warm
        for given in batches:
            start = time.perf_counter()
            await connection.fetchval(LIMIT, *given)
            now = time.perf_counter()
            if start >= warm:
                began = began if each else start
                each += [now - start] * writers
            if now > end:
                break
        return Timing(time.perf_counter() - began, each)


async def appends(postgres: Postgres, seconds: float, turns: int) -> None:
    """The table of appends."""
    table = Table("appends", "writers", "per second", "p50 ms", "p95 ms", "of the limit", title="Appends")
    limits: dict[int, float] = {}
    for writers in WRITERS:
        measured: dict[str, list[Timing]] = {"limit": [], "ledger": []}
        for _ in range(turns):
            measured["limit"].append(await the_limit(postgres, writers, seconds))
            measured["ledger"].append(await the_ledger(postgres, writers, seconds))
        for name, timings in measured.items():
            timing = Timing(
                sum(one.seconds for one in timings), [each for one in timings for each in one.each]
            )
            share = timing.rate / limits.setdefault(writers, timing.rate)
            table.add_row(name, str(writers), *timing.cells(), f"{share:.2f}")
    for name, measure in (("plain inserts", plain_inserts), ("eventsourcing", eventsourcing)):
        for writers in WRITERS:
            other = await measure(postgres, writers, seconds)
            share = f"{other.rate / limits[writers]:.2f}" if other else ""
            table.add_row(name, str(writers), *(other.cells() if other else ["not installed", "", ""]), share)
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
    parser.add_argument("--turns", type=int, default=2, help="of limit and ledger")
    parser.add_argument("--only-appends", action="store_true", help="no proofs and no verification")
    parser.add_argument("--entries", type=int, default=10_000, help="of the record that is verified")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-bench-") as name:
        folder = Path(name)
        # The unprivileged user that Postgres runs as has to pass through when root runs this.
        folder.chmod(0o711)
        async with Postgres(folder / "state", port=0) as postgres:
            await appends(postgres, given.seconds, given.turns)
            if given.only_appends:
                return
            rows = await proofs(postgres, folder, min(given.entries, 10_000))
        rows += await verification(folder, given.entries)
    table = Table("proofs and verification", "entries per second", title="Proofs and verification")
    for label, each in rows:
        table.add_row(label, f"{each:,.0f}")
    console.print(table)


if __name__ == "__main__":
    uvloop.run(main())
