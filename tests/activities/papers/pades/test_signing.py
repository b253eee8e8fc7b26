"""Papers that are signed: what the signature covers, what another tool says of it, and why one is not made."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.timestamps import DummyTimeStamper
from pypdf import PdfReader

from activities.errors import EntenteError, Malformed
from activities.papers.binding import read_receipt
from activities.papers.making import job
from activities.papers.pades.keys import KeyFile, Signing, SigningProblem, secret_in
from activities.papers.pades.reading import certificates_in, paper_in, signatures_in
from activities.papers.pades.signing import holder_of, sign
from activities.papers.press import press
from tests.activities.papers.pades.material import PASSPHRASE, Certified, certified, ed25519_key
from tests.activities.papers.sources import scenario


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paper() -> bytes:
    return press(job(await scenario("jv-closing"), "certificate", "en")[0])


@pytest.fixture(scope="module")
def registry() -> Certified:
    return certified()


@pytest.fixture(scope="module")
def signed(paper: bytes, registry: Certified, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    key = KeyFile(registry.file(tmp_path_factory.mktemp("key")), PASSPHRASE)
    return sign(paper, Signing(key), "Certificate of the record")


def test_the_paper_is_the_beginning_of_what_is_signed_and_can_be_signed_again(
    paper: bytes, signed: bytes, registry: Certified, tmp_path: Path
) -> None:
    assert signed.startswith(paper)
    assert paper_in(signed) == paper_in(paper) == paper
    other = certified("Registry of BB (illustrative)")
    both = sign(signed, Signing(KeyFile(other.file(tmp_path), PASSPHRASE)), "The same")
    assert both.startswith(signed)
    first, second = signatures_in(both, certificates_in(registry.root(tmp_path)))
    assert (first.field, first.intact, first.trusted) == ("Signature1", True, True)
    assert (second.field, second.intact, second.trusted) == ("Signature2", True, False)
    assert "Registry of AA" in first.signer
    assert "Registry of BB" in second.signer
    assert first.claimed is not None
    assert abs(first.claimed - datetime.now(UTC)) < timedelta(hours=1)


def test_the_signed_paper_still_says_that_it_is_archival_and_accessible(paper: bytes, signed: bytes) -> None:
    """What PDF/A-2 (6.3, 6.4) and PDF/UA-1 (7.18) ask of a field that is not seen, and of what an update leaves."""
    before, after = PdfReader(io.BytesIO(paper)), PdfReader(io.BytesIO(signed))
    root: Any = after.trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    for claim in ('pdfaid:part="2"', 'pdfaid:conformance="A"', 'pdfuaid:part="1"'):
        assert claim in metadata
    was: Any = before.trailer["/Root"]
    for part in ("/StructTreeRoot", "/OutputIntents", "/Pages"):
        assert root.raw_get(part).idnum == was.raw_get(part).idnum
    assert bool(root["/MarkInfo"]["/Marked"])
    # The document information says what the metadata say.
    info: Any = after.trailer["/Info"]
    modified = datetime.fromisoformat(re.search(r'ModifyDate="([^"]+)"', metadata)[1])  # type: ignore[index]
    assert info["/ModDate"].startswith(f"D:{modified.astimezone(UTC):%Y%m%d%H%M%S}")
    assert f'Producer="{info["/Producer"]}"' in metadata
    (field,) = (one.get_object() for one in root["/AcroForm"]["/Fields"])
    assert field["/F"] & 4  # is printed
    assert not field["/F"] & 2  # is not hidden
    left, bottom, right, top = field["/Rect"]
    assert (left, bottom) == (right, top)  # needs no appearance
    assert left < 0  # is beside the page, so that it needs no tag
    assert "/NeedAppearances" not in root["/AcroForm"]
    assert read_receipt(str(info["/Keywords"])).size > 0


@pytest.mark.parametrize("key", ["P-256", "P-384", "RSA"])
def test_openssl_says_the_same_of_the_bytes_that_are_signed(paper: bytes, key: str, tmp_path: Path) -> None:
    made = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
    }[key]()
    by = certified(key=made)
    content = sign(paper, Signing(KeyFile(by.file(tmp_path), PASSPHRASE)), "Test")
    assert openssl_says(content, by.root(tmp_path), tmp_path)
    (signature,) = signatures_in(content, certificates_in(by.root(tmp_path)))
    assert (signature.intact, signature.trusted) == (True, True)
    # A byte of the paper, one of the update before the signature, and one behind it.
    _, _, second, rest = ranges(content)
    for at in (100, len(paper) + 60, second + rest - 8):
        altered = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        assert not openssl_says(altered, by.root(tmp_path), tmp_path)
    stranger = certified().root(tmp_path)
    assert not openssl_says(content, stranger, tmp_path)


def ranges(content: bytes) -> tuple[int, int, int, int]:
    told = re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", content)
    first, second, third, fourth = map(int, told[-1])
    return first, second, third, fourth


def openssl_says(content: bytes, root: Path, folder: Path) -> bool:
    """Whether OpenSSL verifies the CMS of the last signature over the bytes that it covers."""
    first, length, second, rest = ranges(content)
    assert (first, second + rest) == (0, len(content)), "it covers the whole file but itself"
    (folder / "covered").write_bytes(content[:length] + content[second:])
    (folder / "cms.der").write_bytes(bytes.fromhex(content[length + 1 : second - 1].decode()).rstrip(b"\0"))
    done = subprocess.run(
        [
            "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der", "-content", "covered",
            "-CAfile", str(root), "-purpose", "any", "-cades", "-out", "said",
        ],
        cwd=folder,
        capture_output=True,
    )  # fmt: skip
    return done.returncode == 0


def test_poppler_says_the_same(signed: bytes, paper: bytes, tmp_path: Path) -> None:
    if shutil.which("pdfsig") is None:
        # Reason: it is a program of the system, and openssl says the same of the same bytes in the test before.
        pytest.skip("there is no pdfsig: apt-get install poppler-utils")
    for content, expected in ((signed, "Signature is Valid"), (_altered(signed, 200), "Digest Mismatch")):
        (tmp_path / "paper.pdf").write_bytes(content)
        said = subprocess.run(
            ["pdfsig", "-nocert", "paper.pdf"], cwd=tmp_path, capture_output=True, text=True
        )
        assert expected in said.stdout, said.stdout
        assert "ETSI.CAdES.detached" in said.stdout
        assert "Total document signed" in said.stdout


def _altered(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_no_byte_can_be_altered_unseen(signed: bytes, paper: bytes) -> None:
    """A byte every so often, over paper, update and trailer: the signature falls, or nothing reads it any more."""
    _, length, second, _ = ranges(signed)
    spread = [*range(0, len(signed), 997), length - 1, second, len(paper), len(signed) - 1]
    for at in spread:
        if length <= at < second:
            continue  # the signature itself, where a byte of the padding says nothing
        try:
            kept = [one for one in signatures_in(_altered(signed, at)) if one.intact]
        except Malformed:
            continue
        assert not kept, at
    with_more = signed + b"\n% more\n"
    assert not any(one.intact for one in signatures_in(with_more))


class Authority(BaseHTTPRequestHandler):
    """A time-stamp authority (RFC 3161, 3.4)."""

    stamper: DummyTimeStamper
    answers = True

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.answers:
            self.send_error(503)
            return
        answer = self.stamper.request_tsa_response(tsp.TimeStampReq.load(asked)).dump()
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def authority() -> Iterator[str]:
    by = certified(
        "Time-stamp authority of the test", key=rsa.generate_private_key(65537, 2048), stamping=True
    )
    Authority.answers = True
    Authority.stamper = DummyTimeStamper(
        tsa_cert=asn1_x509.Certificate.load(by.certificate.public_bytes(Encoding.DER)),
        tsa_key=asn1_keys.PrivateKeyInfo.load(
            by.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
    )
    server = HTTPServer(("127.0.0.1", 0), Authority)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_authority_says_when_it_was_signed(
    paper: bytes, registry: Certified, authority: str, tmp_path: Path
) -> None:
    key = KeyFile(registry.file(tmp_path), PASSPHRASE)
    (stamped,) = signatures_in(sign(paper, Signing(key, authority), "Test"))
    assert stamped.intact
    assert stamped.stamped is not None
    assert abs(stamped.stamped - datetime.now(UTC)) < timedelta(hours=1)
    Authority.answers = False
    with pytest.raises(SigningProblem, match="gave no time stamp") as refused:
        sign(paper, Signing(key, authority), "Test")
    assert "without one" in refused.value.remedy


def test_each_reason_for_not_signing_is_said_with_the_way_on(paper: bytes, tmp_path: Path) -> None:
    ours = certified()
    text = tmp_path / "text"
    text.write_text("no key")
    lonely = tmp_path / "lonely.p12"
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    lonely.write_bytes(
        pkcs12.serialize_key_and_certificates(
            None, None, None, [ours.authority], BestAvailableEncryption(PASSPHRASE.encode())
        )
    )
    day = timedelta(days=1)
    cases = [
        (KeyFile(ours.file(tmp_path), "wrong"), "The passphrase does not open"),
        (KeyFile(ours.file(tmp_path)), "asks for a passphrase"),
        (KeyFile(tmp_path / "none.p12", PASSPHRASE), "cannot be read"),
        (KeyFile(text, PASSPHRASE), "is no PKCS#12 file"),
        (KeyFile(lonely, PASSPHRASE), "holds no private key"),
        (KeyFile(certified(begins=-3 * day, ends=-day).file(tmp_path, "old"), PASSPHRASE), "has expired"),
        (KeyFile(certified(begins=day).file(tmp_path, "early"), PASSPHRASE), "is valid from"),
        (KeyFile(certified(key=ed25519_key()).file(tmp_path, "ed"), PASSPHRASE), "is of the kind ed25519"),
        (
            KeyFile(certified(for_signatures=False).file(tmp_path, "tls"), PASSPHRASE),
            "is not for signatures: its key usage is key_encipherment",
        ),
    ]
    for key, said in cases:
        with pytest.raises(SigningProblem, match=re.escape(said)) as refused:
            sign(paper, Signing(key), "Test")
        assert refused.value.remedy
        assert PASSPHRASE not in str(refused.value)
        assert PASSPHRASE not in repr(key)
    with pytest.raises(SigningProblem, match="cannot be signed"):
        sign(b"no PDF", Signing(KeyFile(ours.file(tmp_path), PASSPHRASE)), "Test")
    open_one = KeyFile(certified(for_signatures=None).file(tmp_path, "open.p12", None))
    assert "Registry of AA" in holder_of(open_one).name
    (signature,) = signatures_in(sign(paper, Signing(open_one), "Test"))
    assert signature.intact


def test_a_passphrase_is_one_line_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("päss wörd\n")
    assert secret_in(secret) == "päss wörd"
    for content in (b"", b"\n", b"two\nlines\n", b"\xff", b"x" * 5000):
        secret.write_bytes(content)
        with pytest.raises(SigningProblem):
            secret_in(secret)
    with pytest.raises(SigningProblem):
        secret_in(tmp_path / "none")


def test_what_is_no_pdf_has_no_signatures_to_tell_of(tmp_path: Path) -> None:
    for content in (b"", b"%PDF-1.7\n", b"%PDF-1.7\nstartxref\n999999\n%%EOF", b"\0" * 100):
        with pytest.raises(Malformed):
            signatures_in(content)
    (tmp_path / "none.pem").write_text("no certificate")
    with pytest.raises(EntenteError, match="holds no certificate"):
        certificates_in(tmp_path / "none.pem")
