"""``entente demo``: a whole accord, from invitation to signed documents, played over HTTP on this machine."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from worker.demo.catalog import Entry
    from worker.demo.hosting import Place
    from worker.demo.player import Result
    from worker.demo.proving import Proven
    from worker.stack.stack import Stack


def register(app: typer.Typer) -> None:
    """Add the subcommand, and a line to the panel of ``entente up``."""
    from worker.cli.commands.up import panel_lines

    app.command("demo", epilog="Example: entente demo state-visit/one-comma")(_demo)
    if _kept_keys not in panel_lines:
        panel_lines.append(_kept_keys)


async def _kept_keys(stack: Stack) -> Sequence[tuple[str, str]]:
    """Where the keys of an earlier demonstration are, if there was one."""
    from worker.demo.hosting import KEYS

    file = stack.state / KEYS
    return [("demo keys", str(file))] if file.exists() else []


def _demo(
    name: Annotated[
        str | None, typer.Argument(help="A scenario or one of its paths; state-visit by default.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Play all of them, one after the other.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Name them, and play none.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Tell every act, its hour, and all that a refusal lacked.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each thing that happens.")
    ] = False,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept; .entente by default, as for entente up.")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="The API's usual port; 8080 by default.")] = None,
    temporal_port: Annotated[int | None, typer.Option(help="Temporal's usual port.")] = None,
    temporal_ui_port: Annotated[int | None, typer.Option(help="The usual port of Temporal's web UI.")] = None,
    postgres_port: Annotated[int | None, typer.Option(help="Postgres's usual port.")] = None,
) -> None:
    """Play a scenario: who does what, what is refused and why, until the documents are signed.

    Tells the turning points, and at the end verifies the record from a file, without the server. Uses the stack that
    runs on the state directory, or starts one and stops it at the end. All data is illustrative. Ends with 1 where
    something did not happen as the play says, or the record does not hold.
    """
    from rich.console import Console

    from worker.cli.client.show import WIDTH
    from worker.demo.catalog import DEFAULT, entries, entry
    from worker.demo.show import print_json, show_list

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    if listing:
        rows = [(one.name, one.read().title, one.whole) for one in entries()]
        if as_json:
            for row in rows:
                print_json({"name": row[0], "title": row[1], "whole": row[2]})
        else:
            show_list(console, rows)
        return
    if every and name is not None:
        raise typer.BadParameter("name one scenario, or --all")
    chosen = list(entries()) if every else [entry(name or DEFAULT)]
    from worker.cli.commands.up import stack_settings
    from worker.stack.stack import Ports

    given = {"temporal": temporal_port, "temporal_ui": temporal_ui_port, "postgres": postgres_port}
    ports = Ports(**{key: port for key, port in given.items() if port is not None})
    settings = stack_settings(state_dir, api_port)
    went_well = asyncio.run(_play_all(chosen, settings, ports, None if as_json else console, full=full))
    if not went_well:
        raise typer.Exit(1)


async def _play_all(
    chosen: list[Entry], settings: Any, ports: Any, console: Console | None, *, full: bool
) -> bool:
    """Play ``chosen`` on one stack, verify each record; whether all went well. Without a console, it prints JSON."""
    import time

    from worker.demo.hosting import AUDITOR, OPERATOR, a_stack, keys_for
    from worker.demo.over_http import OverHttp
    from worker.demo.player import Player
    from worker.demo.proving import prove
    from worker.demo.show import ForMachines, ForPeople, Story, print_json, show_proof, show_where

    plays = [one.read() for one in chosen]
    went_well = True

    def tell(text: str) -> None:
        if console is not None:
            console.print(text, style="dim")

    async with a_stack(settings, ports=ports, tell=tell) as place:
        keys = await keys_for(place, [who for play in plays for who in play.cast()])
        for play in plays:
            show = ForMachines(play) if console is None else (ForPeople if full else Story)(console, play)
            show.begin(play.name)
            since = time.monotonic()
            async with OverHttp(place.api_url, keys, keys[OPERATOR]) as backend:
                result = await Player(play, backend, show.hear).play()
            show.end(result, time.monotonic() - since)
            proven = await prove(place.api_url, result.accords[-1], keys[AUDITOR], place.state)
            if console is not None:
                show_proof(console, proven)
            else:
                print_json({"event": "verified", "holds": proven.holds, **proven.report.as_json()})
            went_well = went_well and result.went_well and proven.holds
        rows = _where(place, result, proven)
        if console is not None:
            show_where(console, rows)
        else:
            print_json({"event": "where", **dict(rows)})
    return went_well


def _where(place: Place, result: Result, proven: Proven) -> list[tuple[str, str]]:
    """Where to look at what was played, now or after ``entente up``."""
    from worker.demo.hosting import KEYS

    accord = result.accords[-1]
    file = _short(place.state / KEYS)
    rows = [("accord", accord)]
    if place.started:
        rows.append(
            (
                "look again",
                f"{_program()} up{_option(place.state)}   (this stack stops now; what it holds is kept)",
            )
        )
    token = f"""$(python3 -c 'import json; print(json.load(open("{file}"))["archive"])')"""
    rows += [
        ("API", f"{place.api_url}/v1/accords/{accord}"),
        ("its documentation", f"{place.api_url}/docs"),
        ("keys", f"{file}   (one for each delegate)"),
        (
            "for example",
            f'curl -H "Authorization: Bearer {token}" {place.api_url}/v1/accords/{accord}/why/closing',
        ),
    ]
    options = " ".join(f"--command-key {key}" for key in proven.command_keys)
    rows.append(
        (
            "read the record",
            f"{_program()} read {_short(proven.bundle)} --policy {_short(proven.policy)} {options}",
        )
    )
    if place.temporal_ui_url:
        rows.append(("history", f"{place.temporal_ui_url}/namespaces/default/workflows/{accord}"))
    return rows


def _option(state: Path) -> str:
    return "" if state == Path(".entente").resolve() else f" --state-dir {_short(state)}"


def _short(path: Path) -> Path:
    """The path as somebody would type it who stands where this command was called."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _program() -> str:
    """This command as it can be called again from here: its name where that finds it, else its path."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which(called.name)
    return called.name if found is not None and Path(found) == called else str(_short(called))
