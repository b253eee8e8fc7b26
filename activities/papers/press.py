"""The child process that sets a paper: reads what stands on it as JSON, and writes the PDF.

A process of its own, since typst holds the interpreter for longer than other requests can wait, and since a process
can be stopped. It imports nothing of ours.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import datetime
from pathlib import Path

import typst

HERE = Path(__file__).parent


def press(job: str) -> bytes:
    """The PDF of a job; the same bytes for the same job and files.

    PDF/A-2a (ISO 19005-2, accessible), or PDF/A-3a (ISO 19005-3) where files are attached; and PDF/UA-1 (ISO 14289-1).
    Typst refuses what it cannot make so.
    """
    told = json.loads(job)
    template = HERE / "paper.typ"
    if "folder" in told:
        # Typst reads nothing outside the folder that its own file is in.
        template = Path(shutil.copy(template, told["folder"]))
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(HERE / "fonts")]
    )
    return typst.compile(
        str(template),
        root=str(template.parent),
        font_paths=fonts,
        sys_inputs={"data": json.dumps(told["data"], ensure_ascii=False)},
        pdf_standards=[told["standard"], "ua-1"],
        timestamp=datetime.fromisoformat(told["at"]),
    )


if __name__ == "__main__":
    try:
        made = press(sys.stdin.read())
    except typst.TypstError as error:
        print(error.diagnostic or error.message, file=sys.stderr)
        sys.exit(1)
    sys.stdout.buffer.write(made)
