"""What waits on somebody, for people: the step in words, by when, and the command by which it is done."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from worker.cli.client.show import Said, date
from workflows.model.summary import to_be_marked

HEADINGS = {"owe": "owed", "verify": "to verify", "agree": "to agree to", "sign": "to sign"}
"""What each kind of step is called before whoever is waited for."""


def show_desk(out: Console, items: Sequence[Said], more: bool, waiting_on: str) -> None:
    """Steps in their order, each under its accord, with the command that takes it."""
    if not items:
        whom = {"me": "you", "others": "others"}.get(waiting_on, waiting_on)
        out.print(f"Nothing waits on {whom}.")
        return
    for one in items:
        out.print(_line(one, waiting_on))
        marks = " · ".join(
            [
                one["title"],
                *(["ILLUSTRATIVE"] if to_be_marked(one["title"], one["illustrative"]) else []),
                *(["simulated clock"] if one["simulated"] else []),
            ]
        )
        out.print(Padding(Text(marks, style="dim"), (0, 0, 0, 2)))
        out.print(Padding(Text(command(one)), (0, 0, 0, 2)), soft_wrap=True)
    if more:
        out.print("There are more: ask for them with --limit.", style="dim")


def _line(one: Said, waiting_on: str) -> Text:
    text = Text()
    if one["overdue"]:
        text.append("OVERDUE ", style="bold red")
    text.append(f"{HEADINGS[one['kind']]}: ", style="bold")
    text.append(one["says"])
    if one["by"]:
        text.append(f" (by {date(one['by'])})")
    if one["not_before"]:
        text.append(f" (not before {date(one['not_before'])})")
    if waiting_on != "me":
        text.append(f" [{', '.join(one['who'])}]", style="dim")
    return text


def command(one: Said) -> str:
    """The command that takes a step, as far as its fields are known."""
    words = ["entente", one["act"].replace("_", "-"), one["accord"]]
    for name, value in one["fields"].items():
        words += _option(name, value)
    return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, list):
        return [
            word for each in value for word in (option, each if isinstance(each, str) else json.dumps(each))
        ]
    return [option, value if isinstance(value, str) else json.dumps(value)]
