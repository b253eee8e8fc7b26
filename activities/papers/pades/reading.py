"""What a PDF's signatures say, and which bytes of it are the paper itself."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from asn1crypto import pem, x509
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.general import UnacceptableSignerError
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import SignatureValidationError, ValidationInfoReadingError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from activities.errors import Malformed, RuntimeProblem

T = TypeVar("T")

# That no certificate was given to trust in is no warning here; what there is to say stands in the answer.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature in a PDF. ``intact``: by its certificate's key, over just these bytes, and nothing but further
    signatures was added since. ``trusted`` is none where no certificate to trust in was given. ``lasting``: what is
    kept in the PDF shows that no certificate was revoked when an authority stamped it (PAdES B-LT); then it is trusted
    also when its certificate has run out since.
    """

    field: str
    signer: str
    issuer: str
    fingerprint: str
    claimed: datetime | None
    stamped: datetime | None
    intact: bool
    trusted: bool | None
    problem: str | None
    lasting: bool = False


def certificates_in(file: Path) -> list[x509.Certificate]:
    """The certificates in a file, as PEM (several) or DER (one).

    Raises:
        RuntimeProblem: it cannot be read, or holds none.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RuntimeProblem(
            f"{file} cannot be read: {error.strerror}.", "Name a file with certificates."
        ) from None
    try:
        parts = (
            [der for _, _, der in pem.unarmor(content, multiple=True)] if pem.detect(content) else [content]
        )
        read = [x509.Certificate.load(part, strict=True) for part in parts]
        for one in read:
            one.native  # noqa: B018 - parsed when it is asked for
    except (ValueError, TypeError):
        raise RuntimeProblem(
            f"{file} holds no certificate.", "Name a file with X.509 certificates in PEM or DER."
        ) from None
    return read


def signatures_in(content: bytes, roots: Iterable[x509.Certificate] | None = None) -> tuple[Signature, ...]:
    """The signatures in a PDF, in the order in which they were made; nothing is fetched.

    Raises:
        Malformed: it does not read as a PDF.
    """
    anchors = None if roots is None else list(roots)

    def all_of(reader: PdfFileReader) -> tuple[Signature, ...]:
        return tuple(asyncio.run(_judged(one, anchors)) for one in reader.embedded_regular_signatures)

    return _read(content, all_of)


_USAGES = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)
"""Which usages count is for whoever trusts a certificate to say; PAdES asks for none."""


async def _judged(embedded: Any, roots: list[x509.Certificate] | None) -> Signature:
    certificate = embedded.signer_cert
    problem, status = None, None
    try:
        status = await async_validate_pdf_signature(
            embedded,
            ValidationContext(trust_roots=roots or [], allow_fetching=False),
            key_usage_settings=_USAGES,
        )
    except (SignatureValidationError, UnacceptableSignerError) as error:
        problem = str(error)
    stamped = None
    if status is not None:
        if not status.intact or not status.valid:
            problem = "the signed bytes were altered, or the signature is of another key"
        elif status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
            problem = "it does not cover the file as it was then"
        elif status.coverage < SignatureCoverageLevel.ENTIRE_FILE and (
            embedded.signed_revision == embedded.reader.xrefs.total_revisions - 1
            or status.modification_level is None
            or status.modification_level > ModificationLevel.FORM_FILLING
            or not _ends(embedded.reader)
        ):
            problem = "something else than a signature was added to the file since"
        token = status.timestamp_validity
        if token is not None and token.intact and token.valid:
            stamped = token.timestamp
    lasting = False
    if roots and problem is None and stamped is not None:
        lasting = await _lasting(embedded, roots, stamped)
    return Signature(
        field=str(embedded.field_name),
        signer=name_of(certificate.subject),
        issuer=name_of(certificate.issuer),
        fingerprint=certificate.sha256.hex(),
        claimed=embedded.self_reported_timestamp,
        stamped=stamped,
        intact=problem is None,
        trusted=None
        if roots is None
        else lasting or bool(status is not None and problem is None and status.trusted),
        problem=problem,
        lasting=lasting,
    )


def _ends(reader: PdfFileReader) -> bool:
    """Whether nothing follows on the last update of a PDF: what no cross-reference section has, no reader judges."""
    reader.stream.seek(reader.xrefs.get_startxref_for_revision(reader.xrefs.total_revisions - 1))
    _, mark, more = reader.stream.read().partition(b"%%EOF")
    return bool(mark) and not more.strip(b"\r\n")


async def _lasting(embedded: Any, roots: list[x509.Certificate], stamped: datetime) -> bool:
    """Whether the PDF keeps what shows that no certificate was revoked at the stamp's time, the stamp's own included.

    That one has to be valid now, too: nothing later says when the stamp was made.
    """
    try:
        kept = DocumentSecurityStore.read_dss(embedded.reader)
        then = {
            "trust_roots": roots,
            "allow_fetching": False,
            "retroactive_revinfo": True,
            "moment": stamped,
            "revocation_mode": "require",
        }
        now = ValidationContext(trust_roots=roots, other_certs=list(kept.load_certs()), allow_fetching=False)
        for of_stamp in (kept.as_validation_context(then), now):
            status = await async_validate_pdf_signature(
                embedded, kept.as_validation_context(then), of_stamp, key_usage_settings=_USAGES
            )
            token = status.timestamp_validity
            if not status.trusted or token is None or not token.trusted:
                return False
    except (SignatureValidationError, UnacceptableSignerError, ValidationInfoReadingError, ValueError):
        return False
    return True


def name_of(name: x509.Name) -> str:
    """A distinguished name by RFC 4514, so far as people read it: its parts, the narrowest first."""
    told = {key: value if isinstance(value, list) else [value] for key, value in name.native.items()}
    parts = [f"{_SHORT.get(key, key)}={one}" for key, values in told.items() for one in values]
    return ", ".join(reversed(parts))


_SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "country_name": "C",
    "locality_name": "L",
}


def paper_in(content: bytes) -> bytes:
    """The bytes of the paper itself: the PDF's first revision, before what signatures added.

    Raises:
        Malformed: it does not read as a PDF.
    """

    def first(reader: PdfFileReader) -> bytes:
        # Behind the first cross-reference section nothing but the trailer stands before the mark.
        mark = content.find(b"%%EOF", reader.xrefs.get_startxref_for_revision(0))
        if mark < 0:
            raise PdfReadError("the first revision has no end")
        end = mark + len(b"%%EOF")
        while reader.xrefs.total_revisions == 1 and content[end : end + 1] in (b"\r", b"\n"):
            end += 1
        return content[:end]

    return _read(content, first)


def keywords_in(content: bytes) -> tuple[str, ...]:
    """What the PDF's document information has for keywords, in each revision of the file.

    Raises:
        Malformed: it does not read as a PDF.
    """

    def all_of(reader: PdfFileReader) -> tuple[str, ...]:
        words = []
        for revision in range(reader.xrefs.total_revisions):
            trailer = reader.get_historical_resolver(revision).trailer_view
            info = trailer["/Info"] if "/Info" in trailer else {}  # noqa: SIM401 - it has no get
            if "/Keywords" in info:
                words.append(str(info["/Keywords"]))
        return tuple(words)

    return _read(content, all_of)


def _read(content: bytes, what: Callable[[PdfFileReader], T]) -> T:
    try:
        return what(PdfFileReader(io.BytesIO(content), strict=False))
    except Malformed:
        raise
    # A PDF that was made to break readers raises what it likes, recursion included.
    except Exception as error:
        raise Malformed(
            f"it does not read as a PDF: {str(error)[:200] or type(error).__name__}",
            "Give the file as it was handed over",
        ) from error
