"""Whether the object store that contents are kept in answers."""

from __future__ import annotations

from activities.errors import SettingsProblem
from activities.files.errors import StoreUnavailable
from activities.files.store import open_store
from activities.runtime.settings import Settings
from worker.doctor.finding import Finding, ok, wrong


async def contents(settings: Settings) -> Finding:
    """What the store says: a directory that is not there yet is made when it is first written to."""
    try:
        await open_store(settings).check()
    except (SettingsProblem, StoreUnavailable) as problem:
        return wrong("contents", problem.what, problem.remedy)
    return ok("contents", f"kept in {settings.files_url or settings.state_dir / 'files'}")
