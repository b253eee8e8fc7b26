"""The key or account by which somebody has the record sent elsewhere: what was set up by it ends when it is revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activities.errors import EntenteError

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]


class CredentialRevoked(EntenteError):
    """The key by which something was to be set up or enabled is revoked."""


async def in_force(connection: Connection, credential: str) -> None:
    """Hold off the revoking of a key until the end of the transaction, unless it is done.

    An API process believes for some seconds in a key that another one revoked; what was set up by it then would stay.

    Raises:
        CredentialRevoked: it is done.
    """
    if not credential:
        return
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 42))", credential)
    if await connection.fetchval(
        "select exists (select from api_keys where id = $1 and revoked is not null)", credential
    ):
        raise CredentialRevoked(f"The key {credential} is revoked", "Use another one")
