"""The record as it grows, over server-sent events: taken up again by itself wherever the stream breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from httpx_sse import EventSource, SSEError

from activities.errors import Unreachable

if TYPE_CHECKING:
    from worker.cli.client.calling import Calls

SILENCE = 60.0
"""Seconds without a sign of life after which a stream is taken for broken."""

PATIENCE = 120.0
"""Seconds for which a server that is away is asked again."""

_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the feed gives it: its place there, and the CloudEvent."""

    feed: str
    event: dict[str, Any]

    @property
    def view(self) -> dict[str, Any]:
        """The entry itself."""
        found: dict[str, Any] = self.event["data"]
        return found


def follow(calls: Calls, path: str, since: int | None = None) -> Iterator[Entry]:
    """Each entry once, beyond the feed position ``since`` (from now on, if it is none), without end.

    Raises:
        ApiProblem: the API says why not.
        Unreachable: it has not answered for a while.
    """
    last = None if since is None else str(since)
    pause, broken = _PAUSE, None
    while True:
        try:
            with calls.stream(path, last, SILENCE) as answer:
                for event in EventSource(answer).iter_sse():
                    pause, broken = _PAUSE, None
                    last = event.id or last
                    if event.data:
                        yield Entry(event.id, json.loads(event.data))
        except (httpx.TransportError, SSEError) as error:
            broken = broken or time.monotonic()
            if time.monotonic() - broken > PATIENCE:
                raise Unreachable(
                    f"{calls.server} does not answer: {error or type(error).__name__}.",
                    f"Go on behind the last entry later, with --since {last or 0}.",
                ) from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
