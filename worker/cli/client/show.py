"""The API's answers for people: how an accord stands, what is missing, who owes it, by when; what was refused and why.

Nothing is told by colour alone: what is met, unmet or refused says so by a sign or in words.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from workflows.model.rules import LADDER
from workflows.model.values import show_date, show_time
from workflows.model.vocabulary import word

WIDTH = 118
"""Columns where there is no terminal that says how many it has."""

MOST = 20
"""Rows of what is missing."""

Said = Mapping[str, Any]

_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")


def console() -> Console:
    """Standard output, as wide as the terminal."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


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


def show_list(out: Console, items: Iterable[Said], more: bool) -> None:
    """Accords, the last opened first."""
    rows = table("accord", "title", "parties", "stage", "unmet", "by")
    for one in items:
        stage = word(one["vocabulary"], one["stage"]) + (" (ended)" if one["ended"] else "")
        said = Text(one["title"])
        if one["illustrative"] and "illustrative" not in one["title"].lower():
            said.append(" (illustrative)", style="dim")
        rows.add_row(
            Text(one["accord"], style="bold"),
            said,
            ", ".join(one["parties"]),
            stage,
            str(one["blocked_by"]) if not one["ended"] else "–",
            date(one["next_deadline"]),
        )
    if not rows.row_count:
        out.print("There is no accord that you can see. `entente start FILE` opens one.")
        return
    out.print(rows)
    if more:
        out.print("There are more: ask for them with --limit.", style="dim")


def show_accord(out: Console, said: Said, as_of: str | None = None) -> None:
    """How an accord stands; cleared status only for an observer."""
    vocabulary = said["vocabulary"]
    out.print(Text.assemble((said["title"], "bold"), f"  {said['accord']}"))
    out.print(Text(marks(said), style="dim"))
    if as_of is not None:
        out.print(Text(f"as of {as_of}: entry {said['size'] - 1} of the record", style="yellow"))
    out.print(Padding(ladder(vocabulary, said["stage"]), (1, 0, 1, 2)))
    if said.get("terminated_because"):
        out.print(f"{word(vocabulary, 'terminated')}: {said['terminated_because']}")
    if said["cleared"]:
        _show_gates(out, said)
        return
    _show_missing(out, said)
    _show_conditions(out, said)
    _show_documents(out, said)
    _show_rest(out, said)


def _show_missing(out: Console, said: Said) -> None:
    unmet = said["blocking"]
    if said["closed"] or said["terminated"]:
        out.print("Nothing is open any more.")
    elif not unmet:
        out.print("✓ Nothing blocks the next stage.")
    else:
        out.print(unmet_table(unmet, "What is missing for the next stage"))


def unmet_table(unmet: Iterable[Said], title: str = "") -> Table:
    """What is unmet, who could meet it, by when."""
    listed = list(unmet)
    rows = table("", "missing", "who could", "by", title=title)
    for one in listed[:MOST]:
        rows.add_row(
            "✗",
            short(one.get("reason") or one["guard"]),
            ", ".join(one.get("who") or ()) or "–",
            date(one.get("by")),
        )
    if len(listed) > MOST:
        rows.add_row("", f"and {len(listed) - MOST} more; --json shows all", "", "")
    return rows


def _show_conditions(out: Console, said: Said) -> None:
    if not said["conditions"]:
        return
    title = word(said["vocabulary"], "conditions").capitalize()
    name = word(said["vocabulary"], "condition")
    rows = table("", name, "owed by", "stands", "gate", "due", "next", title=title)
    for code, one in said["conditions"].items():
        stands = one["status"].replace("_", " ") + (", questioned" if one["questioned"] else "")
        rows.add_row(
            "✓" if one["satisfied"] else "✗",
            f"{code} {one['title']}",
            " + ".join(one["obligors"]),
            stands + _lateness(one),
            one["gate"],
            date(one["due"]),
            "–" if one["satisfied"] else ", ".join(one["owed_by"]) or "–",
        )
    out.print(rows)


def _lateness(condition: Said) -> str:
    if not condition["overdue"]:
        return ""
    return " (overdue, escalated)" if condition["escalated"] else " (overdue)"


def _show_documents(out: Console, said: Said) -> None:
    if not said["documents"]:
        return
    title = word(said["vocabulary"], "documents").capitalize()
    name = word(said["vocabulary"], "document")
    rows = table("", name, "languages", "stands", "missing", "next", title=title)
    for code, one in said["documents"].items():
        rows.add_row(
            "✓" if one["ready"] else "✗",
            f"{code} {one['title']}",
            ", ".join(one["languages"]),
            one["status"].replace("_", " "),
            one["next_step"] or "–",
            ", ".join(one["owed_by"]) or "–",
        )
    out.print(rows)


def _show_rest(out: Console, said: Said) -> None:
    vocabulary = said["vocabulary"]
    grid = Table.grid(padding=(0, 2))
    pairs = [
        (word(vocabulary, "invitation"), said["invitation"]["status"]),
        (word(vocabulary, "understanding").capitalize(), said["understanding"]["status"]),
        (word(vocabulary, "visit"), said["visit"]["status"]),
    ]
    for label, status in pairs:
        grid.add_row(Text(label, style="bold"), status.replace("_", " "))
    for one in said["consents"]:
        waits = ", ".join(one["missing"])
        grid.add_row(
            Text("Consent", style="bold"),
            f"{one['says']} {short(one['digest'])} waits for {waits or 'nobody'}",
        )
    for one in said["deadlines"][:3]:
        grid.add_row(Text("Deadline", style="bold"), one["says"])
    if not said["founded"]:
        grid.add_row(Text("Adopt", style="bold"), said["definition_digest"])
    grid.add_row(Text("Record", style="bold"), f"{said['size']} entries, version v{said['version']}")
    out.print(grid)


def _show_gates(out: Console, said: Said) -> None:
    rows = table("", "gate", "opens", "unmet", title="Gates (cleared status only)")
    for name, one in said["gates"].items():
        rows.add_row("✓" if one["open"] else "✗", name, one["says"], str(sum(one["guards"].values())))
    out.print(rows)


def show_why(out: Console, said: Said) -> None:
    """Every guard of a step, unmet ones first."""
    checks = said["checks"]
    unmet = [one for one in checks if not one["met"]]
    sign, words = ("✓", "open: it can be done") if said["open"] else ("✗", "not open yet")
    out.print(Text.assemble((f"{sign} {said['step']}", "bold"), f": {said['says']}. It is {words}."))
    out.print(
        Text(f"{len(checks) - len(unmet)} of {len(checks)} guards met at {time(said['at'])}", style="dim")
    )
    if unmet:
        out.print(unmet_table(unmet))
        remedies = dict.fromkeys(one["remedy"] for one in unmet if one.get("remedy"))
        for remedy in list(remedies)[:5]:
            out.print(f"  what to do: {short(remedy)}")


def show_receipt(out: Console, receipt: Said) -> None:
    """What was recorded."""
    act = receipt["act"].replace("_", " ")
    out.print(Text.assemble(("✓ recorded", "bold green"), f": {act} in {receipt['accord']}"))
    grid = Table.grid(padding=(0, 2))
    events = ", ".join(one.replace("_", " ") for one in receipt["events"])
    for label, text in (
        ("events", events),
        ("entry", f"{receipt['position']} of the record, {time(receipt['time'])}"),
        ("leaf", receipt["leaf"]),
    ):
        grid.add_row(Text(f"  {label}", style="bold"), text)
    out.print(grid)


def show_refusal(out: Console, problem: Said) -> None:
    """That an act was refused: by which guard, why, what is unmet, and what to do."""
    act = str(problem.get("act", "the act")).replace("_", " ")
    said = short(str(problem.get("detail", ""))).partition(" What to do: ")[0]
    out.print(Text.assemble(("✗ REFUSED", "bold red"), f" {act}  [{problem.get('guard', '')}]"))
    out.print(f"  {said}")
    if problem.get("unmet"):
        out.print(unmet_table(problem["unmet"]))
    if problem.get("remedy"):
        out.print(f"  what to do: {short(problem['remedy'])}")
    if problem.get("position") is not None:
        out.print(Text(f"  the refusal is entry {problem['position']} of the record", style="dim"))


def show_preview(out: Console, said: Said, vocabulary: str) -> None:
    """What an act would do."""
    act = said["act"].replace("_", " ")
    if said["would_be"] == "refused":
        out.print(Text.assemble(("✗ would be REFUSED", "bold red"), f": {act} at {time(said['at'])}"))
        refusal = said["refusal"]
        out.print(f"  {refusal['reason']}  [{refusal['guard']}]")
        out.print(unmet_table(refusal["unmet"]))
        out.print(f"  what to do: {short(refusal['remedy'])}")
        return
    out.print(Text.assemble(("✓ would be recorded", "bold green"), f": {act} at {time(said['at'])}"))
    grid = Table.grid(padding=(0, 2))
    before, after = (word(vocabulary, said["stage"][one]) for one in ("before", "after"))
    rows = [
        ("events", ", ".join(one["type"].replace("_", " ") for one in said["events"])),
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
