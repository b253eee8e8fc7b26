"""What the command line prints, as a picture that needs no font from elsewhere."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 96
"""Columns of the pictured terminal."""

_THEME = TerminalTheme(
    (27, 31, 36),
    (230, 233, 237),
    [
        (27, 31, 36),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (177, 186, 196),
    ],
)
_FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


async def pictured(*commands: tuple[str, ...], **environment: str) -> str:
    """The commands and what each prints, as SVG. None may fail.

    Raises:
        RuntimeError: one did.
    """
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for words in commands:
        console.print(Text.assemble(("$ ", "bold green"), ("entente " + " ".join(words), "bold")))
        console.print(Text.from_ansi(await _printed(*words, **environment)))
    return console.export_svg(title="entente", theme=_THEME, code_format=_FORMAT, unique_id="entente")


async def _printed(*words: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker.cli.main",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": str(WIDTH),
            "TERMINAL_WIDTH": str(WIDTH),
            **environment,
        },
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"entente {' '.join(words)} failed: {err.decode()}")
    return re.sub(r"[ \t]+$", "", out.decode().rstrip(), flags=re.MULTILINE)
