"""Contents in a bundle: each is what its digest says, and the record names it; or it would be anybody's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence

from activities.bundle.format import BundledFile
from activities.verifier.findings import Finding
from activities.verifier.groups import Told
from workflows.record.erasure import ContentsErased

_NAMED = re.compile(rb'"(sha256:[0-9a-f]{64})"')


class Files:
    """Holds the contents of a bundle against the record, which is read first."""

    def __init__(
        self, finding: Finding, files: Sequence[BundledFile], read: Callable[[BundledFile], Iterator[bytes]]
    ) -> None:
        self._finding = finding
        self._files = files
        self._read = read
        self._unnamed = {one.digest for one in files}
        self._erased: set[str] = set()
        self._whole = True

    def take(self, told: Told | None) -> None:
        """Take in the next entry; none where it is withheld."""
        if told is None or told.facts is None:
            self._whole = False
            return
        named = {found.decode() for found in _NAMED.findall(told.facts_content or b"")}
        if told.entry.type == ContentsErased.type:
            self._erased |= named
        else:
            self._unnamed -= named

    def finish(self) -> None:
        """The record is read: now each content is."""
        for one in self._files:
            self._finding.checked += 1
            hashing = hashlib.sha256()
            for block in self._read(one):
                hashing.update(block)
            if f"sha256:{hashing.hexdigest()}" != one.digest:
                self._finding.fail(f"{one.member} is not what has this digest: it was altered")
            if one.digest in self._unnamed:
                if self._whole:
                    self._finding.fail(f"{one.member}: no entry names it, so nothing says whose it is")
                else:
                    self._finding.lack("entries that may name the files are withheld")
            if one.digest in self._erased:
                self._finding.note(
                    "files are on record as erased, and are still there: erasing is not finished"
                )
