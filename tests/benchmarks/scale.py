"""How a hundred thousand accords with ten million entries fare, beside plain indexed selects on the same tables.

    python -m tests.benchmarks.scale [--accords 100000] [--state FOLDER] [--times 200]

Fills a database of its own (some 3 kB of disk for each entry, half of it for the outcomes of commands), with a
hundred entries an accord on an average; ``--state`` keeps it, and takes it again where it is filled already. Then
measures, in this process, what the service asks the database for; and over HTTP, at an API in a process of its own.
The server has Postgres's defaults (128 MB of buffers; the rest of the memory caches files) and does not wait for the
disk on a commit. Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from activities.checkpoints.store import CheckpointStore
from activities.identity.keys import create_key
from activities.identity.signing import CommandSigner
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.ledger.repairing import accords_after
from activities.reading.listing import Filters, Listing
from activities.reading.states import States
from tests.activities.ledger.making import append, event
from tests.benchmarks import UNLIMITED
from tests.benchmarks.filling import LENGTHS, fill
from tests.simulation.small import digest
from worker.background.observing import observe
from worker.stack.place import forget
from worker.stack.ports import any_free
from worker.stack.postgres import Postgres

PAGE = 50

Call = Callable[[], Awaitable[object]]

_SIZES = """
select relname, pg_table_size(oid) as rows, pg_indexes_size(oid) as indexes from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace and pg_table_size(oid) > 1e6
order by pg_total_relation_size(oid) desc
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What can be asked for: accords by their length, and delegates with many, some and few accords."""

    accords: dict[int, list[str]]
    delegates: dict[str, tuple[str, int]]
    entries: int

    def some(self, chance: random.Random, length: int | None = None) -> str:
        """An accord by chance, of a length or of any."""
        return chance.choice(self.accords[chance.choice(list(self.accords)) if length is None else length])


async def known(connection: Any) -> Known:
    """Look at what there is."""
    accords: dict[int, list[str]] = {}
    for length in LENGTHS:
        rows = await connection.fetch("select accord from heads where size = $1 limit 20000", length)
        accords[length] = [row["accord"] for row in rows]
    rows = await connection.fetch(
        "select member, count(*) as number from accords, unnest(members) as member "
        "where member like '%.contact' group by member order by number desc"
    )
    ranked = [(row["member"], row["number"]) for row in rows]
    delegates = {"many": ranked[0], "some": ranked[len(ranked) // 2], "few": ranked[-1]}
    return Known(accords, delegates, await connection.fetchval("select position from feed"))


async def timed(call: Call, times: int) -> tuple[float, float]:
    """Milliseconds that ``call`` takes: the median, and what 95 of 100 stay below."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - begun) * 1000)
    if len(taken) == 1:
        return taken[0], taken[0]
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


@dataclass
class Bench:
    """What measures, and where it writes."""

    pool: Any
    ledger: PostgresLedger
    known: Known
    times: int
    table: Table
    chance: random.Random

    async def row(self, what: str, ours: Call, plain: Call | None, times: int | None = None) -> None:
        """One line of the table."""
        cells = [what]
        for call in (ours, plain):
            if call is None:
                cells += ["", ""]
                continue
            cells += [f"{one:,.1f}" for one in await timed(call, times or self.times)]
        self.table.add_row(*cells)

    async def lists(self) -> None:
        """Pages of the list."""
        pool = self.pool
        accords = [one for each in self.known.accords.values() for one in each]
        last = await pool.fetchval("select max(ordinal) from accords")

        def by_key() -> Awaitable[object]:
            wanted = self.chance.sample(accords, min(PAGE, len(accords)))
            return pool.fetch("select summary::text from accords where accord = any($1)", wanted)

        listing = Listing(pool)
        await self.row("list, the newest 50", lambda: listing.accords(Filters(), limit=PAGE), by_key)
        await self.row(
            "list, 50 anywhere",
            lambda: listing.accords(Filters(), limit=PAGE, after=self.chance.randrange(PAGE, last)),
            by_key,
        )
        await self.row(
            "list, by a word of its id",
            lambda: listing.accords(Filters(words=(self.chance.choice(accords).split("-")[-1],)), limit=PAGE),
            lambda: pool.fetch(
                "select summary::text from accords where accord = $1", self.chance.choice(accords)
            ),
        )
        for word, (delegate, number) in self.known.delegates.items():
            for filters in (Filters(member=delegate), Filters(member=delegate, stage="visit")):
                filtered = ", in stage visit" if filters.stage else ""
                await self.row(
                    f"list of a delegate with {word} ({number:,}){filtered}",
                    lambda filters=filters: listing.accords(filters, limit=PAGE),  # type: ignore[misc]
                    by_key,
                )
        by_due = "select * from waiting where who = $1 order by due limit 50"
        for word, (delegate, number) in self.known.delegates.items():
            waits = await pool.fetchval("select count(*) from waiting where who = $1", delegate)
            await self.row(
                f"desk of a delegate with {word} ({number:,}): {waits:,} steps",
                lambda delegate=delegate: listing.steps(delegate, limit=PAGE),  # type: ignore[misc]
                lambda delegate=delegate: pool.fetch(by_due, delegate),  # type: ignore[misc]
            )
            await self.row(
                "… and how many there are of each kind",
                lambda delegate=delegate: listing.totals(delegate),  # type: ignore[misc]
                lambda delegate=delegate: pool.fetch(  # type: ignore[misc]
                    "select kind, count(*) from waiting where who = $1 group by kind", delegate
                ),
            )

    async def reading(self) -> None:
        """Accords from the beginning, from memory; and the feed."""
        pool = self.pool
        for length in self.known.accords:
            times = max(10, self.times * 25 // length)
            await self.row(
                f"an accord of {length:,} entries, folded",
                lambda length=length: States(self.ledger).get(self.known.some(self.chance, length)),  # type: ignore[misc]
                lambda length=length: pool.fetch(  # type: ignore[misc]
                    "select position, bytes, leaf from entries where accord = $1 order by position",
                    self.known.some(self.chance, length),
                ),
                times,
            )
        states, accord = States(self.ledger), self.known.some(self.chance, 100)
        await states.get(accord)
        await self.row(
            "the same accord again, cached",
            lambda: states.get(accord),
            lambda: pool.fetch("select size, root from heads where accord = $1", accord),
        )
        plain = "select bytes from entries where feed > $1 order by feed limit 1000"
        await self.row(
            "1,000 entries of the feed, anywhere",
            lambda: self.ledger.feed(self.chance.randrange(self.known.entries), 1000),
            lambda: pool.fetch(plain, self.chance.randrange(self.known.entries)),
            max(10, self.times // 5),
        )
        following = itertools.count(self.known.entries // 2, 1000)
        await self.row(
            "the next 1,000, as who follows the feed",
            lambda: self.ledger.feed(next(following), 1000),
            lambda: pool.fetch(plain, next(following)),
            max(10, self.times // 5),
        )

    async def acting(self) -> None:
        """One act on an accord that nobody races; beside one insert."""
        await self.pool.execute("create table if not exists plain (id bigserial primary key, bytes bytea)")

        async def act() -> None:
            accord = self.known.some(self.chance)
            head, summary = await self.ledger.head(accord), await self.ledger.summary(accord)
            if head is None or summary is None:
                raise SystemExit(f"{accord} is not there")
            said = digest("a statement")
            named = {"name": "record_statement", "fields": {"digest": said}}
            [outcome] = await self.ledger.record(
                [
                    append(
                        accord,
                        head.size,
                        f"benchmark/{time.time_ns()}",
                        frontier=head.frontier,
                        events=(
                            event(facts={"act": named, "event": {"digest": said}}, time=summary.updated),
                        ),
                        summary=summary.model_copy(update={"position": head.size + 1}),
                    )
                ]
            )
            if outcome.status != "appended":
                raise SystemExit(f"{accord}: {outcome.status}")

        await self.row(
            "an act recorded, its standing read before",
            act,
            lambda: self.pool.execute("insert into plain (bytes) values ($1)", b"x" * 1000),
        )

    async def background(self) -> None:
        """What workers ask for every half minute or minute, over all accords."""
        pool, store = self.pool, CheckpointStore(self.pool)
        plain = lambda: pool.fetch("select count(*) from accords")  # noqa: E731
        now = datetime.now(UTC)
        await self.row("accords with a late deadline", lambda: self.ledger.overdue(now), plain, 10)
        await self.row("accords that lack a witness", store.unwitnessed, plain, 10)
        await self.row("figures for the metrics", lambda: observe(pool, now), plain, 10)
        await self.row(
            "a page of the reconciler's walk",
            lambda: accords_after(pool, self.known.some(self.chance), 100),
            None,
            self.times,
        )


async def over_http(url: str, folder: Path, bench: Bench) -> Table:
    """The API as its clients meet it: list, read, the record's entries."""
    port = any_free()
    signer = CommandSigner.create(folder / f"command-{port}.pem")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENTENTE_")},
        **{f"ENTENTE_{name.upper()}": value for name, value in UNLIMITED.items()},
        "DATABASE_URL": url,
        "ENTENTE_COMMAND_KEY_FILE": str(folder / f"command-{port}.pem"),
        "ENTENTE_COMMAND_PUBLIC_KEYS": signer.public_key,
        "ENTENTE_API_PORT": str(port),
        "ENTENTE_LOG_LEVEL": "error",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{any_free()}",
    }
    many, few = (bench.known.delegates[word][0] for word in ("many", "few"))
    async with bench.pool.acquire() as connection:
        tokens = {
            "auditor": await create_key(connection, "bench.auditor", "benchmark", "auditor"),
            many: await create_key(connection, many, "benchmark"),
            few: await create_key(connection, few, "benchmark"),
        }
    api = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "worker.cli.main", "api", env=environment
    )
    table = Table("over HTTP", "p50 ms", "p95 ms")
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
        ) as http:
            while True:
                try:
                    await http.get("/livez")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.2)

            def asked(path: Callable[[], str], by: str) -> Call:
                async def get() -> None:
                    answer = await http.get(path(), headers={"Authorization": f"Bearer {tokens[by]}"})
                    if answer.status_code != 200:
                        raise SystemExit(f"{path()}: {answer.status_code} {answer.text[:300]}")

                return get

            some = bench.known.some
            for what, path, by in (
                ("GET /livez", lambda: "/livez", "auditor"),
                ("list, an auditor's", lambda: "/v1/accords", "auditor"),
                (
                    f"list, of a delegate with {bench.known.delegates['many'][1]:,}",
                    lambda: "/v1/accords",
                    many,
                ),
                (f"list, of a delegate with {bench.known.delegates['few'][1]:,}", lambda: "/v1/accords", few),
                (f"desk, of a delegate with {bench.known.delegates['many'][1]:,}", lambda: "/v1/desk", many),
                (f"desk, of a delegate with {bench.known.delegates['few'][1]:,}", lambda: "/v1/desk", few),
                ("an accord of 25", lambda: f"/v1/accords/{some(bench.chance, 25)}", "auditor"),
                ("an accord of 100", lambda: f"/v1/accords/{some(bench.chance, 100)}", "auditor"),
                ("an accord of 1,900", lambda: f"/v1/accords/{some(bench.chance, 1900)}", "auditor"),
                ("50 events of one", lambda: f"/v1/accords/{some(bench.chance, 100)}/events", "auditor"),
            ):
                p50, p95 = await timed(asked(path, by), max(20, bench.times // 2))
                table.add_row(what, f"{p50:,.1f}", f"{p95:,.1f}")
    finally:
        api.terminate()
        await api.wait()
    return table


async def measure(state: Path, accords: int, times: int) -> None:
    """Fill where it is empty, then measure."""
    console = Console(width=130)
    async with Postgres(state, port=0, durable=False) as server:
        await migrate(server.url())
        connection = await asyncpg.connect(server.url())
        try:
            if not await connection.fetchval("select position from feed"):
                await connection.execute("alter system set max_wal_size = '8GB'")
                await connection.execute("select pg_reload_conf()")
                begun = time.perf_counter()
                await fill(
                    server.url(),
                    accords,
                    told=lambda done, entries: console.print(f"{done:,} accords, {entries:,} entries"),
                )
                console.print(f"filled in {time.perf_counter() - begun:,.0f} s")
            there = await known(connection)
            sizes = Table("table", "rows, MB", "indexes, MB", "bytes an entry, in all")
            for row in await connection.fetch(_SIZES):
                both = row["rows"] + row["indexes"]
                sizes.add_row(
                    row["relname"],
                    f"{row['rows'] / 1e6:,.0f}",
                    f"{row['indexes'] / 1e6:,.0f}",
                    f"{both / there.entries:,.0f}",
                )
            console.print(sizes)
            number = await connection.fetchval("select count(*) from accords")
        finally:
            await connection.close()
        async with asyncpg.create_pool(server.url(), min_size=1, max_size=2) as pool:
            table = Table(
                f"{number:,} accords, {there.entries:,} entries",
                "p50 ms",
                "p95 ms",
                "plain: p50",
                "p95",
            )
            bench = Bench(pool, PostgresLedger(pool), there, times, table, random.Random(7))
            for part in (bench.lists, bench.reading, bench.acting, bench.background):
                await part()
            console.print(table)
            console.print(await over_http(server.url(), state, bench))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accords", type=int, default=100_000)
    parser.add_argument("--state", type=Path, help="keep the database here, and take what is here")
    parser.add_argument("--times", type=int, default=200, help="how often each thing is asked for")
    given = parser.parse_args()
    state: Path = given.state or Path(tempfile.mkdtemp(prefix="entente-scale-"))
    state.mkdir(exist_ok=True)
    state.chmod(0o711)
    try:
        asyncio.run(measure(state, given.accords, given.times))
    finally:
        if given.state is None:
            forget(state)
            shutil.rmtree(state)


if __name__ == "__main__":
    main()
