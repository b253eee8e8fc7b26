"""What can be seen of the ledger's Postgres: whether it lets us in, its schema, roles, safety and clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

from activities.errors import EntenteError, SettingsProblem
from activities.ledger.installation import InstallationKey
from activities.ledger.migrate import load, pending
from activities.runtime.settings import Settings
from worker.doctor.clocks import skew
from worker.doctor.finding import Finding, ok, warning, wrong

PATIENCE = 5.0
"""Seconds that each look may take."""

_ROLES = """
select r.rolname as role, pg_has_role(current_user, r.oid, 'usage') as held
from pg_roles r where r.rolname in ('entente_writer', 'entente_reader', 'entente_api')
"""


_EXCESS = """
select concat_ws(', ', case when rolsuper then 'it is a superuser' end,
    case when rolcreaterole then 'it makes roles' end, case when rolreplication then 'it replicates' end)
from pg_roles where rolname = current_user
"""
_WRAPPED = (
    "select wrapped_by, count(*) as keys from payload_keys where wrapped is not null group by wrapped_by"
)
_OWNS = "select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass('entries')"


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Everything about the database, as far as it answers."""
    try:
        dsn = settings.database_dsn()
    except SettingsProblem as problem:
        yield wrong("database", problem.what, problem.remedy)
        return
    try:
        connection = await asyncio.wait_for(asyncpg.connect(dsn), PATIENCE)
    except TimeoutError:
        yield wrong(
            "database",
            f"It does not answer within {PATIENCE:g} s.",
            "See that it runs, and that a firewall lets us pass.",
        )
        return
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield wrong(
            "database",
            f"It does not let us in: {error}.",
            "See that it runs, that it exists, and that address, user and password in DATABASE_URL are right.",
        )
        return
    try:
        version = await connection.fetchval("show server_version")
        yield ok("database", f"Postgres {version} answers")
        yield await _schema(dsn)
        yield await _roles(connection)
        async for finding in _payload_keys(connection, settings):
            yield finding
        yield await _safety(connection)
        yield await _clock(connection)
    finally:
        await connection.close()


async def _schema(dsn: str) -> Finding:
    try:
        waiting = await pending(dsn)
    except EntenteError as error:
        return wrong("schema", error.what, error.remedy)
    if waiting:
        return wrong("schema", f"It lacks {', '.join(waiting)}: no worker starts.", "Run `entente migrate`.")
    return ok("schema", f"it has all {len(load())} migrations of this release")


async def _roles(connection: asyncpg.Connection[Any]) -> Finding:
    roles = {row["role"]: row["held"] for row in await connection.fetch(_ROLES)}
    user = await connection.fetchval("select current_user")
    excess = await connection.fetchval(_EXCESS)
    if excess:
        return warning(
            "privileges",
            f"The login {user} may more than any process of Entente needs: {excess}. Whoever has its password can undo "
            "what keeps the record as it is.",
            "Make a login for each kind of process, and one that owns the schema for who migrates: "
            "deploy/docs/postgres.md says how.",
        )
    if await connection.fetchval(_OWNS):
        return ok(
            "privileges", f"the login {user} owns the tables: it may migrate and make keys, and no more"
        )
    if roles.get("entente_reader") and roles.get("entente_writer"):
        return ok("privileges", f"the login {user} may read and record")
    if roles.get("entente_reader") and roles.get("entente_api"):
        return ok("privileges", f"the login {user} may serve the API, and records nothing by itself")
    lacking = [role for role in ("entente_reader", "entente_writer", "entente_api") if not roles.get(role)]
    return warning(
        "privileges",
        f"The login {user} lacks {', '.join(lacking)}: a worker needs entente_reader and entente_writer, an API "
        "entente_reader and entente_api.",
        f"As the owner of the database: GRANT entente_reader, entente_writer TO {user}; (for an API: entente_api)",
    )


async def _payload_keys(connection: asyncpg.Connection[Any], settings: Settings) -> AsyncIterator[Finding]:
    """Whether the key file opens every data key that there is; nothing where there are none."""
    try:
        wrapped = {row["wrapped_by"]: row["keys"] for row in await connection.fetch(_WRAPPED)}
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError):
        # Told by what the schema and the privileges are.
        return
    if not wrapped:
        return
    if settings.payload_key_file is None:
        yield wrong(
            "data keys",
            f"{sum(wrapped.values())} data keys are here, so payloads in Temporal are encrypted, and "
            "ENTENTE_PAYLOAD_KEY_FILE is not set: these accords cannot be carried on.",
            "Set it to the file that the workers before had; deploy/docs/encryption.md says what to do if it is lost.",
        )
        return
    try:
        installation = InstallationKey.load(settings.payload_key_file)
    except SettingsProblem:
        # Told where the keys are looked at.
        return
    lost = {secret: keys for secret, keys in wrapped.items() if secret not in installation.ids}
    if lost:
        yield wrong(
            "data keys",
            f"{sum(lost.values())} data keys are wrapped by {', '.join(sorted(lost))}, which the key file lacks.",
            "Put that line back into ENTENTE_PAYLOAD_KEY_FILE, then run `entente payload-key rewrap`.",
        )
    elif set(wrapped) != {installation.id}:
        yield warning(
            "data keys",
            f"{sum(keys for secret, keys in wrapped.items() if secret != installation.id)} data keys are wrapped by an "
            "older secret of the key file.",
            "Run `entente payload-key rewrap`, then take the older lines out of the file.",
        )
    else:
        yield ok("data keys", f"the key file opens all {sum(wrapped.values())}")


async def _safety(connection: asyncpg.Connection[Any]) -> Finding:
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if await connection.fetchval("select current_setting($1)", name) == "off"
    ]
    if off:
        return wrong(
            "durability",
            f"{', '.join(off)} {'is' if len(off) == 1 else 'are'} off: a crash can lose acts that were answered.",
            "Set it to on in postgresql.conf; only a server for tests or demonstrations may do without.",
        )
    return ok("durability", "what is committed is on the disk")


async def _clock(connection: asyncpg.Connection[Any]) -> Finding:
    before, began = datetime.now(UTC), time.monotonic()
    there = await connection.fetchval("select clock_timestamp()")
    return skew("clock of Postgres", before, time.monotonic() - began, there)
