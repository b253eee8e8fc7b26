"""The command on a terminal of so many columns."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios

from rich.cells import cell_len

from tests.worker.cli.conftest import OURS, Done

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


async def on_a_terminal(columns: int, *words: str, **environment: str) -> Done:
    """Run the command with standard output and error on one terminal; ``out`` is what it shows, codes and all."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(OURS) and key not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker.cli.main", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=slave, stderr=slave,
        env={**inherited, "XDG_CONFIG_HOME": "/nowhere", "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(slave)

    def read() -> bytes:
        found = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux: nobody has the terminal open any more
                return found
            if not chunk:
                return found
            found += chunk

    try:
        shown = await asyncio.wait_for(asyncio.to_thread(read), 60)
        code = await process.wait()
    finally:
        os.close(master)
    return Done(code, shown.decode().replace("\r\n", "\n"), "")


def plain(text: str) -> str:
    """Without codes."""
    return CODES.sub("", text)


def widest(text: str) -> int:
    """The columns of the widest line, but for those that are one word, which can be copied in one piece."""
    lines = [line.rstrip() for line in plain(text).splitlines()]
    return max(cell_len(line) for line in lines if " " in line.strip())
