"""A durable file is changed by one process at a time, and is whole whenever it is read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from activities.runtime.durable import DurableFiles

COUNT = """
import asyncio, sys
from pathlib import Path
from activities.runtime.durable import DurableFiles

async def main():
    files = DurableFiles(Path(sys.argv[1]))
    for _ in range(40):
        async with files.locked("counter") as file:
            number = int(file.read() or b"0")
            await asyncio.sleep(0)
            file.write(str(number + 1).encode())

asyncio.run(main())
"""


async def test_processes_and_tasks_take_turns(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)

    async def here() -> None:
        for _ in range(20):
            async with files.locked("counter") as file:
                number = int(file.read() or b"0")
                await asyncio.sleep(0)
                file.write(str(number + 1).encode())

    async def elsewhere() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", COUNT, str(tmp_path))
        assert await process.wait() == 0

    await asyncio.gather(here(), here(), elsewhere(), elsewhere())
    async with files.locked("counter") as file:
        assert file.read() == b"120"
    async with files.locked("another") as file:
        assert file.read() is None
