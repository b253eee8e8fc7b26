"""Where the servers of the tests keep their data: in memory, if there is room."""

from __future__ import annotations

import os
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - who asks makes a directory with a random name in it
_ROOM = 2**31


def memory() -> Path | None:
    """A directory in memory; none where the system has none with room, and the usual one has to do.

    Nearly every test makes a database, of 300 files, and some start servers whose every write is to be safe before
    it is answered. On a disk that others write to as well that takes several times as long. Where the system starts
    no programs from there it does not serve, since a server's user may need a copy of Postgres beside its data.
    """
    try:
        there = os.statvfs(_SHARED)
    except OSError:
        return None
    usable = os.access(_SHARED, os.W_OK | os.X_OK) and not there.f_flag & os.ST_NOEXEC
    return _SHARED if usable and there.f_bavail * there.f_frsize >= _ROOM else None
