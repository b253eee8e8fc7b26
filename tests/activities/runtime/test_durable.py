"""A durable file is changed by one process at a time, and is whole whenever it is read."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
from pathlib import Path

import pytest

import activities
from activities.runtime.durable import DurableFiles, replace_private, write_private

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


def test_a_private_file_is_its_owners_alone_and_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        write_private(path, b"secret")
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"secret", 0o600)
    # The file before its name, so that no name stands for an empty file after a crash.
    assert synced == ["file", "directory"]


def test_a_private_file_is_never_overwritten(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "key", b"second")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "link", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_stays_of_a_private_file_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_private(tmp_path / "key", b"secret")
    assert list(tmp_path.iterdir()) == []
    write_private(tmp_path / "key", b"secret")


def test_a_private_file_is_replaced_whole_also_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"old")
    (tmp_path / "key.new").write_bytes(b"half")
    replace_private(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_private_files_are_written_in_one_place() -> None:
    rooms = Path(activities.__file__).parent.parent
    writers = {
        str(path.relative_to(rooms))
        for room in ("activities", "api", "worker", "workflows")
        for path in (rooms / room).rglob("*.py")
        if "O_EXCL" in path.read_text()
    }
    assert writers == {"activities/runtime/durable.py"}
