"""Endpoints that are sent the record: who set them up, how far they have got, and what came of every attempt."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from activities.errors import EntenteError
from activities.feeds.credentials import in_force
from activities.ledger.database import translated, with_role
from workflows.model.addresses import parse_address

MOST_ENDPOINTS = 20
"""Endpoints of one principal."""

OVERLAP = timedelta(hours=24)
"""For so long the former secret signs beside the new one, unless another time is given."""

LONGEST_OVERLAP = timedelta(days=30)

KEPT = timedelta(days=30)
"""For so long attempts stay in the delivery log."""

_COLUMNS = (
    "id, principal, reads_all, url, label, accord, types, secret, former_secret, former_until, active, reason, "
    "position, failures, failing_since, created"
)


class Owner(NamedTuple):
    """Whose an endpoint is. A delegate and a reader of everything are two, whatever they are called."""

    principal: str
    reads_all: bool = False


class TooManyEndpoints(EntenteError):
    """The principal has as many endpoints as one may have."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint, as the database has it; secrets do not show when it is printed."""

    id: str
    principal: str
    reads_all: bool
    url: str
    label: str
    accord: str | None
    types: tuple[str, ...]
    secret: str
    former_secret: str | None
    former_until: datetime | None
    active: bool
    reason: str | None
    position: int
    failures: int
    failing_since: datetime | None
    created: datetime

    def __repr__(self) -> str:
        return f"Webhook({self.id!r}, {self.url!r}, active={self.active})"

    def live_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at ``now``, the newest first."""
        if self.former_secret is None or self.former_until is None or self.former_until <= now:
            return (self.secret,)
        return (self.secret, self.former_secret)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver an entry."""

    number: int
    feed: int
    accord: str
    entry: int
    type: str
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None


def new_secret() -> str:
    """A secret by the Standard Webhooks convention: ``whsec_`` and base64 of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_id(owner: Owner, key: str) -> str:
    """The id of the endpoint that ``owner`` sets up under an idempotency key."""
    # No principal's name holds such a character.
    name = f"{owner.principal}\0reads all" if owner.reads_all else owner.principal
    digest = hashlib.sha256(f"{name}\0{key}".encode()).digest()
    return "wh_" + base64.b32encode(digest).decode().lower()[:20]


class Webhooks:
    """The endpoints of a database, for those who set them up and for the worker that delivers.

    All methods raise LedgerError where the database does not answer.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def add(
        self,
        owner: Owner,
        key: str,
        url: str,
        *,
        credential: str = "",
        accord: str | None = None,
        types: Sequence[str] = (),
        label: str = "",
        since: int | None = None,
    ) -> Webhook:
        """Set up an endpoint; the same one where ``owner`` has done so under ``key`` before.

        Entries beyond the feed position ``since`` are sent; from now on, where none is given. ``credential`` is the id
        of the key or account by which it is set up: revoked, it takes the endpoint with it.

        Raises:
            ValueError: the URL is none.
            TooManyEndpoints: there are enough.
            CredentialRevoked: the key was revoked meanwhile.
        """
        parse_address(url)
        name, (principal, reads_all) = webhook_id(owner, key), owner
        with translated("set up webhooks", with_role("entente_api")):
            async with self._pool.acquire() as connection, connection.transaction():
                # One after the other for each principal, so that the limit holds.
                await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 41))", principal)
                await in_force(connection, credential)
                row = await connection.fetchrow(f"select {_COLUMNS} from webhooks where id = $1", name)  # noqa: S608
                if row is not None:
                    return _webhook(row)
                count = await connection.fetchval(
                    "select count(*) from webhooks where (principal, reads_all) = ($1, $2)", *owner
                )
                if count >= MOST_ENDPOINTS:
                    raise TooManyEndpoints(
                        f"{principal} has {count} endpoints; one may have {MOST_ENDPOINTS}",
                        "Delete one first",
                    )
                row = await connection.fetchrow(
                    "insert into webhooks "  # noqa: S608
                    "(id, principal, reads_all, url, label, accord, types, secret, credential, position) "
                    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, (select position from feed))) "
                    f"returning {_COLUMNS}",
                    name,
                    principal,
                    reads_all,
                    url,
                    label,
                    accord,
                    list(types),
                    new_secret(),
                    credential,
                    since,
                )
        if row is None:
            raise RuntimeError("an insert returns its row")
        return _webhook(row)

    async def get(self, name: str, owner: Owner | None = None) -> Webhook | None:
        """An endpoint; of ``owner`` alone, where one is given."""
        row = await self._row(f"select {_COLUMNS} from webhooks where id = $1", name)  # noqa: S608
        if row is None or (owner is not None and owner != (row["principal"], row["reads_all"])):
            return None
        return _webhook(row)

    async def of(self, owner: Owner) -> list[Webhook]:
        """The endpoints of an owner, the oldest first."""
        rows = await self._rows(
            f"select {_COLUMNS} from webhooks where (principal, reads_all) = ($1, $2) order by created, id",  # noqa: S608
            *owner,
        )
        return [_webhook(row) for row in rows]

    async def delete(self, name: str, owner: Owner) -> bool:
        """Forget an endpoint and its log; false where there is none."""
        row = await self._row(
            "delete from webhooks where (id, principal, reads_all) = ($1, $2, $3) returning id", name, *owner
        )
        return row is not None

    async def rotate(self, name: str, owner: Owner, overlap: timedelta) -> Webhook | None:
        """Give an endpoint a new secret; the present one signs beside it for ``overlap``. Earlier ones sign no more."""
        row = await self._row(
            "update webhooks set former_secret = secret, former_until = now() + $4, secret = $5 "  # noqa: S608
            f"where (id, principal, reads_all) = ($1, $2, $3) returning {_COLUMNS}",
            name,
            *owner,
            overlap,
            new_secret(),
        )
        return None if row is None else _webhook(row)

    async def switch(
        self, name: str, owner: Owner, *, active: bool, reason: str | None, credential: str = ""
    ) -> Webhook | None:
        """Enable or disable an endpoint. Enabled, it goes on where it was, and ends with the ``credential`` of this.

        Raises:
            CredentialRevoked: the key was revoked meanwhile.
        """
        with translated("read and set up webhooks", with_role("entente_api")):
            async with self._pool.acquire() as connection, connection.transaction():
                await in_force(connection, credential)
                row = await connection.fetchrow(
                    "update webhooks set active = $4, reason = $5, failures = 0, failing_since = null, "  # noqa: S608
                    "credential = coalesce(nullif($6, ''), credential) "
                    f"where (id, principal, reads_all) = ($1, $2, $3) returning {_COLUMNS}",
                    name,
                    *owner,
                    active,
                    reason,
                    credential,
                )
        return None if row is None else _webhook(row)

    async def replay(self, name: str, owner: Owner, since: int) -> Webhook | None:
        """Send everything beyond the feed position ``since`` again, under the ids that it had."""
        row = await self._row(
            "update webhooks set position = least($4, (select position from feed)), failures = 0, "  # noqa: S608
            f"failing_since = null where (id, principal, reads_all) = ($1, $2, $3) returning {_COLUMNS}",
            name,
            *owner,
            since,
        )
        return None if row is None else _webhook(row)

    async def attempts(self, name: str, before: int | None = None, limit: int = 50) -> list[Attempt]:
        """The delivery log, the last attempt first, before the one of number ``before``."""
        rows = await self._rows(
            "select number, feed, accord, entry, type, at, milliseconds, status, error from webhook_attempts "
            "where webhook = $1 and ($2::bigint is null or number < $2) order by number desc limit $3",
            name,
            before,
            limit,
        )
        return [Attempt(**dict(row)) for row in rows]

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with translated("read and set up webhooks", with_role("entente_api")):
            return await self._pool.fetch(query, *arguments)

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        with translated("read and set up webhooks", with_role("entente_api")):
            return await self._pool.fetchrow(query, *arguments)


def _webhook(row: asyncpg.Record) -> Webhook:
    return Webhook(**{**dict(row), "types": tuple(row["types"])})
