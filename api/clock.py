"""The present time of an accord, and moving a simulated one forward by the server's time skipping.

An accord's time is its workflow's time plus the state's ``clock_offset`` (microseconds); for a real clock the offset
is zero. It never falls behind what is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.errors import Unreachable
from activities.runtime.accords import run_accord
from api.problems import Problem
from workflows.model.state import Accord

GLANCE = 2.0
"""Seconds that a reader waits for Temporal to say how late it is, before the record has to do."""

_MOVING = TimeSkippingConfig(enabled=False)
"""Time stands still by itself: it only skips when it is moved."""


@dataclass(frozen=True, slots=True)
class Present:
    """An accord's present time, and whether its clock said so or only the record did."""

    time: datetime
    live: bool


class Clocks:
    """Reads and moves the clocks of accords. ``now`` is this machine's clock."""

    def __init__(
        self,
        client: Callable[[], Awaitable[Client]],
        task_queue: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._now = now

    async def present(self, a: Accord) -> Present:
        """The accord's present time. Without Temporal, a simulated clock stands where the record last saw it."""
        if a.closed:
            return Present(a.time, True)
        if a.definition.clock.mode == "real":
            return Present(max(self._now(), a.time), True)
        try:
            async with asyncio.timeout(GLANCE):
                shown = await self._shown(await self._client(), a.id)
        except (RPCError, Unreachable, TimeoutError):
            return Present(a.time, False)
        return Present(a.time, False) if shown is None else Present(max(shown + _offset(a), a.time), True)

    async def move(
        self, a: Accord, to: datetime, *, seen: bool, starting: Callable[[], Awaitable[None]]
    ) -> datetime:
        """Move a simulated clock forward to ``to``; every deadline up to then falls. Returns the present time.

        ``seen`` says that the caller asked for this very move before: then a clock that is past ``to`` is no error.
        ``starting`` is awaited before the clock begins to move.
        Where no workflow runs although the accord is open, one is started; it takes its state from the ledger.

        Raises:
            Problem: the clock is real, has stopped, is past ``to`` already, or the server cannot skip time.
            RPCError, Unreachable: Temporal does not answer.
        """
        if a.definition.clock.mode != "simulated":
            raise Problem(
                "clock_is_real",
                "Only the clock of an accord whose definition says `clock: simulated` can be moved; this one is real.",
                accord=a.id,
            )
        if a.closed:
            raise Problem(
                "clock_stopped",
                "The accord is closed, and its clock has stopped. Nothing is left to wait for.",
                accord=a.id,
            )
        client = await self._client()
        skipper, handle = _skipper(client), client.get_workflow_handle(a.id)
        shown = await self._shown(client, a.id)
        if shown is None:
            await run_accord(skipper.client, a.id, self._task_queue)
            shown = await self._shown(client, a.id) or self._now()
        left = to - _offset(a) - shown
        if left <= timedelta(0):
            if seen:
                return max(shown + _offset(a), a.time)
            raise Problem(
                "clock_runs_forward",
                f"It is {(shown + _offset(a)).isoformat()} in this accord already. Move it to a later time.",
                accord=a.id,
            )
        await starting()
        try:
            moved = await skipper.fast_forward(handle, left)
        except RPCError as error:
            if error.status in (
                RPCStatusCode.UNIMPLEMENTED,
                RPCStatusCode.INVALID_ARGUMENT,
                RPCStatusCode.PERMISSION_DENIED,
            ):
                raise Problem(
                    "clock_unavailable",
                    f"This Temporal server does not skip time: {error.message}. It has to allow "
                    "frontend.WorkflowTimeSkippingEnabled.",
                    accord=a.id,
                ) from error
            raise
        except RuntimeError as error:
            raise Problem(
                "unavailable",
                "Another request moved the clock at the same time. Look where it stands, then move it again.",
            ) from error
        if not moved:
            raise Problem(
                "clock_stopped", "The accord was closed while its clock was being moved.", accord=a.id
            )
        shown = await self._shown(client, a.id)
        return to if shown is None else max(shown + _offset(a), to)

    async def restore(self, a: Accord, time: datetime) -> None:
        """Bring a simulated clock back to ``time``: a run that was started anew begins at this machine's.

        Raises:
            Problem: the server cannot skip time.
            RPCError, Unreachable: Temporal does not answer.
        """

        async def nothing() -> None:
            return

        if a.definition.clock.mode == "simulated":
            await self.move(a, time, seen=True, starting=nothing)

    async def _shown(self, client: Client, accord: str) -> datetime | None:
        """The time that the accord's workflow has, without the offset; none where no workflow runs."""
        try:
            described = await client.get_workflow_handle(accord).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return None
        extended = described.raw_description.workflow_extended_info
        if not extended.HasField("time_skipping_info"):
            return self._now()
        return extended.time_skipping_info.current_time.ToDatetime(tzinfo=UTC)


def _skipper(client: Client) -> TimeSkipper:
    return TimeSkipper(client, config=_MOVING)


def _offset(a: Accord) -> timedelta:
    return timedelta(microseconds=a.clock_offset)
