"""``entente keys``: make, list and revoke the API keys by which people and systems are known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDir = Annotated[Path | None, typer.Option(help="The running stack's directory; .entente by default.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
    keys.command("add", epilog="Example: entente keys add ru.protocol --label 'laptop of the section'")(_add)
    keys.command("ls", epilog="Example: entente keys ls --json")(_list)
    keys.command("revoke", epilog="Example: entente keys revoke h3k5m7p2q4r6")(_revoke)
    app.add_typer(keys, name="keys")


def _with_database(state_dir: Path | None, work: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
    import asyncpg

    from activities.errors import RuntimeProblem, Unreachable
    from worker.stack.running import settings_here

    dsn = settings_here(state_dir).database_dsn()

    async def run() -> T:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError) as error:
            raise Unreachable(
                f"The database does not let us in: {error}.",
                "See that it runs, and that address, user and password are right.",
            ) from error
        try:
            return await work(connection)
        except asyncpg.UndefinedTableError as error:
            raise RuntimeProblem(
                "The database has no table of keys.", "Run `entente migrate` first."
            ) from error
        finally:
            await connection.close()

    return asyncio.run(run())


def ends_after(duration: str | None) -> datetime | None:
    """The time after a duration from now; none where there is none."""
    from workflows.model.values import add_duration

    if duration is None:
        return None
    try:
        return add_duration(datetime.now(UTC), duration)
    except ValueError as error:
        raise typer.BadParameter(f"{error}", param_hint="--valid-for") from None


def _add(
    principal: Annotated[
        str, typer.Argument(help="Whom the key stands for: a delegate id such as ru.protocol.")
    ],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    kind: Annotated[
        Literal["delegate", "operator", "auditor"],
        typer.Option(
            help="A delegate acts; an operator sees to the log and moves simulated clocks; an auditor reads everything."
        ),
    ] = "delegate",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is good for: read, act, deposit, keys, or act: and the name of an act; may be repeated. "
            "Everything by default.",
            show_default=False,
        ),
    ] = None,
    valid_for: Annotated[
        str | None, typer.Option(help="How long it is good, such as P30D or PT12H; until revoked by default.")
    ] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is stored hashed, so that it cannot be shown a second time."""
    from activities.identity.keys import create_key
    from activities.identity.scopes import SCOPES

    expires = ends_after(valid_for)
    token = _with_database(
        state_dir,
        lambda connection: create_key(connection, principal, label, kind, expires, tuple(scope or SCOPES)),
    )
    print(json.dumps({"principal": principal, "kind": kind, "key": token}) if as_json else token)


def _list(state_dir: StateDir = None, as_json: Json = False) -> None:
    """List the keys: their ids, whom they stand for, and whether they hold. Never the secrets."""
    from rich.console import Console
    from rich.table import Table

    rows = _with_database(
        state_dir,
        lambda connection: connection.fetch(
            "select id, principal, kind, label, scopes, created, expires, revoked from api_keys "
            "order by principal, created"
        ),
    )
    if as_json:
        print(json.dumps([dict(row) for row in rows], default=lambda time: time.isoformat()))
        return
    table = Table("id", "principal", "kind", "label", "good for", "created", "ends")
    for row in rows:
        ends = row["revoked"] or row["expires"]
        word = "revoked" if row["revoked"] else "expires"
        table.add_row(
            row["id"],
            row["principal"],
            row["kind"],
            row["label"],
            ", ".join(row["scopes"]),
            f"{row['created']:%Y-%m-%d %H:%M}",
            f"{word} {ends:%Y-%m-%d %H:%M}" if ends else "–",
        )
    Console().print(table)


def _revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key: the middle part of ent_<id>_<secret>.")],
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Revoke a key. What was done with it stays done."""
    from activities.errors import RuntimeProblem
    from activities.identity.keys import revoke

    if not _with_database(state_dir, lambda connection: revoke(connection, key_id)):
        raise RuntimeProblem(
            f"There is no key {key_id!r} in force.", "`entente keys ls` shows those that there are."
        )
    print(json.dumps({"revoked": key_id}) if as_json else f"revoked {key_id}")
