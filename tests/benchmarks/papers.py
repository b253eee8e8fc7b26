"""How long papers take: every kind in both scenarios, set by processes of their own as the API has it.

    python -m tests.benchmarks.papers [LANGUAGE ...]

The baseline is one empty page, set in the same way: what a process, its fonts and the formats cost by themselves. The
closing book with files has a PDF of ten pages, a text of 20,000 characters or a picture in each place that the record
names a content in.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from activities.papers.book.named import places
from activities.papers.kinds import BOOK, NAMES
from activities.papers.making import job, press
from tests.activities.papers.book.material import MARKDOWN, deposited, pdf, png
from tests.activities.papers.sources import bytes_of, scenario

ROUNDS = 3


async def seconds(kind: str, name: str, language: str) -> tuple[float, int]:
    """The shortest of some rounds, and the bytes of the paper."""
    source, best, size = await scenario(name), float("inf"), 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        made = await bytes_of(source, kind, language)
        best, size = min(best, time.perf_counter() - began), len(made)
    return best, size


async def baseline() -> float:
    told = json.loads(job(await scenario("state-visit"), "protocol", "en")[0])
    told["data"]["papers"] = [{"title": "Empty", "blocks": []}]
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        (await press(json.dumps(told))).close()
        best = min(best, time.perf_counter() - began)
    return best


async def with_files(name: str, language: str) -> tuple[float, int, int]:
    """The shortest of some rounds for a closing book with a file in every place, its bytes, and how many files."""
    source, best, size = await scenario(name), float("inf"), 0
    report = pdf(*(f"Page {number} of an inspection report" for number in range(1, 11)))
    kinds = [
        (report, "application/pdf"),
        (MARKDOWN.encode() * 40, "text/markdown"),
        (png(1200, 900), "image/png"),
    ]
    files = [kinds[number % 3] for number in range(len(places(source)))]
    with tempfile.TemporaryDirectory() as folder:
        deposits = deposited(source, Path(folder), files)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            made = await bytes_of(source, BOOK, language, deposits)
            best, size = min(best, time.perf_counter() - began), len(made)
    return best, size, len(deposits.contents)


async def main(languages: list[str]) -> None:
    print(f"{'an empty page':<34} {await baseline():6.2f} s")
    for name in ("state-visit", "jv-closing"):
        for language in languages:
            for kind in NAMES:
                best, size = await seconds(kind, name, language)
                print(f"{name:<12} {kind:<19} {language}  {best:6.2f} s {size:>9,} bytes")
            best, size, files = await with_files(name, language)
            print(f"{name:<12} {f'{BOOK}, {files} files':<24} {language}  {best:6.2f} s {size:>9,} bytes")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["en"]))
