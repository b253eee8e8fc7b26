"""Commit the appends of many accords together, since the commit is the cost, not the insert."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

from activities.errors import LedgerError, Unavailable, WriterClosed
from activities.ledger.store import Append, Ledger, Outcome

_Waiting = tuple[Append, asyncio.Future[Outcome]]


class BatchWriter:
    """One task that takes what is waiting, records it as a batch, and answers each append with its outcome.

    There is no artificial delay: an append that finds the writer idle is committed at once, and those that
    come meanwhile make up the next batch. Where a batch fails, its appends are recorded singly, so that one
    which cannot be recorded fails alone; where the store is not to be reached, all of them fail.

    ``max_batch`` is the most appends in a transaction, ``max_waiting`` the most in the queue; beyond it
    :meth:`record` waits. Use it as an asynchronous context manager, or call :meth:`aclose`.
    """

    def __init__(self, ledger: Ledger, *, max_batch: int = 128, max_waiting: int = 1024) -> None:
        if max_batch < 1 or max_waiting < 1:
            raise ValueError("max_batch and max_waiting are at least 1")
        self._ledger = ledger
        self._max_batch = max_batch
        self._waiting: deque[_Waiting] = deque()
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
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise _closed()
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, answer))
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="ledger writer")
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
        batch: list[_Waiting] = []
        try:
            while self._waiting or not self._closed:
                if not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                batch = self._take()
                await self._record(batch)
        finally:
            # Only a cancelled task leaves anything here; nobody may then wait for ever.
            self._closed = True
            for _, answer in (*batch, *self._waiting):
                _fail(answer, _closed())
            for _ in self._waiting:
                self._room.release()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._max_batch:
            append, answer = self._waiting.popleft()
            self._room.release()
            if not answer.done():
                batch.append((append, answer))
        return batch

    async def _record(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        try:
            outcomes = await self._ledger.record([append for append, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for each in batch:
                    await self._record([each])
                return
            for _, answer in batch:
                _fail(answer, error)
            return
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if not answer.done():
                answer.set_result(outcome)


def _closed() -> LedgerError:
    return WriterClosed("the ledger's writer is closed", "Send the command again with the same id")


def _fail(answer: asyncio.Future[Outcome], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
