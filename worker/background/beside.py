"""A task that runs beside the worker: begun with a block, cancelled and waited for at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run ``work``, which goes on until it is cancelled, while the block runs; after the block nothing of it runs.

    Nobody waits for what it comes to: should it end by itself, as by an error, the log says so at once.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        task.cancel()
        # Whatever it ends by is told there; only who cancels us is to be heard here.
        await asyncio.wait({task})


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        log.error("what runs beside the worker ended", task=task.get_name(), exc_info=task.exception())
