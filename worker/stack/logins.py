"""The logins of the embedded Postgres: each process may do what it has to, and no more.

The superuser migrates and makes keys, by the hand of whoever holds the state directory; no process that listens to
others has its password. Theirs follow from it by HMAC, so that there is nothing else to keep, and nothing leads back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

import asyncpg

Login = Literal["worker", "api", "eraser"]

ROLES: Mapping[Login, tuple[str, ...]] = {
    "worker": ("entente_reader", "entente_writer"),
    "api": ("entente_api", "entente_reader"),
    "eraser": ("entente_eraser", "entente_reader"),
}
"""What each login is a member of; the roles, and what they may do, are the migrations' own."""


def role_of(login: Login) -> str:
    """The name of the login in the database."""
    return f"stack_{login}"


def password_of(login: Login, superuser_password: str) -> str:
    """The login's password: HMAC-SHA-256 of its name under the superuser's, in hexadecimal."""
    return hmac.new(superuser_password.encode(), role_of(login).encode(), hashlib.sha256).hexdigest()


async def make_logins(superuser_url: str, superuser_password: str) -> None:
    """Make the logins that are missing in a migrated database, and put right what each is a member of."""
    connection = await asyncpg.connect(superuser_url)
    try:
        async with connection.transaction():
            for login, roles in ROLES.items():
                name = role_of(login)
                if not await connection.fetchval("select true from pg_roles where rolname = $1", name):
                    await connection.execute(f"create role {name}")
                await connection.execute(
                    f"alter role {name} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls "
                    f"password '{password_of(login, superuser_password)}'"
                )
                for row in await connection.fetch(
                    "select roleid::regrole::text as role from pg_auth_members "
                    "where member = $1::regrole and not roleid::regrole::text = any($2)",
                    name,
                    list(roles),
                ):
                    await connection.execute(f"revoke {row['role']} from {name}")
                await connection.execute(f"grant {', '.join(roles)} to {name}")
    finally:
        await connection.close()
