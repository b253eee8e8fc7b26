"""An authenticator in software (WebAuthn, level 3): ES256, attestation none, and whatever a test wants wrong of it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.pages.browser import HERE

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(content: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def content(written: str) -> bytes:
    """What :func:`text` was given."""
    return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))


@dataclass
class Authenticator:
    """One device with one passkey; ``counts`` is whether it counts its uses."""

    counts: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    count: int = 0

    def _client_data(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()

    def _data(self, site: str, flags: int) -> bytes:
        self.count += self.counts
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _answer(self, **response: bytes) -> dict[str, Any]:
        return {
            "id": text(self.id),
            "rawId": text(self.id),
            "type": "public-key",
            "response": {name: text(value) for name, value in response.items()},
            "clientExtensionResults": {},
        }

    def make(
        self, options: dict[str, Any], *, origin: str = HERE, site: str = "", flags: int = PRESENT | VERIFIED
    ) -> str:
        """What a browser sends to enrol the passkey."""
        self.handle = content(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        data = self._data(site or options["rp"]["id"], flags | ATTESTED)
        data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        return json.dumps(
            self._answer(
                clientDataJSON=self._client_data("webauthn.create", options["challenge"], origin),
                attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
            )
        )

    def show(
        self, options: dict[str, Any], *, origin: str = HERE, site: str = "", flags: int = PRESENT | VERIFIED
    ) -> str:
        """What a browser sends to sign in by it."""
        client = self._client_data("webauthn.get", options["challenge"], origin)
        data = self._data(site or options["rpId"], flags)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            self._answer(
                clientDataJSON=client, authenticatorData=data, signature=signed, userHandle=self.handle
            )
        )
