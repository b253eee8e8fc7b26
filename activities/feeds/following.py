"""Following the record: one reader of the database for all who follow in this process, each from where it stands.

``entries`` is the outbox. Its feed positions are gap-free in the order of commits, so whoever has seen all up to a
position misses nothing and gets nothing twice by asking for what is beyond it. New entries are read once, whoever
follows, and kept for a while; who is further behind reads pages of its own. Nobody who follows holds a connection: one
listens for the whole process, and only while somebody follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from activities.errors import LedgerError
from activities.feeds.events import as_json, cloud_event
from activities.ledger.database import translated, with_role
from activities.ledger.postgres import SELECT_ENTRIES, stored_entry
from activities.ledger.store import StoredEntry
from activities.reading.access import access_of
from activities.reading.events import as_recorded, reads_particulars, shown_view
from activities.reading.states import States
from workflows.model.state import Accord

CHANNEL = "entente_feed"
"""On which every batch of entries is announced, with the feed position of its last."""

PAGE = 200
"""Entries read at once."""

KEPT = 2_000
"""Entries that are kept for those who follow."""

KEPT_BYTES = 32 * 1024 * 1024
"""What these may have together."""

LOOK = 1.0
"""Seconds after which the database is asked, announced or not: an announcement may be lost with its connection."""

LISTEN_PATIENCE = 5.0
"""Seconds that making the listening connection may take."""

_FEED = f"{SELECT_ENTRIES} where e.feed > $1 and e.feed <= $2 order by e.feed limit $3"
_OF_ACCORD = (
    f"{SELECT_ENTRIES} where e.accord = $4 and e.feed > $1 and e.feed <= $2 order by e.position limit $3"
)
_OF_MEMBER = (
    f"{SELECT_ENTRIES} join accords a on a.accord = e.accord "
    "where a.members @> array[$4] and e.feed > $1 and e.feed <= $2 order by e.feed limit $3"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows what: a principal, by which key it reads all accords or only its own, and one accord or all."""

    principal: str
    reads_all: bool = False
    accord: str | None = None


@dataclass(slots=True)
class _Entry:
    """An entry, the accord's state by then or later, and the event as it was written for readers of either kind."""

    stored: StoredEntry
    state: Accord
    written: dict[bool, bytes] = field(default_factory=dict)
    judged: dict[tuple[str, bool], tuple[int, int, bool | None]] = field(default_factory=dict)
    """For each principal: by a state of which size and in which minute, and whether it reads all, or none of it."""

    def shown_to(self, who: Following, state: Accord, now: datetime) -> bool | None:
        """Whether an entry is for a follower with its particulars, or without; none where it is not for it at all."""
        minute = int(now.timestamp()) // 60
        size, at, shown = self.judged.get((who.principal, who.reads_all), (-1, -1, None))
        if (size, at) != (state.size, minute):
            access = access_of(who.principal, state, now, reads_all=who.reads_all)
            seen = access is not None and not access.cleared
            shown = reads_particulars(self.stored, state, access) if access is not None and seen else None
            self.judged[who.principal, who.reads_all] = (state.size, minute, shown)
        return shown

    def forget_erased(self, state: Accord) -> None:
        """Forget particulars that are erased since they were read."""
        stored = as_recorded(self.stored, state)
        if stored is not self.stored:
            self.stored = stored
            self.written.clear()

    def event(self, whole: bool, origin: str, vocabulary: str) -> bytes:
        found = self.written.get(whole)
        if found is None:
            view = shown_view(self.stored, vocabulary, whole=whole)
            found = self.written[whole] = as_json(cloud_event(view, self.stored.accord, origin))
        return found


@dataclass(frozen=True, slots=True)
class Told:
    """What a follower is told: events with their feed positions, and the position that it has come to by them."""

    events: tuple[tuple[int, bytes], ...]
    position: int


class BeyondFeed(LedgerError):
    """A follower has come further than the feed goes: an older database was put back. ``position`` is its end."""

    def __init__(self, asked: int, position: int) -> None:
        super().__init__(
            f"the feed ends at {position}, and {asked} was asked for",
            "The record was put back to an earlier time; read it anew from the beginning",
        )
        self.position = position


async def page(
    pool: asyncpg.Pool[Any], who: Following, after: int, end: int
) -> tuple[list[StoredEntry], int]:
    """Some entries beyond ``after`` and up to ``end`` that may be for ``who``, and the position that they reach.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read", with_role("entente_reader")):
        if who.accord is not None:
            rows = await pool.fetch(_OF_ACCORD, after, end, PAGE, who.accord)
        elif who.reads_all:
            rows = await pool.fetch(_FEED, after, end, PAGE)
        else:
            rows = await pool.fetch(_OF_MEMBER, after, end, PAGE, who.principal)
    return [stored_entry(row) for row in rows], rows[-1]["feed"] if len(rows) == PAGE else end


async def feed_position(pool: asyncpg.Pool[Any]) -> int:
    """The feed position of the last entry.

    Raises:
        LedgerError: the database does not answer.
    """
    with translated("read", with_role("entente_reader")):
        found: int = await pool.fetchval("select position from feed")
    return found


class Announcements:
    """Hears on a connection of its own that something was recorded; may miss it, so look from time to time as well."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[Any] | None = None
        self._heard = asyncio.Event()

    async def __aenter__(self) -> Announcements:
        """Listen.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the database does not answer.
        """
        self._connection = await asyncpg.connect(self._dsn, timeout=LISTEN_PATIENCE)
        await self._connection.add_listener(CHANNEL, self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        if self._connection is not None:
            self._connection.terminate()

    @property
    def broken(self) -> bool:
        """Whether the connection is gone."""
        return self._connection is None or self._connection.is_closed()

    async def wait(self, seconds: float) -> None:
        """Until something is announced, or so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), seconds)
        self._heard.clear()

    def _hear(self, *_: object) -> None:
        self._heard.set()


AWAY = (LedgerError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What following fails with while the database is away."""


class Feed:
    """The feed of one database for everybody who follows it in this process.

    Args:
        dsn: for the connection that listens.
        pool: for reading.
        states: folded states; an entry is shown by the state of its accord.
        origin: what the logs of this installation are named by.
    """

    def __init__(self, dsn: str, pool: asyncpg.Pool[Any], states: States, origin: str) -> None:
        self._dsn = dsn
        self._pool = pool
        self._states = states
        self._origin = origin
        self._followers = 0
        self._position = -1
        self._kept: deque[_Entry] = deque()
        self._kept_bytes = 0
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def followers(self) -> int:
        """How many follow now."""
        return self._followers

    def end(self) -> None:
        """End for everybody who follows: the process is about to stop."""
        self._ended = True
        self._tell()

    async def aclose(self) -> None:
        """Stop listening."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def follow(
        self, who: Following, after: int | None, *, heartbeat: float
    ) -> AsyncGenerator[Told, None]:
        """What comes beyond the position ``after`` (from now on, if it is none) that is for ``who``, without end.

        After ``heartbeat`` seconds without anything an empty one says how far the feed was read.

        Raises:
            BeyondFeed: there is no such position.
            LedgerError: the database did not answer at the beginning. Later it is waited for.
        """
        # Who is known to follow what is read already asks nothing of the database: a thousand may come at once.
        running = self._task is not None and not self._task.done()
        end = self._position if running else -1
        if end < 0 or (after is not None and after > end):
            end = await feed_position(self._pool)
        if after is None:
            after = end
        elif after > end:
            raise BeyondFeed(after, end)
        self._followers += 1
        try:
            # The first word at once: whoever connects knows where it stands.
            yield Told((), after)
            while not self._ended:
                if self._task is None or self._task.done():
                    self._task = asyncio.create_task(self._run(), name="following the feed")
                told = await self._next(who, after)
                if told is None:
                    moved = self._moved
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(moved.wait(), heartbeat)
                    if not moved.is_set():
                        yield Told((), after)
                    continue
                after = told.position
                if told.events:
                    yield told
        finally:
            self._followers -= 1

    async def _next(self, who: Following, after: int) -> Told | None:
        """What is beyond ``after``; none where nothing is yet."""
        if self._position <= after:
            return None
        end = self._position
        if self._kept and self._kept[0].stored.feed <= after + 1:
            # Positions have no gap, so an entry's place among those kept follows from its own.
            begin = after + 1 - self._kept[0].stored.feed
            entries: Sequence[_Entry] = [
                self._kept[i] for i in range(begin, min(begin + PAGE, len(self._kept)))
            ]
            end = entries[-1].stored.feed
        else:
            try:
                rows, end = await page(self._pool, who, after, end)
                entries = await self._with_states(rows)
            except LedgerError:
                await asyncio.sleep(LOOK)
                return Told((), after)
        now = datetime.now(UTC)
        events = []
        for entry in entries:
            stored = entry.stored
            if who.accord is not None and stored.accord != who.accord:
                continue
            # By the newest state at hand: who may read it by now, not who might have when it was recorded.
            held = self._states.cached(stored.accord)
            state = held.state if held is not None and held.state.size > entry.state.size else entry.state
            whole = entry.shown_to(who, state, now)
            if whole is not None:
                entry.forget_erased(state)
                events.append((stored.feed, entry.event(whole, self._origin, state.definition.vocabulary)))
        return Told(tuple(events), end)

    async def _with_states(self, entries: Sequence[StoredEntry]) -> list[_Entry]:
        states: dict[str, Accord] = {}
        for accord in {entry.accord for entry in entries}:
            folded = await self._states.get(accord)
            if folded is not None:
                states[accord] = folded.state
        return [_Entry(entry, states[entry.accord]) for entry in entries if entry.accord in states]

    # The one who reads for all

    async def _run(self) -> None:
        """Take up what is new while somebody follows."""
        try:
            self._position = -1
            self._kept.clear()
            self._kept_bytes = 0
            while self._followers:
                try:
                    async with Announcements(self._dsn) as announced:
                        while self._followers and not announced.broken:
                            await self._take_up()
                            await announced.wait(LOOK)
                except AWAY as error:
                    log.warning("the feed cannot be followed at the moment", reason=str(error)[:300])
                    await asyncio.sleep(LOOK)
        except Exception:
            # Whoever follows starts it anew.
            log.exception("following the feed failed")
            raise

    async def _take_up(self) -> None:
        end = await feed_position(self._pool)
        if self._position < 0 or end < self._position:
            # From here on; an older database that was put back begins anew as well.
            self._kept.clear()
            self._kept_bytes = 0
            self._position = end
            self._tell()
        while self._position < end:
            with translated("read", with_role("entente_reader")):
                rows = await self._pool.fetch(_FEED, self._position, end, PAGE)
            if not rows:
                return
            entries = await self._with_states([stored_entry(row) for row in rows])
            if len(entries) < len(rows):
                # An accord without a state: what is kept has no gap, so it begins anew behind it.
                self._kept.clear()
                self._kept_bytes = 0
            else:
                for entry in entries:
                    self._keep(entry)
            self._position = rows[-1]["feed"]
            self._tell()

    def _keep(self, entry: _Entry) -> None:
        self._kept.append(entry)
        self._kept_bytes += _weight(entry)
        while len(self._kept) > KEPT or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= _weight(self._kept.popleft())

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


def _weight(entry: _Entry) -> int:
    """Bytes that an entry takes with what is written of it, at the most: both readers' events repeat its payloads."""
    stored = entry.stored
    payloads = sum(len(part.content) for part in (stored.facts, stored.particulars) if part is not None)
    return 2 * len(stored.content) + 3 * payloads + 1024
