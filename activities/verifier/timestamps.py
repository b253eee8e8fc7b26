"""Tokens of time over checkpoints: each is over this record, and its authority's signature fits, or it proves nothing.

A token is held against what the record's own entries come to, so that it needs no checkpoint of the bundle's word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from cryptography import x509

from activities.bundle.format import BundledToken
from activities.timestamps.token import Authorities, Token, TokenInvalid, read
from activities.tlog.note import encode_base64
from activities.verifier.findings import Finding
from activities.verifier.outside import AHEAD, EntryTimes, OutsideTime

NOT_CHECKED: Final = (
    "you gave no certificate of an authority, so nothing is believed by these tokens, and nothing rests on them; to "
    "have them checked, give --tsa-certificate with the root of the authority"
)
NONE: Final = "there is no token of time in it, and you gave the certificate of an authority"
UNKNOWN: Final = "tokens of authorities whose certificates you did not give count for nothing"


class Timestamps:
    """Takes the bundle's tokens in the order of size while the record is read, and judges each."""

    def __init__(
        self,
        finding: Finding,
        origin: str,
        tokens: Iterator[BundledToken],
        certificates: Sequence[x509.Certificate],
        entries: EntryTimes,
    ) -> None:
        self._finding = finding
        self._origin = origin
        self._tokens = tokens
        self._asked = bool(certificates)
        self._known = Authorities(certificates)
        self._ahead = next(tokens, None)
        self._entries = entries
        self._unknown = 0
        self.times: list[OutsideTime] = []

    def reach(self, size: int, root: Callable[[], bytes]) -> None:
        """The record comes to ``root()`` at ``size``: judge the tokens over it."""
        while self._ahead is not None and self._ahead.size <= size:
            self._judge(self._ahead, root)
            self._ahead = next(self._tokens, None)

    def finish(self) -> None:
        """Say what is not believed."""
        if not self._asked:
            self._finding.unchecked = NOT_CHECKED
        elif not self._finding.checked:
            self._finding.gap(NONE)
        elif not self.times:
            self._finding.gap("no token is of an authority whose certificate you gave")
        elif self._unknown:
            self._finding.note(f"{UNKNOWN}: {self._unknown:,}")

    def _judge(self, one: BundledToken, root: Callable[[], bytes]) -> None:
        self._finding.checked += 1
        text = f"{self._origin}\n{one.size}\n{encode_base64(root())}\n".encode()
        try:
            token = read(one.token)
            if not token.is_over(text):
                raise TokenInvalid("it is over something else than this record")
            if not self._known.know(token):
                self._unknown += 1
                return
            self._known.verify(token, text)
        except TokenInvalid as error:
            self._finding.fail(f"a token over the first {one.size:,} entries: {error.what}")
            return
        self.times.append(OutsideTime(one.size, token.before, token.authority, "authority"))
        self._compare(token)

    def _compare(self, token: Token) -> None:
        """Hold the entries' own times against the authority's: what existed then was not made later."""
        entries = self._entries
        if entries.real is False:
            return
        if entries.real is None or not entries.whole:
            self._finding.lack(
                "whether entries say that they are later than a token cannot be told of all of them"
            )
        problem = entries.contradict(token.before, f"the authority {token.authority}")
        if problem is not None:
            self._finding.fail(problem)
        elif entries.real and entries.latest is not None and entries.latest[0] > token.before:
            self._finding.note(
                f"the entries' clock was ahead of an authority's, by less than {AHEAD.total_seconds():.0f} s"
            )
