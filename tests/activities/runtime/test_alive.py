"""An attempt to record gives signs of life, so that its worker's loss is noticed long before its time is up."""

from __future__ import annotations

import asyncio
import dataclasses

from temporalio.testing import ActivityEnvironment

from activities.runtime.alive import alive


async def beats(environment: ActivityEnvironment, wanted: int) -> int:
    seen = 0
    enough = asyncio.Event()

    def beat(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= wanted:
            enough.set()

    async def work() -> None:
        async with alive():
            if environment.info.is_local:
                await asyncio.sleep(0.1)
            else:
                await enough.wait()

    environment.on_heartbeat = beat
    await asyncio.wait_for(environment.run(work), 30)
    return seen


async def test_signs_of_life_come_again_and_again() -> None:
    assert await beats(ActivityEnvironment(), 3) == 3


async def test_a_local_activity_gives_none() -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, is_local=True)
    assert await beats(environment, 1) == 0


async def test_outside_of_an_activity_the_block_just_runs() -> None:
    async with alive():
        pass
