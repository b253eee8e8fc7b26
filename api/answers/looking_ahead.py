"""The shapes of what the API says of acts before they are done, and of opening, signals and clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.answers.accord import View
from workflows.model.commands import EventDraft, Receipt, Refusal


class StageChange(View):
    """The stage before and after."""

    before: str
    after: str


class Shift(View):
    """Gates and conditions by name."""

    gates: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()


class DryRun(View):
    """What an act would do at a time, without doing it.

    Deadlines that have passed by then fall first, and are among the events.
    """

    dry_run: Literal[True] = True
    accord: str
    act: str
    at: datetime = Field(description="the accord's time for which this holds; never before its last entry")
    version: int = Field(description="the version of the state that it was tried on")
    would_be: Literal["recorded", "refused"]
    refusal: Refusal | None = None
    on_record: int | None = Field(
        default=None, description="the entry that has recorded this very refusal before"
    )
    events: tuple[EventDraft, ...] = Field(description="the events that would be recorded, in order")
    stage: StageChange
    opens: Shift = Field(description="gates that would open, conditions that would become satisfied")
    reopens: Shift = Field(
        description="gates that were open, and conditions that were satisfied, and would not be"
    )


class CheckView(View):
    """One guard, met or not. The other members are given where it is not met."""

    guard: str
    met: bool
    reason: str | None = None
    remedy: str | None = None
    who: tuple[str, ...] | None = Field(default=None, description="who could meet it")
    by: datetime | None = Field(default=None, description="by when it is due")
    subject: str | None = None


class Why(View):
    """Why a step can, or cannot, be taken yet: every guard."""

    accord: str
    step: str
    kind: Literal["gate", "act"]
    says: str
    delegate: str | None = Field(default=None, description="for an act: whose act it would be")
    at: datetime
    version: int
    open: bool
    checks: tuple[CheckView, ...]


class OpeningDryRun(View):
    """What opening an accord with a definition would do: it is well-formed, and the caller may open it."""

    dry_run: bool = True
    title: str
    digest: str = Field(description="the definition's digest, which the parties adopt")
    events: tuple[str, ...]


class SignalTaken(View):
    """The signal was passed on. ``receipt`` is there only where it is on the record already."""

    accord: str
    act: str
    command: str = Field(description="the id under which the record will have it")
    receipt: Receipt | None = None


class ClockMoved(View):
    """The clock was moved, and every deadline up to then has fallen and is recorded."""

    accord: str
    to: datetime
    time: datetime = Field(description="the accord's present time; its clock runs on from there")
    simulated: bool = True
