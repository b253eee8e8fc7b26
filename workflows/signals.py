"""Signals that wait to be recorded: a bounded queue, which keeps what came, counts what it cannot keep, and loses none.

All in it follows from the history of a run, so a replay comes to the same queue. A change of its bounds changes what
is recorded together, and needs a patch.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from temporalio.common import RawValue

from workflows.messages import AccordInput, Overflow, RawSignal, SignalsRequest

MOST = 500
"""Signals that are kept; those beyond are counted, and the count is recorded."""

MOST_BYTES = 512 * 1024
"""Bytes of their arguments: they have to fit into the input of the next run."""

LARGEST = 64 * 1024
"""Bytes of a signal's argument that are kept; of a larger one its digest is."""

AT_ONCE = 25
"""Signals that are recorded together; acts are taken up between two such batches."""


class SignalQueue:
    """What waits, in the order in which it came. It begins with what the run before handed on."""

    def __init__(self, start: AccordInput) -> None:
        self._accord = start.accord
        self._waiting = deque(start.signals)
        self._bytes = sum(len(signal.data) for signal in start.signals)
        self._overflow = start.overflow
        self.taken = 0
        """Signals that came in this run."""

    def __bool__(self) -> bool:
        return bool(self._waiting) or self._overflow is not None

    @property
    def length(self) -> int:
        """How many wait, those included of which nothing is kept but their number."""
        return len(self._waiting) + (self._overflow.count if self._overflow else 0)

    @property
    def handed_on(self) -> tuple[tuple[RawSignal, ...], Overflow | None]:
        """What the next run begins with."""
        return tuple(self._waiting), self._overflow

    def take(self, name: str, arguments: Sequence[RawValue], now: datetime) -> None:
        """Keep a signal, of any name and with any arguments, or count it."""
        self.taken += 1
        content = arguments[0].payload.data if arguments else b""
        whole = len(content) <= LARGEST
        data = base64.b64encode(content).decode() if whole else ""
        if len(self._waiting) >= MOST or self._bytes + len(data) > MOST_BYTES:
            seen = self._overflow
            self._overflow = Overflow(
                count=seen.count + 1 if seen else 1, first=seen.first if seen else now, last=now
            )
            return
        encoding = arguments[0].payload.metadata.get("encoding", b"") if arguments else b""
        self._bytes += len(data)
        self._waiting.append(
            RawSignal(
                at=now,
                name=name[:200],
                arguments=len(arguments),
                encoding=encoding.decode(errors="replace")[:100],
                data=data,
                digest=f"sha256:{hashlib.sha256(b''.join(a.payload.data for a in arguments)).hexdigest()}",
                whole=whole,
            )
        )

    def batch(self) -> SignalsRequest:
        """The signals that are to be recorded next; what overflowed comes after the last that is kept."""
        signals = tuple(self._waiting)[:AT_ONCE]
        overflow = self._overflow if len(signals) == len(self._waiting) else None
        return SignalsRequest(accord=self._accord, signals=signals, overflow=overflow)

    def recorded(self, batch: SignalsRequest) -> None:
        """The signals of ``batch`` are on the record, and wait no longer."""
        for signal in batch.signals:
            self._waiting.popleft()
            self._bytes -= len(signal.data)
        now, counted = self._overflow, batch.overflow
        if now is not None and counted is not None:
            left = now.count - counted.count
            self._overflow = Overflow(count=left, first=counted.last, last=now.last) if left else None
