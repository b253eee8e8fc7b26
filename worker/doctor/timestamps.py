"""Whether the time-stamp authorities answer, and how far their clocks are from this machine's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

from activities.errors import SettingsProblem
from activities.runtime.reaching import Reaching, Unreachable
from activities.runtime.settings import Settings
from activities.timestamps.token import Authorities, TokenInvalid
from activities.witness.stamping import ask
from worker.background.stamping import known_authorities, reaching_authorities
from worker.doctor.clocks import skew
from worker.doctor.finding import Finding, ok, skipped, warning, wrong

TEXT = b"entente doctor\n"
"""What a token is asked for over: it is of no accord."""


async def timestamps(settings: Settings) -> AsyncIterator[Finding]:
    """What each authority says when it is asked for one token."""
    if not settings.tsa:
        yield skipped("time-stamp authorities", "none is set (ENTENTE_TSA)")
        return
    try:
        known = known_authorities(settings.tsa_certificates)
    except SettingsProblem as problem:
        yield wrong("time-stamp authorities", problem.what, problem.remedy)
        return
    if known is None:
        yield warning(
            "time-stamp authorities",
            "Their tokens are kept without their signatures being looked at: no root certificates are set.",
            "Set ENTENTE_TSA_CERTIFICATES to a file with the roots, and give it to the parties, who need it to verify.",
        )
    async with aclosing(reaching_authorities(settings)) as reaching:
        for address in settings.tsa:
            async for finding in _one(reaching, address, known):
                yield finding


async def _one(reaching: Reaching, address: str, known: Authorities | None) -> AsyncIterator[Finding]:
    check = f"authority {address}"
    before, began = datetime.now(UTC), time.monotonic()
    try:
        token = await ask(reaching, address, TEXT, known)
    except (Unreachable, TokenInvalid) as problem:
        yield warning(
            check,
            f"It gives no token: {problem.what}. Checkpoints go without its time meanwhile; nothing else waits for it.",
            "Look at its address, at ENTENTE_TSA_NETWORKS and ENTENTE_TSA_CERTIFICATES, or speak to whoever runs it.",
        )
        return
    took = time.monotonic() - began
    yield ok(check, f"it stamps, as {token.authority}")
    yield skew(f"clock of {address}", before, took, token.time)
