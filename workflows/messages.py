"""What a run of an accord's workflow is started with, asks of its activities, and is told by them."""

from __future__ import annotations

from pydantic import Field

from workflows.model.commands import Message, Receipt, RecordedEvent


class AccordInput(Message):
    """Which accord a run is for. ``continue_after`` is a test's hook: continue as new after so many acts."""

    accord: str
    continue_after: int | None = Field(default=None, ge=1)


class LoadRequest(Message):
    """Ask for an accord's state, folded from the ledger."""

    accord: str


class EntriesRequest(Message):
    """Ask for recorded events from a position on."""

    accord: str
    start: int


class EntriesAnswer(Message):
    """Recorded events; ``more`` says that others follow."""

    entries: tuple[RecordedEvent, ...]
    more: bool = False


class StateDigest(Message):
    """The digest of a state, and how many entries were folded into it; no digest before the accord is opened."""

    size: int = 0
    digest: str | None = None


class FindRequest(Message):
    """Ask for the receipt of a command, if it is the very one that was recorded under its id."""

    accord: str
    command: str
    fingerprint: str


class FindAnswer(Message):
    """The receipt, or none."""

    receipt: Receipt | None = None
