"""What delegates do about their credentials themselves: keys of their own, tokens of a provider, joining links.

A joining link is that by which the person whom a contact has appointed becomes known as that delegate: by a key that
is made for it, or by a token of a provider, to whose subject the delegate is linked then. It is good once, and expires.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from activities.identity.claims import Claims
from activities.identity.keys import (
    HELD,
    MOST_HELD,
    IdentityProblem,
    Secret,
    new_secret,
    read_secret,
)
from activities.identity.tokens import Token, account_id
from activities.ledger.database import translated

if TYPE_CHECKING:
    from activities.identity.keys import Connection

_ROLE = "Use a login that has the role entente_api"

MOST_KEYS = 50
"""Keys in force that a delegate may have made itself."""

MOST_OPEN = 500
"""Joining links of one contact that are open at a time."""


@dataclass(frozen=True, slots=True)
class KeyAbout:
    """A key as it is listed: everything but the secret."""

    id: str
    principal: str
    label: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of an OpenID provider that is a delegate here."""

    issuer: str
    subject: str
    principal: str
    linked: datetime

    @property
    def id(self) -> str:
        """What it is called here."""
        return account_id(self.issuer, self.subject)


@dataclass(frozen=True, slots=True)
class JoinLink:
    """A joining link: for whom, by whom, in which accord, until when, and what became of it."""

    id: str
    accord: str
    delegate: str
    made_by: str
    created: datetime
    expires: datetime
    accepted: datetime | None
    revoked: datetime | None


_MAKE_LINK = """
with earlier as (
    update join_links set revoked = now() where (accord, delegate) = ($3, $4) and accepted is null and revoked is null
)
insert into join_links (id, hash, accord, delegate, made_by, expires) values ($1, $2, $3, $4, $5, $6)
returning id, accord, delegate, made_by, created, expires, accepted, revoked
"""
_LINKS = """
select id, accord, delegate, made_by, created, expires, accepted, revoked from join_links
where (made_by, accord) = ($1, $2) order by created desc, id limit 1000
"""
_OPENED = """
select id, accord, delegate, made_by, created, expires, accepted, revoked from join_links
where (id, hash) = ($1, $2)
"""


class Delegates:
    """Credentials in a migrated database. One for each API process."""

    def __init__(
        self, pool: asyncpg.Pool[Any], claims: Claims, passed: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._claims = claims
        self._passed = passed
        self._held: OrderedDict[Token, tuple[float, str]] = OrderedDict()

    # Tokens of providers

    async def of_token(self, token: Token) -> str | None:
        """The delegate whom a token's subject was linked to, or whose id the provider gives out and may; or none.

        Raises:
            LedgerError: the database cannot be asked.
        """
        held = self._held.get(token)
        if held is not None and self._passed() - held[0] < HELD:
            return held[1]
        self._held.pop(token, None)
        with translated("look up identities", _ROLE):
            found: str | None = await self._pool.fetchval(
                "select principal from federated_identities where (issuer, subject) = ($1, $2)",
                token.issuer,
                token.subject,
            )
        if found is None and token.delegate is not None and token.contact is not None:
            # An id that nobody has claimed, or another side has, is not this provider's to give.
            speaks = await self._claims.speaks_for(token.contact, token.delegate)
            found = token.delegate if speaks else None
        if found is not None:
            self._held[token] = (self._passed(), found)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        return found

    # Keys

    async def make_key(
        self, principal: str, label: str, expires: datetime | None, scopes: Sequence[str]
    ) -> Secret:
        """Make a key for a delegate; its token cannot be had a second time.

        Raises:
            IdentityProblem: the delegate has too many.
            LedgerError: the database cannot be written.
        """
        with translated("make keys", _ROLE):
            return await _make_key(self._pool, principal, label, expires, scopes)

    async def keys(self, principal: str) -> list[KeyAbout]:
        """A delegate's keys, and those of the delegates whom it claimed, the newest first; at most 1000.

        Of whom held a key before being claimed none: that person is the operator's to know.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("list keys", _ROLE):
            rows = await self._pool.fetch(
                "select id, principal, label, scopes, created, expires, revoked from api_keys "
                "where kind = 'delegate' and (principal = $1 or principal in "
                "(select delegate from delegate_claims where claimed_by = $1 and not holds_earlier_key(delegate))) "
                "order by created desc, id limit 1000",
                principal,
            )
        return [KeyAbout(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]

    async def revoke_key(self, principal: str, key_id: str) -> bool:
        """Revoke a key of the delegate, or of one whom it claimed; whether there was one in force.

        Raises:
            LedgerError: the database cannot be written.
        """
        whose = next((one.principal for one in await self.keys(principal) if one.id == key_id), None)
        if whose is None:
            return False
        with translated("revoke keys", _ROLE):
            done: bool = await self._pool.fetchval("select revoke_delegate_key($1, $2)", key_id, whose)
        return done

    # Accounts of providers

    async def accounts(self, principal: str) -> list[Account]:
        """The accounts that are a delegate, or one of those whom it claimed, the newest first; at most 1000.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("list identities", _ROLE):
            rows = await self._pool.fetch(
                "select issuer, subject, principal, linked from federated_identities where principal = $1 or principal "
                "in (select delegate from delegate_claims where claimed_by = $1 and not holds_earlier_key(delegate)) "
                "order by linked desc, issuer, subject limit 1000",
                principal,
            )
        return [Account(**row) for row in rows]

    async def unlink(self, principal: str, account: str) -> bool:
        """End that an account is the delegate, or one whom it claimed; whether there was such an account.

        Raises:
            LedgerError: the database cannot be written.
        """
        found = next((one for one in await self.accounts(principal) if one.id == account), None)
        if found is None:
            return False
        with translated("unlink identities", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                done: bool = await connection.fetchval(
                    "select unlink_account($1, $2, $3)", found.issuer, found.subject, principal
                )
                # As those end that were set up by a key which is revoked.
                await connection.execute(
                    "update webhooks set active = false, reason = $2 where credential = $1 and active",
                    account,
                    f"the account {account} by which it was set up is no delegate here any more",
                )
                await connection.execute("delete from notice_settings where credential = $1", account)
        self._held.clear()
        return done

    # Joining links

    async def make_link(
        self, accord: str, delegate: str, made_by: str, expires: datetime
    ) -> tuple[JoinLink, str]:
        """Make a joining link; the token in it cannot be had a second time. Earlier open ones are revoked.

        Raises:
            IdentityProblem: the contact has too many open ones.
            LedgerError: the database cannot be written.
        """
        made = new_secret("inv")
        with translated("make joining links", _ROLE):
            many = await self._pool.fetchval(
                "select count(*) from join_links where made_by = $1 and accepted is null and revoked is null "
                "and expires > now()",
                made_by,
            )
            if many >= MOST_OPEN:
                raise IdentityProblem(
                    f"{made_by} has {many} open joining links, and at most {MOST_OPEN} are kept.",
                    "Revoke some of them, or wait until they expire.",
                )
            [row] = await self._pool.fetch(_MAKE_LINK, made.id, made.hash, accord, delegate, made_by, expires)
        return JoinLink(**row), made.token

    async def links(self, made_by: str, accord: str) -> list[JoinLink]:
        """The joining links that a contact has made in an accord, the newest first; at most 1000.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("list joining links", _ROLE):
            rows = await self._pool.fetch(_LINKS, made_by, accord)
        return [JoinLink(**row) for row in rows]

    async def withdraw(self, made_by: str, link: str) -> bool:
        """Withdraw an open joining link; whether there was one.

        Raises:
            LedgerError: the database cannot be written.
        """
        with translated("withdraw joining links", _ROLE):
            done = await self._pool.execute(
                "update join_links set revoked = now() where (id, made_by) = ($1, $2) "
                "and accepted is null and revoked is null",
                link,
                made_by,
            )
        return bool(done != "UPDATE 0")

    async def opened(self, token: str) -> JoinLink | None:
        """The joining link that a token is of, whatever became of it; none where it is of none.

        Raises:
            LedgerError: the database cannot be asked.
        """
        read = read_secret("inv", token)
        if read is None:
            return None
        with translated("look up joining links", _ROLE):
            row = await self._pool.fetchrow(_OPENED, *read)
        return None if row is None else JoinLink(**row)

    async def join(
        self, link: JoinLink, label: str, expires: datetime | None, scopes: Sequence[str]
    ) -> Secret | None:
        """Use a joining link up for a key of its delegate: both or neither. None where the link is no longer open.

        Raises:
            IdentityProblem: the delegate has too many keys.
            LedgerError: the database cannot be written.
        """
        with translated("use joining links up", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                if not await _used_up(connection, link):
                    return None
                return await _make_key(connection, link.delegate, label, expires, scopes)

    async def join_as(self, link: JoinLink, token: Token) -> str | None:
        """Use a joining link up, and take the subject of a token for its delegate from now on: both or neither.

        Returns:
            Which delegate the subject is now: another than the link's where it was linked before, and the link stays
            open then. None where the link is no longer open.

        Raises:
            LedgerError: the database cannot be written.
        """
        with suppress(_LinkEnded), translated("link identities", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(
                    "insert into federated_identities (issuer, subject, principal) values ($1, $2, $3) "
                    "on conflict (issuer, subject) do nothing",
                    token.issuer,
                    token.subject,
                    link.delegate,
                )
                # A statement of its own, so that it sees what another transaction has just committed.
                found: str = await connection.fetchval(
                    "select principal from federated_identities where (issuer, subject) = ($1, $2)",
                    token.issuer,
                    token.subject,
                )
                if found == link.delegate and not await _used_up(connection, link):
                    raise _LinkEnded
            self._held.clear()
            return found
        return None


class _LinkEnded(Exception):
    """The link is no longer open: what was written in the same transaction is not to stand."""


async def _make_key(
    connection: Connection, principal: str, label: str, expires: datetime | None, scopes: Sequence[str]
) -> Secret:
    many = await connection.fetchval(
        "select count(*) from api_keys where principal = $1 and revoked is null "
        "and (expires is null or expires > now())",
        principal,
    )
    if many >= MOST_KEYS:
        raise IdentityProblem(
            f"{principal} has {many} keys in force, and at most {MOST_KEYS} are kept.",
            "Revoke some of them first.",
        )
    made = new_secret("ent")
    await connection.execute(
        "select make_delegate_key($1, $2, $3, $4, $5, $6)",
        made.id, made.hash, principal, label, expires, list(scopes),
    )  # fmt: skip
    return made


async def _used_up(connection: Connection, link: JoinLink) -> bool:
    """Use a joining link up, if it is open; of two who try at once, one does."""
    done = await connection.execute(
        "update join_links set accepted = now() where id = $1 and accepted is null and revoked is null "
        "and expires > now()",
        link.id,
    )
    return bool(done != "UPDATE 0")
