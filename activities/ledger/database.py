"""What the database's own errors mean to whoever uses the ledger, in the ledger's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from activities.errors import Locked, MissingPrivilege, SchemaMismatch, Unavailable

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    # What the driver says of a connection that was cut in the middle of something.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # Among them: a transaction that took longer than it may, or that cannot write.
    asyncpg.InvalidTransactionStateError,
)


def with_role(role: str) -> str:
    """What to do where a login lacks a role."""
    return f"Use a login that has the role {role}"


@contextmanager
def translated(what: str, remedy: str) -> Iterator[None]:
    """Say what keeps the database from doing ``what``; ``remedy`` is what to do where the login may not."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise MissingPrivilege(f"the database login may not {what}: {error.args[0]}", remedy) from error
    except asyncpg.LockNotAvailableError as error:
        raise Locked(
            f"another session of the database holds a lock for too long: {error.args[0]}",
            "Try again; find the session in pg_locks where this lasts",
        ) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
        raise SchemaMismatch(
            f"the database has no ledger of this release: {error.args[0]}",
            "Migrate it with: entente migrate",
        ) from error
    except _AWAY as error:
        if isinstance(error, ValueError):
            # A driver's error of this kind is about a value, not about the connection.
            raise
        raise Unavailable(
            f"the database is not available: {error or type(error).__name__}",
            "See that it runs and takes connections, then try again; a command is recorded once under its id",
        ) from error
