"""Who calls the API: keys with their principals, and the requests that were made under an idempotency key.

A token is ``ent_<key id>_<secret>``. The secret has 256 random bits, so that its SHA-256 needs neither a salt nor
a slow hash: there is nothing to guess. Only the hash is stored; the token is shown once, when it is made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

import asyncpg
from pydantic import TypeAdapter, ValidationError

from activities.identity.scopes import MOST, SCOPES, wrong_scope
from activities.ledger.database import translated
from workflows.errors import EntenteError
from workflows.model.values import DelegateId

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Pool[Any]

Kind = Literal["delegate", "operator", "auditor"]
"""What a key is for: acting as a delegate, or reading every accord of the installation without acting in any."""

HELD = 5.0
"""Seconds for which an API process trusts what it has read of a key; a revoked one is refused after that at last."""

MOST_HELD = 10_000
"""Keys that one API process holds in memory."""

_TOKEN = re.compile(r"(ent|inv)_([a-z2-7]{12})_([a-z2-7]{52})", re.ASCII)
_DELEGATE = TypeAdapter(DelegateId)
_ROLE = "Use a login that has the role entente_api"


class IdentityProblem(EntenteError):
    """A key cannot be made as asked."""

    def __init__(self, what: str, remedy: str = "Correct it and run the command again.") -> None:
        super().__init__(what, remedy)


class NotAuthenticated(EntenteError):
    """A token is not one of ours, or no longer; ``reason`` may be told to whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "Send a key that the operator made with `entente keys add`.")
        self.reason = reason


class KeyReused(EntenteError):
    """An idempotency key was used before, for another request."""

    def __init__(self) -> None:
        super().__init__(
            "The idempotency key was used before, for another request.", "Take a new key for a new request."
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request: the principal of its key. For a delegate's key that is the id which stands in accords."""

    principal: str
    kind: Kind
    key_id: str
    label: str
    scopes: tuple[str, ...] = SCOPES
    expires: datetime | None = None
    issuer: str | None = None
    """The OpenID provider that knows who it is, where it came by a token."""
    subject: str | None = None
    only_illustrative: bool = False
    """Whether accords that are no demonstration do not exist for it: nobody showed a secret for it."""

    @property
    def reads_all(self) -> bool:
        """Whether it may read every accord of the installation."""
        return self.kind != "delegate"


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def create_key(
    connection: Connection,
    principal: str,
    label: str,
    kind: Kind = "delegate",
    expires: datetime | None = None,
    scopes: Sequence[str] = SCOPES,
) -> str:
    """Make a key for ``principal`` and return its token, which cannot be had a second time.

    ``label`` says what the key is for; ``expires`` is an aware time, or none for a key that holds until revoked;
    ``scopes`` say what it is good for (:mod:`activities.identity.scopes`).

    Raises:
        IdentityProblem: the principal is no delegate id, the kind or a scope is unknown, the label is longer than 200,
            or the key would have expired.
    """
    _check_key(principal, label, kind, expires, scopes)
    made = new_secret("ent")
    with translated("make keys", "Use the login that owns the database"):
        await connection.execute(
            "insert into api_keys (id, hash, principal, label, kind, expires, scopes) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            made.id, made.hash, principal, label, kind, expires, list(scopes),
        )  # fmt: skip
    return made.token


@dataclass(frozen=True, slots=True)
class Secret:
    """A new secret: its public id, what is kept of it, and the token that is shown once."""

    id: str
    hash: bytes
    token: str


def new_secret(prefix: str) -> Secret:
    """A secret of 256 random bits, as a token ``<prefix>_<id>_<secret>``."""
    name, secret = _base32(secrets.token_bytes(8))[:12], _base32(secrets.token_bytes(32))
    return Secret(name, _hash(secret), f"{prefix}_{name}_{secret}")


def id_of(token: str) -> str | None:
    """The id in the token of a key; none where it is no such token."""
    matched = _TOKEN.fullmatch(token)
    return None if matched is None else matched[2]


def read_secret(prefix: str, token: str) -> tuple[str, bytes] | None:
    """The id in a token, and what would be kept of its secret; none where it is no such token."""
    matched = _TOKEN.fullmatch(token)
    if matched is None or matched[1] != prefix:
        return None
    return matched[2], _hash(matched[3])


def _check_key(
    principal: str, label: str, kind: str, expires: datetime | None, scopes: Sequence[str]
) -> None:
    try:
        _DELEGATE.validate_python(principal)
    except ValidationError:
        raise IdentityProblem(
            f"{principal[:80]!r} is no id of a principal: lower-case letters and digits in parts joined by . _ or -, "
            "at most 64 in all, such as ru.protocol."
        ) from None
    if kind not in get_args(Kind):
        raise IdentityProblem(f"{kind!r} is no kind of key; there are {', '.join(get_args(Kind))}.")
    if len(label) > 200:
        raise IdentityProblem(f"The label has {len(label)} characters; at most 200 are kept.")
    if expires is not None and expires.tzinfo is None:
        raise IdentityProblem("The time at which the key expires has no time zone; give one.")
    if (wrong := wrong_scope(scopes)) is not None or not 1 <= len(scopes) <= MOST:
        raise IdentityProblem(
            f"{wrong!r} is no scope; there are {', '.join(SCOPES)}, and act: with the name of an act."
            if wrong is not None
            else f"A key has 1 to {MOST} scopes."
        )


async def revoke(connection: Connection, key_id: str) -> bool:
    """Revoke a key by its id, the middle part of the token, or a passkey; false where there is no such one in force."""
    with translated("revoke keys", "Use the login that owns the database"):
        for table in ("api_keys", "passkeys"):
            done = await connection.execute(
                f"update {table} set revoked = now() where id = $1 and revoked is null",  # noqa: S608 - constants
                key_id,
            )
            if done != "UPDATE 0":
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Key:
    """A key as the database has it, and when (by the monotonic clock) that was read."""

    hash: bytes
    identity: Identity
    expires: datetime | None
    revoked: bool
    read: float


class Identities:
    """Looks up keys and idempotency keys in a migrated database.

    A key in force is held in memory for ``held`` seconds, so that a delegate at work costs no look-up for each request.
    That is the bound within which the revoking of a key takes effect in every API process. Whether a key has expired
    is asked each time, and what is unknown, revoked or expired is never held: a key that was just made works at once.

    Args:
        pool: of the database.
        now: the clock that keys expire by.
        held: seconds for which a key that was read is trusted.
        passed: the clock that ``held`` goes by, in seconds.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        held: float = HELD,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._now = now
        self._held_for = held
        self._passed = passed
        self._held: OrderedDict[str, _Key] = OrderedDict()

    async def authenticate(self, token: str, *, known_only: bool = False) -> Identity:
        """Who holds ``token``; with ``known_only`` the database is asked for no key that was not in force here lately.

        Raises:
            NotAuthenticated: malformed, unknown, revoked or expired. Only who has the secret learns which of the
                last two.
            LedgerError: the database cannot be asked.
        """
        read = read_secret("ent", token)
        if read is None:
            raise NotAuthenticated("The token is not of the form ent_<key id>_<secret>.")
        key_id, hashed = read
        key = self._held.get(key_id)
        if known_only and (key is None or not hmac.compare_digest(hashed, key.hash)):
            raise NotAuthenticated("The token is not looked up: too many attempts have failed.")
        if key is None or self._passed() - key.read >= self._held_for:
            key = await self._read(key_id)
        # An unknown id is compared as well, so that the time does not tell whether it exists.
        stored = key.hash if key is not None else bytes(32)
        if not hmac.compare_digest(hashed, stored) or key is None:
            raise NotAuthenticated("The token is unknown.")
        if key.revoked:
            raise NotAuthenticated("The key is revoked.")
        if key.expires is not None and key.expires <= self._now():
            raise NotAuthenticated("The key has expired.")
        self._held[key_id] = key
        self._held.move_to_end(key_id)
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return key.identity

    async def _read(self, key_id: str) -> _Key | None:
        """The key as the database has it now; what was held of it is forgotten."""
        self._held.pop(key_id, None)
        read = self._passed()
        with translated("look up keys", _ROLE):
            row = await self._pool.fetchrow(
                "select hash, principal, label, kind, expires, revoked, scopes from api_keys where id = $1",
                key_id,
            )
        if row is None:
            return None
        identity = Identity(
            row["principal"], row["kind"], key_id, row["label"], tuple(row["scopes"]), row["expires"]
        )
        return _Key(row["hash"], identity, row["expires"], row["revoked"] is not None, read)

    async def reserve(self, principal: str, scope: str, key: str, fingerprint: str) -> None:
        """Remember that ``principal`` made the request ``fingerprint`` under ``key``; again is no error.

        Raises:
            KeyReused: the key was used for another request of this scope.
            LedgerError: the database cannot be asked.
        """
        with translated("keep idempotency keys", _ROLE):
            await self._pool.execute(
                "insert into idempotency_keys (principal, scope, key, fingerprint) values ($1, $2, $3, $4) "
                "on conflict do nothing",
                principal,
                scope,
                key,
                fingerprint,
            )
        await self.reserved(principal, scope, key, fingerprint)

    async def first(self, principal: str, scope: str, key: str, fingerprint: str) -> bool:
        """Whether this is the first time that ``principal`` makes the request under ``key``; of two at once, one is.

        Raises:
            KeyReused: the key was used for another request of this scope.
            LedgerError: the database cannot be asked.
        """
        with translated("keep idempotency keys", _ROLE):
            made = await self._pool.fetchval(
                "insert into idempotency_keys (principal, scope, key, fingerprint) values ($1, $2, $3, $4) "
                "on conflict do nothing returning true",
                principal,
                scope,
                key,
                fingerprint,
            )
        return bool(made) or not await self.reserved(principal, scope, key, fingerprint)

    async def reserved(self, principal: str, scope: str, key: str, fingerprint: str) -> bool:
        """Whether ``principal`` made this very request under ``key`` before.

        Raises:
            KeyReused: the key was used for another request of this scope.
            LedgerError: the database cannot be asked.
        """
        with translated("look up idempotency keys", _ROLE):
            known = await self._pool.fetchval(
                "select fingerprint from idempotency_keys where (principal, scope, key) = ($1, $2, $3)",
                principal,
                scope,
                key,
            )
        if known is not None and known != fingerprint:
            raise KeyReused
        return known is not None
