"""What runs beside the worker runs as long as the block does, and its end by itself does not go unnoticed."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from worker.background.beside import beside


async def test_it_runs_while_the_block_does_and_has_cleared_up_after_it() -> None:
    told: list[str] = []

    async def work() -> None:
        told.append("begun")
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            told.append("cleared up")

    with capture_logs() as logs:
        async with beside(work(), "work"):
            await asyncio.sleep(0)
            assert told == ["begun"]
    assert told == ["begun", "cleared up"]
    assert logs == []


async def test_an_error_of_the_block_is_the_blocks() -> None:
    async def work() -> None:
        await asyncio.sleep(3600)

    with pytest.raises(ValueError, match="of the block"):
        async with beside(work(), "work"):
            raise ValueError("of the block")


async def test_its_end_by_itself_is_told_and_ends_nothing_else() -> None:
    async def work() -> None:
        raise RuntimeError("of the work")

    with capture_logs() as logs:
        async with beside(work(), "work"):
            await asyncio.sleep(0.01)
    assert [(each["log_level"], each["task"]) for each in logs] == [("error", "work")]
    assert isinstance(logs[0]["exc_info"], RuntimeError)


async def test_who_cancels_the_block_is_heard_though_the_work_ends_too() -> None:
    async def work() -> None:
        await asyncio.sleep(3600)

    async def block() -> None:
        async with beside(work(), "work"):
            await asyncio.sleep(3600)

    task = asyncio.create_task(block())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
