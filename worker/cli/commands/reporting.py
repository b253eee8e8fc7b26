"""What a verification found, in words on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from activities.verifier.findings import Report
    from activities.verifier.outside import Stretch

_MOST_STRETCHES: Final = 8
"""Stretches of entries whose outside time is printed; all of them stand in the JSON."""


def print_report(report: Report, code: int) -> None:
    """Print what a verification found, question by question, and the verdict."""
    from rich.console import Console
    from rich.text import Text

    from activities.verifier.findings import QUESTIONS

    console = Console(highlight=False, soft_wrap=True)
    marks = "".join(
        f" [{mark}]"
        for mark, on in (("ILLUSTRATIVE", report.illustrative), ("SIMULATED CLOCK", report.simulated))
        if on
    )
    said = f"{report.accord}: {report.size:,} entries, log {report.origin}{marks}"
    console.print(Text(printable(said)))
    stage = printable(report.stage or "not determined")
    final = "not proved" if report.final_size is None else f"{report.final_size:,} entries"
    console.print(Text(f"final: {final}; stage {stage}"))
    if report.state is not None:
        console.print(Text(f"state at version {report.version}, by rules {report.rules}: {report.state}"))
    for said_of_time in _time_lines(report):
        console.print(Text(printable(said_of_time)))
    styles = {
        "holds": ("✓ holds   ", "green"),
        "fails": ("✗ FAILS   ", "bold red"),
        "unproven": ("? unproven", "yellow"),
        "withheld": ("– in part ", "cyan"),
        "unchecked": ("– unasked ", "cyan"),
    }
    for finding in report.findings.values():
        label, style = styles[finding.status]
        line = Text.assemble((label, style), f"  {finding.question}: {QUESTIONS[finding.question][1]}")
        console.print(Text.assemble(line, f" ({finding.checked:,} checked)"))
        for problem in finding.problems:
            console.print(Text(f"      {printable(problem)}"))
        if finding.failures > len(finding.problems):
            console.print(Text(f"      … and {finding.failures - len(finding.problems):,} more"))
        for gap, count in [*finding.gaps.items(), *finding.absent.items()]:
            console.print(Text(f"      {printable(gap)}" + (f" ({count:,} times)" if count > 1 else "")))
        if finding.status == "unchecked":
            console.print(Text(f"      {printable(finding.unchecked)}"))
        for note in finding.notes:
            console.print(Text(f"      {printable(note)}"))
    console.print(Text(_conclusion(report, code)))


def _time_lines(report: Report) -> list[str]:
    """Whose clock is believed, and what is known from outside."""
    from activities.verifier.outside import NO_LOWER_BOUND

    own = (
        "the accord's own simulated clock"
        if report.simulated
        else "the clock of whoever runs the installation"
    )
    found = report.outside
    if not found:
        return [f"time: by {own} alone; nobody outside whom you know vouches for any of it{_unasked(report)}"]
    lines = [f"time: by {own}; from outside there are upper bounds, and no lower ones: {NO_LOWER_BOUND}"]
    for kind in ("authority", "witness"):
        lines += _stretch_lines([one for one in found if one.kind == kind])
    covered = max(one.last for one in found) + 1
    if covered < report.size:
        lines.append(f"  entries from {covered:,} on: by that clock alone")
    return lines


def _unasked(report: Report) -> str:
    finding = report.findings.get("timestamps")
    if finding is None or finding.status != "unchecked":
        return ""
    return f"; authorities' tokens that are in it ({finding.checked:,}) are not checked"


def _stretch_lines(found: list[Stretch]) -> list[str]:
    lines = []
    half = _MOST_STRETCHES // 2
    shown = found if len(found) <= _MOST_STRETCHES else [*found[:half], *found[-half:]]
    for number, one in enumerate(shown):
        if len(shown) < len(found) and number == half:
            lines.append(f"  … {len(found) - len(shown):,} more stretches of entries; --json has all")
        entries = f"entry {one.first:,}" if one.first == one.last else f"entries {one.first:,}–{one.last:,}"
        lines.append(f"  {entries} existed before {shown_time(one.before)}, by {one.whose}")
    return lines


def shown_time(time: datetime) -> str:
    """A time as people read it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _conclusion(report: Report, code: int) -> str:
    """The verdict in a sentence. What was not proved by what the reader brought is not called sound."""
    from activities.verifier.findings import EXIT_UNPROVEN, EXIT_WITHHELD

    def those(status: str) -> str:
        return ", ".join(one.question for one in report.findings.values() if one.status == status)

    if code in (0, EXIT_WITHHELD):
        part = f" A part is withheld or erased: {those('withheld')}." if those("withheld") else ""
        unasked = f" Not asked, and of no weight: {those('unchecked')}." if those("unchecked") else ""
        return (
            f"Nothing is wrong with what is here, by the keys and the policy that you gave.{part}{unasked}"
            + (f" (exit code {code})" if code else "")
        )
    if code == EXIT_UNPROVEN:
        return (
            f"Unproven: {those('unproven')}. Nothing here contradicts itself; that much anybody can make up. Give what "
            f"is asked for above, from your own delegate (exit code {code})."
        )
    return f"This record does not stand: {those('fails')} (exit code {code})."


def printable(text: str) -> str:
    """Text from a record that may be hostile, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
