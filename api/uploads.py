"""Contents on their way in and out: how many at once, how slowly they may come, and how they are sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from api.exports import SLOWEST
from api.problems import Problem
from api.queue import Busy

EACH = 4
"""Contents that one caller sends at the same time."""

TOGETHER = 24
"""Contents that all callers send at the same time: each takes some megabytes of memory."""

SLOWEST_RATE = 4096
"""Bytes that have to arrive in each second, after the time that any body has."""


class Uploads:
    """Counts the uploads under way. One for each API process."""

    def __init__(self, each: int = EACH, together: int = TOGETHER) -> None:
        self._each = each
        self._most = together
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_more(self, principal: str) -> Iterator[None]:
        """One more upload of a caller, as long as the block lasts.

        Raises:
            Busy: the caller has as many under way as one may have, or all together have.
        """
        if self._under_way[principal] >= self._each:
            raise Busy(f"{self._each} uploads of {principal} are under way already")
        if self._under_way.total() >= self._most:
            raise Busy(f"{self._most} uploads are under way already")
        self._under_way[principal] += 1
        try:
            yield
        finally:
            self._under_way[principal] -= 1
            if not self._under_way[principal]:
                del self._under_way[principal]


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body of a request as it arrives.

    Raises:
        Problem: ``request_timeout`` where it comes too slowly, ``hung_up`` where the caller goes away.
    """
    patience = request.app.state.backend.settings.api_body_seconds
    loop = asyncio.get_running_loop()
    ends, received, body = loop.time() + patience, 0, request.stream()
    while True:
        try:
            async with asyncio.timeout(min(patience, ends + received / SLOWEST_RATE - loop.time())):
                chunk = await anext(body, None)
        except TimeoutError:
            raise Problem(
                "request_timeout",
                f"The content came too slowly: {received:,} bytes in all. What came of it is not kept; send it again, "
                "in parts that are small enough.",
                headers={"Connection": "close"},
            ) from None
        except ClientDisconnect:
            raise Problem("hung_up", "The caller went away before all had arrived.") from None
        if chunk is None:
            return
        received += len(chunk)
        yield chunk


class Sending(Response):
    """A content as the answer, as it is read; where it turns out to be altered, cut off before its end."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        size: int,
        status: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self._content = content
        super().__init__(None, status, {**headers, "Content-Length": str(size)}, None)
        # By itself it would add a character set to texts, of which nothing is known.
        self.headers["Content-Type"] = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it; whoever reads too slowly is left."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._content:
            async with asyncio.timeout(SLOWEST):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
