"""Signing a paper: PAdES B-B, B-T with a time-stamp authority, B-LT with proof that nothing was revoked then, too.

The levels are those of ETSI EN 319 142-1. The signature is an incremental update (ISO 32000-1, 7.5.6): the paper's own
bytes come first in the signed file, so that the paper can be asked for again and compared. Its field is invisible,
beside the page: what a page shows is the record's alone, and a field that nobody sees needs neither an appearance
(PDF/A) nor a place among the tags (PDF/UA).
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pkcs11
from asn1crypto import pkcs12 as asn1_pkcs12
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12
from pkcs11 import exceptions as token_errors
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields, signers
from pyhanko.sign.general import SigningError
from pyhanko.sign.pkcs11 import PKCS11Signer
from pyhanko.sign.signers.pdf_cms import select_suitable_signing_md
from pyhanko.sign.timestamps import TimestampRequestError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import CRLValidationError, OCSPValidationError, PathError, ValidationError

from activities.papers.pades.asking import ANYWHERE, PATIENCE, Authority
from activities.papers.pades.keys import Key, KeyFile, Signing, SigningProblem, TokenKey
from activities.papers.pades.reading import name_of, signatures_in
from activities.papers.pades.revocation import context_of
from activities.runtime.reaching import Reaching

LARGEST_KEY_FILE = 1024 * 1024
"""Bytes of a PKCS#12 file."""

USAGES = frozenset({"digital_signature", "non_repudiation"})
"""Key usages (RFC 5280, 4.2.1.3) of which a certificate that names any must name one."""

LEAST_BITS = 2048
"""Bits of an RSA key (ETSI TS 119 312)."""

_ONE_AT_A_TIME = threading.Lock()
"""A token knows one login of a process."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose certificate it is, and until when it is valid."""

    name: str
    until: datetime


def holder_of(key: Key) -> Holder:
    """Whose key it is. The key is opened, and is fit for signing now.

    Raises:
        SigningProblem: it is not.
    """
    with _opened(key) as signer:
        certificate = signer.signing_cert
        return Holder(name_of(certificate.subject), certificate.not_valid_after)


def sign(content: bytes, signing: Signing, reason: str) -> bytes:
    """A PDF with one more signature; ``content`` is how it begins. Blocks; call it from a thread of its own.

    Args:
        content: the PDF, which may have signatures.
        signing: by what.
        reason: stands in the signature.

    Raises:
        SigningProblem: it could not be signed; says what is in the way.
    """
    if signing.issuers is not None and signing.authority is None:
        raise SigningProblem(
            "What shows that no certificate was revoked shows it of a time, and no authority says when it was signed.",
            "Name a time-stamp authority too.",
        )
    with _opened(signing.key) as signer:
        try:
            # Not as bytes: where it sets signals, the standard library writes a task's whole result out, and throws it
            # away, which takes seconds for a large paper.
            made = asyncio.run(_signed(content, signer, signing, reason)).getvalue()
        except TimestampRequestError as error:
            raise SigningProblem(
                f"The time-stamp authority {signing.authority} gave no time stamp: {_line(error)}.",
                "Nothing was signed. Try again, name another authority, or sign without one.",
            ) from None
        except token_errors.PKCS11Error as error:
            raise SigningProblem(
                f"The token did not sign: {_name(error)}.", "Look whether its key may sign, and try again."
            ) from None
        except _UNJUDGED as error:
            raise _unjudged(error) from None
        # Reason: pyHanko raises NotImplementedError for a key of a kind that it does not sign with.
        except (PdfError, SigningError, NotImplementedError, ValueError) as error:
            if isinstance(error.__cause__, _UNJUDGED):
                raise _unjudged(error.__cause__) from None
            raise SigningProblem(
                f"The PDF cannot be signed by this key: {_line(error)}.",
                "Give a PDF as entente papers writes it, and a key of RSA or of an elliptic curve.",
            ) from None
    signature = signatures_in(made)[-1]
    if signature.intact and signing.authority is not None and signature.stamped is None:
        raise SigningProblem(
            f"The token of the time-stamp authority {signing.authority} does not hold: its signature does not fit.",
            "Nothing was signed. Tell whoever runs it; name another authority, or sign without one.",
        )
    if not signature.intact:
        raise SigningProblem(
            "The signature that was made does not fit the certificate: key and certificate are not of one another.",
            "Name a key with its own certificate; in a token, both have the same label.",
        )
    return made


_UNJUDGED = (PathError, ValidationError, CRLValidationError, OCSPValidationError)
"""What is raised where a certificate is revoked, or it cannot be said whether it is."""


def _unjudged(error: BaseException) -> SigningProblem:
    return SigningProblem(
        f"It cannot be shown that no certificate is revoked: {_line(error)}.",
        "Nothing was signed. Name the certificates of all who issued the key's certificate and the authority's, up to "
        "their roots; see whether their OCSP and revocation lists answer; or sign without --long-term.",
    )


async def _signed(content: bytes, signer: Any, signing: Signing, reason: str) -> io.BytesIO:
    async with aclosing(Reaching(ANYWHERE, patience=PATIENCE, plain=True)) as reaching:
        context = None if signing.issuers is None else context_of(signing.issuers, reaching)
        return await _written(content, signer, signing.authority, reason, context)


async def _written(
    content: bytes, signer: Any, authority: str | None, reason: str, context: ValidationContext | None
) -> io.BytesIO:
    # What follows on the mark of the end begins on a line of its own.
    whole = content if content.endswith((b"\n", b"\r")) else content + b"\n"
    writer = IncrementalPdfFileWriter(io.BytesIO(whole))
    taken = {name for name, _, _ in fields.enumerate_sig_fields(writer.prev)}
    name = next(one for one in (f"Signature{n}" for n in range(1, len(taken) + 2)) if one not in taken)
    spec = fields.SigFieldSpec(
        name, invis_sig_settings=fields.InvisSigSettings(set_print_flag=True, box_out_of_bounds=True)
    )
    metadata = signers.PdfSignatureMetadata(
        field_name=name,
        md_algorithm=_hash_for(signer.signing_cert),
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=reason,
        embed_validation_info=context is not None,
        validation_context=context,
        # Which usages its certificate has is looked at when the key is opened.
        signer_key_usage=set(),
    )
    stamper = None if authority is None else Authority(authority)
    by = signers.PdfSigner(metadata, signer=signer, timestamper=stamper, new_field_spec=spec)
    made: io.BytesIO = await by.async_sign_pdf(writer)
    return made


def _hash_for(certificate: x509.Certificate) -> str:
    chosen: str = select_suitable_signing_md(certificate.public_key)
    return chosen


@contextmanager
def _opened(key: Key) -> Iterator[Any]:
    if isinstance(key, KeyFile):
        of_file = _of_file(key)
        _fit(of_file.signing_cert, str(key.file))
        yield of_file
    else:
        with _ONE_AT_A_TIME, _session(key) as session:
            of_token = _of_token(key, session)
            _fit(of_token.signing_cert, f"the key {key.key!r} in the token")
            yield of_token


def _of_file(key: KeyFile) -> signers.SimpleSigner:
    try:
        with key.file.open("rb") as opened:
            content = opened.read(LARGEST_KEY_FILE + 1)
    except OSError as error:
        raise SigningProblem(
            f"{key.file} cannot be read: {error.strerror}.", "Name a PKCS#12 file (.p12 or .pfx) that can."
        ) from None
    try:
        version = asn1_pkcs12.Pfx.load(content)["version"].native
    except ValueError:
        version = None
    if version != "v3" or len(content) > LARGEST_KEY_FILE:
        raise SigningProblem(
            f"{key.file} is no PKCS#12 file.", "Name a file with key and certificate, such as .p12 or .pfx."
        )
    passphrase = None if key.passphrase is None else key.passphrase.encode()
    try:
        private, certificate, _ = pkcs12.load_key_and_certificates(content, passphrase)
    except ValueError:
        raise SigningProblem(
            f"The passphrase does not open {key.file}."
            if passphrase is not None
            else f"{key.file} asks for a passphrase, and none was given.",
            "Give its own passphrase, in a file or when asked.",
        ) from None
    if private is None or certificate is None:
        lacking = "private key" if private is None else "certificate of its key"
        raise SigningProblem(
            f"{key.file} holds no {lacking}.", "Export key and certificate together into one PKCS#12 file."
        )
    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*spki) != certificate.public_key().public_bytes(*spki):
        raise SigningProblem(
            f"Key and certificate in {key.file} are not of one another.",
            "Export the key with its own certificate.",
        )
    signer: signers.SimpleSigner = signers.SimpleSigner.load_pkcs12_data(content, (), passphrase)
    return signer


@contextmanager
def _session(key: TokenKey) -> Iterator[Any]:
    try:
        slots = pkcs11.lib(str(key.module)).get_slots(token_present=True)
        tokens = [slot.get_token() for slot in slots]
    except (token_errors.PKCS11Error, OSError) as error:
        raise SigningProblem(
            f"The PKCS#11 module {key.module} cannot be used: {_name(error)}.",
            "Name the module that came with the token, such as /usr/lib/softhsm/libsofthsm2.so, and plug the token in.",
        ) from None
    labels = [token.label for token in tokens if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED]
    ours = [token for token in tokens if token.label == key.token] if key.token is not None else tokens
    if key.token is None and len(labels) != 1:
        raise SigningProblem(
            f"There are {len(labels)} tokens, and none was named.",
            f"Name one of {', '.join(map(repr, labels))}." if labels else "Plug the token in, or set it up.",
        )
    if not ours:
        raise SigningProblem(
            f"There is no token {key.token!r}.",
            f"Name one of {', '.join(map(repr, labels))}." if labels else "Plug the token in, or set it up.",
        )
    token = next(one for one in ours if key.token is not None or one.label in labels)
    try:
        session = token.open(user_pin=key.pin)
    except (token_errors.PinIncorrect, token_errors.PinInvalid, token_errors.PinLenRange):
        raise SigningProblem(
            f"The PIN is not that of the token {token.label!r}.",
            "Give its own PIN; some tokens lock after three wrong ones.",
        ) from None
    except token_errors.PinLocked:
        raise SigningProblem(
            f"The token {token.label!r} is locked after wrong PINs.", "Have its security officer unlock it."
        ) from None
    except token_errors.PKCS11Error as error:
        raise SigningProblem(
            f"The token {token.label!r} cannot be opened: {_name(error)}.", "Plug it in anew, and try again."
        ) from None
    with session:
        yield session


def _of_token(key: TokenKey, session: Any) -> PKCS11Signer:
    def objects(kind: pkcs11.ObjectClass) -> list[Any]:
        return list(session.get_objects({pkcs11.Attribute.CLASS: kind}))

    try:
        private = objects(pkcs11.ObjectClass.PRIVATE_KEY)
        certificates = objects(pkcs11.ObjectClass.CERTIFICATE)
        of_label = [one for one in private if one.label == key.key]
        if len(of_label) != 1:
            labels = ", ".join(sorted(repr(one.label) for one in private)) or "none that can be seen"
            raise SigningProblem(
                f"The token has {len(of_label)} private keys {key.key!r}.",
                f"Name one of its keys ({labels}); without the PIN no key can be seen.",
            )
        loaded = {
            one[pkcs11.Attribute.LABEL]: x509.Certificate.load(one[pkcs11.Attribute.VALUE])
            for one in certificates
        }
    except token_errors.PKCS11Error as error:
        raise SigningProblem(
            f"The token does not show its keys: {_name(error)}.", "Give the PIN, and try again."
        ) from None
    certificate = loaded.get(key.key)
    if certificate is None:
        raise SigningProblem(
            f"The token has no certificate {key.key!r} beside the key.",
            "Put the key's certificate into the token, under the key's label.",
        )
    return PKCS11Signer(
        session,
        key_label=key.key,
        signing_cert=certificate,
        ca_chain=[one for label, one in loaded.items() if label != key.key],
        # Hashing and signing in one step by ECDSA is what many tokens do not have.
        use_raw_mechanism=certificate.public_key.algorithm == "ec",
    )


def _fit(certificate: x509.Certificate, what: str) -> None:
    now = datetime.now(UTC)
    if certificate.not_valid_after < now:
        raise SigningProblem(
            f"The certificate of {what} has expired: it was valid until {certificate.not_valid_after:%Y-%m-%d}.",
            "Sign with one that is valid.",
        )
    if certificate.not_valid_before > now:
        raise SigningProblem(
            f"The certificate of {what} is valid from {certificate.not_valid_before:%Y-%m-%d} on only.",
            "Sign with one that is valid, or put this machine's clock right.",
        )
    kind = certificate.public_key.algorithm
    short = kind == "rsa" and certificate.public_key.bit_size < LEAST_BITS
    if short or kind not in ("rsa", "ec"):
        why = "too short" if short else f"of the kind {kind}"
        raise SigningProblem(
            f"The key of {what} is {why}: not every reader of PDF takes it.",
            f"Sign with RSA of at least {LEAST_BITS} bits, or with an elliptic curve such as P-256.",
        )
    usage = certificate.key_usage_value
    if usage is not None and not USAGES & set(usage.native):
        raise SigningProblem(
            f"The certificate of {what} is not for signatures: its key usage is "
            f"{', '.join(sorted(usage.native)) or 'none'}.",
            "Sign with one whose key usage is digitalSignature or nonRepudiation (contentCommitment).",
        )


def _line(error: BaseException) -> str:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    said = str(error) or type(error).__name__
    return (f"{said} ({cause})" if cause is not None and str(cause) else said).rstrip(".")


def _name(error: BaseException) -> str:
    """What the library says; most errors of tokens have a name and no words."""
    return str(error) or type(error).__name__
