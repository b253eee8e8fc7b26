"""The API's answers for people: how an accord stands, what is missing, who owes it, by when; what was refused and why.

Nothing is told by colour alone: what is met, unmet or refused says so by a sign or in words.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflows.model.declared import ACTS
from workflows.model.rules import LADDER
from workflows.model.values import show_date, show_time
from workflows.model.vocabulary import phrase, word
from workflows.model.wording import counted

WIDTH = 118
"""Columns where there is no terminal that says how many it has."""

MOST = 20
"""Rows of what is missing."""

Said = Mapping[str, Any]

_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")


def console() -> Console:
    """Standard output, as wide as the terminal; without colours where it is none."""
    terminal = sys.stdout.isatty()
    # Not by FORCE_COLOR either: what goes into a file or a pipe is read by programs.
    return Console(
        highlight=False, markup=False, emoji=False, width=None if terminal else WIDTH, force_terminal=terminal
    )


_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Bidirectional classes of the characters that turn the text after them around (Unicode, UAX 9)."""


def readable(value: Any) -> Any:
    """An answer without what could move a terminal's cursor or turn its text around.

    Another party wrote much of it: titles, places, reasons.
    """
    if isinstance(value, str):
        return "".join("\ufffd" if _moves(c) else c for c in value)
    if isinstance(value, Mapping):
        return {name: readable(item) for name, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def _moves(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs") and character != "\n"
    ) or unicodedata.bidirectional(character) in _TURNING


def print_json(value: Any) -> None:
    """JSON on one line."""
    print(json.dumps(value, ensure_ascii=False))


def short(text: str) -> str:
    """The text with its digests cut to what people compare."""
    return _DIGEST.sub(r"\1…", text)


def date(text: str | None) -> str:
    """The date of a time in an answer; a dash where there is none."""
    return show_date(datetime.fromisoformat(text)) if text else "–"


def time(text: str) -> str:
    """A time in an answer, in UTC."""
    return show_time(datetime.fromisoformat(text))


def ladder(vocabulary: str, stage: str) -> Text:
    """The ladder in one line, the present rung in brackets, in the vocabulary's words."""
    if stage not in LADDER:
        return Text(f"■ {word(vocabulary, stage)}", style="bold red")
    now = LADDER.index(stage)
    text = Text()
    for index, rung in enumerate(LADDER):
        name = word(vocabulary, rung)
        if index:
            text.append(" → ", style="dim")
        if index == now:
            text.append(f"[ {name} ]", style="bold reverse")
        else:
            text.append(f"✓ {name}" if index < now else name, style="green" if index < now else "dim")
    return text


def marks(said: Said) -> str:
    """What has to stand beside every time: demonstration data, a simulated clock."""
    clock = said.get("clock") or {}
    simulated = clock.get("mode") == "simulated" or said.get("simulated")
    found = [
        *(["ILLUSTRATIVE"] if said.get("illustrative") else []),
        *(["simulated clock" if simulated else "clock"] if simulated or clock else []),
    ]
    at = f": {time(clock['time'])}" if clock else ""
    return " · ".join(found) + at


def table(*columns: str, title: str = "") -> Table:
    """A plain table."""
    found = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False
    )
    for name in columns:
        found.add_column(name, overflow="fold", no_wrap=name in ("", "due", "by", "accord"))
    return found


def signed_line(sign: str, *lines: str | Text) -> Table:
    """Lines behind a sign, folded under one another however narrow the terminal is; what is empty is left out."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for number, line in enumerate(line for line in lines if line):
        grid.add_row("" if number else sign, line)
    return grid


def joined(*parts: str) -> str:
    """What there is to say of something, on one line."""
    return " · ".join(part for part in parts if part)


def show_unmet(out: Console, unmet: Iterable[Said], title: str = "") -> None:
    """What is unmet, who could meet it, by when."""
    listed = list(unmet)
    if title and listed:
        out.print(Text(title, style="bold"))
    for one in listed[:MOST]:
        who = ", ".join(one.get("who") or ())
        about = joined(f"who could: {who}" if who else "", f"by {date(one['by'])}" if one.get("by") else "")
        out.print(signed_line("✗", short(one.get("reason") or one["guard"]), Text(about, style="dim")))
    if len(listed) > MOST:
        out.print(f"  and {len(listed) - MOST} more; --json shows all")


def show_why(out: Console, said: Said) -> None:
    """Every guard of a step, unmet ones first."""
    checks = said["checks"]
    unmet = [one for one in checks if not one["met"]]
    sign, words = ("✓", "yes, that can be done") if said["open"] else ("✗", "not yet")
    out.print(Text.assemble((f"{sign} {said['says'][:1].upper()}{said['says'][1:]}", "bold"), f": {words}."))
    met = f"{len(checks) - len(unmet)} of {counted(len(checks), 'check is', 'checks are')} met"
    out.print(Text(f"{met} at {time(said['at'])}", style="dim"))
    if unmet:
        show_unmet(out, unmet)
        remedies = dict.fromkeys(one["remedy"] for one in unmet if one.get("remedy"))
        for remedy in list(remedies)[:5]:
            out.print(f"  what to do: {short(remedy)}")


def show_receipt(out: Console, receipt: Said, vocabulary: str = "") -> None:
    """What was recorded, in the words of the accord's vocabulary."""
    act = doing(receipt["act"], vocabulary)
    out.print(Text.assemble(("✓ recorded", "bold green"), f": {act} in {receipt['accord']}"))
    grid = Table.grid(padding=(0, 2))
    events = ", ".join(phrase(vocabulary, one) for one in receipt["events"])
    for label, text in (
        ("events", events),
        ("entry", f"{receipt['position']} of the record, {time(receipt['time'])}"),
        ("leaf", receipt["leaf"]),
    ):
        grid.add_row(Text(f"  {label}", style="bold"), text)
    out.print(grid)


def doing(act: str, vocabulary: str) -> str:
    """An act as words: ``confirm closing meeting``."""
    return ACTS[act].phrase(vocabulary) if act in ACTS else phrase(vocabulary, act)


def show_refusal(out: Console, problem: Said, vocabulary: str = "") -> None:
    """That an act was refused: why, what is unmet, and what to do. By which guard is told to programs alone."""
    act = doing(str(problem["act"]), vocabulary) if problem.get("act") else "the act"
    said = str(problem.get("detail", "")).partition(" What to do: ")[0].removeprefix("Refused: ")
    out.print(Text.assemble(("✗ REFUSED", "bold red"), f": {act}"))
    _show_why_not(out, said.removesuffix("."), problem.get("unmet") or (), problem.get("remedy"))
    if problem.get("position") is not None:
        out.print(Text(f"  the refusal is entry {problem['position']} of the record", style="dim"))


def _show_why_not(out: Console, reason: str, unmet: Sequence[Said], remedy: str | None) -> None:
    # What refused it is the first that is unmet, and is not said twice.
    if reason not in [one.get("reason") for one in unmet]:
        out.print(f"  {short(reason)}")
    show_unmet(out, unmet)
    if remedy:
        out.print(f"  what to do: {short(remedy)}")


def show_preview(out: Console, said: Said, vocabulary: str) -> None:
    """What an act would do."""
    act = doing(said["act"], vocabulary)
    if said["would_be"] == "refused":
        out.print(Text.assemble(("✗ would be REFUSED", "bold red"), f": {act} at {time(said['at'])}"))
        refusal = said["refusal"]
        _show_why_not(out, refusal["reason"], refusal["unmet"], refusal["remedy"])
        return
    out.print(Text.assemble(("✓ would be recorded", "bold green"), f": {act} at {time(said['at'])}"))
    grid = Table.grid(padding=(0, 2))
    before, after = (word(vocabulary, said["stage"][one]) for one in ("before", "after"))
    rows = [
        ("events", ", ".join(phrase(vocabulary, one["type"]) for one in said["events"])),
        ("stage", before if before == after else f"{before} → {after}"),
        ("would open", _shifted(said["opens"])),
        ("would reopen", _shifted(said["reopens"])),
    ]
    for label, text in rows:
        grid.add_row(Text(f"  {label}", style="bold"), text)
    out.print(grid)


def _shifted(shift: Said) -> str:
    parts = [f"gate {name}" for name in shift["gates"]] + [
        f"condition {name}" for name in shift["conditions"]
    ]
    return ", ".join(parts) or "nothing"
