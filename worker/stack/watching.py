"""Beside the stack: what ends by itself is started again, with growing pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Set
from typing import Any

from activities.errors import RuntimeProblem
from worker.stack.service import Service

FIRST_PAUSE = 0.5
"""Seconds before what ended is started again; doubled each time."""

LONGEST_PAUSE = 30.0
"""Seconds that the pause grows to."""

STEADY = 60.0
"""After so many seconds of running, the pause is the first one again."""

_WATCH = 0.2


async def together(starts: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all of ``starts`` at once; the first that fails cancels the others, and its error is raised."""
    tasks = [asyncio.create_task(start()) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_running(name: str, service: Service, held: Set[str], tell: Callable[[str], None]) -> None:
    """Start ``service`` again whenever it has ended, until cancelled; not while its name is among ``held``."""
    pause, since = FIRST_PAUSE, time.monotonic()
    while True:
        await asyncio.sleep(_WATCH)
        child = service.child
        if name in held or child is None or child.running:
            continue
        if time.monotonic() - since > STEADY:
            pause = FIRST_PAUSE
        child.wait(1.0)
        tell(f"{name} ended (exit code {child.exit_code}); starting it again in {pause:g} s")
        await asyncio.sleep(pause)
        if name in held:
            continue
        pause, since = min(2 * pause, LONGEST_PAUSE), time.monotonic()
        try:
            await service.start()
        except RuntimeProblem as problem:
            tell(problem.what)
            await service.stop()
