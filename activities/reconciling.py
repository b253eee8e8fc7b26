"""The activity that compares a page of accords: ledger, read model, and what each accord's workflow holds.

What is compared goes on meanwhile, so a difference is one only if it is there again after a while. The record is the
truth: the read model is written anew from its fold, and a workflow that is not there, or behind, starts from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from temporalio import activity
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Malformed, PayloadMismatch, PayloadMissing
from activities.ledger.postgres import PostgresLedger
from activities.ledger.repairing import accords_after, columns_fit, repair_summary
from activities.reading.standing import standing_of
from activities.reading.states import States
from activities.runtime.accords import look_again, run_accord
from activities.runtime.alive import alive
from activities.runtime.metrics import DIFFERENCES, RECONCILED
from workflows.messages import Status
from workflows.model.state import Accord
from workflows.model.summary import summarize
from workflows.reconcile import Difference, DifferenceKind, PageReport, PageRequest

PAGE = 100
"""Accords that one activity compares."""

AT_ONCE = 10
"""Accords among them that are compared at the same time."""

SHOWN_OF_A_PAGE = 50
"""Differences that a page's report shows."""

PAUSES = (1.0, 4.0, 15.0)
"""Seconds after which a difference is looked at again. An act may be recorded some ten seconds before its workflow
learns of it, where the worker that recorded it was lost."""

QUERY_TIME = timedelta(seconds=5)
"""The most that a workflow is waited for."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A difference as it was seen once, and what would repair it; ``repair`` answers whether it did."""

    kind: DifferenceKind
    what: str
    repair: Callable[[], Awaitable[bool]] | None = None


class Reconciler:
    """Compares the accords of one installation, and repairs what can be repaired from the record."""

    def __init__(
        self,
        client: Client,
        pool: asyncpg.Pool[Any],
        task_queue: str,
        *,
        page: int = PAGE,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._client = client
        self._pool = pool
        self._ledger = PostgresLedger(pool)
        self._task_queue = task_queue
        self._page = page
        self._pauses = tuple(pauses)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.reconcile_page,)

    @activity.defn(name="reconcile_page")
    async def reconcile_page(self, request: PageRequest) -> PageReport:
        """Compare the next accords, report each difference, and repair it where the record says how."""
        accords = await accords_after(self._pool, request.after, self._page)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(accord: str) -> list[Difference]:
            async with places:
                return await self.compare(accord)

        async with alive():
            differences = [each for found in await asyncio.gather(*map(one, accords)) for each in found]
        RECONCILED.inc(len(accords))
        for each in differences:
            log.warning(
                "ledger, read model and workflow differ",
                accord=each.accord,
                kind=each.kind.value,
                what=each.what,
                repaired=each.repaired,
            )
            DIFFERENCES.labels(each.kind.value, "yes" if each.repaired else "no").inc()
        return PageReport(
            accords=len(accords),
            last=accords[-1] if len(accords) == self._page else None,
            differences=tuple(differences[:SHOWN_OF_A_PAGE]),
            more=max(0, len(differences) - SHOWN_OF_A_PAGE),
        )

    async def compare(self, accord: str) -> list[Difference]:
        """The differences of one accord that stay when they are looked at again.

        Raises:
            LedgerError, RPCError: the ledger or Temporal does not answer.
        """
        seen = await self._look(accord)
        for pause in self._pauses:
            if not seen:
                return []
            await asyncio.sleep(pause)
            again = await self._look(accord)
            # Only what was seen each time: something else may be an act that is under way right now.
            seen = [each for each in again if any(each.kind is before.kind for before in seen)]
        found = []
        for each in seen:
            repaired = False if each.repair is None else await each.repair()
            found.append(Difference(accord=accord, kind=each.kind, what=each.what, repaired=repaired))
        return found

    async def _look(self, accord: str) -> list[_Seen]:
        try:
            # From the first entry on, whatever any cache holds.
            folded = await States(self._ledger, most_bytes=0).get(accord)
        except (Malformed, PayloadMismatch, PayloadMissing) as error:
            return [_Seen(DifferenceKind.RECORD, str(error)[:400])]
        if folded is None:
            return [
                _Seen(
                    DifferenceKind.NO_RECORD, "the read model lists an accord that the ledger does not have"
                )
            ]
        return [
            *await self._look_at_read_model(folded.state),
            *await self._look_at_workflow(folded.state),
        ]

    async def _look_at_read_model(self, state: Accord) -> list[_Seen]:
        wanted = summarize(state)
        has = await self._ledger.summary(state.id)
        if has is not None and has.position > wanted.position:
            # More was recorded since the fold, unless the row is of another record altogether.
            if has.position <= await self._size(state.id):
                return []
        elif has == wanted and await columns_fit(self._pool, state.id):
            return []
        what = "the read model has no row" if has is None else "the read model's row is not the record's fold"
        if has is not None:
            names = sorted(
                name for name in type(wanted).model_fields if getattr(has, name) != getattr(wanted, name)
            )
            what += f": {', '.join(names) or 'columns'}"
        return [_Seen(DifferenceKind.READ_MODEL, what, lambda: repair_summary(self._pool, wanted))]

    async def _size(self, accord: str) -> int:
        head = await self._ledger.head(accord)
        return 0 if head is None else head.size

    async def _look_at_workflow(self, state: Accord) -> list[_Seen]:
        standing = standing_of(state)
        simulated = state.definition.clock.mode == "simulated"
        try:
            status = await self._client.get_workflow_handle(state.id).query(
                "status",
                result_type=Status,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=QUERY_TIME,
            )
        except WorkflowQueryRejectedError:
            return self._absent(state, simulated)
        except WorkflowQueryFailedError as error:
            return [_Seen(DifferenceKind.WORKFLOW_SILENT, f"the workflow does not answer: {error}"[:400])]
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return self._absent(state, simulated)
            if error.status is RPCStatusCode.UNAVAILABLE:
                raise
            return [_Seen(DifferenceKind.WORKFLOW_SILENT, f"the workflow does not answer: {error}"[:400])]
        if status.size > standing.size:
            size = await self._size(state.id)
            if status.size <= size:
                return []
            return [
                _Seen(
                    DifferenceKind.WORKFLOW_AHEAD,
                    f"the workflow was told of {status.size} entries, and the ledger has {size}",
                )
            ]
        told = status.next_deadline.at if status.next_deadline else None
        due = standing.deadline.at if standing.deadline else None
        # A simulated clock may have been moved since: then the same deadline is due at another time of the server's.
        same_deadline = simulated or told == due
        if (status.size, status.stage) == (standing.size, standing.stage) and same_deadline:
            return []
        what = (
            f"the workflow stands at {status.size} entries in {status.stage or 'no stage'} and waits for {told}, "
            f"the record at {standing.size} in {standing.stage} and {due}"
        )
        return [_Seen(DifferenceKind.WORKFLOW_BEHIND, what, None if simulated else self._caught_up(state.id))]

    def _absent(self, state: Accord, simulated: bool) -> list[_Seen]:
        """No workflow runs: a difference where something falls due, for which nobody has to act.

        On a simulated clock nothing falls due by itself.
        """
        deadline = standing_of(state).deadline
        if state.closed or simulated or deadline is None:
            return []
        what = f"no workflow runs, and {deadline.summary} falls due at {deadline.at.isoformat()}"

        async def start() -> bool:
            await run_accord(self._client, state.id, self._task_queue)
            return True

        return [_Seen(DifferenceKind.NO_WORKFLOW, what[:400], start)]

    def _caught_up(self, accord: str) -> Callable[[], Awaitable[bool]]:
        async def repair() -> bool:
            # First what takes nothing away: signals that wait in a run would be lost with it.
            await look_again(self._client, accord)
            for pause in self._pauses:
                await asyncio.sleep(pause)
                if not any(each.kind is DifferenceKind.WORKFLOW_BEHIND for each in await self._look(accord)):
                    return True
            await run_accord(self._client, accord, self._task_queue, anew=True)
            return True

        return repair
