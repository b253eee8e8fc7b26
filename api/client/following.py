"""The record as it grows, over server-sent events: taken up again by itself wherever the stream breaks.

Source: WHATWG HTML, 9.2 (server-sent events). ``Last-Event-ID`` is the feed position, so that no entry is missed and
none comes twice.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import ValidationError

from activities.reading.shown import EventView
from api.client.errors import NoAnswer, NotAnApi, NotNow
from api.client.sending import Sender

SILENCE = 60.0
"""Seconds without a sign of life after which a stream is taken for broken; the API gives one every 15 s."""

PATIENCE = 120.0
"""Seconds for which an API that is away is asked again."""

_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry as the feed gives it: its position there, its accord, itself, and the CloudEvent that it came as."""

    position: int
    accord: str
    entry: EventView
    event: dict[str, Any]


class Feed:
    """Entries as they are recorded, each once, without end; to be iterated over, once, and closed.

    ``position`` is how far it has come, the entry in hand included: a feed with it as ``since`` goes on there.

    Iterating raises:
        ApiProblem: the API says why not.
        NoAnswer, NotNow: it has not answered for two minutes.
    """

    def __init__(
        self, sender: Sender, path: str, since: int | None = None, patience: float = PATIENCE
    ) -> None:
        self.position = since
        self._sender = sender
        self._path = path
        self._patience = patience
        self._entries = self._follow()

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> FeedEntry:
        return await anext(self._entries)

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End it, and close its connection."""
        await self._entries.aclose()

    async def _follow(self) -> AsyncGenerator[FeedEntry, None]:
        pause, broken = _PAUSE, None
        while True:
            failed: NoAnswer | NotNow | None = None
            try:
                async for found in self._once():
                    pause, broken = _PAUSE, None
                    if found is not None:
                        self.position = found.position
                        yield found
            except NotNow as problem:
                failed = problem
            except (httpx.TransportError, SSEError) as error:
                failed = self._sender.no_answer(error)
            if failed is not None:
                broken = broken or time.monotonic()
                if time.monotonic() - broken > self._patience:
                    raise failed
                asked = failed.retry_after if isinstance(failed, NotNow) else None
                pause = max(pause, asked or 0.0)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _once(self) -> AsyncGenerator[FeedEntry | None, None]:
        """What comes over one connection; none for a sign of life."""
        headers = {"Accept": "text/event-stream"}
        if self.position is not None:
            headers["Last-Event-ID"] = str(self.position)
        async with self._sender.streamed("GET", self._path, (), headers, SILENCE) as answer:
            if not answer.is_success:
                await answer.aread()
                self._sender.fail(answer)
            async for sent in EventSource(answer).aiter_sse():
                if sent.data:
                    yield self._read(sent.data)
                elif sent.id.isdigit():
                    self.position = int(sent.id)
                    yield None

    def _read(self, data: str) -> FeedEntry:
        try:
            event = json.loads(data)
            return FeedEntry(
                int(event["feed"]), event["subject"], EventView.model_validate(event["data"]), event
            )
        except (ValueError, KeyError, TypeError, ValidationError):
            raise NotAnApi(
                f"{self._path} sent an event that is no entry.",
                f"See that {self._sender.url} is an Entente's API, of this client's version.",
            ) from None
