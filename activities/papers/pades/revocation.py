"""Whether certificates are revoked, asked of who issued them: by OCSP (RFC 6960) and revocation lists (RFC 5280, 5).

What they answer goes into a signed paper (PAdES B-LT, ETSI EN 319 142-1), so that it can be verified when nobody
answers any more. Asked is where the certificates say, which issuers that were named as trusted have signed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any, Final

from asn1crypto import crl, ocsp, pem, x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import Authority as Issuer
from pyhanko_certvalidator.errors import CRLFetchError, OCSPFetchError
from pyhanko_certvalidator.fetchers.api import CertificateFetcher, CRLFetcher, Fetchers, OCSPFetcher
from pyhanko_certvalidator.fetchers.common_utils import (
    enumerate_delivery_point_urls,
    format_ocsp_request,
    process_ocsp_response_data,
)
from pyhanko_certvalidator.util import get_ocsp_urls, get_relevant_crl_dps

from activities.papers.pades.reading import certificates_in
from activities.runtime.reaching import Reaching, Unreachable

LARGEST_LIST: Final = 8 * 1024 * 1024
"""Bytes of a revocation list that are read: it becomes part of each paper."""

LARGEST_ANSWER: Final = 128 * 1024
"""Bytes of an answer by OCSP that are read."""

MOST_ADDRESSES: Final = 3
"""Addresses of one certificate that are tried."""


def context_of(issuers: Path, reaching: Reaching) -> ValidationContext:
    """What certificates are judged by: up to the roots in a file, and each of them, roots aside, as not revoked.

    Raises:
        RuntimeProblem: the file cannot be read, or holds no certificate.
    """
    known = certificates_in(issuers)
    return ValidationContext(
        trust_roots=[one for one in known if one.self_issued],
        other_certs=[one for one in known if not one.self_issued],
        allow_fetching=True,
        revocation_mode="require",
        fetchers=Fetchers(_Answers(reaching), _Lists(reaching), _NoCertificates()),
    )


class _Answers(OCSPFetcher):
    """Answers by OCSP, each asked for once."""

    def __init__(self, reaching: Reaching) -> None:
        self._reaching = reaching
        self._found: dict[bytes, ocsp.OCSPResponse] = {}

    async def fetch(self, cert: Any, authority: Issuer) -> ocsp.OCSPResponse:
        """The answer for a certificate.

        Raises:
            OCSPFetchError: nobody gives one.
        """
        if cert.sha256 in self._found:
            return self._found[cert.sha256]
        # By SHA-1, which names the issuer and protects nothing: it is what responders take (RFC 5019, 2.1.1).
        asked = format_ocsp_request(cert, authority, certid_hash_algo="sha1", request_nonces=False)
        why = "its certificate names no address for OCSP"
        for url in get_ocsp_urls(cert)[:MOST_ADDRESSES]:
            headers = ((b"Content-Type", b"application/ocsp-request"),)
            try:
                answer = await self._reaching.post(url, asked.dump(), most=LARGEST_ANSWER, headers=headers)
                if answer.status != 200:
                    raise Unreachable(f"it answered {answer.status}")
                self._found[cert.sha256] = process_ocsp_response_data(
                    answer.content, ocsp_request=asked, ocsp_url=url
                )
                return self._found[cert.sha256]
            # Whatever the parser raises.
            except Exception as error:
                why = f"{url}: {str(error)[:200]}"
        raise OCSPFetchError(why)

    def fetched_responses(self) -> Iterable[ocsp.OCSPResponse]:
        """All answers."""
        return self._found.values()

    def fetched_responses_for_cert(self, cert: Any) -> Iterable[ocsp.OCSPResponse]:
        """The answers about a certificate."""
        return [self._found[cert.sha256]] if cert.sha256 in self._found else []


class _Lists(CRLFetcher):
    """Revocation lists, each asked for once."""

    def __init__(self, reaching: Reaching) -> None:
        self._reaching = reaching
        self._by_url: dict[str, crl.CertificateList] = {}
        self._by_certificate: dict[bytes, list[crl.CertificateList]] = {}

    async def fetch(self, cert: Any, *, use_deltas: bool | None = True) -> Iterable[crl.CertificateList]:
        """The lists on which a certificate would stand.

        Raises:
            CRLFetchError: none of them is to be had.
        """
        if cert.sha256 in self._by_certificate:
            return self._by_certificate[cert.sha256]
        urls = [
            url
            for point in get_relevant_crl_dps(cert, use_deltas=bool(use_deltas))
            for url in enumerate_delivery_point_urls(point)
        ]
        found, why = [], "its certificate names no address of a revocation list"
        for url in urls[:MOST_ADDRESSES]:
            try:
                found.append(await self._list(url))
            # Whatever the parser raises.
            except Exception as error:
                why = f"{url}: {str(error)[:200]}"
        if not found:
            raise CRLFetchError(why)
        self._by_certificate[cert.sha256] = found
        return found

    async def _list(self, url: str) -> crl.CertificateList:
        if url not in self._by_url:
            answer = await self._reaching.get(url, most=LARGEST_LIST)
            if answer.status != 200:
                raise Unreachable(f"it answered {answer.status}")
            content = pem.unarmor(answer.content)[2] if pem.detect(answer.content) else answer.content
            self._by_url[url] = crl.CertificateList.load(content, strict=True)
        return self._by_url[url]

    def fetched_crls(self) -> Iterable[crl.CertificateList]:
        """All lists."""
        return self._by_url.values()

    def fetched_crls_for_cert(self, cert: Any) -> Iterable[crl.CertificateList]:
        """The lists on which a certificate would stand."""
        return self._by_certificate[cert.sha256]


class _NoCertificates(CertificateFetcher):
    """Issuers are named in a file, and not looked for anywhere."""

    async def fetch_cert_issuers(self, cert: Any) -> AsyncGenerator[x509.Certificate, None]:
        """None."""
        for _ in ():
            yield cert

    async def fetch_crl_issuers(self, certificate_list: Any) -> AsyncGenerator[x509.Certificate, None]:
        """None."""
        for _ in ():
            yield certificate_list

    def fetched_certs(self) -> Iterable[x509.Certificate]:
        """None."""
        return ()
