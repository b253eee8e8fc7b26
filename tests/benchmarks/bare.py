"""The baselines: a workflow with an update that runs a no-op activity, regular or local, and a worker. A program.

It is what an act would cost if Temporal did nothing but carry it: no decision, no signature, no ledger, no HTTP.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker

from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect

QUEUE = "bare-baseline"


@activity.defn
async def no_op(text: str) -> str:
    return text


@workflow.defn
class Bare:
    def __init__(self) -> None:
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.update
    async def act(self, text: str) -> str:
        return await workflow.execute_activity(no_op, text, start_to_close_timeout=timedelta(seconds=10))

    @workflow.update
    async def local(self, text: str) -> str:
        return await workflow.execute_local_activity(
            no_op, text, start_to_close_timeout=timedelta(seconds=10)
        )

    @workflow.signal
    def end(self) -> None:
        self._over = True


async def main() -> None:
    client = await connect(read_settings())
    async with Worker(
        client, task_queue=QUEUE, workflows=[Bare], activities=[no_op], max_concurrent_activities=200
    ):
        # Bounded, so that a forgotten one ends by itself.
        await asyncio.sleep(1800)


if __name__ == "__main__":
    asyncio.run(main())
