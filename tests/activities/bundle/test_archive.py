"""The archive that a bundle is, read: whatever its members come to, they come whole."""

from __future__ import annotations

import io
import zipfile

import pytest

from activities.bundle.archive import Archive


@pytest.mark.parametrize("pattern", [b"a", b"ab", b'{"a":1}\n'])
def test_a_member_is_read_to_its_end_wherever_its_blocks_end(pattern: bytes) -> None:
    """Found: what unpacks to a little more than a block, and ends in one repetition, was called damaged."""
    contents = {
        f"{size}": (pattern * size)[:size]
        for block in (65_536, 131_072)
        for size in range(block - 4, block + 270, 3)
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, content in contents.items():
            made.writestr(name, content)
    archive = Archive(file)
    for name, content in contents.items():
        assert archive.read(name, len(content)) == content, name
