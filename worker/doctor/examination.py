"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

from activities.runtime.settings import Settings
from worker.doctor import machine
from worker.doctor.configured import configured
from worker.doctor.contents import contents
from worker.doctor.finding import Finding, ok
from worker.doctor.postgres import database
from worker.doctor.temporal import temporal
from worker.doctor.timestamps import timestamps


async def examine(settings: Settings, source: str) -> AsyncIterator[Finding]:
    """What each check finds, as it is found; ``source`` is where the settings come from."""
    yield ok("settings", source)
    for finding in machine.keys(settings):
        yield finding
    for finding in configured(settings):
        yield finding
    async for finding in database(settings):
        yield finding
    async for finding in temporal(settings):
        yield finding
    yield await contents(settings)
    async for finding in timestamps(settings):
        yield finding
    yield machine.disk(settings.state_dir)
    yield machine.file_limit()
    yield machine.traces()
