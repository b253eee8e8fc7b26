"""Ask authorities for their time over final checkpoints: RFC 3161 tokens, over HTTP (RFC 3161, section 3.4).

This runs beside the worker, and nothing waits for it: an authority that is down is asked again later, and a checkpoint
that it did not stamp is covered by the next one that it does. Authorities are apart from one another. Of an accord the
newest final checkpoint is stamped, and of several workers one at a time asks an authority.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import structlog

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.timestamps import Unstamped
from activities.errors import LedgerError
from activities.ledger.database import translated, with_role
from activities.runtime.metrics import TIMESTAMP_ANSWERS, TIMESTAMP_LAG, UNSTAMPED
from activities.runtime.reaching import Reaching, Unreachable
from activities.timestamps.token import Authorities, Token, TokenInvalid, answered, question

MAX_ANSWER: Final = 80 * 1024
"""The most bytes of an authority's answer that are read: those of a token, and some."""

QUERY: Final = (
    (b"Content-Type", b"application/timestamp-query"),
    (b"Accept", b"application/timestamp-reply"),
)
"""The headers of a request."""

_PAGE: Final = 100

_RESTING: Final = 10
"""For each second that the database looked for what is to be stamped, so many until it looks again."""

_REMEMBERED: Final = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StampingPace:
    """How much is asked at once, and how long anything may take, in seconds."""

    sweep: float = 20.0
    """after which a sweep ends, and the next one begins where it stood"""
    at_once: int = 4
    """requests to one authority"""
    first_pause: float = 15.0
    longest_pause: float = 600.0
    """an authority that fails is left alone for a while, which doubles with each failure, up to this"""


async def ask(reaching: Reaching, address: str, text: bytes, known: Authorities | None = None) -> Token:
    """Ask the authority at ``address`` for a token over ``text``; it verifies under ``known``, where that is given.

    Raises:
        Unreachable: it does not answer, not in time, too much, or must not be asked.
        TokenInvalid: it answers something else than what was asked for.
    """
    asked = question(text)
    answer = await reaching.post(address, asked.content, most=MAX_ANSWER, headers=QUERY)
    if answer.status != 200:
        raise TokenInvalid(f"it answered {answer.status}")
    token = answered(asked, answer.content)
    if known is not None:
        known.verify(token, text)
    return token


class Stamping:
    """Has the authorities at ``addresses`` stamp the final ones of ``checkpoints``.

    ``known`` are certificates under which tokens have to verify before they are kept; ``pool`` has connections on which
    nobody waits, one for each authority and two more.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        pool: asyncpg.Pool[Any],
        addresses: Sequence[str],
        reaching: Reaching,
        known: Authorities | None = None,
        pace: StampingPace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.authorities = [
            Authority(address, checkpoints, pool, reaching, known, pace or StampingPace(), clock)
            for address in addresses
        ]

    async def run(self, pause: float = 5.0) -> None:
        """Sweep for each authority, wait ``pause`` seconds, and so on until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for one in self.authorities:
                tasks.create_task(one.run(pause), name=f"stamping {one.address}")


class Authority:
    """One authority, and how it is doing."""

    def __init__(
        self,
        address: str,
        checkpoints: Checkpoints,
        pool: asyncpg.Pool[Any],
        reaching: Reaching,
        known: Authorities | None,
        pace: StampingPace,
        clock: Callable[[], float],
    ) -> None:
        self.address = address
        self._checkpoints = checkpoints
        self._pool = pool
        self._reaching = reaching
        self._known = known
        self._pace = pace
        self._clock = clock
        self._after = ""
        self._failures = 0
        self._looking = 0.0
        self._until = 0.0
        self._reason = ""
        # Accords of which nothing new was final the last time, as they were then: they are not judged again until more
        # is cosigned.
        self._seen: OrderedDict[str, Unstamped] = OrderedDict()
        # Final checkpoints that it was asked to stamp and did not, by when they had their last cosignature.
        self._owed: dict[str, datetime] = {}

    async def run(self, pause: float) -> None:
        """Sweep, wait, and so on until cancelled."""
        while True:
            try:
                await self.sweep()
            except LedgerError as error:
                log.warning("checkpoints cannot be stamped now", authority=self.address, reason=str(error))
            except Exception:
                # Nobody waits for this task, so nobody would notice its end.
                log.exception("stamping checkpoints failed", authority=self.address)
            await asyncio.sleep(max(pause, _RESTING * self._looking))

    async def sweep(self) -> int:
        """Have each accord's newest final checkpoint stamped that is not; returns how many tokens were kept.

        Nothing is asked while the authority is left alone, nor while another process asks it. It ends in time.
        """
        self._looking = 0.0
        if self._clock() < self._until:
            self._tell()
            return 0
        kept = 0
        async with self._alone() as alone:
            if not alone:
                # Another process asks, and tells.
                self._owed.clear()
                self._tell()
                return 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.sweep):
                    async for some in self._in_turn():
                        kept += sum(await asyncio.gather(*map(self._stamp, some)))
                        if self._clock() < self._until:
                            break
        self._tell()
        return kept

    def _tell(self) -> None:
        """Tell the figures of this authority: what it owes, and since when."""
        now = datetime.now(UTC)
        lag = max(((now - since).total_seconds() for since in self._owed.values()), default=0.0)
        UNSTAMPED.labels(self.address).set(len(self._owed))
        TIMESTAMP_LAG.labels(self.address).set(max(lag, 0.0))

    async def _in_turn(self) -> AsyncIterator[list[Unstamped]]:
        """A few accords at a time: on from where the last sweep stood, to the end, and then from the beginning."""
        begun, there = self._after == "", set[str]()
        while True:
            began = time.monotonic()
            page = await self._checkpoints.timestamps.unstamped(self.address, self._after, _PAGE)
            self._looking += time.monotonic() - began
            there |= {one.accord for one in page}
            for at in range(0, len(page), self._pace.at_once):
                some = page[at : at + self._pace.at_once]
                self._after = some[-1].accord
                yield some
            if not page:
                if begun:
                    # Looked at from the first to the last: what is not among them is stamped, or superseded.
                    self._owed = {accord: since for accord, since in self._owed.items() if accord in there}
                self._after = ""
                if begun:
                    return
                begun = True

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Whether no other process asks this authority, for as long as the block runs."""
        with translated("read timestamps", with_role("entente_reader")):
            connection = await self._pool.acquire()
        try:
            with translated("read timestamps", with_role("entente_reader")):
                transaction = connection.transaction()
                await transaction.start()
                alone = await connection.fetchval(
                    "select pg_try_advisory_xact_lock(hashtextextended($1, 80))", self.address
                )
            try:
                yield bool(alone)
            finally:
                # Where the server has ended it meanwhile, the lock is free already.
                with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await transaction.rollback()
        finally:
            await self._pool.release(connection)

    async def _stamp(self, one: Unstamped) -> int:
        """How many tokens of one accord were kept. Its troubles end here."""
        if self._seen.get(one.accord) == one:
            return 0
        try:
            return await self._stamped(one)
        except LedgerError as error:
            # One accord whose record does not read must not keep the others from being stamped.
            log.error(
                "an accord cannot be stamped", accord=one.accord, authority=self.address, reason=str(error)
            )
        except Exception:
            log.exception("an accord cannot be stamped", accord=one.accord, authority=self.address)
        return 0

    async def _stamped(self, one: Unstamped) -> int:
        before = await self._checkpoints.timestamps.stamped(one.accord, self.address)
        final = await self._checkpoints.newest_final(one.accord, before)
        if final is None or final.checkpoint.size < one.size:
            self._seen[one.accord] = one
            self._seen.move_to_end(one.accord)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        if final is None:
            self._owed.pop(one.accord, None)
            return 0
        try:
            token = await ask(self._reaching, self.address, final.note.text.encode(), self._known)
        except (Unreachable, TokenInvalid) as error:
            self._seen.pop(one.accord, None)
            self._owed.setdefault(one.accord, one.since)
            self._failed(str(error))
            return 0
        self._owed.pop(one.accord, None)
        await self._checkpoints.timestamps.keep(
            one.accord, final.checkpoint.size, self.address, token.content
        )
        TIMESTAMP_ANSWERS.labels(self.address, "stamped").inc()
        if self._failures:
            log.info("an authority stamps again", authority=self.address)
        self._failures, self._reason = 0, ""
        return 1

    def _failed(self, reason: str) -> None:
        TIMESTAMP_ANSWERS.labels(self.address, "failed").inc()
        if self._clock() >= self._until:
            # Of requests that failed together the first one counts.
            self._failures += 1
            pause = self._pace.first_pause * 2 ** min(self._failures - 1, 20)
            self._until = self._clock() + min(pause, self._pace.longest_pause)
        if self._reason != reason:
            # Said once for as long as it lasts, not on every try.
            log.warning("an authority does not stamp", authority=self.address, reason=reason)
        self._reason = reason
