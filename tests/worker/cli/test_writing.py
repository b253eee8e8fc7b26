"""Files that commands write are whole, also where two of them write the same one at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.cli.client import writing
from worker.cli.client.writing import write_whole


def test_two_that_write_the_same_file_at_once_each_write_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write, numbers = tmp_path / "paper.pdf", Path.write_bytes, iter((1, 2))
    monkeypatch.setattr(writing.os, "getpid", lambda: next(numbers))

    def half_then_the_other(self: Path, content: bytes) -> int:
        monkeypatch.setattr(Path, "write_bytes", write)
        write(self, content[:3])
        write_whole(file, b"of the other")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", half_then_the_other)
    write_whole(file, b"of the first")
    assert file.read_bytes() == b"of the first"
    assert [one.name for one in tmp_path.iterdir()] == ["paper.pdf"]
