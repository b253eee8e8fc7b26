"""A worker that is killed while an authority takes its time: no token is lost or doubled, and the next one goes on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.activities.timestamps.authority import TestAuthority, http
from tests.activities.timestamps.test_stamping import Log, authority, log
from tests.activities.witness.hostile import listening

__all__ = ["authority", "log"]


async def test_the_next_worker_goes_on_where_a_killed_one_was(
    log: Log, authority: TestAuthority, database_url: str, tmp_path: Path
) -> None:
    waits, killed = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = service.requests[-1].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        request = await reader.readexactly(length)
        if len(service.requests) == 2:
            # The first is stamped; over the second the worker is killed.
            waits.set()
            await killed.wait()
        writer.write(http(authority.answer(request)))
        await writer.drain()

    async with listening(slow) as service:
        await log.grow("a")
        await log.grow("b")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.activities.timestamps.sweeper",
            database_url, str(tmp_path / "log.key"), "entente.test", service.url,
        )  # fmt: skip
        try:
            await asyncio.wait_for(waits.wait(), 60)
        finally:
            process.kill()
            await process.wait()
        killed.set()
        kept = await log.stamps("a") + await log.stamps("b")
        [one] = log.stamping(service.url).authorities
        # The lock of the killed one is the server's to let go, as soon as it notices.
        for _ in range(100):
            if await one.sweep():
                break
            await asyncio.sleep(0.1)
        await one.sweep()
        for accord in ("a", "b"):
            assert await log.stamps(accord) == [(1, service.url)]
        assert len(kept) <= 1
        assert len(service.requests) <= 4
