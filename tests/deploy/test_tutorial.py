"""The tutorial, done as it is read: every block in its order, in one shell, on a stack that its first block starts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.memory import memory
from tests.worker.stack.running import GONE_SECONDS, left_of, until
from worker.stack.place import forget
from worker.stack.ports import any_free

PAGE = Path(__file__).parents[2] / "deploy" / "docs" / "tutorial.md"
LONGEST = 60.0
"""Seconds for one block; none waits for more than a start."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, and what is in it."""

    line: int
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page.

    Raises:
        AssertionError: one is of a kind that nobody would run, or is never closed.
    """
    taken: list[Block] = []
    fences = re.compile(r"^(`{3,}|~{3,})(.*)\n((?s:.*?))^\1[ ]*$", re.MULTILINE)
    for match in fences.finditer(page):
        line = page[: match.start()].count("\n") + 1
        language = match[2].strip()
        assert language in ("sh", "python", "yaml", "text"), (
            f"line {line}: nobody runs a block of {language!r}"
        )
        taken.append(Block(line, language, match[3]))
    opened = re.findall(r"^[ \t]*(?:`{3,}|~{3,})", page, re.MULTILINE)
    assert len(opened) == 2 * len(taken), "a block is indented, or not closed, and so not run"
    return taken


def as_pattern(expected: str) -> str:
    """What is printed, with … for what differs: within a line, or for any lines where it stands alone or ends one."""
    lines = []
    for line in expected.splitlines():
        if line == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, re.split("…", line.rstrip()))) + r"[ ]*\n")
    return "".join(lines)


@dataclass
class Reader:
    """Somebody at one shell, who does what the page says."""

    folder: Path
    place: Path = field(init=False)
    """Where the shell is."""
    shell: subprocess.Popen[bytes] = field(init=False)
    printed: str = ""
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place = self.folder
        (self.folder / ".venv").symlink_to(sys.prefix)
        ours = ("TEMPORAL_", "ENTENTE_", "DATABASE_URL")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            cwd=self.folder,
            env={**inherited, "PORT": str(any_free()), "TERMINAL_WIDTH": "110", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )

    def does(self, block: Block) -> None:
        """Run a block of shell; what it prints is kept."""
        script, output, done, place = (self.folder / f".block.{end}" for end in ("sh", "out", "rc", "pwd"))
        script.write_text(block.text)
        done.unlink(missing_ok=True)
        assert self.shell.stdin is not None
        # In the shell itself, for what it defines to stay; the exit code is that of the first command that fails.
        self.shell.stdin.write(
            f"trap 'echo $? > {done}' EXIT; set -euo pipefail\n"
            f". {script} > {output} 2>&1\n"
            f"set +eu; trap - EXIT; pwd > {place}; echo 0 > {done}.0 && mv {done}.0 {done}\n".encode()
        )
        self.shell.stdin.flush()
        ended = until(lambda: done.exists() and done.read_text().strip() != "", LONGEST)
        self.printed = output.read_text() if output.exists() else ""
        logs = "".join(f"\n--- {log.name}\n{log.read_text()[-3000:]}" for log in self.place.glob("*.log"))
        where = f"{PAGE.name}, line {block.line}"
        assert ended, f"{where}: not done within {LONGEST:.0f} s\n{self.printed}{logs}"
        assert done.read_text().strip() == "0", f"{where}: failed\n{self.printed}{logs}"
        self.place = Path(place.read_text().strip())
        self.ran.append(block.text)

    def sees(self, block: Block) -> None:
        """Compare what the last block printed with what the page says."""
        assert re.fullmatch(as_pattern(block.text), self.printed.rstrip("\n") + "\n"), (
            f"{PAGE.name}, line {block.line}: printed is\n{self.printed}"
        )

    def keeps(self, block: Block) -> str:
        """Write a file, which its first line names."""
        name = re.match(r"# (\w[\w.-]*)\n", block.text)
        assert name is not None, f"{PAGE.name}, line {block.line}: the first line does not name the file"
        (self.place / name[1]).write_text(block.text)
        return name[1]

    def leaves(self) -> None:
        """Whatever happened, nothing runs on."""
        state = self.place / ".entente"
        if self.shell.poll() is None:
            os.killpg(self.shell.pid, signal.SIGTERM)
        assert self.shell.stdin is not None
        self.shell.stdin.close()
        self.shell.wait(LONGEST)
        until(lambda: not left_of(state), GONE_SECONDS)
        for pid in left_of(state):
            os.kill(pid, signal.SIGKILL)
        forget(state)


@pytest.fixture
def reader() -> Iterator[Reader]:
    folder = Path(tempfile.mkdtemp(prefix="entente-tutorial-", dir=memory()))
    # Where root runs it, Postgres's own user has to pass through.
    folder.chmod(0o711)
    one = Reader(folder)
    try:
        yield one
    finally:
        one.leaves()
        shutil.rmtree(folder)


@pytest.mark.timeout(600)
def test_the_tutorial_is_done_from_top_to_bottom(reader: Reader) -> None:
    files: dict[str, int] = {}
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.language == "sh":
            reader.does(block)
        elif block.language == "text":
            reader.sees(block)
        else:
            files[reader.keeps(block)] = len(reader.ran)
    for name, written in files.items():
        # A file that nobody uses afterwards was not run.
        assert any(re.search(rf"\b{re.escape(name)}\b", script) for script in reader.ran[written:]), name
    assert len(reader.ran) + len(files) > 20
    assert not left_of(reader.place / ".entente")


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ ls\n```\n",
        "```\nls\n```\n",
        "  ```sh\n  ls\n  ```\n",
        "```sh\nls\n",
        "~~~bash\nls\n~~~\n",
    ],
)
def test_a_block_that_would_not_be_run_fails(page: str) -> None:
    with pytest.raises(AssertionError):
        blocks(page)


@pytest.mark.parametrize("text", ["false\necho on\n", "false | cat\n", "echo $nothing\n", "exit 3\n"])
def test_a_block_that_fails_ends_it(reader: Reader, text: str) -> None:
    reader.does(Block(1, "sh", "cd /\n"))
    reader.does(Block(2, "sh", "pwd\n"))
    reader.sees(Block(3, "text", "/\n"))
    reader.does(Block(4, "sh", f"cd {reader.folder}\n"))
    with pytest.raises(AssertionError, match=r"line 5: failed"):
        reader.does(Block(5, "sh", text))


@pytest.mark.parametrize(
    ("expected", "printed", "right"),
    [
        ("a…\nb\n", "a 1\nb\n", True),
        ("a…\nb\n", "a 1\nc\nb\n", False),
        ("a\n…\nb\n", "a\nx\ny\nb\n", True),
        ("a\n…\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
    ],
)
def test_what_is_printed_is_compared(expected: str, printed: str, right: bool) -> None:
    assert bool(re.fullmatch(as_pattern(expected), printed)) is right
