"""A play's backend that is a running Entente, spoken to as anybody else speaks to it: over its HTTP API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Any

from activities.errors import RuntimeProblem
from api.answers.accord import AccordView
from api.answers.accord import DocumentView as DocumentShown
from api.client import Accord, Conflict, Entente, Forbidden, Invalid, NotFound, Refused
from api.client import ApiProblem as Answered
from api.client.operations import act_named
from worker.demo.backend import DocumentView, Guard, Outcome, VerdictEntry, View
from workflows.model.commands import Receipt
from workflows.model.declare import parse_act
from workflows.model.definition import Definition

PATIENCE = 60.0
"""Seconds for which an answer of "try again" is tried again, under the same idempotency key."""

PAUSE = 0.1
"""Seconds between two looks at whether a signal is on the record."""


class ApiProblem(RuntimeProblem):
    """The API answered something that a play cannot go on with."""


class OverHttp:
    """Accords of a running Entente.

    Args:
        api_url: where the API is.
        tokens: the key of each delegate of the play, by id.
        operator: a key that may move clocks.
        reader: the delegate by whose key the accord's state is read; the one who opens it, by default.
    """

    def __init__(
        self, api_url: str, tokens: Mapping[str, str], operator: str, reader: str | None = None
    ) -> None:
        self._api_url = api_url
        self._tokens = {**tokens, "": operator}
        self._reader = reader
        self._opener = ""
        self._accord = ""
        self._time: datetime | None = None
        self._clients: dict[str, Entente] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> OverHttp:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def open(self, definition: Definition, by: str) -> Outcome:
        """Open an accord with a definition; all that follows is about it."""
        receipt = await (await self._client(by)).open(definition)
        self._accord, self._opener, self._time = receipt.accord, by, receipt.time
        return _recorded(receipt)

    async def move_to(self, at: datetime) -> None:
        """Move the accord's clock to ``at``, if it is not there yet."""
        if self._time is not None and at <= self._time:
            return
        try:
            self._time = (await (await self._as("")).move_clock(at)).time
        except Conflict as error:
            if error.code not in ("clock_runs_forward", "clock_stopped"):
                raise

    async def act(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Do an act."""
        try:
            receipt = await (await self._as(by)).act(act, fields)
        except Answered as error:
            return _problem(error)
        self._time = max(receipt.time, self._time or receipt.time)
        return _recorded(receipt)

    async def dry_run(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Ask what an act would do."""
        try:
            found = await (await self._as(by)).dry_run(parse_act(act, dict(fields)))
        except Answered as error:
            return _problem(error)
        events = tuple(draft.type for draft in found.events)
        reopens = found.reopens.conditions
        if found.refusal is None:
            return Outcome("recorded", found.stage.after, events, reopens=reopens)
        refusal = found.refusal
        return Outcome(
            "refused",
            found.stage.after,
            events,
            found.on_record,
            refusal.guard,
            refusal.reason,
            refusal.remedy,
            refusal.unmet,
            reopens,
        )

    async def signal(self, by: str, signal: str, fields: Mapping[str, Any]) -> None:
        """Send a signal, and wait until the record has grown by it."""
        before = (await self.look()).size
        await (await self._as(by)).signal(parse_act(act_named(signal).name, dict(fields)))
        deadline = time.monotonic() + PATIENCE
        while (await self.look()).size == before:
            if time.monotonic() > deadline:
                raise ApiProblem(
                    f"The signal {signal} was taken and is not on the record after {PATIENCE:g} seconds.",
                    "See whether a worker runs.",
                )
            await asyncio.sleep(PAUSE)

    async def why(self, by: str, gate: str) -> tuple[Guard, ...]:
        """Ask why a gate is not open yet."""
        found = await (await self._as(by)).why(gate)
        return tuple(
            Guard(check.guard, check.met, check.reason or "", check.who or (), check.by, check.subject)
            for check in found.checks
        )

    async def look(self) -> View:
        """Read the accord."""
        found: AccordView = await (await self._as(self._reader or self._opener)).state()
        now = found.clock.time
        self._time = max(now, self._time or now)
        understanding = found.understanding
        suspended = understanding.status == "effective" and understanding.suspended_by
        return View(
            accord=found.accord,
            stage=found.stage,
            time=now,
            size=found.size,
            definition_digest=found.amendment_digest or found.definition_digest,
            understanding_digest=understanding.pending or understanding.digest,
            release_digest=found.release_digest,
            invitation=found.invitation.status,
            visit=found.visit.status,
            understanding="suspended" if suspended else understanding.status,
            conditions={code: one.status for code, one in found.conditions.items()},
            questioned=tuple(code for code, one in found.conditions.items() if one.questioned),
            satisfied=tuple(code for code, one in found.conditions.items() if one.satisfied),
            documents={code: _document(one) for code, one in found.documents.items()},
            blocking=found.blocking,
            terminated=found.terminated,
            closed=found.closed,
        )

    async def verdicts(self) -> Mapping[str, VerdictEntry]:
        """Those among the accord's events."""
        found: dict[str, VerdictEntry] = {}
        async for one in (await self._as(self._reader or self._opener)).events():
            if one.type == "condition_verified":
                event = one.facts["event"]
                found[event["condition"]] = VerdictEntry(one.position, one.leaf, event["valid_until"])
        return found

    async def _as(self, delegate: str) -> Accord:
        return (await self._client(delegate)).accord(self._accord)

    async def _client(self, delegate: str) -> Entente:
        """The client of a delegate; of the operator, where none is named."""
        if delegate not in self._tokens:
            raise ApiProblem(f"There is no key for {delegate}.", "Make one for each delegate of the play.")
        if delegate not in self._clients:
            client = Entente(self._api_url, self._tokens[delegate], patience=PATIENCE)
            self._clients[delegate] = await self._open.enter_async_context(client)
        return self._clients[delegate]


def _recorded(receipt: Receipt) -> Outcome:
    return Outcome("recorded", receipt.stage, receipt.events, receipt.position)


def _problem(error: Answered) -> Outcome:
    """A refusal, or why it was no act at all."""
    if isinstance(error, Refused):
        reason = next((one.reason for one in error.unmet if one.guard == error.guard), error.what)
        return Outcome("refused", "", (), error.position, error.guard, reason, error.remedy, error.unmet)
    if isinstance(error, Invalid | Forbidden | NotFound | Conflict):
        return Outcome("rejected", guard=error.code, reason=error.what)
    raise error


def _document(shown: DocumentShown) -> DocumentView:
    seats = {name: seat.signature.status if seat.signature else "open" for name, seat in shown.seats.items()}
    return DocumentView(shown.status, shown.digest, seats)
