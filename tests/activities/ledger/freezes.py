"""A process that writes to the ledger, to be frozen: ``python -m tests.activities.ledger.freezes URL WHAT``.

``counter`` and ``head`` hold the feed's counter or the head of the accord "held" in a transaction that stays open, and
freeze themselves; ``load`` appends to the accord "load" without end, to be frozen at any moment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from activities.ledger.connections import writing_pool
from activities.ledger.postgres import PostgresLedger
from activities.ledger.writer import BatchWriter
from activities.tlog.merkle import Frontier
from tests.activities.ledger.making import append

HOLD = {
    "counter": "update feed set position = position",
    "head": "select from heads where accord = 'held' for update",
}


async def hold(url: str, what: str) -> None:
    async with writing_pool(url) as pool, pool.acquire() as connection:
        await connection.execute("begin")
        await connection.execute(HOLD[what])
        print("held", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        await connection.execute("commit")


async def load(url: str) -> None:
    async with PostgresLedger.connect(url) as ledger, BatchWriter(ledger) as writer:
        frontier: Frontier | None = Frontier()
        print("held", flush=True)
        for number in range(1_000_000):
            outcome = await writer.record(append("load", number, f"d/{number}", frontier=frontier))
            assert outcome.status == "appended"
            frontier = outcome.frontier


if __name__ == "__main__":
    asyncio.run(load(sys.argv[1]) if sys.argv[2] == "load" else hold(sys.argv[1], sys.argv[2]))
