"""Certificates of authorities, and tokens that another program made."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from activities.errors import Malformed
from activities.timestamps.token import (
    Authorities,
    TokenInvalid,
    answered,
    parse_certificates,
    question,
    with_a_root,
)
from tests.activities.timestamps.authority import (
    TestAuthority,
    key,
)
from tests.activities.verifier.second.timestamps import Token as SecondToken
from tests.activities.verifier.second.timestamps import judged


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"0\x80"]
)
def test_a_file_without_a_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed, match="no certificate"):
        parse_certificates(content)


def test_a_certificate_that_is_no_root_proves_nothing(authority: TestAuthority) -> None:
    between = parse_certificates(authority.between.public_bytes(Encoding.PEM))
    with pytest.raises(Malformed, match=r"is a root.*issued by CN=Illustrative root"):
        with_a_root(between)
    assert with_a_root((*between, authority.root)) == (authority.between, authority.root)
    assert with_a_root(()) == ()
    assert len(parse_certificates(authority.root.public_bytes(Encoding.DER))) == 1


def test_a_token_of_openssl_is_read_and_verified(authority: TestAuthority, tmp_path: Path) -> None:
    """An authority of another making."""
    (tmp_path / "tsa.pem").write_bytes(authority.signer.public_bytes(Encoding.PEM))
    (tmp_path / "chain.pem").write_bytes(authority.between.public_bytes(Encoding.PEM))
    private = key(2).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "tsa.cnf").write_text(
        f"[tsa]\ndefault_tsa = one\n[one]\nserial = {tmp_path}/serial\nsigner_cert = {tmp_path}/tsa.pem\n"
        f"certs = {tmp_path}/chain.pem\nsigner_key = {tmp_path}/key.pem\nsigner_digest = sha512\n"
        "default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1, millisecs:500\n"
    )
    asked = question(b"hello")
    (tmp_path / "q.tsq").write_bytes(asked.content)
    try:
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=30,
        )
    except FileNotFoundError:
        # Reason: it is a program of the system; another authority, in Python, answers in the tests beside this one.
        pytest.skip("openssl's command is not here")
    token = answered(asked, (tmp_path / "r.tsr").read_bytes())
    Authorities([authority.root]).verify(token, b"hello")
    assert (token.before - token.time).total_seconds() == 1.5
    assert isinstance(judged(token.content, b"hello", [authority.root]), SecondToken)
    with pytest.raises(TokenInvalid, match="nonce"):
        answered(replace(asked, nonce=asked.nonce ^ 1), (tmp_path / "r.tsr").read_bytes())
