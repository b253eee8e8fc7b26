"""What of the files is shown on a book's pages: asked of child processes, of which a file may end one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from activities.errors import EntenteError
from activities.papers.book.deposits import Deposit, Deposits
from activities.papers.children import child

MOST_PAGES = 120
"""Pages of PDFs and pictures that one book shows."""

MOST_WORK = 1_500_000
"""What setting the texts of one book may cost."""

TOGETHER = 40.0
"""Seconds of processor time for looking into all files of one book; those after that are attached unseen."""

SECONDS = 20.0
"""Seconds of processor time for one file."""

LONGEST = 60.0
"""Seconds for one file, whatever else the machine does; its processor time has a bound of its own."""

READY = b"ready\n"
"""What the process says first."""

LONGEST_LINE = 64 * 1024 * 1024

Shown = dict[str, Any]


class NotLookedInto(EntenteError):
    """The process that looks into files does not begin: a fault of this installation."""


async def shown_on_pages(deposits: Deposits) -> dict[str, Shown]:
    """By digest, what of each content that is here can be shown.

    A file at which the process ends is shown nowhere, and the others are looked at by another process.

    Raises:
        NotLookedInto: no such process begins.
    """
    files = [one for one in deposits.contents.values() if one.file is not None]
    found: dict[str, Shown] = {}
    left = _Left(MOST_PAGES, MOST_WORK, TOGETHER)
    while files and left.seconds > 0:
        answers = await _ask(files, left)
        for one, answer in zip(files, answers, strict=False):
            found[one.digest] = answer
        if len(answers) < len(files) and left.seconds > 0:
            found[files[len(answers)].digest] = {"why": "broken"}
            left.seconds -= SECONDS
        files = [one for one in files if one.digest not in found]
    return found | {one.digest: {"why": "room"} for one in files}


@dataclass(slots=True)
class _Left:
    """What is left of a book's bounds."""

    pages: int
    work: int
    seconds: float

    def take(self, answer: Shown) -> None:
        self.pages -= answer.get("pages", 0)
        self.work -= answer.get("work", 0)
        self.seconds -= answer["took"]


async def _ask(files: list[Deposit], left: _Left) -> list[Shown]:
    """The answers until the process ends, or the time is over: one for each file, or fewer."""
    process = await child("activities.papers.book.rendering", LONGEST_LINE, errors=False)
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - the same
    answers: list[Shown] = []
    try:
        asked = [{"file": str(one.file), "type": one.media_type} for one in files]
        told = {"pages": left.pages, "work": left.work, "seconds": SECONDS, "files": asked}
        process.stdin.write(json.dumps(told).encode())
        process.stdin.close()
        async with asyncio.timeout(LONGEST):
            if await process.stdout.readline() != READY:
                raise NotLookedInto(
                    "deposited files cannot be looked into: python -m activities.papers.book.rendering does not begin",
                    "Run it by hand and see what it says; then report it",
                )
        for _ in files:
            async with asyncio.timeout(LONGEST):
                line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                break
            answers.append(json.loads(line))
            left.take(answers[-1])
            if left.seconds <= 0:
                break
    except (TimeoutError, ValueError, BrokenPipeError, ConnectionResetError):
        # It stands still, its line is beyond all bounds, or it is gone: the file that it was at is not shown.
        pass
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return answers
