"""Beside the worker: its version takes over where it is new, and what rests on older ones is woken.

Every worker looks, so that it happens as long as one of the current version runs; the server takes each nudge once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError

from activities.errors import RuntimeProblem
from activities.runtime.settings import Settings
from worker.rollout.deployment import Deployment, describe, make_current
from worker.rollout.moving import AGAIN, count_open, retire, settle_moved
from worker.rollout.version import this_version

ROUND = 30.0
"""Seconds between two looks."""

SOON = 0.5
"""Seconds between two looks while Temporal does not know this version yet."""

log = structlog.get_logger(__name__)


class Rollout:
    """What one worker does about the versions of its deployment."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._task_queue = settings.task_queue
        self._by_itself = settings.rollout == "auto"
        self._version: WorkerDeploymentVersion = this_version(settings)
        self._told: str | None = None
        # Another process may have moved some, and ended.
        self._settling_until = time.monotonic() + AGAIN

    async def look(self, now: datetime) -> bool:
        """Look once; whether Temporal knows this version.

        Raises:
            RuntimeProblem, RPCError: Temporal does not do what was asked, or does not answer.
        """
        name, build_id = self._version.deployment_name, self._version.build_id
        deployment = await describe(self._client, name, self._task_queue)
        mine = deployment.version(build_id)
        if mine is None:
            return False
        if mine.status == "current":
            self._told = None
            await self._clear(deployment, now)
        elif self._by_itself and not mine.ever_current and mine.status != "ramping":
            await make_current(self._client, name, build_id)
            log.info("this version of the workers is current now", deployment=name, build_id=build_id)
        elif mine.status != "ramping":
            self._warn(deployment, now)
        return True

    async def _clear(self, deployment: Deployment, now: datetime) -> None:
        """Get runs off the versions that take nothing new."""
        build_id = self._version.build_id
        for old in deployment.versions:
            if old.status != "draining" or not await count_open(self._client, deployment.name, old.build_id):
                continue
            stranded = not old.has_workers(now)
            turn = int(time.time() / AGAIN)
            runs = await retire(
                self._client, deployment.name, old.build_id, build_id, stranded=stranded, turn=turn
            )
            if stranded:
                self._settling_until = time.monotonic() + AGAIN
            log.info(
                "runs on an older version of the workers", build_id=old.build_id, runs=runs, moved=stranded
            )
        if time.monotonic() < self._settling_until and await settle_moved(
            self._client, deployment.name, build_id
        ):
            self._settling_until = time.monotonic() + AGAIN

    def _warn(self, deployment: Deployment, now: datetime) -> None:
        """Say, once for each version that is current instead, that this one takes nothing new."""
        current = deployment.current
        instead = current.build_id if current else ""
        if self._told == instead:
            return
        self._told = instead
        log.warning(
            "this version of the workers takes nothing new; entente rollout makes it current",
            build_id=self._version.build_id,
            current=instead or "none",
            current_has_workers=bool(current and current.has_workers(now)),
        )


@asynccontextmanager
async def rolling_out(settings: Settings, client: Client) -> AsyncIterator[None]:
    """Look after the versions while the block runs, where the workers have any."""
    if settings.rollout == "off":
        yield
        return
    rollout = Rollout(settings, client)

    async def rounds() -> None:
        known = False
        while True:
            try:
                known = await rollout.look(datetime.now(UTC))
            except* (RPCError, RuntimeProblem) as errors:
                log.warning(
                    "the versions of the workers are not looked after", reason=str(errors.exceptions[0])
                )
            except* Exception:  # The next look may do better; nobody would notice the end of this task.
                log.exception("looking after the versions of the workers failed")
            await asyncio.sleep(ROUND if known else SOON)

    task = asyncio.create_task(rounds(), name="rollout")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
