"""``entente desk``: what waits on you, over all accords."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.client.options import Place, placed
from worker.cli.client.paging import pages


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("desk", epilog="Example: entente desk --kind sign")(placed(_desk))


def _desk(
    place: Place,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only what you owe, could verify, should agree to, or may sign: owe, verify, agree, sign."
        ),
    ] = None,
    waiting_on: Annotated[
        str, typer.Option(help="What waits on: me, others, a party such as RU, or a delegate.")
    ] = "me",
    due_before: Annotated[
        str | None, typer.Option(help="Only what is due before this time, by RFC 3339.")
    ] = None,
    accord: Annotated[str | None, typer.Option(help="Only what waits in this accord.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most steps to show.")] = 50,
) -> None:
    """Show what you owe, could verify, should agree to and may sign, over all accords: what is due first comes first.

    Each step is an act: `entente act ACCORD ACT --help` tells the fields that only you know.
    """
    from worker.cli.client import show
    from worker.cli.client.desk import show_desk

    filters = {"kind": kind, "waiting_on": waiting_on, "due_before": due_before, "accord": accord}
    with place.calls() as calls:
        found, more = pages(calls, "/v1/desk", filters, limit)
    if place.as_json:
        show.print_json({"items": found, "more": more})
    else:
        show_desk(show.console(), show.readable(found), more, waiting_on)
