"""Bringing the ledger's schema up to date, with the errors of a connection said for people."""

from __future__ import annotations

import asyncpg

from activities.errors import Unreachable
from activities.ledger.migrate import migrate


async def migrate_database(dsn: str) -> list[str]:
    """Apply what the database lacks; the names of the migrations that were applied.

    Raises:
        Unreachable: the database does not answer, does not exist, or refuses the credentials.
        LedgerError: its schema is not one that this version knows, or the login lacks a privilege.
    """
    try:
        return await migrate(dsn)
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        raise Unreachable(
            f"The database of DATABASE_URL does not let us in: {error}.",
            "See that it runs, that it exists, and that address, user and password are right.",
        ) from error
