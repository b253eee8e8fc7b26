"""Signs of life of an activity, so that Temporal notices within seconds that its worker is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

BEAT = 1.0
"""Seconds between two signs of life. The SDK sends on as many as the activity's time-out needs."""


@asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """Give signs of life while the block runs; a local activity needs none, for its worker is the workflow's."""
    if not activity.in_activity() or activity.info().is_local:
        yield
        return
    beating = asyncio.create_task(_beat(), name="signs of life")
    try:
        yield
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT)
