"""``entente audit-history``: a history that Temporal exported, held against the ledger."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.commands.reporting import printable

if TYPE_CHECKING:
    from activities.audit.audit import Audit
    from activities.audit.record import Recorded

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_HELP = (
    "Exit codes: 0 the history and the ledger agree, 30 the history tells what the ledger does not have, 31 the ledger "
    "has what the history does not tell, 1 the file is no history, or the ledger does not read. Example: "
    "temporal workflow show --workflow-id visit-2027 --output json > visit.json && entente audit-history visit.json"
)


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("audit-history", epilog=_HELP)(_audit_history)


def _audit_history(
    file: Annotated[Path, typer.Argument(help="One run of an accord's workflow, as JSON.")],
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle of the accord to compare with, instead of the database.")
    ] = None,
    command_key: Annotated[
        list[str] | None,
        typer.Option(help="Public key (base64) that commands are signed with; may be repeated."),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="The running stack's directory; .entente by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a history that Temporal exported with the ledger: every accepted update, its entries, and what is extra.

    The ledger is the database of the stack that runs on the state directory, or DATABASE_URL, with
    ENTENTE_COMMAND_PUBLIC_KEYS as the worker has it; or a bundle, which entente verify has to check first.
    """
    from activities.audit.audit import audit
    from activities.audit.history import MAX_HISTORY, parse
    from activities.audit.record import from_bundle, from_ledger
    from activities.bundle.format import Bundle
    from activities.errors import Malformed
    from activities.ledger.postgres import PostgresLedger
    from worker.stack.running import settings_here

    try:
        with file.open("rb") as opened:
            history = parse(opened.read(MAX_HISTORY + 1))
    except OSError as error:
        raise Malformed(f"{file} cannot be read: {error.strerror}", "Name a file that there is") from None
    keys = tuple(command_key or ())

    async def from_database() -> Recorded:
        settings = settings_here(state_dir)
        async with PostgresLedger.connect(settings.database_dsn()) as ledger:
            return await from_ledger(ledger, history.accord, (*keys, *settings.command_public_keys))

    if bundle is None:
        recorded = asyncio.run(from_database())
    else:
        with Bundle(bundle) as opened_bundle:
            recorded = from_bundle(opened_bundle, keys)
    if recorded.accord != history.accord:
        raise Malformed(
            f"the history is that of {history.accord}, and the bundle that of {recorded.accord}",
            "Give the bundle of the same accord",
        )
    found = audit(history, recorded)
    if as_json:
        items = [
            {
                "verdict": item.verdict,
                "kind": item.kind,
                "event": item.event,
                "command": item.command,
                "positions": item.positions,
                "what": item.what,
            }
            for item in found.items
        ]
        told = {"accord": found.accord, "events": found.events, "exit_code": found.exit_code, "items": items}
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(found.exit_code)


def _print(found: Audit) -> None:
    from rich.console import Console
    from rich.text import Text

    from activities.audit.audit import Verdict

    console = Console(highlight=False, soft_wrap=True)
    marks = {
        Verdict.AGREES: ("✓", "green"),
        Verdict.LEFT_NO_TRACE: ("·", ""),
        Verdict.UNDER_WAY: ("…", "yellow"),
        Verdict.FORGED: ("✗ FORGED", "bold red"),
        Verdict.EXTRA: ("✗ EXTRA", "bold red"),
    }
    console.print(Text(printable(f"{found.accord}: {found.events:,} events of a history")))
    for item in found.items:
        mark, style = marks[item.verdict]
        event = "–" if item.event is None else str(item.event)
        where = ", ".join(map(str, item.positions))
        line = f" event {event}  {item.command}  [{where}]  {item.what}"
        console.print(Text.assemble((mark, style), Text(printable(line))))
    counts = ", ".join(f"{found.count(verdict):,} {verdict.replace('_', ' ')}" for verdict in Verdict)
    console.print(Text(counts))
