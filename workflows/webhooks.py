"""The workflow of one webhook: it has what is new delivered, waits after a failure, and starts anew when told of more.

It knows neither addresses nor secrets nor entries: an activity delivers from where the database says that the endpoint
stands. What is here is the waiting, which survives whatever restarts.
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
from workflows.model.commands import Message

BACKOFF = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long is waited after each failure of the same delivery (Standard Webhooks' schedule); after the last one the
endpoint is taken for dead."""

PAGE_TIME = timedelta(minutes=5)
"""The most that delivering one page may take."""

SILENCE = timedelta(seconds=30)
"""After this long without a sign of life a page is delivered by another worker, from where it had come."""

ATTEMPTS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))

IDLE = timedelta(days=1)
"""An endpoint of which nothing was heard for so long is looked at all the same."""

ROUNDS = 200
"""Pages and pauses after which the run continues as new."""


class WebhookInput(Message):
    """Which endpoint; ``backoff`` is a test's hook, in seconds."""

    webhook: str
    backoff: tuple[float, ...] | None = None


class DeliverRequest(Message):
    """Ask that what is new be delivered to an endpoint. ``attempts`` is how often a delivery may fail."""

    webhook: str
    attempts: int


class DeliverReport(Message):
    """What came of it."""

    delivered: int = Field(description="entries that were delivered")
    active: bool = Field(description="false: the endpoint is gone, or disabled")
    more: bool = Field(default=False, description="whether there is more to deliver right away")
    failures: int = Field(default=0, description="how often the next delivery has failed one after the other")


@workflow.defn(name="Webhook")
class WebhookWorkflow:
    """Delivers to one endpoint as long as it is active."""

    def __init__(self) -> None:
        self._told = False
        self._hurried = False

    @workflow.signal(name="more")
    async def more(self) -> None:
        """There may be something to deliver."""
        self._told = True

    @workflow.signal(name="hurry")
    async def hurry(self) -> None:
        """Somebody wants it now, whatever failed before: a replay, an endpoint that was enabled again."""
        self._told = self._hurried = True

    @workflow.signal(name=NUDGE)
    async def nudge(self) -> None:
        """Another release is there to go on with."""
        self._told = self._hurried = True

    @workflow.run
    async def run(self, start: WebhookInput) -> None:
        """Deliver, and wait, until the endpoint is no longer active."""
        pauses = BACKOFF if start.backoff is None else tuple(timedelta(seconds=one) for one in start.backoff)
        for _ in range(ROUNDS):
            info = workflow.info()
            if info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed():
                break
            self._told = self._hurried = False
            report = await workflow.execute_activity(
                "deliver_webhook",
                DeliverRequest(webhook=start.webhook, attempts=len(pauses) + 1),
                result_type=DeliverReport,
                start_to_close_timeout=PAGE_TIME,
                heartbeat_timeout=SILENCE,
                retry_policy=ATTEMPTS,
                summary=f"deliver to {start.webhook}",
            )
            if not report.active and not self._told:
                return
            if report.failures:
                # New entries do not hurry it: they come after the one that failed.
                pause = pauses[min(report.failures, len(pauses)) - 1]
                workflow.set_current_details(f"{report.failures} failures; the next attempt in {pause}")
                await _until(lambda: self._hurried, pause)
            elif not report.more:
                workflow.set_current_details("all is delivered")
                await _until(lambda: self._told, IDLE)
        workflow.continue_as_new(
            start, initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
        )


async def _until(so: Callable[[], bool], at_most: timedelta) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await workflow.wait_condition(so, timeout=at_most)
