"""Commit the appends of many accords together, since the commit is the cost, not the insert."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from activities.ledger.errors import WriterClosed
from activities.ledger.store import Append, Ledger, Outcome

_Waiting = tuple[Append, asyncio.Future[Outcome]]


class BatchWriter:
    """One task that takes what is waiting, records it as a batch, and answers each append with its outcome.

    There is no artificial delay: an append that finds the writer idle is committed at once, and those that come
    meanwhile make up the next batch. Where a batch fails, its appends are recorded one by one, so that one which
    cannot be recorded fails alone.

    ``max_batch`` is the most appends in a transaction, ``max_waiting`` the most in the queue; beyond it
    :meth:`record` waits. Use it as an asynchronous context manager, or call :meth:`aclose`.
    """

    def __init__(self, ledger: Ledger, *, max_batch: int = 128, max_waiting: int = 1024) -> None:
        if max_batch < 1 or max_waiting < 1:
            raise ValueError("max_batch and max_waiting are at least 1")
        self._ledger = ledger
        self._max_batch = max_batch
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(max_waiting)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def record(self, append: Append) -> Outcome:
        """Record ``append``; returns when it is committed, or is known to be a duplicate, mismatch or conflict.

        Where the caller is cancelled, the append may be recorded all the same; recording it again is safe.

        Raises:
            WriterClosed: once the writer is closed.
            Exception: what the ledger raised for this append.
        """
        if self._closed:
            raise WriterClosed("the ledger's writer is closed", "Send the command again with the same id")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ledger writer")
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await self._queue.put((append, answer))
        return await answer

    async def aclose(self) -> None:
        """Record all that was accepted, then stop. What comes later is refused."""
        first = not self._closed
        self._closed = True
        if self._task is None:
            return
        if first:
            await self._queue.put(None)
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
        closing = False
        while not closing:
            batch: list[_Waiting] = []
            waiting = await self._queue.get()
            while True:
                if waiting is None:
                    # Puts that were already blocked by a full queue come after the mark; take them too.
                    closing = True
                elif not waiting[1].done():
                    batch.append(waiting)
                if len(batch) >= self._max_batch:
                    break
                try:
                    waiting = self._queue.get_nowait()
                except asyncio.QueueEmpty:
                    break
            await self._record(batch)
            if closing and not self._queue.empty():
                closing = False
                with contextlib.suppress(asyncio.QueueFull):
                    self._queue.put_nowait(None)

    async def _record(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        try:
            outcomes = await self._ledger.record([append for append, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0][1], error)
                return
            for each in batch:
                await self._record([each])
            return
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if not answer.done():
                answer.set_result(outcome)


def _fail(answer: asyncio.Future[Outcome], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
