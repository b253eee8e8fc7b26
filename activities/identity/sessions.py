"""Sessions of the web pages: a browser shows a secret in a cookie, and the database knows whose it is.

Only the secret's SHA-256 is stored. A session ends with its time, by signing out, and with the key or passkey that
it was begun with; one that was begun at a provider, when its subject is another delegate or none, which whoever finds
it has to ask.
The token against forged requests (CSRF) is made of the secret, so that it needs no place of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from activities.identity.keys import Identity
from activities.identity.scopes import SCOPES
from activities.ledger.database import translated

LIFETIME = timedelta(hours=12)
"""How long a session lasts; a working day."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_ROLE = "Use a login that has the role entente_api"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, until when."""

    identity: Identity
    expires: datetime
    secret: str
    passkey: str = ""
    """The id of the passkey that it was begun with, beside the key or account for which that stands."""

    @property
    def csrf(self) -> str:
        """What every form of the session carries, and no other site can know."""
        return hashlib.sha256(b"entente form\0" + self.secret.encode()).hexdigest()

    def sent(self, token: str) -> bool:
        """Whether ``token`` is that of the session's forms."""
        return hmac.compare_digest(token.encode(), self.csrf.encode())


class Sessions:
    """Begins, finds and ends sessions in a migrated database.

    Args:
        pool: of the database.
        now: the clock that sessions and keys expire by.
    """

    def __init__(
        self, pool: asyncpg.Pool[Any], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._pool = pool
        self._now = now

    async def begin(self, identity: Identity, passkey: str = "") -> Session:
        """A new session for who has shown a key, or a ``passkey`` that stands for it.

        Those that have expired meanwhile are forgotten.

        Raises:
            LedgerError: the database cannot be asked.
        """
        begun = self._now()
        session = Session(identity, begun + LIFETIME, secrets.token_urlsafe(32), passkey)
        with translated("keep sessions", _ROLE):
            await self._pool.execute("delete from page_sessions where expires < $1", begun)
            await self._pool.execute(
                "insert into page_sessions "
                "(hash, principal, kind, label, key_id, chair, begun, expires, issuer, subject, passkey) "
                "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                _hash(session.secret),
                identity.principal,
                identity.kind,
                identity.label,
                None if identity.issuer is not None else identity.key_id or None,
                identity.only_illustrative,
                begun,
                session.expires,
                identity.issuer,
                identity.subject,
                passkey or None,
            )
        return session

    async def find(self, secret: str) -> Session | None:
        """The session of that secret, or none: unknown, over, or begun with what is no longer in force.

        Raises:
            LedgerError: the database cannot be asked.
        """
        if _SECRET.fullmatch(secret) is None:
            return None
        with translated("look up sessions", _ROLE):
            row = await self._pool.fetchrow(
                "select s.principal, s.kind, s.label, s.key_id, s.chair, s.expires, s.issuer, s.subject, s.passkey, "
                "k.scopes, k.expires as key_expires from page_sessions s "
                "left join api_keys k on k.id = s.key_id left join passkeys p on p.id = s.passkey "
                "where s.hash = $1 and s.expires > $2 "
                "and k.revoked is null and (k.expires is null or k.expires > $2) "
                "and p.revoked is null and (p.expires is null or p.expires > $2)",
                _hash(secret),
                self._now(),
            )
        if row is None:
            return None
        identity = Identity(
            row["principal"],
            row["kind"],
            row["key_id"] or "",
            row["label"],
            SCOPES if row["scopes"] is None else tuple(row["scopes"]),
            expires=row["key_expires"],
            issuer=row["issuer"],
            subject=row["subject"],
            only_illustrative=row["chair"],
        )
        return Session(identity, row["expires"], secret, row["passkey"] or "")

    async def end(self, secret: str) -> None:
        """End a session; one that is none is no error.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("end sessions", _ROLE):
            await self._pool.execute("delete from page_sessions where hash = $1", _hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
