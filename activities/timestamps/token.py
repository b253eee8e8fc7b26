"""RFC 3161 time-stamp tokens over texts: asked for, read, and verified with the network off.

An authority signs a hash and its own time. It says: what has this hash existed then. A token proves something only
under certificates that its reader has from elsewhere; which ones an authority has, everybody can make up.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    Accuracy,
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerifierBuilder,
    decode_timestamp_response,
)

from activities.errors import LedgerError, Malformed

MAX_TOKEN: Final = 64 * 1024
"""The most bytes of a token."""

MAX_CERTIFICATES: Final = 10
"""The most certificates in a token, and the longest chain from its signer to a root."""

MAX_CERTIFICATE_FILE: Final = 1024 * 1024
"""The most bytes of a file with certificates."""

_SHA256: Final = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_CERTIFICATES: Final = 0xA0
"""The tag of the certificates in signed data."""

_SIGNED_DATA: Final = 3
"""The version of signed data over anything but plain data (RFC 5652, section 5.1)."""

_GRANTED: Final = (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)
_PEM: Final = b"-----BEGIN "


class TokenInvalid(LedgerError):
    """Bytes that are no token of time, or none over this text, or one whose signature does not fit."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "Ask the authority for another")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its bytes (DER of the CMS ``ContentInfo``) say it; nothing of it is believed yet.

    ``time`` is in UTC, ``accuracy`` is how far the authority says that it may be off, ``signer`` the certificate whose
    key is to have signed it.
    """

    content: bytes
    time: datetime
    accuracy: timedelta
    hash: bytes
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]
    response: TimeStampResponse

    @property
    def before(self) -> datetime:
        """The time before which, by the authority, the text existed."""
        return self.time + self.accuracy

    @property
    def authority(self) -> str:
        """The name in the signer's certificate (RFC 4514)."""
        return self.signer.subject.rfc4514_string()

    def is_over(self, text: bytes) -> bool:
        """Whether the token is over ``text``."""
        return self.hash == hashlib.sha256(text).digest()


@dataclass(frozen=True, slots=True)
class Question:
    """A request (DER of ``TimeStampReq``) over a text, with a nonce of 64 random bits."""

    content: bytes
    text: bytes
    nonce: int


def question(text: bytes) -> Question:
    """Ask for a token over the SHA-256 of ``text``, with the signer's certificate in it."""
    request = (
        TimestampRequestBuilder()
        .data(text)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    assert request.nonce is not None  # noqa: S101 - it was asked for
    return Question(request.as_bytes(), text, request.nonce)


def answered(asked: Question, content: bytes) -> Token:
    """The token in an authority's answer (DER of ``TimeStampResp``), held against what was asked.

    Raises:
        TokenInvalid: it is refused, does not read, is over something else, or answers another question.
    """
    try:
        response = decode_timestamp_response(_in_order(content))
        status, words = response.status, "; ".join(response.status_string)
    except Exception as error:  # Whatever the two parsers raise.
        raise TokenInvalid(f"the answer does not read: {str(error)[:200]}") from None
    if status not in _GRANTED:
        raise TokenInvalid(f"the authority does not grant it: status {status} {words[:200]!r}")
    try:
        found = response.time_stamp_token()
    except Exception as error:  # Whatever the two parsers raise.
        raise TokenInvalid(f"the answer grants a token and has none: {str(error)[:200]}") from None
    token = read(found)
    if not token.is_over(asked.text):
        raise TokenInvalid("the token is over another text than it was asked for")
    if token.response.tst_info.nonce != asked.nonce:
        raise TokenInvalid("the token has another nonce: it answers another request")
    return token


def read(content: bytes) -> Token:
    """Read a token, and check of it what needs nobody's trust.

    It has one signer, whose certificate it carries, is for time-stamping alone, and was valid at the token's time; its
    hash is a SHA-256.

    Raises:
        TokenInvalid: it is not so.
    """
    if not 0 < len(content) <= MAX_TOKEN:
        raise TokenInvalid(f"a token has 1 to {MAX_TOKEN:,} bytes, and this one {len(content):,}")
    try:
        response = decode_timestamp_response(_response(content))
        info, signed = response.tst_info, response.signed_data
        imprint, time, signers = info.message_imprint, info.gen_time, list(signed.signer_infos)
        accuracy = _accuracy(response)
        _ = time + accuracy
        certificates = [_certificate(one) for one in sorted(signed.certificates)]
        of_signer = [
            one
            for one in certificates
            if len(signers) == 1
            and one.serial_number == signers[0].serial_number
            and one.issuer.public_bytes() == signers[0].issuer.public_bytes()
        ]
    except Exception as error:  # Whatever the two parsers raise.
        raise TokenInvalid(f"it does not read as a token: {str(error)[:200]}") from None
    if signed.version != _SIGNED_DATA:
        raise TokenInvalid(
            f"its signed data have the version {signed.version}, and those of a token {_SIGNED_DATA}"
        )
    if len(certificates) > MAX_CERTIFICATES:
        raise TokenInvalid(f"it carries {len(certificates)} certificates, more than {MAX_CERTIFICATES}")
    if len(of_signer) != 1:
        raise TokenInvalid(f"it has {len(signers)} signers, and {len(of_signer)} certificates of theirs")
    if imprint.hash_algorithm != _SHA256:
        raise TokenInvalid("its hash is no SHA-256")
    token = Token(content, time, accuracy, imprint.message, of_signer[0], tuple(certificates), response)
    _may_stamp(token)
    return token


def parse_certificates(content: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates in a file: one in DER, or any number in PEM.

    Raises:
        Malformed: there are none, or one does not read.
    """
    remedy = _REMEDY
    if len(content) > MAX_CERTIFICATE_FILE:
        raise Malformed("the file is too long for certificates", remedy)
    try:
        if _PEM in content:
            found = tuple(x509.load_pem_x509_certificates(content))
        else:
            found = (x509.load_der_x509_certificate(content),)
        for one in found:
            # Read when they are first asked for, which is when those that are none are noticed.
            _ = one.subject, one.issuer
    except Exception:  # Whatever the two parsers raise.
        raise Malformed("it holds no certificate that reads, in PEM or DER", remedy) from None
    return found


_REMEDY: Final = "Give the authority's root certificate, PEM or DER, from the authority itself"


def with_a_root(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The same certificates, of one file or of several together, if there is a root among them.

    Raises:
        Malformed: there are certificates, and none is signed by its own key: it names who issued the topmost ones.
    """
    if certificates and not roots_of(certificates):
        subjects = {one.subject for one in certificates}
        above = sorted({one.issuer.rfc4514_string() for one in certificates if one.issuer not in subjects})
        raise Malformed(
            "none of these certificates is a root, which is one that is signed by its own key; they were issued by "
            + ", ".join(above or ["one another"]),
            f"{_REMEDY}, together with these",
        )
    return tuple(certificates)


def roots_of(certificates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Those that are signed by their own keys."""
    return tuple(one for one in certificates if _issued(one, one))


class Authorities:
    """The authorities that somebody knows, by certificates: their roots, and what may stand between root and signer."""

    def __init__(self, certificates: Iterable[x509.Certificate]) -> None:
        self._certificates = tuple(dict.fromkeys(certificates))
        self._roots = frozenset(roots_of(self._certificates))
        self._others = [one for one in self._certificates if one not in self._roots]

    def __bool__(self) -> bool:
        return bool(self._roots)

    def know(self, token: Token) -> bool:
        """Whether the signer's certificate is, or leads by issuers' signatures to, one of the roots.

        The other certificates, and those in the token, may stand in between. So it is known whether a token is of an
        authority that its reader knows, whatever else is wrong with it.
        """
        between = dict.fromkeys([*self._certificates, *token.certificates])
        reached, ahead = {token.signer}, [token.signer]
        for _ in range(MAX_CERTIFICATES):
            if not self._roots.isdisjoint(ahead):
                return True
            issuers = {issuer for one in ahead for issuer in between if _issued(one, issuer)} - reached
            reached |= issuers
            ahead = list(issuers)
        return False

    def verify(self, token: Token, text: bytes) -> None:
        """Return if the token is over ``text``, and was signed under one of the roots as of its time.

        Whether a certificate was revoked is not asked: that nobody can tell with the network off.

        Raises:
            TokenInvalid: it is not so.
        """
        if not self._roots:
            raise TokenInvalid("no root certificate was given")
        verifier = VerifierBuilder(roots=list(self._roots), intermediates=self._others).build()
        try:
            verifier.verify_message(token.response, text)
        except Exception as error:  # Whatever the two parsers raise.
            raise TokenInvalid(f"its signature does not fit: {_short(error)}") from None


def _short(error: Exception) -> str:
    """OpenSSL's own words for it, of all that is wrapped around them."""
    text = str(error)
    _, mark, verdict = text.rpartition("Verify error: ")
    return (verdict.partition('"')[0] if mark else text)[:200]


def _certificate(content: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        # A serial number that is none names a certificate all the same, and is nothing to print about.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        found = x509.load_der_x509_certificate(content)
        # Read when they are first asked for, which is when those that are none are noticed.
        _ = found.subject, found.issuer, found.serial_number
    return found


def _response(token: bytes) -> bytes:
    """A token as the answer that would have granted it."""
    return _der(0x30, _der(0x30, _der(0x02, bytes([PKIStatus.GRANTED]))) + token)


def _in_order(response: bytes) -> bytes:
    """The answer with the token's certificates in the order that DER has for a set, by their bytes.

    OpenSSL's authorities leave them as they were configured. Nothing that is signed changes. What has another structure
    stays as it is.
    """
    try:
        [whole] = _elements(response, 0, len(response))
        _, token = _elements(response, *whole[1:])
        _, content = _elements(response, *token[1:])
        [signed] = _elements(response, *content[1:])
        [certificates] = [
            one for one in _elements(response, *signed[1:]) if response[one[0]] == _CERTIFICATES
        ]
        ordered = sorted(response[start:end] for start, _, end in _elements(response, *certificates[1:]))
    except (ValueError, IndexError):
        return response
    return response[: certificates[1]] + b"".join(ordered) + response[certificates[2] :]


def _elements(content: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Where the elements of a DER value begin, where their values do, and where they end.

    Raises:
        ValueError, IndexError: there are none of definite length.
    """
    found = []
    while start < end:
        length, body = content[start + 1], start + 2
        if length & 0x80:
            size = length & 0x7F
            length, body = int.from_bytes(content[body : body + size], "big"), body + size
        if body + length > end:
            raise ValueError("an element goes on beyond its end")
        found.append((start, body, body + length))
        start = body + length
    return found


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _accuracy(response: TimeStampResponse) -> timedelta:
    told: Accuracy | None = response.tst_info.accuracy
    if told is None:
        return timedelta(0)
    return timedelta(seconds=told.seconds or 0, milliseconds=told.millis or 0, microseconds=told.micros or 0)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        if certificate.issuer != issuer.subject:
            return False
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # Whatever the two parsers raise.
        return False
    return True


def _may_stamp(token: Token) -> None:
    try:
        usage = token.signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        fits = usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    except Exception:  # Whatever the two parsers raise.
        fits = False
    if not fits:
        raise TokenInvalid("its signer's certificate is not one for time-stamping, and nothing else")
    signer = token.signer
    if not signer.not_valid_before_utc <= token.time <= signer.not_valid_after_utc:
        raise TokenInvalid(
            f"its signer's certificate was not valid at its time, {token.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )


__all__ = [
    "MAX_TOKEN",
    "Authorities",
    "Question",
    "Token",
    "TokenInvalid",
    "answered",
    "parse_certificates",
    "question",
    "read",
    "with_a_root",
]
