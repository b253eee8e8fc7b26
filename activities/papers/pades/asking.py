"""Asking a time-stamp authority for the time of a signature (RFC 3161), whatever it answers, and however slowly."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any, Final

from asn1crypto import algos, cms, parser, tsp
from pyhanko.sign.timestamps import TimestampRequestError
from pyhanko.sign.timestamps.api import TimeStamper

from activities.runtime.reaching import Patience, Reaching, Unreachable, parse_networks

PATIENCE: Final = Patience(connect=8.0, headers=20.0, whole=20.0)
"""How long it may take."""

MAX_ANSWER: Final = 80 * 1024
"""The most bytes of an answer that are read."""

ANYWHERE: Final = parse_networks(("0.0.0.0/0", "::/0"))
"""Who signs has named the address, wherever it is."""

_HEADERS: Final = (
    (b"Content-Type", b"application/timestamp-query"),
    (b"Accept", b"application/timestamp-reply"),
)


class Authority(TimeStamper):
    """The authority at an address. It is asked once for each token, and led nowhere else."""

    def __init__(self, address: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._address = address

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token over a digest.

        Raises:
            TimestampRequestError: there is none, or one that is not over it, or that answers another request.
        """
        nonce, asked = self.request_cms(message_digest, md_algorithm)  # type: ignore[no-untyped-call]
        async with aclosing(Reaching(ANYWHERE, patience=PATIENCE, plain=True)) as reaching:
            try:
                answer = await reaching.post(self._address, asked.dump(), most=MAX_ANSWER, headers=_HEADERS)
            except Unreachable as error:
                raise TimestampRequestError(error.what) from None
        if answer.status != 200:
            raise TimestampRequestError(f"it answered {answer.status}")
        try:
            # The status first: who refuses sends no token, without which the whole does not read.
            told = tsp.PKIStatusInfo.load(parser.parse(answer.content, strict=True)[4])
            status, words = told["status"].native, told["status_string"].native
        except Exception as error:  # Whatever the parser raises.
            raise TimestampRequestError(f"its answer does not read: {str(error)[:200]}") from None
        if status not in ("granted", "granted_with_mods"):
            raise TimestampRequestError(f"it does not grant it: {status} {_joined(words)}".rstrip())
        try:
            token = tsp.TimeStampResp.load(answer.content, strict=True)["time_stamp_token"]
            body = token["content"]["encap_content_info"]["content"].parsed
            imprint = body["message_imprint"]
            over = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
            answers = body["nonce"].native
        except Exception as error:  # Whatever the parser raises.
            raise TimestampRequestError(f"its token does not read: {str(error)[:200]}") from None
        if answers != nonce:
            raise TimestampRequestError("its token has another nonce: it answers another request")
        if over != (algos.DigestAlgorithmId(md_algorithm).native, message_digest):
            raise TimestampRequestError("its token is over something else than what is signed")
        return token


def _joined(words: Iterable[Any] | None) -> str:
    return "; ".join(map(str, words or ()))[:200]
