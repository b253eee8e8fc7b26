"""Child processes that set papers, look into files and sign: what they are started with."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import IO

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

_SECRET = ("ENTENTE_", "DATABASE_", "TEMPORAL_", "PG", "AWS_", "AZURE_", "GOOGLE_")
"""Beginnings of what holds keys and passwords, and is for no child."""


async def child(
    module: str,
    limit: int = 2**16,
    errors: bool = True,
    *,
    whole: bool = False,
    files: tuple[int, ...] = (),
    to: IO[bytes] | None = None,
) -> Process:
    """Start a module of ours as a process of its own, with pipes; ``limit`` is for the longest line of its answer.

    With ``whole`` it gets the rest of the environment too, but for what holds secrets: a token's module is told by it
    where its token is. ``files`` are descriptors that it inherits. It answers into the file ``to``, where there
    is one.
    """
    given = [name for name in os.environ if name in _NEEDED or (whole and not name.startswith(_SECRET))]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=PIPE,
        stdout=PIPE if to is None else to,
        stderr=PIPE if errors else DEVNULL,
        env={name: os.environ[name] for name in given},
        limit=limit,
        pass_fds=files,
    )
