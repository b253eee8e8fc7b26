"""Passkeys: how delegates sign in to the pages without a secret that could be typed elsewhere (WebAuthn, level 3).

A passkey is enrolled in a session that began with a key or at a provider, and stands for that key or account from then
on: it is good for the same, and ends with it. Authenticators have to verify their user. Only public halves are stored.

A challenge is random, good for some minutes, for one answer, and for the browser to which it was given: its row is
bound to a secret in that browser's cookie, and goes with the first answer, whether that is right or not.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import structlog
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from activities.errors import EntenteError
from activities.identity.keys import Identity, new_secret
from activities.ledger.database import translated

if TYPE_CHECKING:
    import asyncpg

Purpose = Literal["enrol", "sign_in"]

Why = Literal["unreadable", "late", "unfit", "not_in_force", "enrolled_before", "too_many"]
"""Why a passkey is not taken: what was sent cannot be read; its challenge was answered, is too old or of another
browser; it is of another site, unverified, or does not fit its key or counter; it is unknown, revoked, expired or of
somebody else; it is there already; or there are too many."""

LIFETIME = timedelta(minutes=5)
"""How long a challenge can be answered."""

MOST = 20
"""Passkeys in force that a delegate may have."""

LONGEST = 32_768
"""Characters of a browser's answer that are read."""

_ROLE = "Use a login that has the role entente_api"

_IN_FORCE = """
p.revoked is null and (p.expires is null or p.expires > $2)
and k.revoked is null and (k.expires is null or k.expires > $2) and (k.kind is null or k.kind = 'delegate')
"""

log = structlog.get_logger(__name__)


class PasskeyRefused(EntenteError):
    """An answer about a passkey is not taken; ``why`` may be told to whoever sent it."""

    def __init__(self, why: Why) -> None:
        super().__init__(
            f"The passkey is not taken: {why.replace('_', ' ')}", "Try again, or sign in with a key"
        )
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are: the relying party's id, which is a host name, and their origin."""

    id: str
    origin: str

    @classmethod
    def of(cls, url: str) -> Site:
        """The site of an address such as ``https://entente.example/``; one of no name where it is no address."""
        try:
            parts = urlsplit(url)
            host, number = parts.hostname or "", parts.port
        except ValueError:
            return cls("", "")
        port = "" if number in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{number}"
        return cls(host, f"{parts.scheme}://{host}{port}")

    @property
    def usable(self) -> bool:
        """Whether browsers keep passkeys for it: it has a name, and is reached by https or on this very machine."""
        try:
            ipaddress.ip_address(self.id)
        except ValueError:
            local = self.id == "localhost" or self.id.endswith(".localhost")
            return bool(self.id) and (self.origin.startswith("https:") or local)
        return False


@dataclass(frozen=True, slots=True)
class PasskeyAbout:
    """A passkey as it is listed. It ends at ``expires``, or with the key or account that it was enrolled with."""

    id: str
    principal: str
    label: str
    key_id: str | None
    created: datetime
    expires: datetime | None
    used: datetime | None
    revoked: datetime | None


class Passkeys:
    """Enrols passkeys, tells who signs in by one, and ends them, in a migrated database.

    Args:
        pool: of the database.
        now: the clock that challenges and passkeys expire by.
    """

    def __init__(
        self, pool: asyncpg.Pool[Any], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._pool = pool
        self._now = now

    async def to_enrol(self, site: Site, identity: Identity, bound: str) -> str:
        """What a browser needs to make a passkey, as JSON; ``bound`` is the secret in its cookie.

        Raises:
            PasskeyRefused: the delegate has too many.
            LedgerError: the database cannot be asked.
        """
        with translated("keep passkeys", _ROLE):
            rows = await self._pool.fetch(
                "select credential, site from passkeys where principal = $1 and revoked is null",
                identity.principal,
            )
        if len(rows) >= MOST:
            raise PasskeyRefused("too_many")
        challenge = await self._challenge("enrol", bound)
        options = generate_registration_options(
            rp_id=site.id,
            rp_name="Entente",
            user_name=identity.principal,
            user_id=_handle(identity.principal),
            challenge=challenge,
            timeout=int(LIFETIME.total_seconds() * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=row["credential"]) for row in rows if row["site"] == site.id
            ],
        )
        return options_to_json(options)

    async def enrol(
        self, site: Site, identity: Identity, bound: str, answer: str, label: str, expires: datetime | None
    ) -> str:
        """Keep the passkey that a browser made; its id.

        ``identity`` is who is signed in, with the key or account that the passkey is to stand for.

        Raises:
            PasskeyRefused: the answer is none to a challenge of this browser, or not what was asked for.
            LedgerError: the database cannot be written.
        """
        try:
            read = parse_registration_credential_json(_bounded(answer))
            challenge = parse_client_data_json(read.response.client_data_json).challenge
        except Exception as error:
            raise _unreadable(error) from None
        await self._answered("enrol", bound, challenge)
        try:
            made = verify_registration_response(
                credential=read,
                expected_challenge=challenge,
                expected_rp_id=site.id,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except Exception as error:
            raise _unfit(error) from None
        name = new_secret("pk").id
        with translated("keep passkeys", _ROLE):
            async with self._pool.acquire() as connection, connection.transaction():
                # Of two at once the second counts the first.
                await connection.execute(
                    "select pg_advisory_xact_lock(hashtextextended($1, 118))", identity.principal
                )
                many = await connection.fetchval(
                    "select count(*) from passkeys where principal = $1 and revoked is null",
                    identity.principal,
                )
                if many >= MOST:
                    raise PasskeyRefused("too_many")
                kept = await connection.fetchval(
                    "insert into passkeys (id, credential, public_key, sign_count, site, principal, label, "
                    "key_id, issuer, subject, expires) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
                    "on conflict (credential) do nothing returning id",
                    name,
                    made.credential_id,
                    made.credential_public_key,
                    made.sign_count,
                    site.id,
                    identity.principal,
                    label,
                    None if identity.issuer is not None else identity.key_id,
                    identity.issuer,
                    identity.subject,
                    expires,
                )
        if kept is None:
            raise PasskeyRefused("enrolled_before")
        return name

    async def to_sign_in(self, site: Site, bound: str) -> str:
        """What a browser needs to sign in by a passkey that it has, whosever, as JSON.

        Raises:
            LedgerError: the database cannot be asked.
        """
        options = generate_authentication_options(
            rp_id=site.id,
            challenge=await self._challenge("sign_in", bound),
            timeout=int(LIFETIME.total_seconds() * 1000),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    async def authenticate(self, site: Site, bound: str, answer: str) -> tuple[Identity, str]:
        """Who signs in, as the key or account that the passkey stands for; and the passkey's id.

        Whether a provider's account is that delegate still, whoever calls has to ask.

        Raises:
            PasskeyRefused: the answer is none to a challenge of this browser, or of no passkey in force.
            LedgerError: the database cannot be asked.
        """
        try:
            read = parse_authentication_credential_json(_bounded(answer))
            challenge = parse_client_data_json(read.response.client_data_json).challenge
        except Exception as error:
            raise _unreadable(error) from None
        await self._answered("sign_in", bound, challenge)
        with translated("look up passkeys", _ROLE):
            row = await self._pool.fetchrow(
                "select p.id, p.public_key, p.sign_count, p.principal, p.issuer, p.subject, p.key_id, "  # noqa: S608
                "k.label, k.scopes, k.expires from passkeys p left join api_keys k on k.id = p.key_id "
                f"where p.credential = $1 and p.site = $3 and {_IN_FORCE}",
                read.raw_id,
                self._now(),
                site.id,
            )
        if row is None:
            raise PasskeyRefused("not_in_force")
        if read.response.user_handle not in (None, _handle(row["principal"])):
            raise PasskeyRefused("not_in_force")
        try:
            proven = verify_authentication_response(
                credential=read,
                expected_challenge=challenge,
                expected_rp_id=site.id,
                expected_origin=site.origin,
                credential_public_key=row["public_key"],
                credential_current_sign_count=row["sign_count"],
                require_user_verification=True,
            )
        except Exception as error:
            raise _unfit(error) from None
        # Of two answers with one count, one is a copy's: the second finds the count taken.
        with translated("keep passkeys", _ROLE):
            used = await self._pool.execute(
                "update passkeys set sign_count = $2, used = $3 where id = $1 and revoked is null "
                "and (sign_count < $2 or (sign_count = 0 and $2 = 0))",
                row["id"],
                proven.new_sign_count,
                self._now(),
            )
        if used == "UPDATE 0":
            log.warning("a passkey's counter did not go on: there may be a copy of it", passkey=row["id"])
            raise PasskeyRefused("unfit")
        issuer = row["issuer"]
        known = Identity(row["principal"], "delegate", "", issuer, issuer=issuer, subject=row["subject"])
        if issuer is None:
            known = Identity(
                row["principal"],
                "delegate",
                row["key_id"],
                row["label"],
                tuple(row["scopes"]),
                row["expires"],
            )
        return known, row["id"]

    async def of(self, principal: str) -> list[PasskeyAbout]:
        """A delegate's passkeys, and those of the delegates whom it claimed, the newest first; at most 1000.

        Of whom held a key before being claimed none, as of keys.

        Raises:
            LedgerError: the database cannot be asked.
        """
        with translated("list passkeys", _ROLE):
            rows = await self._pool.fetch(
                "select p.id, p.principal, p.label, p.key_id, p.created, least(p.expires, k.expires) as expires, "
                "p.used, least(p.revoked, k.revoked) as revoked "
                "from passkeys p left join api_keys k on k.id = p.key_id where p.principal = $1 or p.principal in "
                "(select delegate from delegate_claims where claimed_by = $1 and not holds_earlier_key(delegate)) "
                "order by p.created desc, p.id limit 1000",
                principal,
            )
        return [PasskeyAbout(**row) for row in rows]

    async def revoke(self, principal: str, name: str) -> bool:
        """Revoke a passkey of the delegate, or of one whom it claimed; whether there was one. Its sessions are over.

        Raises:
            LedgerError: the database cannot be written.
        """
        whose = next((one.principal for one in await self.of(principal) if one.id == name), None)
        if whose is None:
            return False
        with translated("revoke passkeys", _ROLE):
            done: bool = await self._pool.fetchval("select revoke_passkey($1, $2)", name, whose)
        return done

    async def _challenge(self, purpose: Purpose, bound: str) -> bytes:
        challenge = secrets.token_bytes(32)
        with translated("keep challenges", _ROLE):
            await self._pool.execute("delete from passkey_challenges where expires < $1", self._now())
            await self._pool.execute(
                "insert into passkey_challenges (hash, bound, purpose, expires) values ($1, $2, $3, $4)",
                _hash(challenge),
                _hash(bound.encode()),
                purpose,
                self._now() + LIFETIME,
            )
        return challenge

    async def _answered(self, purpose: Purpose, bound: str, challenge: bytes) -> None:
        """Take a challenge away.

        Raises:
            PasskeyRefused: there is none such for this browser: it was answered, is too old, or was never given.
        """
        with translated("keep challenges", _ROLE):
            done = await self._pool.execute(
                "delete from passkey_challenges where (hash, bound, purpose) = ($1, $2, $3) and expires >= $4",
                _hash(challenge),
                _hash(bound.encode()),
                purpose,
                self._now(),
            )
        if done == "DELETE 0":
            raise PasskeyRefused("late")


def _handle(principal: str) -> bytes:
    """The user handle of all of a delegate's passkeys, so that an authenticator keeps one of them for a site."""
    return _hash(b"entente passkeys\0" + principal.encode())


def _bounded(answer: str) -> str:
    if len(answer) > LONGEST:
        raise ValueError(f"{len(answer)} characters")
    return answer


def _unreadable(error: Exception) -> PasskeyRefused:
    log.info("a browser's answer about a passkey cannot be read", reason=str(error)[:200])
    return PasskeyRefused("unreadable")


def _unfit(error: Exception) -> PasskeyRefused:
    # What the library says of it is for the log: it names bytes, and no way on.
    log.info("a passkey is refused", reason=f"{type(error).__name__}: {error}"[:200])
    return PasskeyRefused("unfit")


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
