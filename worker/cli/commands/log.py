"""``entente log`` and ``entente watch``: the record of an accord, and of all of them as it grows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from worker.cli.client.options import Accord, Place, path_of, placed
from worker.cli.client.paging import MOST_OF_A_PAGE

Said = Mapping[str, Any]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("log", epilog="Example: entente log working-visit-mzxw6ytboi --by ru.treaty --follow")(
        placed(_log)
    )
    app.command("watch", epilog="Example: entente watch working-visit-mzxw6ytboi")(placed(_watch))


Since = Annotated[
    str | None,
    typer.Option(help="Only from this position (a number) or time (by RFC 3339) on.", show_default=False),
]


def _log(
    place: Place,
    accord: Accord,
    since: Since = None,
    by: Annotated[
        str | None, typer.Option(help="Only what this delegate did, or a party's delegates, such as RU.")
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is recorded from now on; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Show the record of an accord: who did what, what followed, and what was refused."""
    from worker.cli.client import show
    from worker.cli.client.following import follow as following

    start, begins = _since(since)
    chosen = _Chosen(by, refused, begins)
    last, after = 0, None
    with place.calls() as calls:
        while True:
            query = [("limit", str(MOST_OF_A_PAGE)), ("after", after) if after else ("start", str(start))]
            page = calls.get(f"{path_of(accord)}/events", query)
            for one in page["items"]:
                last = one["feed"]
                if chosen.shows(one):
                    _print(show, one, as_json=place.as_json)
            after = page["next"]
            if after is None:
                break
        if not follow:
            return
        with contextlib.suppress(KeyboardInterrupt):
            for entry in following(calls, accord, last):
                if chosen.shows(entry.view):
                    _print(show, entry.view, as_json=place.as_json)


def _watch(
    place: Place,
    accord: Annotated[
        str | None, typer.Argument(metavar="[ACCORD]", help="Only this accord.", show_default=False)
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            min=0, help="Begin behind this position of the feed; 0 is the beginning. Now by default."
        ),
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what is refused.")] = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many entries. Without it Ctrl-C ends it.")
    ] = None,
) -> None:
    """Show what is recorded in all accords that you see, as it happens. --json prints each entry as a CloudEvent.

    A connection that breaks is taken up again where it was: no entry is missed, and none shown twice.
    """
    from worker.cli.client import show
    from worker.cli.client.following import follow as following

    chosen = _Chosen(None, refused, None)
    shown = 0
    with place.calls() as calls, contextlib.suppress(KeyboardInterrupt):
        for entry in following(calls, accord, since):
            if not chosen.shows(entry.view):
                continue
            if place.as_json:
                show.print_json(entry.event)
            else:
                _print(show, entry.view, as_json=False, of=entry.event["subject"] if accord is None else "")
            shown += 1
            if shown == count:
                return


class _Chosen:
    """Which entries are shown."""

    def __init__(self, by: str | None, refused: bool, begins: datetime | None) -> None:
        self._by = by
        self._refused = refused
        self._begins = begins

    def shows(self, one: Said) -> bool:
        """Whether an entry is."""
        actor = one["actor"]
        if self._by is not None and self._by not in (actor["delegate"], actor["behalf"] or actor["party"]):
            return False
        if self._refused and one["type"] not in ("act_refused", "signal_refused"):
            return False
        return self._begins is None or datetime.fromisoformat(one["time"]) >= self._begins


def _since(text: str | None) -> tuple[int, datetime | None]:
    """The position to begin at, and the time before which nothing is shown."""
    if text is None:
        return 0, None
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text), None
    try:
        begins = datetime.fromisoformat(text)
    except ValueError:
        begins = None
    if begins is None or begins.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is neither a position, such as 17, nor a time with its zone, such as 2027-04-12T10:00:00Z",
            param_hint="--since",
        )
    return 0, begins


def _print(show: Any, one: Said, *, as_json: bool, of: str = "") -> None:
    if as_json:
        show.print_json(one)
        return
    line = f"{show.time(one['time'])}  {one['position']:>5}  {f'{of}  ' if of else ''}{one['says']}"
    show.console().print(show.short(show.readable(line)), soft_wrap=True)
