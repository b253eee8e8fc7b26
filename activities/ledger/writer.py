"""Commit the appends of many accords together, since the commit is the cost, not the insert."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from types import TracebackType

from activities.errors import LedgerError, Locked, Unavailable, WriterClosed
from activities.ledger.settle import seal_events
from activities.ledger.store import Append, Ledger, Outcome
from activities.runtime.metrics import APPENDS_PENDING, batch_timed
from activities.runtime.tracing import span

MAX_BATCH = 64
"""Appends in a transaction, if nothing else is said. Where more wait, some are prepared while others are committed: one
transaction of all would leave the database idle while receipts are made, and the process while it commits."""

LEAST_SHARED = 12
"""Appends that are not shared among transactions: of fewer, what a transaction costs is most."""

LOCKED_PAUSE = 0.01
"""Seconds until an append whose accord another session has locked is first tried again; doubled each time."""

LONGEST_PAUSE = 0.25
"""The most that it is doubled to."""

LOCKED_PATIENCE = 5.0
"""Seconds after which an append is given up whose accord another session keeps locked."""


@dataclass(slots=True, eq=False)
class _Waiting:
    append: Append
    answer: asyncio.Future[Outcome]
    pause: float = LOCKED_PAUSE
    until: float = 0.0
    """When to give up, once the accord was found locked."""
    context: Context = field(default_factory=copy_context)
    """Of whoever waits: to which trace, and to which lines of the log, it belongs."""


class BatchWriter:
    """Takes what is waiting, records it as a batch, and answers each append with its outcome.

    There is no artificial delay: an append that finds the writer idle is committed at once, and those that
    come meanwhile make up the next batch. Entries are sealed as they come in, while batches before them are
    committed. An accord is in one batch at a time, whatever else waits.

    Failures stay where they belong. An append that cannot be sealed fails at once; where a batch fails, its appends
    are recorded singly; an accord that another session has locked is tried again later, while the others go on; only
    where the store is not to be reached do all of a batch fail.

    ``max_batch`` is the most appends in a transaction, ``max_at_once`` the most transactions at the same time,
    ``max_waiting`` the most appends in the queue; beyond it :meth:`record` waits. Use it as an asynchronous context
    manager, or call :meth:`aclose`.
    """

    def __init__(
        self, ledger: Ledger, *, max_batch: int = MAX_BATCH, max_waiting: int = 1024, max_at_once: int = 2
    ) -> None:
        if max_batch < 1 or max_waiting < 1 or max_at_once < 1:
            raise ValueError("max_batch, max_waiting and max_at_once are at least 1")
        self._ledger = ledger
        self._max_batch = max_batch
        self._max_at_once = max_at_once
        self._waiting: deque[_Waiting] = deque()
        self._pausing: set[_Waiting] = set()
        self._batches: dict[asyncio.Task[None], list[_Waiting]] = {}
        self._under_way: set[str] = set()
        self._room = asyncio.Semaphore(max_waiting)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def record(self, append: Append) -> Outcome:
        """Record ``append``; returns once it is committed, or found a duplicate, mismatch or conflict.

        Where the caller is cancelled the append may be recorded all the same; recording it again is safe.

        Raises:
            WriterClosed: once the writer is closed.
            LedgerError: what the ledger raised for this append.
        """
        seal_events(append)
        with APPENDS_PENDING.track_inprogress(), span("ledger append"):
            return await self._committed(append)

    async def _committed(self, append: Append) -> Outcome:
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise _closed()
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(append, answer))
        self._wake.set()
        if self._task is None:
            # In a context of its own: it outlives the act that came first.
            self._task = asyncio.create_task(self._run(), name="ledger writer", context=Context())
        return await answer

    async def aclose(self) -> None:
        """Record all that waits in the queue, then stop. What comes later is refused."""
        self._closed = True
        self._wake.set()
        if self._task is not None:
            # Shielded: whoever gives up waiting must not tear down a batch that others wait for.
            await asyncio.shield(self._task)

    async def __aenter__(self) -> BatchWriter:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                while len(self._batches) < self._max_at_once and (batch := self._take()):
                    self._start(batch)
                if self._closed and not (self._waiting or self._pausing or self._batches):
                    break
                await self._wake.wait()
        finally:
            # Only a cancelled task leaves anything here; nobody may then wait for ever.
            self._closed = True
            left = [each for batch in self._batches.values() for each in batch]
            for task in self._batches:
                task.cancel()
            for each in (*left, *self._pausing, *self._waiting):
                _fail(each, _closed())
            for each in self._waiting:
                self._let_in(each)
            self._waiting.clear()
            self._pausing.clear()

    def _take(self) -> list[_Waiting]:
        """The next batch: what waits, in its order, without the accords that are in a batch already."""
        batch: list[_Waiting] = []
        passed_over: list[_Waiting] = []
        # Shared among the transactions that may begin now: in one of all, nothing would be prepared while it commits.
        share = -(-len(self._waiting) // (self._max_at_once - len(self._batches)))
        most = min(self._max_batch, max(share, LEAST_SHARED))
        while self._waiting and len(batch) < most:
            each = self._waiting.popleft()
            if not each.answer.done() and each.append.accord in self._under_way:
                passed_over.append(each)
                continue
            if each.append.claim is not None and batch and not each.answer.done():
                # Alone: it may have to wait for another that claims the same.
                self._waiting.appendleft(each)
                break
            self._let_in(each)
            if not each.answer.done():
                batch.append(each)
                if each.append.claim is not None:
                    break
        self._waiting.extendleft(reversed(passed_over))
        return batch

    def _let_in(self, each: _Waiting) -> None:
        """Its place in the queue is free; one that comes back from a pause had given it up before."""
        if not each.until:
            self._room.release()

    def _start(self, batch: list[_Waiting]) -> None:
        accords = {each.append.accord for each in batch}
        self._under_way |= accords
        # What is sent to the database is traced with the first act of the batch; of the others the wait is.
        task = asyncio.create_task(self._record(batch), name="ledger batch", context=batch[0].context)
        self._batches[task] = batch

        def ended(task: asyncio.Task[None]) -> None:
            unanswered = self._batches.pop(task)
            self._under_way -= accords
            if not task.cancelled() and (error := task.exception()) is not None:
                for each in unanswered:
                    _fail(each, error)
            self._wake.set()

        task.add_done_callback(ended)

    async def _record(self, batch: list[_Waiting]) -> None:
        try:
            with batch_timed(len(batch)):
                outcomes = await self._ledger.record([each.append for each in batch])
        except Locked as error:
            # Either somebody else is opening one of the accords, and the others can go on; or it is the feed's counter.
            opening = [each for each in batch if each.append.expected == 0]
            others = [each for each in batch if each.append.expected != 0]
            if len(batch) == 1 or not opening:
                for each in batch:
                    _fail(each, error)
                return
            await asyncio.gather(
                *(self._record(part) for part in (*([each] for each in opening), others) if part)
            )
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for each in batch:
                    await self._record([each])
                return
            for each in batch:
                _fail(each, error)
        else:
            for each, outcome in zip(batch, outcomes, strict=True):
                if outcome.status == "locked":
                    self._try_again(each)
                elif not each.answer.done():
                    each.answer.set_result(outcome)

    def _try_again(self, each: _Waiting) -> None:
        loop = asyncio.get_running_loop()
        each.until = each.until or loop.time() + LOCKED_PATIENCE
        if loop.time() >= each.until:
            _fail(
                each,
                Locked(
                    f"another session of the database keeps the accord {each.append.accord!r} locked",
                    "Try again; find the session in pg_locks where this lasts",
                ),
            )
            return
        self._pausing.add(each)

        def back() -> None:
            if each in self._pausing:
                self._pausing.discard(each)
                self._waiting.appendleft(each)
                self._wake.set()

        loop.call_later(each.pause * random.uniform(0.5, 1.5), back)  # noqa: S311 - no secret depends on it
        each.pause = min(each.pause * 2, LONGEST_PAUSE)


def _closed() -> LedgerError:
    return WriterClosed("the ledger's writer is closed", "Send the command again with the same id")


def _fail(each: _Waiting, error: BaseException) -> None:
    if not each.answer.done():
        each.answer.set_exception(error)
