"""Beside the worker: checkpoints are signed and offered to the witnesses, until they are final."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.runtime.reaching import Reaching, parse_networks
from activities.runtime.settings import Settings
from activities.witness.cosigning import Cosigning
from worker.background.beside import beside


@asynccontextmanager
async def collecting_cosignatures(settings: Settings) -> AsyncIterator[None]:
    """Collect cosignatures while the block runs; does nothing where no log key is set.

    Raises:
        SettingsProblem: the log key or the guard beside it cannot be read.
    """
    if settings.log_key_file is None:
        yield
        return
    keys = LogKeys.load(settings.log_key_file, settings.log_origin)
    guard = Guard(guard_directory(settings.log_key_file))
    # Connections of its own: recording must not wait for a witness.
    async with (
        reading_pool(settings.database_dsn(), min_size=0, max_size=2) as pool,
        aclosing(Reaching(parse_networks(settings.witness_networks))) as reaching,
    ):
        cosigning = Cosigning(Checkpoints(PostgresLedger(pool), pool, keys, guard), reaching)
        async with beside(cosigning.run(), "cosigning"):
            yield
