"""``entente worker``, ``api``, ``codec`` and ``migrate``: the parts of a deployment, each a process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("worker", epilog="Example: DATABASE_URL=postgresql://… entente worker")(_worker)
    app.command("api", epilog="Example: ENTENTE_API_PORT=9000 entente api")(_api)
    app.command("codec", epilog="Example: ENTENTE_CODEC_ORIGINS=https://temporal.example entente codec")(
        _codec
    )
    app.command("migrate", epilog="Example: DATABASE_URL=postgresql://… entente migrate --json")(_migrate)


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``; SIGTERM and SIGINT cancel it, which is its order to finish what it holds and end."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


def _leave() -> None:
    """End the process flushed and at once: Temporal's core can crash when it is taken down slowly."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _worker() -> None:
    """Run a worker: it carries the accords on and records what happens. Ends on SIGTERM, in order."""
    from activities.runtime.logs import configure_logs
    from activities.runtime.loop import run
    from activities.runtime.operations import core_address
    from activities.runtime.settings import read_settings
    from activities.runtime.temporal import set_up_core
    from activities.runtime.tracing import configure_tracing, flush
    from worker.main import run_worker

    settings = read_settings()
    configure_logs(settings.log_format, settings.log_level)
    configure_tracing("entente-worker")
    core = core_address(settings)
    set_up_core(core)
    run(_until_signalled(run_worker(settings, core)))
    flush()
    _leave()


def _api() -> None:
    """Run the HTTP API. Ends on SIGTERM, when open requests are done."""
    from activities.runtime.logs import configure_logs
    from activities.runtime.loop import run
    from activities.runtime.operations import core_address
    from activities.runtime.settings import read_settings
    from activities.runtime.temporal import set_up_core
    from activities.runtime.tracing import configure_tracing, flush
    from api.main import run_api

    settings = read_settings()
    configure_logs(settings.log_format, settings.log_level)
    configure_tracing("entente-api")
    core = core_address(settings)
    set_up_core(core)
    # The server raises the signal that ended it once more when it is done, to whatever handled it before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    run(run_api(settings, core))
    flush()
    _leave()


def _codec() -> None:
    """Run the codec server: by it the Temporal UI and command line show encrypted payloads in plain to operators."""
    from activities.runtime.logs import configure_logs
    from activities.runtime.loop import run
    from activities.runtime.settings import read_settings
    from api.codec import run_codec

    settings = read_settings()
    configure_logs(settings.log_format, settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    run(run_codec(settings))
    _leave()


def _migrate(as_json: Json = False) -> None:
    """Bring the ledger's schema in DATABASE_URL up to date. Safe to run again, and by several at once."""
    from activities.runtime.settings import read_settings
    from worker.stack.schema import migrate_database

    applied = asyncio.run(migrate_database(read_settings().database_dsn()))
    if as_json:
        print(json.dumps({"applied": applied}))
    elif applied:
        print("\n".join(f"applied {name}" for name in applied))
    else:
        print("The schema is up to date.")
