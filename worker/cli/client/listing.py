"""Accords in a list: a table where there is room, under one another where there is not, and for programs in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from worker.cli.client.show import Said, date, joined, table
from workflows.model.summary import to_be_marked
from workflows.model.vocabulary import word

ROOM = 100
"""Columns from which on a table is used."""

LONGEST = 40
"""Characters of an accord's id that a table has room for."""


def show_list(out: Console, items: Sequence[Said], more: bool) -> None:
    """Accords, the last opened first."""
    if not items:
        _aside("There is no accord that you can see. `entente start FILE` opens one.")
        return
    if not out.is_terminal:
        for one in items:
            print("\t".join(_fields(one)))
    elif out.width >= ROOM and all(len(one["accord"]) <= LONGEST for one in items):
        rows = table("accord", "title", "parties", "stage", "unmet", "by")
        for one in items:
            rows.add_row(
                Text(one["accord"], style="bold"),
                _title(one),
                ", ".join(one["parties"]),
                _stage(one),
                "–" if one["ended"] else str(one["blocked_by"]),
                date(one["next_deadline"]),
            )
        out.print(rows)
    else:
        for one in items:
            # Its id is not folded by us, so that it can be copied in one piece.
            out.print(Text(one["accord"], style="bold"), soft_wrap=True)
            unmet = "" if one["ended"] else f"{one['blocked_by']} unmet"
            by = f"by {date(one['next_deadline'])}" if one["next_deadline"] and not one["ended"] else ""
            out.print(Padding(_title(one), (0, 0, 0, 2)))
            out.print(Padding(joined(_stage(one), unmet, by, ", ".join(one["parties"])), (0, 0, 0, 2)))
    if more:
        _aside("There are more: ask for them with --limit.")


def _aside(text: str) -> None:
    """What is no part of the list: beside it where programs read it."""
    print(text, file=sys.stdout if sys.stdout.isatty() else sys.stderr)


def _title(one: Said) -> Text:
    said = Text(one["title"])
    if to_be_marked(one["title"], one["illustrative"]):
        said.append(" (illustrative)", style="dim")
    return said


def _stage(one: Said) -> str:
    return word(one["vocabulary"], one["stage"]) + (" (ended)" if one["ended"] else "")


def _fields(one: Said) -> tuple[str, ...]:
    """One line for programs: id, stage, guards unmet, next deadline, parties, whether it has ended, title."""
    texts = (
        one["accord"],
        one["stage"],
        str(one["blocked_by"]),
        one["next_deadline"] or "",
        ",".join(one["parties"]),
        "ended" if one["ended"] else "open",
        one["title"],
    )
    return tuple(" ".join(text.split()) for text in texts)
