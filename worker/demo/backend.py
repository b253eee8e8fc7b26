"""What a play is played against: the pure model in memory, or a running Entente over HTTP. One interface for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from workflows.model.commands import Unmet
from workflows.model.definition import Definition


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act: recorded with these events, or refused; ``rejected`` when it was no act at all.

    ``size`` is the number of entries afterwards, ``position`` that of the entry about it. ``events`` are those that
    the act itself caused, deadlines that fell before it included.
    """

    status: Literal["recorded", "refused", "rejected"]
    stage: str = ""
    events: tuple[str, ...] = ()
    position: int | None = None
    guard: str = ""
    reason: str = ""
    remedy: str = ""
    unmet: tuple[Unmet, ...] = ()
    reopens: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard of a gate, as "why not yet?" answers it."""

    guard: str
    met: bool
    reason: str = ""
    who: tuple[str, ...] = ()
    by: datetime | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class VerdictEntry:
    """Where on an accord's record a verdict stands, the entry's leaf hash in hexadecimal, and until when it holds."""

    position: int
    leaf: str
    valid_until: str | None


@dataclass(frozen=True, slots=True)
class DocumentView:
    """Where a document stands: its status, its digest, and its seats (``open``, ``held``, ``released``)."""

    status: str
    digest: str | None
    seats: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """How an accord stands."""

    accord: str
    stage: str
    time: datetime
    size: int
    definition_digest: str
    understanding_digest: str | None
    release_digest: str | None
    invitation: str
    visit: str
    understanding: str
    conditions: Mapping[str, str]
    questioned: tuple[str, ...]
    satisfied: tuple[str, ...]
    documents: Mapping[str, DocumentView]
    blocking: tuple[Unmet, ...]
    terminated: bool
    closed: bool = False


class Backend(Protocol):
    """Somebody who carries accords. All acts are about the accord that was opened last."""

    async def open(self, definition: Definition, by: str) -> Outcome:
        """Open an accord with a definition."""
        ...

    async def move_to(self, at: datetime) -> None:
        """Let the accord's time pass until ``at``; nothing where it is later already."""
        ...

    async def act(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Do an act."""
        ...

    async def dry_run(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Ask what an act would cause and reopen; nothing happens."""
        ...

    async def signal(self, by: str, signal: str, fields: Mapping[str, Any]) -> None:
        """Send a signal; returns when it has been taken up."""
        ...

    async def why(self, by: str, gate: str) -> tuple[Guard, ...]:
        """The guards of a gate, met or not."""
        ...

    async def look(self) -> View:
        """How the accord stands."""
        ...

    async def verdicts(self) -> Mapping[str, VerdictEntry]:
        """The last verdict on each condition, as the accord's record has it."""
        ...
