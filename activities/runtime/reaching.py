"""Reaching a service whose address a party has named: with total deadlines, bounds, and only where the operator allows.

Two delegates can put any address into a witness policy. So what is asked for there must reach nothing that only this
machine can reach: the host is resolved once, every address that it resolves to is judged, and the connection is made to
an address that was judged (a second look-up could tell another one: DNS rebinding). TLS is by the name all the same.
Redirects are not followed, proxies of the environment not used, and nothing is decompressed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from activities.errors import EntenteError
from workflows.model.addresses import Address, parse_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host, as text."""

MOST_ADDRESSES: Final = 8
"""Addresses of one host; a service has no need of more, and each of them may have to be tried."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_RESOLVING: Final = 4


class Unreachable(EntenteError):
    """A service did not answer, or not in time, or must not be asked; the text says why."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "It is asked again; where that lasts, speak to whoever runs it")


class NotAllowed(Unreachable):
    """An address that must not be asked from here.

    ``told`` says so to whoever named it, to whom it is not said what a name resolves to in the operator's network.
    """

    def __init__(self, what: str, told: str | None = None) -> None:
        super().__init__(what)
        self.told = what if told is None else told


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds within which each step of a request has to be done, however it is dragged out."""

    connect: float = 4.0
    headers: float = 6.0
    whole: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    content: bytes


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks as the settings have them: ``10.1.0.0/16``.

    Raises:
        ValueError: one is none.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def _inner(ip: IP) -> IP:
    """The IPv4 address that an IPv6 address stands for, where it does; a gateway would pass it on there."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def is_public(ip: IP) -> bool:
    """Whether an address is one of the open Internet: not private, loopback, link-local, multicast or reserved."""
    judged = (_inner(ip),) if ip in _NAT64 else (ip, _inner(ip))
    return all(
        one.is_global
        and not (one.is_private or one.is_loopback or one.is_link_local)
        # What was once an organisation's own (RFC 3879) is so still where somebody uses it.
        and not (isinstance(one, ipaddress.IPv6Address) and one.is_site_local)
        and not (one.is_multicast or one.is_reserved or one.is_unspecified)
        for one in judged
    )


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, whatever the name resolves to later."""

    def __init__(self, networks: Sequence[Network], resolve: Resolve, setting: str, *, public: bool) -> None:
        self._networks = networks
        self._setting = setting
        self._resolve = resolve
        self._public = public
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, judge every address, connect to the first that takes it; all within ``timeout``."""
        async with asyncio.timeout(timeout):
            found = [ipaddress.ip_address(one.partition("%")[0]) for one in await self._resolve(host, port)]
            if not found or len(found) > MOST_ADDRESSES:
                raise NotAllowed(f"{host} has {len(found)} addresses; one to {MOST_ADDRESSES} are asked")
            for ip in found:
                self._judge(host, ip)
            failure: Exception | None = None
            for ip in found:
                try:
                    return await self._plain.connect_tcp(
                        str(ip), port, timeout, local_address, socket_options
                    )
                except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
                    failure = error
            raise Unreachable(f"no connection to {host}: {failure}")

    def _judge(self, host: str, ip: IP) -> None:
        if any(ip in network for network in self._networks):
            return
        if not self._public:
            raise NotAllowed(f"{host} is asked by https only; http is for networks that the operator names")
        if not is_public(ip):
            raise NotAllowed(
                f"{host} has the address {ip}, which is not public; the operator may allow its network by "
                f"{self._setting}",
                f"{host} has an address that is not public; the operator may allow its network",
            )


class Reaching:
    """Posts to services that parties have named. ``networks`` are those that the operator allows besides
    public ones, by ``setting``.

    Addresses in them may be asked by plain http as well; ``plain``: so may public ones, which is for what the operator
    has named, and whose answers are signed.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        patience: Patience | None = None,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        setting: str = "ENTENTE_WITNESS_NETWORKS",
        plain: bool = False,
    ) -> None:
        self._patience = patience or Patience()
        # Threads of its own: a name server that does not answer must hold up nothing else.
        self._resolving = ThreadPoolExecutor(_RESOLVING, thread_name_prefix="resolving")
        resolve = resolve or self._looked_up
        # Nothing is kept open: what a host may be asked is judged anew for each request.
        options: dict[str, Any] = {"max_connections": None, "max_keepalive_connections": 0}
        self._secure = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),
            network_backend=_Pinned(networks, resolve, setting, public=True),
            **options,
        )
        self._open = httpcore.AsyncConnectionPool(
            network_backend=_Pinned(networks, resolve, setting, public=plain), **options
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._secure.aclose()
        await self._open.aclose()
        self._resolving.shutdown(wait=False, cancel_futures=True)

    async def post(
        self, url: str, body: bytes, *, most: int, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> Answer:
        """What a service answers to a request; at most ``most`` bytes of it.

        Raises:
            Unreachable: it did not answer, not in time, too much, or must not be asked.
        """
        return await self._asked("POST", url, body, most, headers)

    async def get(self, url: str, *, most: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
        """What a service has at an address; at most ``most`` bytes of it.

        Raises:
            Unreachable: it did not answer, not in time, too much, or must not be asked.
        """
        return await self._asked("GET", url, b"", most, headers)

    async def _asked(
        self, method: str, url: str, body: bytes, most: int, headers: Sequence[tuple[bytes, bytes]]
    ) -> Answer:
        try:
            address = parse_address(url)
        except ValueError as error:
            raise NotAllowed(str(error)) from None
        try:
            async with asyncio.timeout(self._patience.whole):
                return await self._exchange(method, address, body, most, headers)
        except TimeoutError:
            raise Unreachable(f"no whole answer within {self._patience.whole:g} s") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from None
        except (OSError, ValueError, httpcore.UnsupportedProtocol) as error:
            # Such as a certificate that does not fit, or a header that is none.
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from None

    async def _exchange(
        self, method: str, address: Address, body: bytes, most: int, headers: Sequence[tuple[bytes, bytes]]
    ) -> Answer:
        pool = self._secure if address.secure else self._open
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=b"https" if address.secure else b"http",
                host=address.host.encode(),
                port=address.port,
                target=(address.path or "/").encode(),
            ),
            headers=[
                (b"Host", address.authority.encode()),
                (b"Content-Length", str(len(body)).encode()),
                (b"Accept-Encoding", b"identity"),
                (b"User-Agent", b"entente"),
                (b"Connection", b"close"),
                *headers,
            ],
            content=body,
            extensions={"timeout": {"connect": self._patience.connect}},
        )
        async with asyncio.timeout(self._patience.connect + self._patience.headers):
            response = await pool.handle_async_request(request)
        try:
            content = bytearray()
            async for chunk in response.aiter_stream():
                content += chunk
                if len(content) > most:
                    raise Unreachable(f"the answer is longer than {most:,} bytes")
            return Answer(response.status, bytes(content))
        finally:
            await response.aclose()

    async def _looked_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._resolving, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} cannot be resolved: {error}") from None
        return list(dict.fromkeys(str(one[4][0]) for one in found))
