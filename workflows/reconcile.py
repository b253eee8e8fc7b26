"""The workflow that compares ledger, read model and workflows of all accords, a page at a time.

A schedule starts it. It finds nothing out itself: an activity compares a page, reports each difference and repairs what
can be repaired. What this run returns is the report, which stands in the Temporal UI.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows.model.commands import Message

PAGES_PER_RUN = 200
"""Pages after which the run continues as new, so that no history grows with the number of accords."""

SHOWN = 100
"""Differences that the report shows; all of them are counted, and in the workers' logs."""

PAGE_TIME = timedelta(minutes=10)
"""The most that the comparison of one page may take."""

SILENCE = timedelta(minutes=1)
"""After this long without a sign of life the page is compared anew, by another worker."""

ATTEMPTS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


class DifferenceKind(StrEnum):
    """What two of the three say differently."""

    RECORD = "record"
    """The entries contradict one another or their Merkle tree: not repaired, since nobody here knows what is true."""
    READ_MODEL = "read_model"
    """The read model's row is not the fold of the record: written anew."""
    NO_RECORD = "no_record"
    """The read model or a workflow has an accord that the ledger has not: not repaired."""
    NO_WORKFLOW = "no_workflow"
    """No workflow runs for an open accord in which something falls due: one is started from the ledger."""
    WORKFLOW_BEHIND = "workflow_behind"
    """The workflow holds another standing than the record has: it asks the record again, or is started anew from it."""
    WORKFLOW_AHEAD = "workflow_ahead"
    """The workflow was told of more entries than the ledger has, which was put back: not repaired."""
    WORKFLOW_SILENT = "workflow_silent"
    """The workflow does not answer, as where its code cannot go on: not repaired."""


class Difference(Message):
    """A difference that stayed when it was looked at again, and whether it was repaired."""

    accord: str
    kind: DifferenceKind
    what: str
    repaired: bool


class PageRequest(Message):
    """Ask that the accords after ``after`` be compared."""

    after: str = ""


class PageReport(Message):
    """What came of a page; ``last`` is the last accord of it, none where there is no further page."""

    accords: int
    last: str | None
    differences: tuple[Difference, ...] = ()
    more: int = Field(default=0, description="differences beyond those that are shown")


class ReconcileInput(Message):
    """Where to begin, and what the runs before this one have found."""

    after: str = ""
    accords: int = 0
    differences: int = 0
    repaired: int = 0
    shown: tuple[Difference, ...] = ()


class ReconcileReport(Message):
    """What came of comparing all accords."""

    accords: int
    differences: int
    repaired: int
    shown: tuple[Difference, ...]


@workflow.defn(name="Reconcile")
class ReconcileWorkflow:
    """One comparison of everything."""

    @workflow.run
    async def run(self, start: ReconcileInput) -> ReconcileReport:
        """Compare all accords, page by page; returns the report."""
        done, pages = start, 0
        while True:
            report = await workflow.execute_activity(
                "reconcile_page",
                PageRequest(after=done.after),
                result_type=PageReport,
                start_to_close_timeout=PAGE_TIME,
                heartbeat_timeout=SILENCE,
                retry_policy=ATTEMPTS,
                summary=f"accords after {done.after[:100] or 'the beginning'}",
            )
            done = ReconcileInput(
                after=report.last or "",
                accords=done.accords + report.accords,
                differences=done.differences + len(report.differences) + report.more,
                repaired=done.repaired + sum(each.repaired for each in report.differences),
                shown=(*done.shown, *report.differences)[:SHOWN],
            )
            workflow.set_current_details(f"{done.accords} accords compared, {done.differences} differences")
            if report.last is None:
                return ReconcileReport(
                    accords=done.accords,
                    differences=done.differences,
                    repaired=done.repaired,
                    shown=done.shown,
                )
            pages += 1
            info = workflow.info()
            if (
                pages == PAGES_PER_RUN
                or info.is_continue_as_new_suggested()
                or info.is_target_worker_deployment_version_changed()
            ):
                workflow.continue_as_new(
                    done, initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
                )
