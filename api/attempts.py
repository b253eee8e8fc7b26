"""Attempts to be somebody that fail: counted by the client's address, and by the id of the key that was tried.

Nobody is locked out by a stranger's attempts: a right key that was in use here lately is served, whatever others have
tried from the same address, and one key's id bars wrong secrets alone. Beyond the rate the database is asked for
nobody else from there.
"""

from __future__ import annotations

import ipaddress

import structlog
from starlette.requests import HTTPConnection

from activities.identity.keys import Identities, Identity, NotAuthenticated, id_of
from api.limits import Limits

log = structlog.get_logger(__name__)


def address_of(request: HTTPConnection) -> str:
    """The client's address, as the server has it from the connection or from a proxy that it trusts.

    Of IPv6 the network of 64 bits: who has one such address has all of them.
    """
    host = request.client.host if request.client else "nowhere"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Attempts:
    """Tells who holds a key, and counts what fails. One for each API process."""

    def __init__(self, identities: Identities, limits: Limits) -> None:
        self._identities = identities
        self._limits = limits

    async def by_key(self, request: HTTPConnection, token: str) -> Identity:
        """Who holds ``token``.

        Raises:
            NotAuthenticated: nobody.
            Problem: ``rate_limited``, where too many attempts have failed.
            LedgerError: the database cannot be asked.
        """
        spent = await self._limits.spent("failures", address_of(request))
        try:
            return await self._identities.authenticate(token, known_only=spent)
        except NotAuthenticated:
            await self.failed(request, id_of(token))
            raise

    async def failed(self, request: HTTPConnection, key: str | None = None) -> None:
        """Count an attempt that failed, with the id of the key that was tried, if it was one.

        Raises:
            Problem: ``rate_limited``, with ``Retry-After``.
        """
        address = address_of(request)
        await self._limits.count("failures", address)
        if key is not None:
            await self._limits.count("failures_of_key", key)
        log.info("an attempt to be somebody failed", address=address, key=key)
