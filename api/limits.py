"""How often something may be asked for: with a key, by a delegate, on an accord, by whom nobody knows, and openings.

Each is counted by itself, with the settings' rates, over a sliding window. Acts on an accord are counted for each
party: what one party's delegates send takes nothing from another's share.

Counts are this process's own, so that no act waits for a shared store. Of several API processes each lets through its
part of the rate, so that all together let through no more; the operator says how many there are
(``ENTENTE_API_PROCESSES``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from activities.runtime.settings import NO_LIMIT, Settings
from api.problems import Problem

Kind = Literal["key", "delegate", "accord", "opening", "failures", "failures_of_key", "codes"]

_SAYS: dict[Kind, str] = {
    "key": "with this key {rate} requests are taken",
    "delegate": "of one delegate {rate} acts are taken",
    "accord": "on one accord {rate} acts of a party's delegates together are taken",
    "opening": "one delegate opens {rate} accords",
    "failures": "from one address {rate} attempts with no key, token or link in force are taken",
    "failures_of_key": "with one key's id {rate} attempts that fail are taken",
    "codes": "for one person, and to one address, {rate} codes are sent by e-mail",
}


class Limits:
    """Counts what is asked for. One for each API process; ``now`` is the clock that waiting times are told by."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._now = now
        self._processes = settings.api_processes
        rates: dict[Kind, str] = {
            "key": settings.rate_key,
            "delegate": settings.rate_delegate,
            "accord": settings.rate_accord,
            "opening": settings.rate_opening,
            "failures": settings.rate_failures,
            "failures_of_key": settings.rate_failures,
            "codes": settings.rate_codes,
        }
        self._rates = {kind: _parsed(text, self._processes) for kind, text in rates.items()}

    async def count(self, kind: Kind, *whose: str) -> None:
        """Count one more; what is refused counts as nothing.

        Raises:
            Problem: ``rate_limited``, with ``Retry-After``.
        """
        rates = self._rates[kind]
        for rate in rates:
            if not await self._limiter.test(rate, kind, *whose):
                raise await self._limited(kind, rate, whose)
        for rate in rates:
            # Looked at again, since another request may have come in between.
            if not await self._limiter.hit(rate, kind, *whose):
                raise await self._limited(kind, rate, whose)

    async def spent(self, kind: Kind, *whose: str) -> bool:
        """Whether one more would be refused. Nothing is counted."""
        for rate in self._rates[kind]:
            if not await self._limiter.test(rate, kind, *whose):
                return True
        return False

    async def _limited(self, kind: Kind, rate: RateLimitItem, whose: tuple[str, ...]) -> Problem:
        standing = await self._limiter.get_window_stats(rate, kind, *whose)
        seconds = max(1, math.ceil(standing.reset_time - self._now()))
        said = _SAYS[kind].format(rate=_shown(rate))
        by = "" if self._processes == 1 else f" by each of the {self._processes} processes of this API"
        return Problem(
            "rate_limited",
            f"Not taken: {said}{by}. Nothing was done; send the same request again after {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


def _parsed(text: str, processes: int) -> tuple[RateLimitItem, ...]:
    """The rates in a text, each divided by the processes; at least one in each, since none would serve nobody."""
    if text == NO_LIMIT:
        return ()
    return tuple(
        type(rate)(max(1, rate.amount // processes), rate.multiples, rate.namespace)
        for rate in parse_many(text)
    )


def _shown(rate: RateLimitItem) -> str:
    span = rate.GRANULARITY.name
    return f"{rate.amount:,} per {span if rate.multiples == 1 else f'{rate.multiples} {span}s'}"
