"""A queue for each accord: how many acts are under way at once, how many wait, and whose turn is next.

Temporal takes some ten updates of one workflow at a time; with more, all of them hang. So an act waits here until
one of a few places is free. Places go round among the delegates that wait, so that an act of one delegate waits for
one act of each other delegate at the most, however many those have sent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from activities.runtime.metrics import QUEUE_TURNED_AWAY
from workflows.errors import EntenteError

IN_FLIGHT = 5
"""Acts on one accord that one API process has under way at once. Two processes stay within the server's ten."""

WAITING = 600
"""Acts on one accord that may wait."""

WAITING_EACH = 200
"""Acts of one delegate among them."""


class Busy(EntenteError):
    """There is no room to wait for this act; it was not sent. The text says whose acts fill the queue."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "Send it again, under the same id, when some of them are done")
        QUEUE_TURNED_AWAY.inc()


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queues of one API process stand, in sum; ``longest`` is the most acts that wait on one accord."""

    accords: int
    waiting: int
    under_way: int
    longest: int


@dataclass(slots=True)
class _Line:
    """The acts on one accord: how many are under way, and who waits, in the order in which delegates have a turn."""

    under_way: int = 0
    waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)

    def length(self) -> int:
        return sum(map(len, self.waiting.values()))

    def drop(self, delegate: str, place: asyncio.Future[None]) -> None:
        """Take a place out of the queue; none is there any more if it was called or dropped meanwhile."""
        queue = self.waiting.get(delegate)
        if queue is not None and place in queue:
            queue.remove(place)
            if not queue:
                del self.waiting[delegate]

    def call_next(self) -> bool:
        """Give a place to whose turn is next; false where nobody waits."""
        while self.waiting:
            delegate, queue = next(iter(self.waiting.items()))
            place = queue.popleft()
            if queue:
                self.waiting.move_to_end(delegate)
            else:
                del self.waiting[delegate]
            # Who was cancelled a moment ago may still stand here.
            if not place.done():
                place.set_result(None)
                return True
        return False


class ActQueue:
    """The queues of all accords in one API process."""

    def __init__(
        self,
        in_flight: int = IN_FLIGHT,
        waiting: int = WAITING,
        waiting_each: int = WAITING_EACH,
        what: str = "acts",
        where: str = " on this accord",
    ) -> None:
        if min(in_flight, waiting, waiting_each) < 1:
            raise ValueError("a queue has room for one act at least")
        self._in_flight = in_flight
        self._waiting = waiting
        self._waiting_each = waiting_each
        self._what = what
        self._where = where
        self._lines: dict[str, _Line] = {}

    def waiting(self, accord: str) -> int:
        """How many acts on the accord wait."""
        line = self._lines.get(accord)
        return 0 if line is None else line.length()

    def under_way(self, accord: str) -> int:
        """How many acts on the accord are under way."""
        line = self._lines.get(accord)
        return 0 if line is None else line.under_way

    def figures(self) -> Figures:
        """How the queues stand, in sum."""
        lengths = [line.length() for line in self._lines.values()]
        under_way = sum(line.under_way for line in self._lines.values())
        return Figures(len(lengths), sum(lengths), under_way, max(lengths, default=0))

    @asynccontextmanager
    async def turn(self, accord: str, delegate: str) -> AsyncIterator[None]:
        """Wait for the delegate's turn on the accord; the place is free again after the block.

        Who is cancelled while waiting leaves the queue.

        Raises:
            Busy: no room is left to wait in, or it had to be left to delegates with fewer acts waiting.
        """
        line = self._lines.setdefault(accord, _Line())
        await self._enter(accord, line, delegate)
        try:
            yield
        finally:
            self._leave(accord, line)

    async def _enter(self, accord: str, line: _Line, delegate: str) -> None:
        # Where a place is free, nobody waits: whoever leaves calls the next one.
        if line.under_way < self._in_flight:
            line.under_way += 1
            return
        self._make_room(line, delegate)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.setdefault(delegate, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                # Called and cancelled at the same moment: the place goes on to the next.
                self._leave(accord, line)
            else:
                line.drop(delegate, place)
            raise

    def _make_room(self, line: _Line, delegate: str) -> None:
        own = len(line.waiting.get(delegate, ()))
        if own >= self._waiting_each:
            raise Busy(f"{own} {self._what} of {delegate}{self._where} wait already")
        if line.length() < self._waiting:
            return
        longest, queue = max(line.waiting.items(), key=lambda each: len(each[1]))
        if len(queue) <= own + 1:
            raise Busy(f"{self._waiting} {self._what}{self._where} wait already")
        # The last of whoever has most waiting gives way, so that no flood keeps others out.
        last = queue[-1]
        line.drop(longest, last)
        if not last.done():
            last.set_exception(
                Busy(f"{self._waiting} {self._what}{self._where} wait, most of them of {longest}")
            )

    def _leave(self, accord: str, line: _Line) -> None:
        if line.call_next():
            return
        line.under_way -= 1
        if line.under_way == 0:
            del self._lines[accord]
