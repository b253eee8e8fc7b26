"""The logins of the embedded Postgres: each process may do what it has to, and no more.

The superuser makes these logins, by the hand of whoever holds the state directory, and does nothing else. Who migrates
and makes keys owns the schema and what is in it. No process that listens to others has the password of either. All
passwords follow from the superuser's by HMAC, so that there is nothing else to keep, and nothing leads back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import asyncpg

Login = Literal["migrator", "worker", "api", "eraser"]

ROLES: Mapping[Login, tuple[str, ...]] = {
    # It owns what the others have roles for, and may see whose transaction keeps a migration from its lock.
    "migrator": ("pg_read_all_stats",),
    "worker": ("entente_reader", "entente_writer"),
    "api": ("entente_api", "entente_reader"),
    "eraser": ("entente_eraser", "entente_reader"),
}
"""What each login is a member of; what the roles may do is the migrations' own."""

_NOT_OWNED = """
select format('alter table %s owner to %I', oid::regclass, $1::text) from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm') and pg_get_userbyid(relowner) <> $1
union all
select format('alter routine %s owner to %I', oid::regprocedure, $1::text) from pg_proc
where pronamespace = 'public'::regnamespace and pg_get_userbyid(proowner) <> $1
union all
select format('alter schema public owner to %I', $1::text) from pg_namespace
where nspname = 'public' and pg_get_userbyid(nspowner) <> $1
"""


def role_of(login: Login) -> str:
    """The name of the login in the database."""
    return f"stack_{login}"


def password_of(login: Login, superuser_password: str) -> str:
    """The login's password: HMAC-SHA-256 of its name under the superuser's, in hexadecimal."""
    return hmac.new(superuser_password.encode(), role_of(login).encode(), hashlib.sha256).hexdigest()


async def make_logins(superuser_url: str, superuser_password: str) -> None:
    """Make logins and roles that are missing, put right what each is a member of, give the migrator what it owns.

    To be called before each migration, so that it finds the roles that it may not make.
    """
    connection = await asyncpg.connect(superuser_url)
    try:
        async with connection.transaction():
            # Nobody but a leftover of an earlier start could hold anything now.
            await connection.execute("set local lock_timeout = '10s'")
            for login, roles in ROLES.items():
                for role in roles:
                    if not await _there(connection, role):
                        await connection.execute(f"create role {role} nologin")
                await _make(connection, role_of(login), roles, password_of(login, superuser_password))
            for row in await connection.fetch(_NOT_OWNED, role_of("migrator")):
                await connection.execute(row[0])
    finally:
        await connection.close()


async def _there(connection: asyncpg.Connection[Any], role: str) -> bool:
    return bool(await connection.fetchval("select true from pg_roles where rolname = $1", role))


async def _make(connection: asyncpg.Connection[Any], name: str, roles: Sequence[str], password: str) -> None:
    if not await _there(connection, name):
        await connection.execute(f"create role {name}")
    await connection.execute(
        f"alter role {name} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls "
        f"password '{password}'"
    )
    for row in await connection.fetch(
        "select roleid::regrole::text as role from pg_auth_members "
        "where member = $1::regrole and not roleid::regrole::text = any($2)",
        name,
        list(roles),
    ):
        await connection.execute(f"revoke {row['role']} from {name}")
    await connection.execute(f"grant {', '.join(roles)} to {name}")
