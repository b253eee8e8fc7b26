"""Papers signed by the installation: its key, where the operator named one, and what keeps it from signing."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import IO

import structlog

from activities.papers.kinds import BOOK
from activities.papers.pades.apart import holder_apart, sign_apart
from activities.papers.pades.configured import signing_of
from activities.papers.pades.keys import SigningProblem
from activities.runtime.settings import Settings
from api.problems import FieldError, Problem, unavailable

SIGNED_KINDS = ("certificate", BOOK)
"""The papers that an installation signs. Others are for the parties to sign: a seal on them would say too much."""

RESTING = 30.0
"""Seconds after which a key that could not be opened is tried again."""

log = structlog.get_logger(__name__)


class PaperSigning:
    """Signs papers by the installation's key. One for each API process."""

    def __init__(self, settings: Settings) -> None:
        """Read what the settings name.

        Raises:
            SettingsProblem: they name two keys, or one in part.
            SigningProblem: a passphrase or PIN cannot be read.
        """
        self._signing = signing_of(settings)
        self._holder: tuple[str, datetime] | None = None
        self._looking = asyncio.Lock()
        self._again = 0.0

    async def holder(self) -> str | None:
        """Whose key it is; none, where there is no key that can sign now."""
        if self._signing is None:
            return None
        # Opening a key takes a process: one for all who ask meanwhile, and none for a while where it does not open.
        async with self._looking:
            if self._holder is None and time.monotonic() >= self._again:
                try:
                    self._holder = await holder_apart(self._signing.key)
                except SigningProblem as problem:
                    log.warning("papers cannot be signed", problem=problem.what, remedy=problem.remedy)
                    self._again = time.monotonic() + RESTING
        if self._holder is None:
            return None
        name, until = self._holder
        return name if until > datetime.now(UTC) else None

    def check(self, kind: str) -> None:
        """Whether a paper of this kind is signed here.

        Raises:
            Problem: ``malformed``, since it is not.
        """
        if self._signing is None:
            said = "this installation signs no papers; sign them by your own key: entente papers --sign-with"
        elif kind not in SIGNED_KINDS:
            said = f"this installation signs {' and '.join(SIGNED_KINDS)} alone; sign others by your own key"
        else:
            return
        raise Problem("malformed", f"signed: {said}.", errors=(FieldError(field="signed", problem=said),))

    async def sign(self, paper: IO[bytes], reason: str) -> IO[bytes]:
        """The PDF with the installation's signature, as another file.

        Raises:
            Problem: ``unavailable``, where the key cannot sign.
        """
        assert self._signing is not None  # noqa: S101 - `check` has refused that
        try:
            return await sign_apart(paper, self._signing, reason)
        except SigningProblem as problem:
            # Where the operator keeps the key is not the caller's business.
            log.error("a paper was not signed", problem=problem.what, remedy=problem.remedy)
            raise unavailable(
                "The installation's key cannot sign now. Ask for the paper unsigned, or tell whoever runs this."
            ) from problem
