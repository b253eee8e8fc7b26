"""What crosses a process boundary to and from an accord's workflow: its input, what it asks, and what it is told.

All that a workflow knows of its accord is a :class:`Standing`, which the recorder derives from the record. Nothing here
grows with an accord's life.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from workflows.model.commands import Command, Instant, Message, Receipt


class FailureKind(StrEnum):
    """The ``type`` of every error with which an accord's updates, activities and workflow fail."""

    REFUSED = "Refused"
    """An act was refused, and that is on the record: the error's detail is the receipt."""
    REJECTED = "Rejected"
    """The command is no act: malformed, unknown, or by a stranger. Nothing is on the record."""
    COMMAND_ID_REUSED = "CommandIdReused"
    """The command's id belongs to another command."""
    NOT_SIGNED = "NotSigned"
    """No trusted key signed the command, or a delegate's own signature does not fit."""
    NOT_RECORDABLE = "NotRecordable"
    """What would follow cannot be an entry."""
    NOT_RECORDED = "NotRecorded"
    """An activity was ended by hand; whether anything is on the record the ledger knows."""
    UNAVAILABLE = "Unavailable"
    """The ledger does not answer, or not now; tried again until it does."""
    AHEAD_OF_CLOCK = "AheadOfClock"
    """The time lies ahead of the recorder's clock; tried again until that has caught up."""
    CONTINUING = "Continuing"
    """The history is being continued as new; the same command is to be sent again."""
    NOT_THIS_ACCORD = "NotThisAccord"
    """The workflow was started for another accord than its id says."""


FINAL = tuple(
    kind.value
    for kind in FailureKind
    if kind
    not in (
        FailureKind.UNAVAILABLE,
        FailureKind.AHEAD_OF_CLOCK,
        FailureKind.NOT_RECORDED,
        FailureKind.CONTINUING,
    )
)
"""Kinds of failures of a recording that no further attempt can change."""


NUDGE = "nudge"
"""The signal that wakes an accord's workflow and says nothing: the run looks whether it is to be continued."""

LOOK_AGAIN = "look_again"
"""The signal at which an accord's workflow asks the record again where the accord stands. It is not recorded."""


class RawSignal(Message):
    """A signal as it came, kept until it is recorded: ``data`` is base64 of its first argument's bytes.

    What is larger than the workflow keeps has its digest in place of its data.
    """

    at: Instant
    name: str
    arguments: int = Field(ge=0, description="how many arguments it came with")
    encoding: str = ""
    data: str = ""
    digest: str = Field(description="sha256: and the hexadecimal digest of all its arguments' bytes")
    whole: bool = Field(description="whether data holds the first argument's bytes")


class Overflow(Message):
    """Signals that came while no more could be kept: how many, and from when to when."""

    count: int = Field(ge=1)
    first: Instant
    last: Instant


class AccordInput(Message):
    """Which accord a run is for, and what the run before it hands on.

    ``continue_after`` is a test's hook: continue as new after so many acts.
    """

    accord: str
    continue_after: int | None = Field(default=None, ge=1)
    signals: tuple[RawSignal, ...] = Field(default=(), description="signals that wait to be recorded")
    overflow: Overflow | None = None
    minutes: tuple[str, ...] = Field(default=(), description="the last lines of the minutes")


class NextDeadline(Message):
    """When the record next changes by itself, by the server's clock, and what happens then."""

    at: Instant
    summary: str


class Shown(Message):
    """What people see of an accord in Temporal's UI and lists. Bounded, and nothing secret is in it."""

    label: str
    opened: str
    parties: tuple[str, ...]
    vocabulary: str
    blocked_by: int
    details: str = Field(
        description="Markdown: the stage, what blocks the next one, conditions and documents"
    )
    missing: tuple[str, ...] = Field(description="what blocks the next stage, and who could meet it; bounded")


class Standing(Message):
    """Where an accord stands by its record: all that its workflow knows of it. No ``shown`` before it is opened.

    How long a run is comes with it, so that it stands in the history and can be tuned while histories are open.
    """

    size: int = Field(default=0, ge=0, description="number of entries on the record")
    stage: str = ""
    closed: bool = False
    deadline: NextDeadline | None = None
    shown: Shown | None = None
    acts_per_run: int = Field(default=200, ge=1, description="a run continues as new after so many acts")
    signals_per_run: int = Field(default=2_000, ge=1, description="or after so many signals")
    erased: int = Field(
        default=0,
        ge=0,
        description="entries whose particulars are erased; a run that began before continues as new, since its history "
        "has them still",
    )


class StandingRequest(Message):
    """Ask where an accord stands."""

    accord: str


class RecordRequest(Message):
    """Ask that a command be judged and recorded, as at the server's time ``at``."""

    command: Command
    at: Instant


class RecordAnswer(Message):
    """What became of a command: its receipt, if it has one; where the accord stands; a line of the minutes."""

    receipt: Receipt | None = None
    standing: Standing
    minute: str = ""


class SignalsRequest(Message):
    """Ask that signals be judged and recorded, in their order, each as at its own time."""

    accord: str
    signals: tuple[RawSignal, ...]
    overflow: Overflow | None = None


class Status(Message):
    """The answer to the workflow's query ``status``."""

    accord: str
    size: int
    stage: str
    next_deadline: NextDeadline | None = None
    blocked_by: int = 0
    waiting_signals: int = 0
