"""Signatures that keep what shows that no certificate was revoked (PAdES B-LT): asked of a local authority alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyhanko_certvalidator.context
import pytest
import pytest_asyncio
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from pyhanko.sign.timestamps import DummyTimeStamper

from activities.papers.making import job
from activities.papers.pades.apart import sign_apart
from activities.papers.pades.keys import KeyFile, Signing, SigningProblem
from activities.papers.pades.reading import certificates_in, paper_in, signatures_in
from activities.papers.pades.signing import sign
from activities.papers.press import press
from tests.activities.papers.pades.material import PASSPHRASE, Certified, certified
from tests.activities.papers.sources import scenario, unnamed
from tests.activities.witness.hostile import listening

DAY = timedelta(days=1)


@dataclass
class Issuing:
    """Two authorities: of a registry, which answers by OCSP, and of a time-stamp authority, which keeps a list."""

    url: str
    registry: Certified = field(init=False)
    stamping: Certified = field(init=False)
    revoked: bool = False
    silent: str = ""
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = certified(ocsp=f"{self.url}/ocsp")
        self.stamping = certified(
            "Time-stamp authority of the test", key=rsa.generate_private_key(65537, 2048), stamping=True,
            ends=90 * DAY, revoked=f"{self.url}/revoked.crl",
        )  # fmt: skip

    def answer(self, path: str, body: bytes) -> bytes | None:
        self.asked.append(path)
        answers = {"/ocsp": self.ocsp, "/revoked.crl": self.list_of_revoked, "/tsa": self.tsa}
        return None if path == self.silent else answers[path](body)

    def ocsp(self, body: bytes) -> bytes:
        now = datetime.now(UTC)
        assert ocsp.load_der_ocsp_request(body).serial_number == self.registry.certificate.serial_number
        answer = ocsp.OCSPResponseBuilder().add_response(
            self.registry.certificate, self.registry.authority, hashes.SHA1(),  # noqa: S303 - of the request
            ocsp.OCSPCertStatus.REVOKED if self.revoked else ocsp.OCSPCertStatus.GOOD,
            now - timedelta(minutes=1), now + DAY,
            now - timedelta(hours=1) if self.revoked else None,
            x509.ReasonFlags.key_compromise if self.revoked else None,
        )  # fmt: skip
        by = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, self.registry.authority)
        return by.sign(self.registry.authority_key, hashes.SHA256()).public_bytes(Encoding.DER)

    def list_of_revoked(self, body: bytes) -> bytes:
        assert not body
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self.stamping.authority.subject)
        made = made.last_update(now - timedelta(minutes=1)).next_update(now + DAY)
        return made.sign(self.stamping.authority_key, hashes.SHA256()).public_bytes(Encoding.DER)

    def tsa(self, body: bytes) -> bytes:
        key = self.stamping.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        by = DummyTimeStamper(
            asn1_x509.Certificate.load(self.stamping.certificate.public_bytes(Encoding.DER)),
            asn1_keys.PrivateKeyInfo.load(key),
        )
        made: bytes = by.request_tsa_response(tsp.TimeStampReq.load(body)).dump()
        return made

    def issuers(self, folder: Path) -> Path:
        file = folder / "issuers.pem"
        roots = (self.registry.authority, self.stamping.authority)
        file.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in roots))
        return file

    def signing(self, folder: Path) -> Signing:
        return Signing(
            KeyFile(self.registry.file(folder), PASSPHRASE), f"{self.url}/tsa", self.issuers(folder)
        )


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuing]:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = service.requests[-1].decode()
        length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
        answer = local.answer(head.split()[1], await reader.readexactly(length))
        status = "404 Not Found" if answer is None else "200 OK"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(answer or b'')}\r\n\r\n".encode() + (answer or b"")
        )
        await writer.drain()

    async with listening(answering) as service:
        local = Issuing(service.url)
        yield local


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paper() -> bytes:
    return press(job(await scenario("jv-closing"), "certificate", "en")[0])


async def test_a_signature_that_lasts_is_trusted_when_its_certificate_has_run_out(
    paper: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with issuing() as local:
        made = await asyncio.to_thread(sign, paper, local.signing(tmp_path), "Certificate of the record")
        assert {*local.asked} == {"/ocsp", "/revoked.crl", "/tsa"}
        plain = Signing(local.signing(tmp_path).key, f"{local.url}/tsa")
        ordinary = await asyncio.to_thread(sign, paper, plain, "The same")
    assert made.startswith(paper)
    assert await asyncio.to_thread(paper_in, made) == paper
    roots = certificates_in(local.issuers(tmp_path))

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + 60 * DAY

    for content, lasts in ((made, True), (ordinary, False)):
        [now] = await asyncio.to_thread(signatures_in, content, roots)
        assert (now.intact, now.trusted, now.lasting) == (True, True, lasts)
    # Sixty days later the registry's certificate has run out, the authority's not; nobody is asked anything.
    monkeypatch.setattr(pyhanko_certvalidator.context, "datetime", Later)
    for content, lasts in ((made, True), (ordinary, False)):
        [then] = await asyncio.to_thread(signatures_in, content, roots)
        assert (then.intact, then.trusted, then.lasting) == (True, lasts, lasts)
    # By other issuers it does not hold, whatever is kept in it; and what follows upon it may be a signature alone.
    [foreign] = await asyncio.to_thread(signatures_in, made, certificates_in(certified().root(tmp_path)))
    assert (foreign.trusted, foreign.lasting) == (False, False)
    [more] = await asyncio.to_thread(signatures_in, made + b"\n% more\n", roots)
    assert not more.intact


async def test_what_cannot_be_shown_signs_nothing(paper: bytes, tmp_path: Path) -> None:
    async with issuing() as local:
        signing = local.signing(tmp_path)
        for silent, revoked, said in (
            ("/ocsp", False, "cannot be shown that no certificate is revoked"),
            ("/revoked.crl", False, "cannot be shown that no certificate is revoked"),
            ("", True, "revoked"),
        ):
            local.silent, local.revoked = silent, revoked
            with pytest.raises(SigningProblem, match=said) as refused:
                await asyncio.to_thread(sign, paper, signing, "")
            assert "without --long-term" in refused.value.remedy
        local.silent, local.revoked = "", False
        with pytest.raises(SigningProblem, match="no authority says when"):
            await asyncio.to_thread(sign, paper, Signing(signing.key, None, signing.issuers), "")
        # The registry's own issuer is not among those named.
        signing.issuers.write_bytes(local.stamping.authority.public_bytes(Encoding.PEM))  # type: ignore[union-attr]
        with pytest.raises(SigningProblem, match="cannot be shown"):
            await asyncio.to_thread(sign, paper, signing, "")
        with unnamed(paper) as file, await sign_apart(file, local.signing(tmp_path), "") as apart:
            apart.seek(0)
            [signature] = await asyncio.to_thread(
                signatures_in, apart.read(), certificates_in(local.issuers(tmp_path))
            )
        assert signature.lasting
