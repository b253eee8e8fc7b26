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
    keys.command("claims", epilog="Example: entente keys claims ru.protocol")(_claims)
    keys.command("give", epilog="Example: entente keys give ru.protocol ru.contact")(_give)
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
    """Make a key and print it. It is stored hashed, so that it cannot be shown a second time.

    Who has claimed the delegate's id already is told: give the key to that side's person alone.
    """
    from activities.identity.keys import create_key
    from activities.identity.scopes import SCOPES

    expires = ends_after(valid_for)

    async def make(connection: asyncpg.Connection[Any]) -> tuple[str, asyncpg.Record | None]:
        made = await create_key(connection, principal, label, kind, expires, tuple(scope or SCOPES))
        return made, await connection.fetchrow(f"{_CLAIMS} where delegate = $1", principal)

    token, claim = _with_database(state_dir, make)
    if claim is not None and kind == "delegate" and claim["claimed_by"] != principal:
        typer.echo(
            f"note: {claim['claimed_by']} has claimed {principal}, in {claim['accord']}. If its person is of another "
            f"side, revoke this key, or correct the claim: entente keys give {principal} CONTACT",
            err=True,
        )
    print(json.dumps({"principal": principal, "kind": kind, "key": token}) if as_json else token)


def _list(state_dir: StateDir = None, as_json: Json = False) -> None:
    """List the keys and passkeys: their ids, whom they stand for, and whether they hold. Never the secrets."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from worker.cli.commands.reporting import printable

    rows = _with_database(
        state_dir,
        lambda connection: connection.fetch(
            "select id, principal, kind, label, scopes, created, expires, revoked from api_keys "
            "union all select p.id, p.principal, 'passkey', p.label, coalesce(k.scopes, '{}'), p.created, "
            "least(p.expires, k.expires), least(p.revoked, k.revoked) "
            "from passkeys p left join api_keys k on k.id = p.key_id "
            "order by principal, created"
        ),
    )
    if as_json:
        print(json.dumps([dict(row) for row in rows], default=lambda time: time.isoformat()))
        return
    table = Table()
    # Whole, however narrow the terminal is: it is what a key is revoked by.
    table.add_column("id", no_wrap=True, min_width=12)
    table.add_column("principal", overflow="fold")
    for heading in ("kind", "label", "good for", "created", "ends"):
        table.add_column(heading)
    for row in rows:
        ends = row["revoked"] or row["expires"]
        word = "revoked" if row["revoked"] else "expires"
        table.add_row(
            row["id"],
            row["principal"],
            row["kind"],
            Text(printable(row["label"])),
            ", ".join(row["scopes"]),
            f"{row['created']:%Y-%m-%d %H:%M}",
            f"{word} {ends:%Y-%m-%d %H:%M}" if ends else "–",
        )
    Console().print(table)


_CLAIMS = (
    "select delegate, claimed_by, accord, claimed, confirmed, holds_earlier_key(delegate) as held_before "
    "from delegate_claims"
)


def _claims(
    delegate: Annotated[
        list[str] | None, typer.Argument(help="Of these ids alone; of all by default.")
    ] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """List whose each delegate's id is: the contact whose side claimed it first, and in which accord."""
    from rich.console import Console
    from rich.table import Table

    rows = _with_database(
        state_dir,
        lambda connection: connection.fetch(
            f"{_CLAIMS} where $1::text[] is null or delegate = any ($1) order by delegate", delegate or None
        ),
    )
    if as_json:
        print(json.dumps([dict(row) for row in rows], default=lambda time: time.isoformat()))
        return
    table = Table("id", "claimed by", "in", "on", "")
    for row in rows:
        table.add_row(
            row["delegate"],
            row["claimed_by"],
            row["accord"],
            f"{row['claimed']:%Y-%m-%d %H:%M}",
            "confirmed" if row["confirmed"] else "held a key before" if row["held_before"] else "",
        )
    Console().print(table)


def _give(
    delegate: Annotated[str, typer.Argument(help="The id, such as ru.protocol.")],
    contact: Annotated[str, typer.Argument(help="The contact whose side it is of.")],
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Say whose a delegate's id is: correct a claim, or confirm one on somebody who held a key before."""
    from activities.errors import RuntimeProblem
    from activities.identity.claims import give_claim

    was = _with_database(state_dir, lambda connection: give_claim(connection, delegate, contact))
    if was is None:
        raise RuntimeProblem(
            f"Nobody has claimed {delegate!r}.", "`entente keys claims` shows what is claimed."
        )
    said = {"delegate": delegate, "claimed_by": contact, "was": was}
    print(json.dumps(said) if as_json else f"{delegate} is of the side of {contact} (it was of {was}'s)")


def _revoke(
    key_id: Annotated[
        str, typer.Argument(help="The id of the key, the middle part of ent_<id>_<secret>, or of a passkey.")
    ],
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Revoke a key or a passkey. What was done with it stays done."""
    from activities.errors import RuntimeProblem
    from activities.identity.keys import revoke

    if not _with_database(state_dir, lambda connection: revoke(connection, key_id)):
        raise RuntimeProblem(
            f"There is no key or passkey {key_id!r} in force.",
            "`entente keys ls` shows those that there are.",
        )
    print(json.dumps({"revoked": key_id}) if as_json else f"revoked {key_id}")
