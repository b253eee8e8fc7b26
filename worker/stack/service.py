"""The stack's own two processes, worker and API: their command lines, and the probes that tell they work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta
from typing import Protocol

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from worker.stack.process import Child, OnLine, Program, in_thread


class Service(Protocol):
    """What the stack starts, watches and stops: a server or one of our processes."""

    child: Child | None

    async def start(self) -> None:
        """Start it, and return when it works."""

    async def stop(self) -> None:
        """Stop it, within bounds."""


Probe = Callable[[Child], Awaitable[bool]]
"""Tells whether a running child does its work."""


class Process:
    """One of our processes, ready when its probe says so.

    Args:
        program: makes the program anew for every start.
        probe: asked repeatedly until it is true.
        on_line: gets what it prints.
        patience: seconds that it may take to become ready.
    """

    def __init__(
        self, program: Callable[[], Program], probe: Probe, on_line: OnLine | None, patience: float = 60.0
    ) -> None:
        self.child: Child | None = None
        self._program = program
        self._probe = probe
        self._on_line = on_line
        self._patience = patience

    async def start(self) -> None:
        """Start it, and return when its probe is true.

        Raises:
            StackError: it ended, or was not ready in time.
        """
        self.child = child = Child(self._program(), self._on_line)
        await in_thread(child.start)
        deadline = time.monotonic() + self._patience
        while not await self._probe(child):
            if not child.running:
                child.wait(1.0)
                raise child.failure("ended while it was starting")
            if time.monotonic() >= deadline:
                raise child.failure(f"was not ready within {self._patience:g} s")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop it, at last by SIGKILL, within bounds."""
        if self.child is not None:
            await in_thread(self.child.stop)


def answers(url: str) -> Probe:
    """A probe that is true when ``url`` answers 200."""

    async def probe(_child: Child) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
                return (await client.get(url)).status_code == 200
        except httpx.HTTPError:
            return False

    return probe


def polls(connect: Callable[[], Awaitable[Client]], task_queue: str) -> Probe:
    """A probe that is true when a worker started since then polls ``task_queue`` for workflow tasks.

    A worker that was killed stays listed for some minutes, so that only polls after the start count, or those
    by the child itself, should the server's clock be behind.
    """
    client: Client | None = None

    async def probe(child: Child) -> bool:
        nonlocal client
        try:
            client = client or await connect()
            found = await client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=client.namespace,
                    task_queue=TaskQueue(name=task_queue),
                    task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                ),
                timeout=timedelta(seconds=5),
            )
        except (RPCError, RuntimeError):
            return False
        return any(
            poller.last_access_time.ToDatetime(tzinfo=UTC) >= child.started
            or poller.identity.startswith(f"{child.pid}@")
            for poller in found.pollers
        )

    return probe
