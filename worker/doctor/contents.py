"""Whether the object store that contents are kept in answers."""

from __future__ import annotations

import os
from pathlib import Path

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
    return _in_the_way(settings) or ok(
        "contents", f"kept in {settings.files_url or settings.state_dir / 'files'}"
    )


def _in_the_way(settings: Settings) -> Finding | None:
    """What keeps this user from writing into a local directory, if anything does."""
    if settings.files_url is not None and "://" in settings.files_url:
        return None
    wanted = Path(settings.files_url or settings.state_dir / "files").absolute()
    there = next(one for one in (wanted, *wanted.parents) if one.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return None
    return wrong(
        "contents",
        f"They are to be kept in {wanted}, and {there} is not to be written to by this user.",
        "Let the user of worker and API write there, or set ENTENTE_FILES_URL to another directory.",
    )
