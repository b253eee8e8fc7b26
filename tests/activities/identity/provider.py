"""Tokens of a provider with keys of its own: honest ones, and such as nobody should believe."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "entente"


@dataclass
class OwnProvider:
    """An OpenID provider that a test rules: its keys by id, how often they were asked for, whether it answers."""

    issuer: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    answers: bool = True
    says: dict[str, Any] = field(default_factory=dict)
    gives: Any = None
    """Its keys as it gives them, where those are none."""

    def rotate(self, kid: str, *, curve: bool = False) -> None:
        """A new key, in place of all others."""
        made = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
        self.keys = {kid: made}

    def token(self, kid: str | None = None, algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token, signed by the key ``kid``, or by ``key``; a claim of None is left out."""
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "person-1",
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        name = kid or next(iter(self.keys))
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.keys.get(name) if key is None else key,
            algorithm=algorithm,
            headers={"kid": name},
        )

    def _answer(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **self.says}
        self.asked += 1
        if self.gives is not None:
            return {"keys": self.gives}
        found = []
        for kid, key in self.keys.items():
            curve = isinstance(key, ec.EllipticCurvePrivateKey)
            kind: Any = jwt.algorithms.ECAlgorithm if curve else jwt.algorithms.RSAAlgorithm
            found.append(
                {
                    **json.loads(kind.to_jwk(key.public_key())),
                    "kid": kid,
                    "alg": "ES256" if curve else "RS256",
                }
            )
        return {"keys": found}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(self._answer(head.split(b" ", 2)[1].decode())).encode()
            status = b"200 OK" if self.answers else b"500 Broken"
            writer.write(
                b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                % (status, len(body), body)
            )
            await writer.drain()
        writer.close()


@asynccontextmanager
async def own_provider() -> AsyncIterator[OwnProvider]:
    """Such a provider, on the loopback interface."""
    provider = OwnProvider()
    provider.rotate("k1")
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()
        await server.wait_closed()
