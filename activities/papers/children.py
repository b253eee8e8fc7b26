"""Child processes that set papers and look into files: what they are started with."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

_NEEDED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)
"""What a Python program is started with. The rest has keys and passwords, and a child reads what anybody deposited."""


async def child(module: str, limit: int = 2**16, errors: bool = True) -> Process:
    """Start a module of ours as a process of its own, with pipes; ``limit`` is for the longest line of its answer."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE if errors else DEVNULL,
        env={name: os.environ[name] for name in _NEEDED if name in os.environ},
        limit=limit,
    )
