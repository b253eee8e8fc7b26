"""Work that takes long: done beside the event loop, by few threads, with a bounded queue.

Reading 512 KB of YAML, or checking a thousand conditions, takes some hundred milliseconds, for which other requests
must not wait. Python runs one thread at a time; so there are three threads here, which can be interrupted between any
two steps, and whatever comes in beyond a queue of bounded length is asked to come again.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final, ParamSpec, TypeVar

from api.problems import unavailable

P = ParamSpec("P")
T = TypeVar("T")

SMALL: Final = 8 * 1024
"""Bytes of a body that are read at once: that takes a few milliseconds at the most, whatever they are."""

MOST_WAITING: Final = 32
"""Pieces of work under way and in the queue, each with a body of at most 512 KB in memory."""

SWITCH: Final = 0.001
"""Seconds after which a thread at work lets the event loop go on; the interpreter's default is five times as long."""


class Heavy:
    """A thread for heavy work of one kind, and how much of it is under way or waits."""

    def __init__(self, kind: str, most: int = MOST_WAITING) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=kind)
        self._most = most
        self._waiting = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of ``work``, done in a thread.

        Raises:
            Problem: ``unavailable``; too much is waiting already.
        """
        if self._waiting >= self._most:
            raise unavailable(
                "Many large requests are being read at the moment. Send the same request again."
            )
        self._waiting += 1
        try:
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            done = loop.run_in_executor(self._pool, lambda: context.run(work, *args, **kwargs))
        except BaseException:
            self._waiting -= 1
            raise
        # Counted until it is done, not until nobody waits for it any more: a thread cannot be stopped.
        done.add_done_callback(self._over)
        return await asyncio.shield(done)

    def _over(self, done: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # Looked at, since whoever asked may be gone.


def is_large(value: Any) -> bool:
    """Whether a value of JSON's kinds is more than a short body holds; looks at no more of it than that takes."""
    size, waiting = 0, [value]
    while waiting and size <= SMALL:
        one = waiting.pop()
        if isinstance(one, dict):
            size += 8 * len(one)
            waiting.extend(islice(one.values(), SMALL))
        elif isinstance(one, list):
            size += 2 * len(one)
            waiting.extend(islice(one, SMALL))
        elif isinstance(one, str):
            size += len(one)
    return size > SMALL


READING = Heavy("reading")
"""For bodies, which anybody with a key can send: however many wait, the other kind goes on."""

FOLDING = Heavy("folding")
"""For states as they were, which are folded from the beginning."""

COMPARING = Heavy("comparing", 8)
"""For redlines."""

JUDGING = Heavy("judging")
"""For what is known to be a definition or an act: what would follow from it, and why not yet."""
