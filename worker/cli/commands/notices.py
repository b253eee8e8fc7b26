"""``entente notices``: be told by e-mail of what waits on you."""

from __future__ import annotations

from typing import Annotated

import typer

from activities.languages.names import NAMES
from worker.cli.client.options import Place, placed


def _language(tag: str | None) -> str | None:
    if tag is not None and tag not in NAMES:
        languages = ", ".join(f"{one} ({name})" for one, name in NAMES.items())
        raise typer.BadParameter(f"messages are not written in {tag!r}; choose one of {languages}")
    return tag


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(
        "notices",
        epilog="Example: entente notices --address protocol@ministry.example --hour 7 --zone Asia/Seoul",
    )(placed(_notices))


def _notices(
    place: Place,
    address: Annotated[
        str | None, typer.Option(help="Where to be told. A code is sent there.", show_default=False)
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="A message at once, instead of a digest a day.")
    ] = False,
    hour: Annotated[int, typer.Option(min=0, max=23, help="The hour of the digest, in the zone.")] = 7,
    zone: Annotated[str, typer.Option(help="Your zone, such as Europe/Oslo.")] = "UTC",
    language: Annotated[
        str | None,
        typer.Option(
            help="Of the messages; as before, if none is given.",
            metavar=f"[{'|'.join(NAMES)}]",
            show_default=False,
            callback=_language,
            autocompletion=lambda: list(NAMES),
        ),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="CODE", help="Confirm the address by the code.", show_default=False)
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Be told nothing more; the address is forgotten.")
    ] = False,
) -> None:
    """Be told by e-mail of what waits on you, at once or once a day. Without options: show what you chose."""
    from worker.cli.client import show

    if sum((address is not None, confirm is not None, off)) > 1:
        raise typer.BadParameter("give one of --address, --confirm and --off")
    with place.calls() as calls:
        if off:
            calls.delete("/v1/notices")
            said = None
        elif confirm is not None:
            said = calls.put("/v1/notices/confirmation", {"code": confirm})
        elif address is not None:
            mode = "at_once" if at_once else "daily"
            chosen = {"address": address, "mode": mode, "hour": hour, "zone": zone}
            spoken = {} if language is None else {"language": language}
            said = calls.put("/v1/notices", {**chosen, **spoken})
        else:
            said = calls.get("/v1/notices")
    if place.as_json:
        show.print_json(said)
        return
    if said is None:
        print("You are told nothing more.")
        return
    said = show.readable(said)
    when = "at once" if said["mode"] == "at_once" else f"once a day, at {said['hour']:02}:00 {said['zone']}"
    print(f"What waits on you is told to {said['address']}, {when}.")
    if not said["confirmed"]:
        print("Confirm the address by the code that was sent there: entente notices --confirm CODE")
