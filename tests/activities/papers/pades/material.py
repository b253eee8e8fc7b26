"""Keys and certificates for signing papers, made for a test, and a token of SoftHSM."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PASSPHRASE = "correct horse"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class Certified:
    """A key with its certificate, and those of the authority that issued it."""

    key: Any
    certificate: x509.Certificate
    authority: x509.Certificate
    authority_key: Any

    def file(self, folder: Path, name: str = "key.p12", passphrase: str | None = PASSPHRASE) -> Path:
        """Key and certificates as PKCS#12."""
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
        written = folder / name
        written.write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"papers", self.key, self.certificate, [self.authority], encryption
            )
        )
        return written

    def root(self, folder: Path) -> Path:
        """The authority's certificate as PEM."""
        written = folder / "authority.pem"
        written.write_bytes(self.authority.public_bytes(Encoding.PEM))
        return written


def certified(
    name: str = "Registry of AA (illustrative)",
    *,
    key: Any = None,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=30),
    for_signatures: bool | None = True,
    stamping: bool = False,
    ocsp: str | None = None,
    revoked: str | None = None,
) -> Certified:
    """A key whose certificate an authority of its own issued; ``for_signatures`` is its key usage, none for none.

    ``ocsp`` and ``revoked`` are addresses where its authority says what it has revoked: asked, or as a list.
    """
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Authority of the test")
    authority = (
        _builder(
            authority_name, authority_name, authority_key, now - timedelta(days=2), now + timedelta(days=99)
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    made = key or ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), authority_name, made, now + begins, now + ends)
    if for_signatures is not None:
        usage = _usage(digital_signature=for_signatures, key_encipherment=not for_signatures)
        builder = builder.add_extension(usage, critical=True)
    if stamping:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    if ocsp is not None:
        place = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    if revoked is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(revoked)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Certified(made, builder.sign(authority_key, hashes.SHA256()), authority, authority_key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def ed25519_key() -> Any:
    return ed25519.Ed25519PrivateKey.generate()


def softhsm() -> Path | None:
    """SoftHSM's PKCS#11 module, where this machine has it."""
    named = os.environ.get("SOFTHSM2_MODULE")
    candidates = [Path(named)] if named else [Path(each) for each in MODULES]
    there = next((one for one in candidates if one.exists()), None)
    return there if there is not None and shutil.which("softhsm2-util") else None


def token(folder: Path, module: Path, label: str, pin: str, keys: dict[str, Certified]) -> Path:
    """A token of SoftHSM with these keys and certificates, by label; its configuration, for SOFTHSM2_CONF."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")

    def run(*words: str) -> None:
        environment = {**os.environ, "SOFTHSM2_CONF": str(configuration)}
        subprocess.run([*words], env=environment, check=True, capture_output=True)

    util = ("softhsm2-util", "--module", str(module))
    run(*util, "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", pin)
    for number, (name, one) in enumerate(keys.items()):
        pem = folder / f"{name}.pem"
        pem.write_bytes(one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        id_ = f"{number + 1:02x}"
        run(*util, "--import", str(pem), "--token", label, "--label", name, "--id", id_, "--pin", pin)
        der = folder / f"{name}.der"
        der.write_bytes(one.certificate.public_bytes(Encoding.DER))
        # A process of its own: a module reads its configuration once in the life of a process.
        run(sys.executable, "-c", _PUT, str(module), label, pin, name, str(der), id_)
    return configuration


_PUT = """
import sys, pathlib, pkcs11
module, token, pin, label, file, id_ = sys.argv[1:]
with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin) as session:
    session.create_object({
        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
        pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        pkcs11.Attribute.TOKEN: True,
        pkcs11.Attribute.LABEL: label,
        pkcs11.Attribute.ID: bytes.fromhex(id_),
        pkcs11.Attribute.SUBJECT: b"",
        pkcs11.Attribute.VALUE: pathlib.Path(file).read_bytes(),
    })
"""
