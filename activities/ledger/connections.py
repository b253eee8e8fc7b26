"""Connections to the ledger's database, so set up that nobody who is stuck or gone holds up the others for long.

An append is one statement, which the server commits by itself: between two messages of the client no lock is held.
What could still be held (by a client that stops in the middle of a message, or with a transaction open) the server
gives up by the limits below, and a connection that is gone is noticed by both sides.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import asyncpg

from activities.runtime.metrics import STATEMENT_SECONDS, STATEMENTS
from activities.runtime.tracing import trace_statement

LOCK_TIMEOUT = 2.0
"""Seconds that a writer waits for a lock. Only the feed's counter and the opening of an accord are waited for."""

STATEMENT_TIMEOUT = 5.0
"""Seconds that a statement of a writer may take, its commit included."""

IDLE_IN_TRANSACTION_TIMEOUT = 3.0
"""Seconds that a transaction may wait for its client, which may have been frozen, before the server ends it."""

TRANSACTION_TIMEOUT = 6.0
"""Seconds that a transaction of a writer may take altogether, also where the client stopped in the middle of a message.

From Postgres 17 on; servers before it know no such limit.
"""

ANSWER_TIMEOUT = STATEMENT_TIMEOUT + 5.0
"""Seconds after which a writer takes a server that does not answer for gone."""

KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 5, 2, 3
"""A peer that is not there any more is noticed after some 11 seconds of silence."""

UNACKNOWLEDGED = 10.0
"""Seconds after which a connection is given up whose data the peer does not acknowledge."""


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


KEEPALIVE = {
    "tcp_keepalives_idle": str(KEEPALIVE_IDLE),
    "tcp_keepalives_interval": str(KEEPALIVE_INTERVAL),
    "tcp_keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": _milliseconds(UNACKNOWLEDGED),
}
"""What the server does to notice that a client is gone."""

WRITING = {
    **KEEPALIVE,
    "lock_timeout": _milliseconds(LOCK_TIMEOUT),
    "statement_timeout": _milliseconds(STATEMENT_TIMEOUT),
    "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_TIMEOUT),
}
"""The limits of a writer's session."""


class PlainConnection(asyncpg.Connection):
    """A connection on which nobody changes settings, listens, or takes locks that outlive a transaction.

    So there is nothing to reset when it goes back to its pool, and no round trip for it.
    """

    def get_reset_query(self) -> str:
        """No query. (A transaction that was left open is rolled back all the same.)"""
        return ""


def _observe(connection: Any, pool: str) -> None:
    """Count and trace each statement that is sent on the connection."""
    seconds = STATEMENT_SECONDS.labels(pool)
    done, failed = STATEMENTS.labels(pool, "ok"), STATEMENTS.labels(pool, "failed")

    def ended(statement: Any) -> None:
        # The driver calls this in the context of whoever sent the statement.
        seconds.observe(statement.elapsed)
        (done if statement.exception is None else failed).inc()
        trace_statement(pool, statement.query, statement.elapsed, statement.exception)

    connection.add_query_logger(ended)


async def _keep_alive(connection: Any) -> None:
    """Have this side notice too that the server is gone. The driver offers no setting for it."""
    transport = getattr(connection, "_transport", None)
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNACKNOWLEDGED * 1000))


async def _limited(connection: Any) -> None:
    await _keep_alive(connection)
    # Not among the settings of the connection, since servers before Postgres 17 would refuse it.
    await connection.execute(
        "select set_config(name, $1, false) from pg_settings where name = 'transaction_timeout'",
        _milliseconds(TRANSACTION_TIMEOUT),
    )
    _observe(connection, "writing")


async def _for_reading(connection: Any) -> None:
    await _keep_alive(connection)
    _observe(connection, "reading")


def writing_pool(dsn: str, *, min_size: int = 0, max_size: int = 3) -> asyncpg.Pool[Any]:
    """A pool of connections to append on, with every limit; to be entered or awaited."""
    return asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        connection_class=PlainConnection,
        server_settings=WRITING,
        command_timeout=ANSWER_TIMEOUT,
        # Kept, so that the first act after a quiet time does not wait for a connection; keepalive finds dead ones.
        max_inactive_connection_lifetime=0.0,
        init=_limited,
    )


def reading_pool(dsn: str, *, min_size: int = 1, max_size: int = 4, **settings: Any) -> asyncpg.Pool[Any]:
    """A pool of connections to read on, and to erase; a long export may take its time there."""
    return asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        connection_class=PlainConnection,
        server_settings=KEEPALIVE,
        init=_for_reading,
        **settings,
    )
