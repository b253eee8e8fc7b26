"""Lists and desks at 100,000 accords: how long each question takes, and what keeping the answers costs an append.

    python -m tests.benchmarks.desk [--accords 100000]

One embedded Postgres. The accords' rows are made from one folded accord and given to different parties and delegates,
so that some delegates see ten accords, some a thousand, and one sees all of them. Baselines of the same run: the list
without any filter, and appends without the rows for steps that wait. Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from activities.ledger.connections import reading_pool
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.reading.listing import OTHERS, Filters, Listing
from tests.activities.ledger.making import append, summary
from tests.simulation.definitions import trio
from tests.simulation.play import Play
from worker.stack.place import forget
from worker.stack.postgres import Postgres
from workflows.model.commands import Summary
from workflows.model.summary import searchable, summarize

_FILL = """
insert into accords (accord, stage, parties, members, position, next_deadline, ended, summary)
select s.accord, s.stage, s.parties, s.members, s.position, s.next_deadline, s.ended, n.summary
from unnest($1::text[]) as t (text), lateral (select t.text::jsonb) as n (summary),
jsonb_to_record(n.summary) as s (
    accord text, stage text, parties text[], members text[], position bigint,
    next_deadline timestamptz, ended boolean
)
"""

WORDS = (
    "fisheries",
    "rail",
    "energy",
    "culture",
    "water",
    "border",
    "health",
    "patents",
    "satellites",
    "grain",
)


def model() -> Summary:
    """An accord of three parties under way, as its summary is."""
    play = Play(trio(long_stop=None)).go("accepted")
    return summarize(play.state)


def varied(base: str, number: int) -> str:
    """The summary for accord ``number``: delegates of one in a hundred, and of one in ten thousand; all see ``all``."""
    text = base.replace("aa.", f"a{number % 100}.").replace("bb.", f"b{number % 10_000}.")
    text = text.replace('"cc.contact"', '"cc.contact","cc.all"')
    found = json.loads(text)
    found["accord"] = f"accord-{number}"
    found["words"] = searchable(f"accord-{number}", f"Visit on {WORDS[number % 10]}", f"number{number}")
    shift = timedelta(hours=number % 5000)
    for one in found["waiting"].values():
        if one["by"]:
            one["by"] = (datetime.fromisoformat(one["by"]) + shift).isoformat()
    found["updated"] = (datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
    return json.dumps(found)


async def timed(question: Callable[[], Awaitable[Any]], times: int = 20) -> tuple[float, float, Any]:
    """Milliseconds: the median and the 95th of a hundred; and the answer."""
    took, answer = [], None
    for _ in range(times):
        began = time.perf_counter()
        answer = await question()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[-1], answer


async def fill(pool: asyncpg.Pool[Any], accords: int) -> float:
    base = model().model_dump_json()
    began = time.perf_counter()
    for start in range(0, accords, 2000):
        rows = [varied(base, number) for number in range(start, min(start + 2000, accords))]
        await pool.execute(_FILL, rows, timeout=120)
    await pool.execute("vacuum analyze accords", timeout=300)
    await pool.execute("vacuum analyze waiting", timeout=300)
    return time.perf_counter() - began


async def questions(pool: asyncpg.Pool[Any], accords: int, out: Console) -> None:
    listing = Listing(pool)
    middle = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=accords - 100)
    who = {"sees 10": "b77.contact", "sees 1,000": "a7.contact", "sees all": "cc.all", "auditor": None}

    def filters(member: str | None) -> dict[str, Filters]:
        return {
            "no filter (baseline)": Filters(member=member),
            "waiting_on=me": Filters(member=member, waiting_on=member or "a7.obligor"),
            "waiting_on=AA, due_before": Filters(
                member=member, waiting_on="AA", due_before=datetime(2030, 3, 1, tzinfo=UTC)
            ),
            "changed_since (last 100)": Filters(member=member, changed_since=middle),
            "blocked_by": Filters(member=member, blocked_by="condition_satisfied"),
            "blocked_by, none such": Filters(member=member, blocked_by="founded"),
            "search, one in ten": Filters(member=member, words=("fish",)),
            "search, one": Filters(member=member, words=(f"number{accords // 2}",)),
        }

    table = Table("question", *(f"{name}, p50 (p95) ms" for name in who), title=f"{accords:,} accords")
    for name in filters(None):
        cells = []
        for member in who.values():
            median, longest, page = await timed(lambda m=member, n=name: listing.accords(filters(m)[n]))
            cells.append(f"{median:.1f} ({longest:.1f}) {len(page.items)} rows")
        table.add_row(name, *cells)
        print(name, *cells, sep=" | ", flush=True)
    # Those on whom steps wait: the obligors of one accord in ten thousand, of one in a hundred, of all.
    asks = {
        "sees 10": "b77.obligor",
        "sees 1,000": "a7.obligor",
        "sees all": "cc.obligor",
    }
    for name, ask in {
        "desk": listing.steps,
        "desk, to verify": lambda m: listing.steps(m, kinds=("verify",)),
        "desk, of a party": lambda m: listing.steps(m, waiting_on="BB"),
        "desk, others": lambda m: listing.steps(m, waiting_on=OTHERS),
        "desk, totals": listing.totals,
    }.items():
        cells = []
        for member in asks.values():
            median, longest, page = await timed(lambda m=member, a=ask: a(m))
            rows = len(page.items) if hasattr(page, "items") else sum(page.by_kind.values())
            cells.append(f"{median:.1f} ({longest:.1f}) {rows} rows")
        table.add_row(name, *cells, "–")
        print(name, *cells, sep=" | ", flush=True)
    out.print(table)


async def appends(dsn: str, pool: asyncpg.Pool[Any], out: Console) -> None:
    """One append after the other, each of which changes one step of seventeen; with and without the rows."""
    base = model()
    keys = list(base.waiting)
    table = Table("an append", "p50 ms", "longest ms", title="What keeping the rows costs")
    async with PostgresLedger.connect(dsn) as ledger:

        async def run(name: str) -> list[float]:
            took = []
            for number in range(200):
                steps = {key: base.waiting[key] for key in keys if key != keys[number % len(keys)]}
                folded = summary(name, number + 1).model_copy(update={"waiting": steps})
                one = append(name, number, f"d/{number}", summary=folded)
                began = time.perf_counter()
                await ledger.record([one])
                took.append((time.perf_counter() - began) * 1000)
            return took[20:]

        triggers = ("waiting_is_listed", "waiting_is_listed_anew")
        for label, switch in (("without the rows (baseline)", "disable"), ("with the rows", "enable")):
            for trigger in triggers:
                await pool.execute(f"alter table accords {switch} trigger {trigger}")
            took = await run(f"bench-{switch}")
            table.add_row(label, f"{statistics.median(took):.2f}", f"{max(took):.1f}")
    out.print(table)


async def main(accords: int) -> None:
    out = Console(width=150)
    place = Path(tempfile.mkdtemp(prefix="entente-bench-"))
    place.chmod(0o711)
    postgres = Postgres(place, port=0, durable=False)
    await postgres.start()
    try:
        dsn = postgres.url("postgres")
        await migrate(dsn)
        async with reading_pool(dsn, min_size=1, max_size=4) as pool:
            out.print(f"filled in {await fill(pool, accords):.0f} s")
            await questions(pool, accords, out)
            await appends(dsn, pool, out)
    finally:
        await postgres.stop()
        forget(place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accords", type=int, default=100_000)
    asyncio.run(main(parser.parse_args().accords))
