"""What the embedded servers have in common: each is one child, begun and ended with an ``async with``."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.stack.errors import PortTaken
from worker.stack.process import Child, OnLine, in_thread


class Server(ABC):
    """An embedded server whose data, lock and log belong to one state directory.

    Args:
        state: the state directory.
        durable: false trades the safety of the data for speed, for tests.
        on_line: gets the server's log lines.
    """

    def __init__(self, state: Path, *, durable: bool = True, on_line: OnLine | None = None) -> None:
        self.state = state.resolve()
        self.port = 0
        self.child: Child | None = None
        self._durable = durable
        self._on_line = on_line

    @abstractmethod
    async def start(self, patience: float = 60.0) -> None:
        """Start the server; returns when it answers and is set up, in up to ``patience`` seconds.

        Raises:
            StackError: it cannot be placed, initialised or started, ends, or does not answer in time.
        """

    async def stop(self) -> None:
        """Stop the server: as it prefers, then at last by SIGKILL, within bounds."""
        if self.child is not None:
            await in_thread(self.child.stop)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def once_free(start: Callable[[float], Awaitable[None]], patience: float) -> None:
    """Start a server on the ports by which others know it: again while another holds one, for ``patience`` seconds.

    Args:
        start: starts it once, with the seconds that are left.
        patience: as of :meth:`Server.start`.

    Raises:
        PortTaken: another still holds a port of it.
        StackError: as ``start``.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return await start(max(deadline - time.monotonic(), 1.0))
        except PortTaken:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(0.5)
