"""Beside the worker: contents that no entry names for days, and what is left of uploads, are taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from activities.errors import EntenteError
from activities.files.erasing import Erasing
from activities.files.store import open_store
from activities.ledger.connections import reading_pool
from activities.runtime.settings import Settings
from worker.background.beside import beside

PAUSE = timedelta(hours=1)
"""Time between two looks at all contents."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def sweeping(settings: Settings, pause: timedelta = PAUSE) -> AsyncIterator[None]:
    """Sweep now and then while the block runs.

    Raises:
        SettingsProblem: contents cannot be kept where the settings say.
    """
    store = open_store(settings)
    unnamed = timedelta(days=settings.file_days)
    async with (
        reading_pool(settings.database_dsn(), min_size=0, max_size=1) as pool,
        beside(_sweep(Erasing(pool, store), unnamed, pause), "sweeping"),
    ):
        yield


async def _sweep(erasing: Erasing, unnamed: timedelta, pause: timedelta) -> None:
    while True:
        try:
            await erasing.sweep(unnamed)
        except EntenteError as error:
            # Nothing waits for it; the next round finds what this one has left.
            log.warning("contents cannot be swept now", reason=str(error))
        except Exception:  # The next round may do better.
            log.exception("sweeping contents failed")
        await asyncio.sleep(pause.total_seconds())
