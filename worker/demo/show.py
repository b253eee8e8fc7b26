"""How a play is shown: for people, line by line as it happens, or as one line of JSON for each moment.

Nothing is told by colour alone: what is refused says so in words and by a sign.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from activities.verifier.findings import QUESTIONS
from worker.cli.client.show import ladder, short
from worker.demo.backend import Guard
from worker.demo.play import Play
from worker.demo.player import Moment, Result
from worker.demo.proving import Proven
from workflows.model.commands import Unmet
from workflows.model.rules import GATES
from workflows.model.vocabulary import phrase, reworded, word
from workflows.model.wording import counted, do


class ForPeople:
    """Shows a play on a console."""

    def __init__(self, console: Console, play: Play) -> None:
        self._console = console
        self._vocabulary = play.definition.vocabulary
        self._title = play.title
        self._about = play.says
        self._shared = play.prefix
        self._stage = ""
        self._day: datetime | None = None

    def begin(self, name: str) -> None:
        """The heading."""
        text = Text.assemble((self._title, "bold"), "\n", self._about, "\n\n")
        text.append("ILLUSTRATIVE", style="bold")
        text.append(" · invented for demonstration · simulated clock: months run in seconds · times are UTC")
        self._console.print(Panel(text, title=f"entente demo · {name}", title_align="left", expand=True))

    def hear(self, moment: Moment) -> None:
        """Show one moment."""
        if moment.kind == "differs":
            self._console.print(Text(f"! DIFFERS from the play: {moment.text}", style="bold magenta"))
            return
        if moment.kind == "began":
            self._stage, self._day = "", None
        self._pass_time(moment.at)
        getattr(self, f"_{moment.kind}")(moment)
        if moment.stage != self._stage:
            self._stage = moment.stage
            self._console.print()
            self._console.print(Padding(ladder(self._vocabulary, moment.stage), (0, 0, 1, 2), expand=False))

    def _pass_time(self, at: datetime) -> None:
        if self._day is not None and at.date() > self._day.date():
            days = (at.date() - self._day.date()).days
            if days > 1:
                self._console.print(Text(f"  ⋯ {days} days pass", style="dim"))
        if self._day is None or at.date() != self._day.date():
            self._console.print(Rule(f"{at:%Y-%m-%d}", align="left", style="dim", characters="─"))
        self._day = at

    def _line(self, moment: Moment, sign: str, text: Text, style: str = "") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=5, no_wrap=True)
        grid.add_column(width=1, no_wrap=True)
        grid.add_column(ratio=1)
        if moment.changed:
            text.append("  → " + ", ".join(moment.changed), style="cyan")
        if moment.says:
            text.append(f"\n“{moment.says}”", style="italic dim")
        grid.add_row(Text(f"{moment.at:%H:%M}", style="dim"), Text(sign, style=style), text)
        self._console.print(grid)

    def _began(self, moment: Moment) -> None:
        self._line(moment, "✓", Text(moment.text), "green")

    def _act(self, moment: Moment) -> None:
        outcome = moment.outcome
        if outcome is None or outcome.status == "recorded":
            self._line(moment, "✓", Text(moment.text), "green")
            return
        said = "REFUSED" if outcome.status == "refused" else "REJECTED"
        text = Text.assemble((said, "bold red"), f" {moment.text}")
        for line in _waiting(outcome.unmet) if outcome.unmet else [Text(short(outcome.reason))]:
            text.append("\n").append_text(line)
        self._line(moment, "✗", text, "bold red")

    def _dry_run(self, moment: Moment) -> None:
        outcome = moment.outcome
        text = Text.assemble(("what if: ", "bold"), moment.text)
        if outcome is not None:
            events = ", ".join(phrase(self._vocabulary, one) for one in outcome.events) or "nothing"
            text.append(f"\nwould cause: {events}")
            text.append(f"\nwould reopen: {', '.join(outcome.reopens or ()) or 'no condition'}")
        self._line(moment, "?", text, "yellow")

    def _why(self, moment: Moment) -> None:
        unmet = [one for one in moment.guards if not one.met]
        met = len(moment.guards) - len(unmet)
        text = Text.assemble(
            ("why not yet: ", "bold"),
            f"{met} of {counted(len(moment.guards), 'check is', 'checks are')} met until "
            + reworded(GATES[moment.text], self._vocabulary),
        )
        for line in _waiting(unmet):
            text.append("\n").append_text(line)
        self._line(moment, "?", text, "yellow")

    def _signal(self, moment: Moment) -> None:
        self._line(moment, "!", Text(moment.text), "yellow")

    def _wait(self, moment: Moment) -> None:
        self._line(moment, "·", Text("time passes"))

    def end(self, result: Result, seconds: float) -> None:
        """The summary."""
        last = result.last
        grid = Table.grid(padding=(0, 2))
        rows = [
            (
                "stage",
                (word(self._vocabulary, last.stage) if last else "–")
                + (" (closed)" if last and last.closed else ""),
            ),
            ("acts", f"{result.acts}, of which {result.refusals} refused; each refusal is on the record"),
            ("record", counted(result.entries, "entry", "entries")),
            ("time", f"{_span(result)} in {seconds:.1f} s"),
        ]
        if last is not None and last.blocking and not last.closed:
            rows += [("still to come", _plain(one)) for one in last.blocking[:4]]
        for label, text in rows:
            grid.add_row(Text(label, style="bold"), Text(text))
        verdict = (
            "✓ Everything went as the play says"
            if result.went_well
            else f"✗ {counted(len(result.differences), 'difference', 'differences')}"
        )
        self._console.print()
        self._console.print(
            Panel(
                grid, title=verdict, title_align="left", border_style="green" if result.went_well else "red"
            )
        )
        for difference in result.differences:
            self._console.print(Text(f"  ✗ {difference}", style="red"))


class Story(ForPeople):
    """Shows the turning points of a play, so that it fits a screen or two: what changed, and what was refused and why.

    Acts that changed nothing else are counted in a line.
    """

    def __init__(self, console: Console, play: Play) -> None:
        super().__init__(console, play)
        self._quiet: Counter[str] = Counter()
        self._shown: datetime | None = None

    def hear(self, moment: Moment) -> None:
        """Show one moment, if it is a turning point."""
        if moment.kind == "differs":
            super().hear(moment)
            return
        outcome = moment.outcome
        refused = moment.kind == "act" and outcome is not None and outcome.status != "recorded"
        turned = moment.stage != self._stage
        if moment.kind == "began":
            self._stage = ""
            turned = True
        if moment.kind == "act" and not refused and not moment.changed and not turned:
            self._quiet[phrase(self._vocabulary, moment.act)] += 1
            return
        if moment.kind in ("why", "wait") and not turned and not moment.changed:
            return
        self._count_quiet()
        self._short(moment, refused=refused)
        if turned:
            self._stage = moment.stage
            self._console.print(Padding(ladder(self._vocabulary, moment.stage), (0, 0, 0, 13), expand=False))

    def end(self, result: Result, seconds: float) -> None:
        """The summary."""
        self._count_quiet()
        super().end(result, seconds)

    def _count_quiet(self) -> None:
        if self._quiet:
            acts = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in self._quiet.items())
            self._row("", "·", Text(acts, style="dim"))
            self._quiet.clear()

    def _short(self, moment: Moment, *, refused: bool) -> None:
        text = Text(moment.text)
        if refused and moment.outcome is not None:
            why = moment.says or short(moment.outcome.reason)
            text = Text.assemble(("REFUSED ", "bold red"), moment.text, (f" — {why}", "italic"))
        elif moment.kind == "dry_run" and moment.outcome is not None:
            reopens = ", ".join(moment.outcome.reopens or ()) or "no condition"
            text = Text.assemble(("what if: ", "bold"), moment.text, f" — it would reopen {reopens}")
        if moment.changed:
            text.append("  → " + ", ".join(moment.changed), style="cyan")
        day = (
            ""
            if self._shown is not None and self._shown.date() == moment.at.date()
            else f"{moment.at:%Y-%m-%d}"
        )
        self._shown = moment.at
        sign, style = ("✗", "bold red") if refused else _SIGNS.get(moment.kind, ("✓", "green"))
        self._row(day, sign, text, style)

    def _row(self, day: str, sign: str, text: Text, style: str = "dim") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(width=1, no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_row(Text(day, style="dim"), Text(sign, style=style), text)
        self._console.print(grid)


_SIGNS = {"dry_run": ("?", "yellow"), "why": ("?", "yellow"), "signal": ("!", "yellow"), "wait": ("·", "dim")}


class ForMachines:
    """Prints each moment, and the result, as one line of JSON."""

    def __init__(self, play: Play) -> None:
        self._name = play.name

    def begin(self, name: str) -> None:
        """That it begins."""
        _print({"event": "play", "play": name})

    def hear(self, moment: Moment) -> None:
        """One moment."""
        outcome = moment.outcome
        line: dict[str, Any] = {
            "event": moment.kind,
            "play": self._name,
            "at": moment.at.isoformat(),
            "stage": moment.stage,
            "by": moment.by or None,
            "party": moment.party,
            "text": moment.text,
            "changed": list(moment.changed),
        }
        if outcome is not None:
            line["outcome"] = {
                "status": outcome.status,
                "events": list(outcome.events),
                "position": outcome.position,
                "guard": outcome.guard or None,
                "reason": outcome.reason or None,
                "unmet": [one.model_dump(mode="json") for one in outcome.unmet],
                "reopens": None if outcome.reopens is None else list(outcome.reopens),
            }
        if moment.guards:
            line["unmet"] = [
                {"guard": g.guard, "subject": g.subject, "reason": g.reason, "who": list(g.who)}
                for g in moment.guards
                if not g.met
            ]
        _print({key: value for key, value in line.items() if value is not None})

    def end(self, result: Result, seconds: float) -> None:
        """The result."""
        _print(
            {
                "event": "result",
                "play": self._name,
                "as_expected": result.went_well,
                "differences": result.differences,
                "accords": result.accords,
                "acts": result.acts,
                "refusals": result.refusals,
                "entries": result.entries,
                "stages": result.stages,
                "stage": result.last.stage if result.last else None,
                "seconds": round(seconds, 3),
            }
        )


def show_list(console: Console, plays: Iterable[tuple[str, str, bool]]) -> None:
    """The catalog: name and title of each play."""
    table = Table(
        title="Scenarios; each is played by: entente demo NAME",
        title_justify="left",
        box=None,
        padding=(0, 2),
    )
    table.add_column("name", no_wrap=True)
    table.add_column("what happens")
    for name, title, whole in plays:
        table.add_row(Text(name, style="bold" if whole else ""), title)
    console.print(table)


def show_where(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Where to look at what was played."""
    console.print(Rule("Where to look", align="left", characters="─"))
    for label, text in rows:
        # Not wrapped: addresses and commands are there to be copied.
        console.print(Text.assemble((f"{label:<18}", "bold"), text), soft_wrap=True)


def show_proof(console: Console, proven: Proven) -> None:
    """What the verification of the record in the file found, question by question."""
    grid = Table.grid(padding=(0, 2))
    signs = {
        "holds": ("✓", "green"),
        "fails": ("✗", "bold red"),
        "unproven": ("?", "yellow"),
        "withheld": ("–", "cyan"),
        "unchecked": ("–", "cyan"),
    }
    for finding in proven.report.findings.values():
        sign, style = signs[finding.status]
        grid.add_row(
            Text(sign, style=style),
            Text(QUESTIONS[finding.question][1]),
            Text("no witness was asked" if finding.status == "unproven" else f"{finding.checked:,} checked"),
        )
    verdict = "✓ Nothing is wrong with the record" if proven.holds else "✗ The record does not hold"
    title = f"{verdict}, by a file and public keys, without the server"
    console.print(
        Panel(grid, title=title, title_align="left", border_style="green" if proven.holds else "red")
    )


def print_json(value: Mapping[str, Any]) -> None:
    """One line of JSON."""
    _print(value)


def _print(value: Mapping[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _waiting(checks: Iterable[Unmet | Guard], most: int = 9) -> Iterable[Text]:
    """A line for each thing that is unmet: what, who could meet it, by when."""
    listed = list(checks)
    for one in listed[:most]:
        yield Text("· " + _plain(one))
    if len(listed) > most:
        yield Text(f"· and {len(listed) - most} more")


def _plain(one: Unmet | Guard) -> str:
    who = f" — {do(one.who, 'could', 'could', 'or')}" if one.who else ""
    by = f", by {one.by:%Y-%m-%d}" if one.by else ""
    return f"{short(one.reason)}{who}{by}"


def _span(result: Result) -> str:
    if result.began is None or result.last is None:
        return "no time"
    span: timedelta = result.last.time - result.began
    return (
        f"{counted(span.days, 'day', 'days')} of its own time"
        if span.days
        else "less than a day of its own time"
    )
