"""The workflow of one person's notices: it waits for the hour, or for something new, and has a message sent.

What there is to tell, to which address, and what was told already, an activity reads from the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows.messages import NUDGE
from workflows.model.commands import Instant, Message

SEND_TIME = timedelta(minutes=2)
"""The most that reading what there is to tell, and sending it, may take."""

ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(hours=1)
)
"""A mail server that is away is asked again, less and less often."""

TOGETHER = timedelta(seconds=30)
"""After something new this long is waited for more of it: several steps at once are one message."""

IDLE = timedelta(days=1)
"""A person of whom nothing was heard for so long is looked at all the same."""

ROUNDS = 200
"""Messages and pauses after which the run continues as new."""


class NoticesInput(Message):
    """Whose notices; ``together`` is a test's hook, in seconds."""

    principal: str
    together: float | None = None


class NoticesReport(Message):
    """What came of looking."""

    told: int = Field(description="steps that a message told of")
    wanted: bool = Field(description="false: the person wants no notices")
    next: Instant | None = Field(
        default=None, description="when to look again though nothing is new: the digest's hour, a due date"
    )


@workflow.defn(name="Notices")
class NoticesWorkflow:
    """Tells one person of what waits on them, as long as they want it."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal(name="more")
    async def more(self) -> None:
        """Something may wait that did not before, or the person wants it otherwise."""
        self._told = True

    @workflow.signal(name=NUDGE)
    async def nudge(self) -> None:
        """Another release is there to go on with."""
        self._told = True

    @workflow.run
    async def run(self, start: NoticesInput) -> None:
        """Look, tell, and wait, until nothing is wanted any more."""
        together = TOGETHER if start.together is None else timedelta(seconds=start.together)
        for _ in range(ROUNDS):
            info = workflow.info()
            if info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed():
                break
            self._told = False
            report = await workflow.execute_activity(
                "send_notices",
                start.principal,
                result_type=NoticesReport,
                start_to_close_timeout=SEND_TIME,
                retry_policy=ATTEMPTS,
                summary=f"notices for {start.principal}",
            )
            if not report.wanted and not self._told:
                return
            pause = IDLE
            if report.next is not None:
                pause = max(min(IDLE, report.next - workflow.now()), timedelta(seconds=1))
            looked = f"{workflow.now():%Y-%m-%d %H:%M} UTC"
            workflow.set_current_details(f"looked at {looked}; again in {pause} at the latest")
            if await _until(lambda: self._told, pause):
                await workflow.sleep(together)
        workflow.continue_as_new(
            start, initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
        )


async def _until(so: Callable[[], bool], at_most: timedelta) -> bool:
    with contextlib.suppress(asyncio.TimeoutError):
        await workflow.wait_condition(so, timeout=at_most)
        return True
    return False
