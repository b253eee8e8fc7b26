"""Beside the worker: its version takes over where it is new, and what rests on older ones is woken.

Every worker looks, so that it happens as long as one of the current version runs; the server takes each nudge once.
"""

from __future__ import annotations

import asyncio
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
from worker.background.beside import beside
from worker.rollout.deployment import GONE, Deployment, Version, describe, make_current
from worker.rollout.moving import AGAIN, count_open, retire, settle_moved
from worker.rollout.version import this_version

ROUND = 30.0
"""Seconds between two looks."""

BUSY = 5.0
"""Seconds between two looks while runs are open on an older version."""

SOON = 0.5
"""Seconds between two looks until this version has its place."""

log = structlog.get_logger(__name__)


class Rollout:
    """What one worker does about the versions of its deployment."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._client = client
        self._task_queue = settings.task_queue
        self._by_itself = settings.rollout == "auto"
        self._off = settings.rollout == "off"
        self._patience = settings.drain_seconds
        self._version: WorkerDeploymentVersion = this_version(settings)
        self._placed = False
        self._told: str | None = None
        self._unseen: dict[str, datetime] = {}
        # Another process may have moved some, and ended.
        self._settling_until = time.monotonic() + AGAIN

    async def ready(self) -> str:
        """Whether this version has its place: for who waits with stopping the version before."""
        return "ok" if self._off or self._placed else "its version has not taken its place yet"

    async def look(self, now: datetime) -> float:
        """Look once; in how many seconds to look again.

        Raises:
            RuntimeProblem, RPCError: Temporal does not do what was asked, or does not answer.
        """
        name, build_id = self._version.deployment_name, self._version.build_id
        deployment = await describe(self._client, name, self._task_queue)
        mine = deployment.version(build_id)
        if mine is None:
            return SOON
        gone = {version.build_id for version in deployment.versions if self._gone(version, now)}
        if mine.status == "current":
            self._placed, self._told = True, None
            return BUSY if await self._clear(deployment, gone) else ROUND
        current = deployment.current
        left_alone = current is not None and current.build_id in gone
        if self._by_itself and mine.status != "ramping" and (not mine.ever_current or left_alone):
            await make_current(self._client, name, build_id)
            log.info("this version of the workers is current now", deployment=name, build_id=build_id)
            return SOON
        self._placed = True
        if mine.status != "ramping":
            self._warn(deployment, current is not None and not left_alone)
        return ROUND

    def _gone(self, version: Version, now: datetime) -> bool:
        """Whether no worker of the version has polled for so long that none is there.

        A server that has just started knows of no polls at all, so that its silence has to last as long.
        """
        if version.polled is not None:
            self._unseen.pop(version.build_id, None)
            return now - version.polled >= GONE
        return now - self._unseen.setdefault(version.build_id, now) >= GONE

    async def _clear(self, deployment: Deployment, gone: set[str]) -> bool:
        """Get runs off the versions that take nothing new; whether there were any."""
        build_id, found = self._version.build_id, False
        for old in deployment.versions:
            if old.status != "draining" or not await count_open(self._client, deployment.name, old.build_id):
                continue
            found, stranded, turn = True, old.build_id in gone, int(time.time() / AGAIN)
            runs = await retire(
                self._client, deployment.name, old.build_id, build_id, stranded=stranded, turn=turn
            )
            if stranded:
                self._settling_until = time.monotonic() + AGAIN
            log.info(
                "runs on another version of the workers", build_id=old.build_id, runs=runs, moved=stranded
            )
        if time.monotonic() < self._settling_until and await settle_moved(
            self._client, deployment.name, build_id
        ):
            self._settling_until = time.monotonic() + AGAIN
        return found

    def _warn(self, deployment: Deployment, has_workers: bool) -> None:
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
            current_has_workers=has_workers,
        )

    async def hand_over(self) -> None:
        """Return when nothing that is open needs this version's workers any more, which are about to stop.

        At once where it is the current version, or where nobody is there to take over; after ``drain_seconds`` at last.
        """
        if self._off:
            return
        name, build_id = self._version.deployment_name, self._version.build_id
        deadline = time.monotonic() + self._patience
        waited = False
        # What has just begun or gone over is listed a little later: twice none is none.
        seen_none = 0
        try:
            while seen_none < 2 and time.monotonic() < deadline:
                deployment = await describe(self._client, name, self._task_queue)
                mine, current = deployment.version(build_id), deployment.current
                if mine is None or mine.status != "draining" or current is None or current.polled is None:
                    return
                runs = await count_open(self._client, name, build_id)
                seen_none = 0 if runs else seen_none + 1
                if runs and not waited:
                    log.info("stops once its runs have gone over", build_id=build_id, runs=runs)
                    waited = True
                await asyncio.sleep(1.0)
        except (RPCError, RuntimeProblem) as error:
            log.warning("stops without knowing what is open on its version", reason=str(error))


@asynccontextmanager
async def rolling_out(settings: Settings, client: Client) -> AsyncIterator[Rollout]:
    """Look after the versions while the block runs, where the workers have any."""
    rollout = Rollout(settings, client)
    if settings.rollout == "off":
        yield rollout
        return

    async def rounds() -> None:
        pause = SOON
        while True:
            try:
                pause = await rollout.look(datetime.now(UTC))
            except* (RPCError, RuntimeProblem) as errors:
                log.warning(
                    "the versions of the workers are not looked after", reason=str(errors.exceptions[0])
                )
            except* Exception:  # The next look may do better; nobody would notice the end of this task.
                log.exception("looking after the versions of the workers failed")
            await asyncio.sleep(pause)

    async with beside(rounds(), "rollout"):
        yield rollout
