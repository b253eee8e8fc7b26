"""A time-stamp authority of the tests: certificates, tokens (made by pyHanko), and a service on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from activities.timestamps.token import question
from tests.activities.witness.hostile import Listening, listening

YEAR = timedelta(days=365)
START = datetime(2020, 1, 1, tzinfo=UTC)

Answer = Callable[[bytes], bytes]
"""What is answered (DER of TimeStampResp) to a request (DER of TimeStampReq)."""


@cache
def key(which: int) -> rsa.RSAPrivateKey:
    """A key, made once for a run: making them takes long."""
    return rsa.generate_private_key(65537, 2048)


def certificate(
    subject: str,
    of: int,
    issuer: str,
    by: int,
    *,
    authority: bool = False,
    usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    critical: bool = True,
    until: datetime = START + 30 * YEAR,
) -> x509.Certificate:
    """A certificate over the key ``of``, signed by the key ``by``; ``authority``: of one that signs others."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    purposes = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key(of).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
                **purposes,
            ),
            critical=True,
        )
    )
    if not authority and usage:
        made = made.add_extension(x509.ExtendedKeyUsage(usage), critical=critical)
    return made.sign(key(by), hashes.SHA256())


@dataclass
class TestAuthority:
    """An authority with a root, a certificate in between, and one that signs at the time ``now``, or at its own."""

    __test__ = False

    name: str = "Illustrative"
    keys: tuple[int, int, int] = (0, 1, 2)
    now: datetime | None = None
    embedded: tuple[x509.Certificate, ...] | None = None
    root: x509.Certificate = field(init=False)
    between: x509.Certificate = field(init=False)
    signer: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        root, between, signer = self.keys
        names = [f"{self.name} {one}" for one in ("root", "between", "TSA")]
        self.root = certificate(names[0], root, names[0], root, authority=True)
        self.between = certificate(names[1], between, names[0], root, authority=True)
        self.signer = certificate(names[2], signer, names[1], between)

    @property
    def pem(self) -> bytes:
        """The root, as a reader brings it."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, request: bytes) -> bytes:
        """What it answers to a request."""
        asked = tsp.TimeStampReq.load(request)
        found: bytes = self._stamper().request_tsa_response(asked).dump()
        return found

    def token(self, text: bytes, at: datetime | None = None) -> bytes:
        """A token over a text."""
        before, self.now = self.now, at or self.now
        try:
            answer = tsp.TimeStampResp.load(self.answer(question(text).content))
        finally:
            self.now = before
        found: bytes = answer["time_stamp_token"].dump()
        return found

    def _stamper(self) -> Any:
        store = SimpleCertificateStore()
        embedded = (self.between,) if self.embedded is None else self.embedded
        store.register_multiple([_asn1(one) for one in embedded])
        private = key(self.keys[2]).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        at = (self.now or datetime.now(UTC)).replace(microsecond=0)
        return DummyTimeStamper(
            _asn1(self.signer), asn1_keys.PrivateKeyInfo.load(private), store, fixed_dt=at
        )


def _asn1(one: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(one.public_bytes(Encoding.DER))


@cache
def known_authority() -> TestAuthority:
    """One that the tests share."""
    return TestAuthority()


def http(content: bytes, status: str = "200 OK", more: str = "") -> bytes:
    """An answer over HTTP."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/timestamp-reply\r\n{more}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@asynccontextmanager
async def stamping_service(answer: Answer) -> AsyncIterator[Listening]:
    """The authority as a service over HTTP; what it was asked stands in ``requests``."""

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = service.requests[-1].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        writer.write(http(answer(await reader.readexactly(length))))
        await writer.drain()

    async with listening(answering) as service:
        yield service
