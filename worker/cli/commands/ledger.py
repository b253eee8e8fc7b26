"""``entente export``, ``policy``, ``log-key``: the record on its way to whoever has to check it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from activities.bundle.export import ExportedFile
    from activities.checkpoints.checkpoints import Checkpoints
    from activities.ledger.postgres import PostgresLedger
    from activities.runtime.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDir = Annotated[Path | None, typer.Option(help="The running stack's directory; .entente by default.")]
Progress = Callable[[int, int], None]
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("export", epilog="Example: entente export visit-2027 -o visit.bundle --audience facts")(
        _export
    )
    example = "Example: entente policy visit-2027 --server https://entente.example > parties.policy"
    app.command("policy", epilog=example)(_policy)
    app.command("log-key", epilog="Example: entente log-key /etc/entente/log.key")(_log_key)


@asynccontextmanager
async def opened_checkpoints(settings: Settings) -> AsyncIterator[tuple[PostgresLedger, Checkpoints]]:
    """The ledger of ``DATABASE_URL`` and the checkpoints over it, with the installation's log key."""
    import asyncpg

    from activities.checkpoints.checkpoints import Checkpoints
    from activities.checkpoints.logkeys import LogKeys, guard_directory
    from activities.checkpoints.rollback import Guard
    from activities.ledger.postgres import PostgresLedger

    keys = LogKeys.load(settings.log_key_file, settings.log_origin)
    assert settings.log_key_file is not None  # noqa: S101 - load has refused that
    guard = Guard(guard_directory(settings.log_key_file))
    async with asyncpg.create_pool(settings.database_dsn(), min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        yield ledger, Checkpoints(ledger, pool, keys, guard)


def _export(
    accord: Annotated[str, typer.Argument(help="The accord's id.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    audience: Annotated[
        str, typer.Option(help="all: with everything; facts: without names and notes; none: no payloads.")
    ] = "all",
    files: Annotated[
        bool, typer.Option("--files", help="With the contents that are deposited, of what the record names.")
    ] = False,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Write an accord's record into one file that its reader can verify without the server.

    Takes the stack that runs on the state directory, or DATABASE_URL, ENTENTE_LOG_KEY_FILE and
    ENTENTE_COMMAND_PUBLIC_KEYS, as the worker has them.
    """
    from activities.bundle.contents import exported_files
    from activities.bundle.export import export_accord
    from activities.bundle.format import Audience
    from activities.files.register import Register
    from activities.files.store import open_store
    from activities.reading.accords import Reader
    from worker.stack.running import settings_here

    chosen: dict[str, Audience] = {"all": "all", "facts": "facts", "none": "none"}
    if audience not in chosen:
        raise typer.BadParameter(f"{audience!r} is not one of {', '.join(chosen)}", param_hint="--audience")
    if files and audience != "all":
        raise typer.BadParameter(
            "contents go with everything else: leave --audience out", param_hint="--files"
        )
    settings = settings_here(state_dir)

    async def contents(ledger: PostgresLedger) -> AsyncIterator[ExportedFile]:
        state = await Reader(ledger).state(accord)
        erased = () if state is None else state.erased_contents
        store = open_store(settings)
        return exported_files(Register(ledger.pool), store, accord, lambda one: one.digest not in erased)

    async def export(progress: Progress) -> int:
        async with opened_checkpoints(settings) as (ledger, checkpoints):
            return await export_accord(
                output,
                checkpoints,
                ledger,
                accord,
                command_keys=settings.command_public_keys,
                audience=chosen[audience],
                files=await contents(ledger) if files else None,
                progress=progress,
            )

    with progress_bar("export") as progress:
        size = asyncio.run(export(progress))
    if as_json:
        print(json.dumps({"accord": accord, "file": str(output), "size": size, "audience": audience}))
    else:
        print(f"{output}: {size:,} entries of {accord}. Verify it with: entente verify {output}")


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _policy(
    accord: Annotated[str, typer.Argument(help="The accord's id.")],
    file: Annotated[Path | None, typer.Option("--set", help="The policy file to put in force.")] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="Begin a policy by the keys that the API at this address publishes; no key is needed."
        ),
    ] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show, or set, who makes the checkpoints of an accord final; without a policy, the log's key to begin one.

    With --server also the keys that commands are signed with. Compare all of them with what the other parties have:
    whoever forged a record could answer there as well.
    """
    if server is not None:
        if file is not None or state_dir is not None:
            raise typer.BadParameter("it goes with neither --set nor --state-dir", param_hint="--server")
        _published(accord, server.rstrip("/"), as_json=as_json)
        return
    from worker.stack.running import settings_here

    settings = settings_here(state_dir)

    async def run() -> dict[str, Any]:
        async with opened_checkpoints(settings) as (_, checkpoints):
            if file is not None:
                await checkpoints.set_policy(accord, file.read_bytes())
            content = await checkpoints.policy_text(accord)
            key = (await checkpoints.verifiers(accord))[0].encoded()
            return {
                "accord": accord,
                "log_key": key,
                "policy": None if content is None else content.decode("latin-1"),
            }

    found = asyncio.run(run())
    if as_json:
        print(json.dumps(found))
    elif found["policy"] is None:
        print(f"# {accord} has no policy yet. Begin one with these lines, and add its witnesses:")
        print(f"log {found['log_key']}\nquorum none")
    else:
        print(found["policy"], end="")


def _published(accord: str, server: str, *, as_json: bool) -> None:
    """The keys that a server publishes, as a policy begins; what does not read as keys is not printed."""
    from activities.errors import Malformed
    from activities.tlog.note import Ed25519Verifier
    from activities.verifier.acts import parse_command_key
    from worker.cli.client.calling import ApiProblem, Calls
    from worker.cli.client.where import Where

    if not server.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{server!r} is no address of an API", param_hint="--server")
    with Calls(Where(server, "")) as calls:
        found = calls.get("/v1/keys", [("accord", accord)])
    try:
        logs = [Ed25519Verifier.decoded(line).encoded() for line in found["log_keys"]]
        commands = [
            {"id": parse_command_key(one["public_key"])[0], "public_key": str(one["public_key"])}
            for one in found["command_keys"]
        ]
    except (Malformed, KeyError, TypeError, AttributeError) as error:
        raise ApiProblem(
            f"{server} does not answer as an API does: {error}", "Ask whoever runs it."
        ) from None
    if as_json:
        print(json.dumps({"accord": accord, "log_keys": logs, "command_keys": commands}))
        return
    print(f"# The keys of {accord}, as {server} tells them. Compare them with those of the other parties.")
    for one in commands:
        print(f"# entente verify --command-key {one['public_key']}    (key {one['id']})")
    print("".join(f"log {line}\n" for line in logs) + "quorum none")


def _log_key(
    file: Annotated[Path, typer.Argument(help="The file to make; ENTENTE_LOG_KEY_FILE names it afterwards.")],
    another: Annotated[
        bool, typer.Option("--another", help="Add a secret above those in the file, for keys to rotate to.")
    ] = False,
) -> None:
    """Make the secret from which the keys of all accords' logs are derived, and the rollback guard beside it."""
    from activities.checkpoints.logkeys import LogKeys, guard_directory
    from activities.errors import SettingsProblem
    from activities.runtime.settings import read_settings

    if another:
        LogKeys.add(file, read_settings().log_origin)
        print(f"{file}: restart API and workers, then rotate each accord: entente rotation begin ACCORD")
        return
    try:
        LogKeys.create(file, read_settings().log_origin)
    except FileExistsError:
        raise SettingsProblem(
            f"There is a file {file} already.",
            "A secret is never overwritten; name another, or add --another.",
        ) from None
    print(f"{file}: keep it secret, with a copy apart from the database's backups.")
    print(f"{guard_directory(file)}: goes where the key goes; it remembers what was signed.")
