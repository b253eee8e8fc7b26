"""Bundles and papers on their way out: how many are written at once, how many wait, how many copies are being sent.

A copy has no name in any directory once it is written: whatever becomes of the request, the system frees it when the
file is closed. Whoever reads too slowly is left.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.queue import ActQueue, Busy

AT_ONCE = 2
"""Bundles that one process writes at the same time; each goes through a whole record."""

WAITING = 16
"""Bundles that may wait for that."""

COPIES_EACH = 2
"""Bundles of one caller that are waited for, written, or being sent."""

COPIES = 32
"""Bundles of all callers together."""

CHUNK = 64 * 1024

SLOWEST = 30.0
"""Seconds in which a reader has to take a chunk."""


class Copies:
    """Counts the files that are waited for, made, or being sent: each of them takes room until it is.

    Args:
        each: files of one caller at the same time.
        together: files of all callers.
        what: what they are, in the plural.
    """

    def __init__(self, each: int, together: int, what: str) -> None:
        self._each = each
        self._together = together
        self._what = what
        self._held: Counter[str] = Counter()

    def of(self, principal: str) -> int:
        """How many a caller has."""
        return self._held[principal]

    def one_more(self, principal: str) -> Callable[[], None]:
        """One more for a caller, until what is returned is called.

        Raises:
            Busy: the caller has as many as one may have, or all together have.
        """
        if self._held[principal] >= self._each:
            raise Busy(f"{self._each} {self._what} for {principal} are under way already")
        if self._held.total() >= self._together:
            raise Busy(f"{self._together} {self._what} are under way already")
        self._held[principal] += 1

        def over() -> None:
            self._held[principal] -= 1
            if not self._held[principal]:
                del self._held[principal]

        return over


class Exports:
    """Writes bundles and holds them until they are sent. One for each API process."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        copies_each: int = COPIES_EACH,
        copies: int = COPIES,
    ) -> None:
        self._queue = ActQueue(at_once, waiting, waiting, what="bundles", where="")
        self._copies = Copies(copies_each, copies, "bundles")

    def copies(self, principal: str) -> int:
        """How many bundles of a caller are waited for, written, or being sent."""
        return self._copies.of(principal)

    async def write(
        self, principal: str, export: Callable[[Path], Awaitable[object]], headers: Mapping[str, str]
    ) -> SentOnce:
        """The answer with the bundle that ``export`` writes to a path, when there is room for it.

        Raises:
            Busy: the caller has as many under way as one may have, or all together have.
        """
        over = self._copies.one_more(principal)
        try:
            async with self._queue.turn("bundles", principal):
                file = await self._written(export)
        except BaseException:
            over()
            raise
        return SentOnce(file, headers, "application/zip", over)

    async def _written(self, export: Callable[[Path], Awaitable[object]]) -> IO[bytes]:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="entente-bundle-")
        try:
            path = Path(folder.name) / "bundle"
            await export(path)
            return await asyncio.to_thread(path.open, "rb")
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))


class SentOnce(Response):
    """A file as the answer, whole; closed at the end, whatever the end is. Parts of it are not served."""

    def __init__(
        self, file: IO[bytes], headers: Mapping[str, str], media_type: str, over: Callable[[], None]
    ) -> None:
        self._file = file
        self._over = over
        size = file.seek(0, 2)
        file.seek(0)
        super().__init__(
            None,
            200,
            {**headers, "Content-Length": str(size), "Accept-Ranges": "none"},
            media_type,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while chunk := await asyncio.to_thread(self._file.read, CHUNK):
                async with asyncio.timeout(SLOWEST):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()
            self._over()
