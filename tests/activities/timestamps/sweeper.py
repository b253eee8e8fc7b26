"""A process that has an authority stamp, to be killed: ``python -m … DATABASE KEY_FILE ORIGIN AUTHORITY``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.runtime.reaching import Reaching, parse_networks
from activities.witness.stamping import Stamping


async def main(database: str, key_file: Path, origin: str, authority: str) -> None:
    keys = LogKeys.load(key_file, origin)
    async with (
        reading_pool(database, min_size=0, max_size=3) as pool,
        aclosing(Reaching(parse_networks(("127.0.0.0/8",)), plain=True)) as reaching,
    ):
        checkpoints = Checkpoints(PostgresLedger(pool), pool, keys, Guard(guard_directory(key_file)))
        await Stamping(checkpoints, pool, [authority], reaching).run(0.1)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
