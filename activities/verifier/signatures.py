"""Signatures on acts, verified in other processes while the record is read: they cost as much as all else together.

Only a yes is taken from there. Whatever gets none is judged here, as if there were no other process; so the findings
are the same, and in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, field
from typing import Final

from activities.bundle.format import BundledCommand
from activities.tlog.note import verifies_ed25519
from activities.verifier.groups import Group

BATCH: Final = 256
"""Groups whose signatures go to another process together."""

BATCHES: Final = 16
"""Batches that are under way at the most, for the memory to stay bounded."""


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """Bytes, the signature said to be over them, and the raw public key with its id."""

    key_id: str
    public: bytes
    signature: bytes
    content: bytes

    def verifies(self) -> bool:
        """Whether the signature fits."""
        return verifies_ed25519(self.public, self.signature, self.content)


def verify_all(batch: list[SignedBytes | None]) -> list[bool | None]:
    """For each whether it verifies; ``None`` where there is nothing to verify. Runs in another process."""
    return [None if one is None else one.verifies() for one in batch]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A group of entries whose act is still to be judged; ``folding``: the rules were applied to it."""

    group: Group
    command: BundledCommand | None
    folding: bool


Judge = Callable[[Waiting, bool | None], None]
"""Judges an act; is told whether its signature verified elsewhere, ``None`` where that is not known."""


@dataclass(slots=True)
class _Batch:
    waiting: list[Waiting] = field(default_factory=list)
    signed: list[SignedBytes | None] = field(default_factory=list)
    verified: Future[list[bool | None]] | None = None


class SignatureQueue:
    """Takes groups in the order of the record, and has them judged in that order; without ``executor`` at once."""

    def __init__(
        self,
        executor: Executor | None,
        signed: Callable[[Group, BundledCommand | None], SignedBytes | None],
        judge: Judge,
    ) -> None:
        self._executor = executor
        self._signed = signed
        self._judge = judge
        self._filling = _Batch()
        self._under_way: deque[_Batch] = deque()

    def put(self, waiting: Waiting) -> None:
        """Take the next group."""
        if self._executor is None:
            self._judge(waiting, None)
            return
        self._filling.waiting.append(waiting)
        self._filling.signed.append(self._signed(waiting.group, waiting.command))
        if len(self._filling.waiting) == BATCH:
            self._send()
        while len(self._under_way) > BATCHES:
            self._take()

    def finish(self) -> None:
        """Judge all that still waits."""
        self._send()
        while self._under_way:
            self._take()

    def _send(self) -> None:
        batch, self._filling = self._filling, _Batch()
        if not batch.waiting:
            return
        if self._executor is not None:
            try:
                batch.verified = self._executor.submit(verify_all, batch.signed)
            except BrokenExecutor:
                self._executor = None
        self._under_way.append(batch)

    def _take(self) -> None:
        batch = self._under_way.popleft()
        known: list[bool | None] = [None] * len(batch.waiting)
        if batch.verified is not None:
            try:
                known = batch.verified.result()
            except BrokenExecutor:
                # The other process was ended: then all is judged here.
                self._executor = None
        for waiting, verified in zip(batch.waiting, known, strict=True):
            self._judge(waiting, verified)
