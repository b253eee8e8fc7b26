"""``entente up``: the whole stack on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from activities.runtime.settings import Settings
    from worker.stack.process import OnLine
    from worker.stack.stack import Stack

PanelLines = Callable[["Stack"], Awaitable[Sequence[tuple[str, str]]]]
"""Gives further lines (label and text) for the panel, once the stack is ready."""

panel_lines: list[PanelLines] = []
"""Who has something to show in the panel, such as credentials, appends to this."""

_COLORS = {"postgres": "blue", "temporal": "magenta", "worker": "green", "api": "cyan", "entente": "yellow"}
_FILES_ONLY = {"initdb"}


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("up", epilog="Example: entente up --state-dir /srv/entente --api-port 9000")(_up)


def _up(
    state_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept; .entente by default.")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="The API's usual port; 8080 by default.")] = None,
    temporal_port: Annotated[int | None, typer.Option(help="Temporal's usual port.")] = None,
    temporal_ui_port: Annotated[int | None, typer.Option(help="The usual port of Temporal's web UI.")] = None,
    postgres_port: Annotated[int | None, typer.Option(help="Postgres's usual port.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one line of JSON.")] = False,
    servers: Annotated[
        bool, typer.Option("--servers", help="Only Postgres and Temporal, to run the rest by hand.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the logs to files only.")] = False,
) -> None:
    """Start Postgres, Temporal, the worker and the API here, and keep them running until Ctrl-C.

    Where a usual port is taken, the next free one is used. What DATABASE_URL or TEMPORAL_ADDRESS name is used
    instead of starting it. A second Ctrl-C stops everything at once.
    """
    from worker.stack.stack import Ports, Stack

    chosen = {"temporal": temporal_port, "temporal_ui": temporal_ui_port, "postgres": postgres_port}
    ports = Ports(**{name: port for name, port in chosen.items() if port is not None})
    show = _line_printer()
    stack = Stack(
        stack_settings(state_dir, api_port),
        ports=ports,
        servers_only=servers,
        on_line=None if quiet else show,
        on_event=lambda text: show("entente", text),
    )
    asyncio.run(_run(stack, show, as_json=as_json))


def stack_settings(state_dir: Path | None = None, api_port: int | None = None) -> Settings:
    """The settings for a stack of one's own: Temporal is taken from the environment only where that names
    one.

    A profile that merely lies in the user's configuration file, perhaps a production one, is not used
    unasked.
    """
    from temporalio.envconfig import ClientConfigProfile

    from activities.runtime.settings import read_settings

    overrides: dict[str, object] = {}
    if state_dir is not None:
        overrides["state_dir"] = state_dir
    if api_port is not None:
        overrides["api_port"] = api_port
    if not any(os.environ.get(f"TEMPORAL_{name}") for name in ("ADDRESS", "PROFILE", "CONFIG_FILE")):
        overrides["temporal"] = ClientConfigProfile()
    settings = read_settings(**overrides)
    if settings.log_format == "auto" and sys.stderr.isatty():
        # The processes write into pipes, and would take that for nobody looking.
        settings = settings.model_copy(update={"log_format": "console"})
    return settings


async def _run(stack: Stack, show: OnLine, *, as_json: bool) -> None:
    """Run the stack until a signal asks for its end."""
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            show("entente", "stopping at once")
            stack.kill_all()
        elif stack.services:
            show("entente", "stopping; Ctrl-C again stops at once")
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    stopped = asyncio.ensure_future(asked.wait())
    starting = asyncio.ensure_future(stack.start())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await _announce(stack, as_json=as_json)
            await stopped
    finally:
        stopped.cancel()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await stack.stop()


def _line_printer() -> OnLine:
    """Prints a process's line behind its name on standard error, in colour on a terminal."""
    colored = sys.stderr.isatty()

    def show(name: str, line: str) -> None:
        if name in _FILES_ONLY:
            return
        label = f"{name:<8} │"
        if colored:
            label = typer.style(label, fg=_COLORS.get(name, "white"))
        try:
            print(f"{label} {line}", file=sys.stderr, flush=True)
        except OSError:
            # A terminal that was closed is no reason to stop, and even less not to stop when asked to.
            _silence(sys.stderr)

    return show


def _say(text: str) -> None:
    """Print on standard output; whoever closed that does not want to know."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        _silence(sys.stdout)


def _silence(stream: TextIO) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


async def _announce(stack: Stack, *, as_json: bool) -> None:
    further = [line for lines in panel_lines for line in await lines(stack)]
    if as_json:
        answer = {"addresses": stack.addresses(), "processes": stack.processes, "further": dict(further)}
        _say(json.dumps(answer) + "\n")
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    addresses = stack.addresses()
    labels = {
        "pages": "in the browser",
        "api": "API",
        "docs": "its documentation",
        "temporal_ui": "Temporal UI",
        "temporal": "Temporal",
        "postgres": "Postgres",
        "state": "state and logs",
        "worker_operations": "worker's metrics",
        "api_operations": "API's metrics",
    }
    table = Table.grid(padding=(0, 2))
    for name, label in labels.items():
        if name in addresses:
            table.add_row(Text(label, style="bold"), addresses[name])
    for label, text in further:
        table.add_row(Text(label, style="bold"), Text(text))
    console = Console(file=sys.stdout)
    with console.capture() as shown:
        console.print(Panel(table, title="Entente is ready", subtitle="Ctrl-C stops it", expand=False))
    _say(shown.get())
