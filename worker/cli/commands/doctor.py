"""``entente doctor``: what is wrong with an installation, and what to do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

_EPILOG = (
    "Exit codes: 0 nothing is wrong (there may be warnings), 1 something is, 2 the settings cannot be read. "
    "Example: entente doctor --json"
)
_MARKS = {"ok": ("✓", "green"), "skipped": ("–", "white"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("doctor", epilog=_EPILOG)(_doctor)


def _doctor(
    state_dir: Annotated[
        Path | None, typer.Option(help="The running stack's directory; .entente by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at settings, keys, database, Temporal, clocks, disk and limits; say what is wrong and what to do.

    Looks at what the environment names; where that names no database, at the stack that `entente up` runs here. Nothing
    is changed anywhere.
    """
    from worker.doctor.examination import examine
    from worker.doctor.finding import Finding
    from worker.stack.running import installation

    settings, source = installation(state_dir)

    async def run() -> list[Finding]:
        findings = []
        async for finding in examine(settings, source):
            findings.append(finding)
            if not as_json:
                _show(finding.check, finding.level, finding.what, finding.remedy)
        return findings

    findings = asyncio.run(run())
    healthy = not any(finding.level == "wrong" for finding in findings)
    if as_json:
        shown = [finding.as_json() for finding in findings]
        print(json.dumps({"healthy": healthy, "findings": shown}, ensure_ascii=False))
    # At once, and hard: Temporal's core can crash when it is taken down slowly.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if healthy else 1)


def _show(check: str, level: str, what: str, remedy: str) -> None:
    mark, color = _MARKS[level]
    shown = typer.style(mark, fg=color) if sys.stdout.isatty() else mark
    print(f"{shown} {check:<18} {what}")
    if remedy:
        print(f"  {'':<18} → {remedy}")
