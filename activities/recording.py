"""The activities of an accord's workflow: record commands and signals, and tell where an accord stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import Unavailable
from activities.identity.signing import CommandVerifier
from activities.judging.counts import counted
from activities.judging.judge import Judge
from activities.ledger.store import Ledger
from activities.ledger.writer import BatchWriter
from activities.reading.standing import standing_of
from activities.reading.states import States
from activities.runtime.alive import alive
from activities.runtime.logs import logged
from workflows.messages import (
    FailureKind,
    RecordAnswer,
    RecordRequest,
    SignalsRequest,
    Standing,
    StandingRequest,
)


@asynccontextmanager
async def _in_brief() -> AsyncIterator[None]:
    """Give signs of life, and say what the ledger's trouble is in one line.

    A chain of causes is too long for a pending activity to show.

    Raises:
        ApplicationError: ``Unavailable``, which is tried again.
    """
    try:
        async with alive():
            yield
    except Unavailable as error:
        raise ApplicationError(
            str(error), type=FailureKind.UNAVAILABLE, category=ApplicationErrorCategory.BENIGN
        ) from None


class Recorder:
    """The activities that record accords and tell of them. One for each worker; ``ledger`` is what it writes to."""

    def __init__(
        self,
        ledger: Ledger,
        writer: BatchWriter,
        states: States,
        verifier: CommandVerifier,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._judge = Judge(ledger, writer, states, verifier, now)

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.record, self.record_signals, self.read_standing, self.minute)

    @activity.defn(name="record")
    async def record(self, request: RecordRequest) -> RecordAnswer:
        """Verify a command, judge it, and record what follows; its first outcome, if the ledger knows the command.

        Raises:
            ApplicationError: one of :data:`workflows.messages.FINAL`, never to be tried again. All else is tried again.
        """
        with counted(request.command):
            async with _in_brief():
                return await self._judge.record(request.command, request.at)

    @activity.defn(name="record_signals")
    async def record_signals(self, request: SignalsRequest) -> RecordAnswer:
        """Record signals in their order, in one transaction where nothing comes between; each once."""
        with logged(accord=request.accord, act="signals"):
            async with _in_brief():
                return await self._judge.record_signals(request)

    @activity.defn(name="read_standing")
    async def read_standing(self, request: StandingRequest) -> Standing:
        """Where the accord stands by the record."""
        async with _in_brief():
            return standing_of(await self._judge.present(request.accord))

    @activity.defn(name="minute")
    async def minute(self) -> None:
        """Nothing: its summary is a line of the minutes, which stands in the history by this."""
