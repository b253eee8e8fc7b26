"""``entente start``, ``ls``, ``show``, ``why``, ``act`` and ``preview``: work with accords over the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.client.options import Accord, At, Key, Place, path_of, placed, segment
from worker.cli.client.paging import pages

_RAW = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("start", epilog="Example: entente start visit.yaml --key-file ~/.entente-key")(placed(_start))
    app.command("ls", epilog="Example: entente ls fisheries --waiting-on me --open")(placed(_ls))
    app.command("show", epilog="Example: entente show working-visit-mzxw6ytboi --as-of 2027-04-12T10:00:00Z")(
        placed(_show)
    )
    app.command("why", epilog="Example: entente why working-visit-mzxw6ytboi visit")(placed(_why))
    app.command(
        "act",
        context_settings=_RAW,
        epilog="Example: entente act working-visit-mzxw6ytboi verify-condition --condition C1 --evidence @report.pdf",
    )(_act)
    app.command(
        "preview",
        context_settings=_RAW,
        epilog="Example: entente preview working-visit-mzxw6ytboi waive-condition --condition C1",
    )(_preview)


def _start(
    place: Place,
    file: Annotated[Path, typer.Argument(help="The definition, in YAML or JSON.", show_default=False)],
    key: Key = None,
) -> None:
    """Open an accord with a definition, which its parties are then asked to adopt. Only a party's contact can."""
    from worker.cli.client import show
    from worker.cli.client.acting import new_key
    from worker.cli.commands.check import read

    _, definition = read(file)
    key = key or new_key()
    out = show.console()
    with place.calls() as calls:
        if not place.as_json:
            out.print(f"idempotency key {key}")
        receipt = calls.post("/v1/accords", definition.as_facts(), key)
    if place.as_json:
        show.print_json({"status": "recorded", "idempotency_key": key, "receipt": receipt})
        return
    show.show_receipt(out, show.readable(receipt))
    contacts = ", ".join(party.contact for party in definition.parties.values())
    out.print(f"Each party adopts it now ({contacts}):")
    out.print(
        f"  entente act {receipt['accord']} adopt-definition --digest {definition.digest()}", soft_wrap=True
    )


def _ls(
    place: Place,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Words with which its title, id or parties begin.", show_default=False),
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Only accords at this stage, such as signing.")] = None,
    party: Annotated[str | None, typer.Option(help="Only accords with this party, such as RU.")] = None,
    vocabulary: Annotated[str | None, typer.Option(help="Only accords in this vocabulary.")] = None,
    waiting_on: Annotated[
        str | None, typer.Option(help="Only what waits on: me, a party such as RU, or a delegate.")
    ] = None,
    due_before: Annotated[
        str | None, typer.Option(help="Only where a step that waits is due before this time, by RFC 3339.")
    ] = None,
    changed_since: Annotated[
        str | None, typer.Option(help="Only accords with an entry at this time or later, by RFC 3339.")
    ] = None,
    blocked_by: Annotated[
        str | None, typer.Option(help="Only accords that this guard blocks, such as condition_satisfied.")
    ] = None,
    ended: Annotated[
        bool | None, typer.Option("--ended/--open", help="Only accords that have ended, or that have not.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most accords to show.")] = 50,
) -> None:
    """List the accords that you can see, the last opened first.

    In a pipe or a file, one line for each, with tabs between: id, stage, number of guards unmet, next deadline,
    parties, open or ended, title.
    """
    from worker.cli.client import show
    from worker.cli.client.listing import show_list

    filters = {
        "stage": stage,
        "party": party,
        "vocabulary": vocabulary,
        "waiting_on": waiting_on,
        "due_before": due_before,
        "changed_since": changed_since,
        "blocked_by": blocked_by,
        "ended": None if ended is None else str(ended).lower(),
        "q": " ".join(words or ()),
    }
    with place.calls() as calls:
        found, more = pages(calls, "/v1/accords", filters, limit)
    if place.as_json:
        show.print_json({"items": found, "more": more})
    else:
        show_list(show.console(), show.readable(found), more)


def _show(
    place: Place,
    accord: Accord,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="A position (from 0) or a time by RFC 3339: how it stood then.",
            show_default=False,
        ),
    ] = None,
    definition: Annotated[
        bool,
        typer.Option(
            "--definition", help="Print its definition instead, as a file that can be checked again."
        ),
    ] = False,
) -> None:
    """Show how an accord stands: its stage, what is missing, who owes it, by when. Now, or as of any moment."""
    from worker.cli.client import show
    from worker.cli.client.standing import show_accord, show_finality

    if definition:
        _show_definition(place, accord)
        return
    with place.calls() as calls:
        said = calls.get(path_of(accord), [("as_of", as_of)] if as_of else None)
        finality = None if as_of or said["cleared"] else calls.get(f"{path_of(accord)}/finality")
    if place.as_json:
        show.print_json(said if finality is None else {**said, "finality": finality})
        return
    show_accord(show.console(), show.readable(said), as_of)
    if finality is not None:
        show_finality(show.console(), show.readable(finality))


def _show_definition(place: Place, accord: str) -> None:
    import yaml

    from worker.cli.client import show

    with place.calls() as calls:
        said = calls.get(f"{path_of(accord)}/definition")
    if place.as_json:
        show.print_json(said)
    else:
        print(yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=110), end="")


def _why(
    place: Place,
    accord: Accord,
    step: Annotated[
        str,
        typer.Argument(
            help="A gate (founding, acceptance, visit, arrival, signing, held, release, closing) or an act.",
            show_default=False,
        ),
    ],
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="For an act: NAME=VALUE, may be repeated.", show_default=False),
    ] = None,
    by: Annotated[str | None, typer.Option(help="For an act: the delegate whose act it would be.")] = None,
    at: At = None,
) -> None:
    """Ask why a step cannot be taken yet: every guard, met or unmet, who could meet it, and by when."""
    from worker.cli.client import show
    from worker.cli.client.acting import hyphens

    query = [(name, value) for name, value in (("by", by), ("at", at)) if value]
    for one in field or ():
        name, sign, value = one.partition("=")
        if not sign or not name or name in ("at", "by"):
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--field")
        query.append((name.replace("-", "_"), value))
    with place.calls() as calls:
        said = calls.get(f"{path_of(accord)}/why/{segment(hyphens(step))}", query)
    if place.as_json:
        show.print_json(said)
    else:
        show.show_why(show.console(), show.readable(said))


def _act(
    context: typer.Context,
    listing: Annotated[bool, typer.Option("--list", help="Show every act, and do none.")] = False,
) -> None:
    """Do an act: entente act ACCORD ACT and its fields as options. `entente act ACT --help` tells an act's fields.

    `entente ACT ACCORD` is the same. An act is sent under an idempotency key, which is shown: with it, the same
    act can be sent again and is done once.
    """
    from worker.cli.client import doing

    if listing:
        doing.list_acts("--json" in context.args)
        return
    doing.run_act(context, "act")


def _preview(context: typer.Context) -> None:
    """Ask what an act would do, without doing it: entente preview ACCORD ACT and its fields as options.

    Shows the events that it would cause, what it would open and reopen, or why it would be refused (exit code 5).
    """
    from worker.cli.client import doing

    doing.run_act(context, "preview")
