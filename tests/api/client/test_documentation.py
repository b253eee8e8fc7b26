"""``deploy/docs/client.md``: its examples run as they stand, and type-check."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.api.client.conftest import Reached

DOCUMENT = Path(__file__).parents[3] / "deploy" / "docs" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


async def test_the_examples_run(reached: Reached, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {
        "url": reached.url,
        "aa": await reached.api.token("aa.contact"),
        "bb": await reached.api.token("bb.contact"),
        "folder": str(tmp_path),
    }
    assert len(BLOCKS) >= 10
    for number, block in enumerate(BLOCKS):
        code = compile(block, f"client.md[{number}]", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, names)  # noqa: S307 - it is our own document
        if inspect.isawaitable(running):
            await running
    said = capsys.readouterr().out
    assert "authority" in said
    assert "the accord is at v" in said
    assert (tmp_path / "copy.txt").read_text() == "The venue is ready.\n"
    assert (tmp_path / "visit.bundle").stat().st_size == names["size"]
    assert names["checkpoint"].startswith(b"entente.test/accords/")


@pytest.mark.slow
def test_the_examples_type_check(tmp_path: Path) -> None:
    whole = textwrap.indent("".join(BLOCKS), "    ")
    program = f"async def program(url: str, aa: str, bb: str, folder: str) -> None:\n{whole}"
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "program.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stdout
