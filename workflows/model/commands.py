"""What travels between API, workflow, activities and ledger: commands, events, receipts.

Everything here is a frozen value that JSON can carry. Times are aware and in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from workflows.model.canonical import digest_of


class Message(BaseModel):
    """A frozen value; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


YEARS = (1900, 2999)
"""The years that a time may lie in: far from where calendars and timers overflow."""


def _utc(value: datetime) -> datetime:
    # By its year in UTC, as it is kept: what passes here has to pass again when it is read back.
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"the year {value.year} is not between {YEARS[0]} and {YEARS[1]}") from None
    if not YEARS[0] < value.year < YEARS[1]:
        raise ValueError(f"the year {value.year} is not between {YEARS[0]} and {YEARS[1]}")
    return value


_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)


def _as_written(value: Any) -> Any:
    """Only what is written as a time: pydantic would read any number as seconds since 1970, and a plain date too."""
    if isinstance(value, datetime) or (isinstance(value, str) and _WRITTEN.fullmatch(value)):
        return value
    shown = repr(value if not isinstance(value, str) else value[:40])[:60]
    shown = f"{shown} is" if isinstance(value, str | int | float) else "it is"
    raise ValueError(f"{shown} no time with its zone; write one such as 2030-01-01T00:00:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_utc)]
"""An aware time, kept in UTC."""

Digest = Annotated[
    str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256: and 64 hexadecimal digits")
]


UNATTRIBUTED = "unattributed"
OPEN = "open_accord"
TICK = "clock"
"""The act name of the command with which the workflow lets due deadlines fall."""
UNREADABLE = "unreadable_signal"
"""The act name of the command with which the workflow puts on record a signal that it cannot read."""
SYSTEM = (TICK, UNREADABLE)
"""Acts that no delegate asks for, and that need no signature."""


class Actor(Message):
    """Who stands behind an entry, as it is written into the ledger: "X for Y"."""

    delegate: str = Field(description="pseudonymous id of the delegate, or 'clock', or 'unattributed'")
    party: str | None = Field(
        default=None, description="the delegate's party; none for the clock, monitors, a registrar"
    )
    role: str = Field(description="the role in which the delegate acted")
    behalf: str | None = Field(
        default=None, description="the party on whose behalf, where it is not the delegate's own"
    )


@lru_cache(maxsize=1024)
def actor(delegate: str, party: str | None, role: str, behalf: str | None = None) -> Actor:
    """The actor of these; the very same for the few who act again and again."""
    return Actor(delegate=delegate, party=party, role=role, behalf=behalf)


class OwnSignature(Message):
    """A delegate's signature on an act, with an Ed25519 key of its own, over ``workflows.record.keys.own_part``.

    ``particulars`` stands there for the act's free text; the salt, which is in it, is kept with that text.
    """

    key: str = Field(pattern="^[0-9a-f]{16}$", description="the id of the key")
    signature: str = Field(
        pattern="^([A-Za-z0-9+/]{86}==)?$",
        description="base64 of the signature; empty only in a dry run, which is judged as if it were there",
    )
    particulars: Digest | None = None
    salt: str = Field(
        default="",
        pattern="^([A-Za-z0-9+/]{22}==)?$",
        description="base64 of 16 bytes, where there is free text",
    )
    not_after: Instant | None = Field(
        default=None,
        description="the accord's time after which the signature no longer counts; always, if none",
    )

    def facts(self) -> dict[str, Any]:
        """What of it stands among an entry's facts, beside the act's name and fields."""
        return self.model_dump(mode="json", exclude={"salt"}, exclude_none=True)


class Command(Message):
    """An act that a delegate asks for, signed by the API that authenticated the delegate.

    ``id`` is ``<delegate>/<idempotency key>``.
    """

    accord: str
    id: str
    act: str
    fields: dict[str, Any] = Field(default_factory=dict)
    delegate: str
    required_version: int | None = Field(
        default=None,
        ge=0,
        description="the version that the accord has to have where the act is recorded; any, where none is given",
    )
    key_id: str = ""
    signature: str = Field(default="", description="base64 Ed25519 over the canonical bytes of `signed_part`")
    own: OwnSignature | None = Field(default=None, description="the delegate's own signature, if it signed")

    def signed_part(self) -> dict[str, Any]:
        """What the signature covers: everything but the signature itself."""
        part: dict[str, Any] = {
            "accord": self.accord,
            "act": self.act,
            "delegate": self.delegate,
            "fields": self.fields,
            "id": self.id,
            "key_id": self.key_id,
        }
        if self.required_version is not None:
            part["required_version"] = self.required_version
        return part if self.own is None else {**part, "own": self.own.model_dump(mode="json")}

    def fingerprint(self) -> str:
        """The digest that tells a retry from another command under the same id.

        Neither the API's key nor the delegate's own signature are in it: signed anew, an act is the same act.
        """
        part = self.signed_part()
        part.pop("own", None)
        del part["key_id"]
        return digest_of(part)

    def update_id(self) -> str:
        """The Temporal update id: the command's, and a mark of its content.

        Temporal answers the first result to the same id, whatever the content; so another content has another id
        there, reaches the ledger, and is told that the command id is taken.
        """
        return f"{self.id}#{self.fingerprint().removeprefix('sha256:')[:16]}"


class EventDraft(Message):
    """An event as the model emits it, before the ledger gives it a position."""

    type: str
    version: int = 1
    time: Instant
    facts: dict[str, Any]
    particulars: dict[str, Any] = Field(default_factory=dict)
    actor: Actor

    def recorded(self, position: int, command: str) -> RecordedEvent:
        """The event as a ledger gives it back that has it at ``position``, as one that the command led to."""
        return RecordedEvent(
            position=position,
            type=self.type,
            version=self.version,
            time=self.time,
            facts=self.facts,
            actor=self.actor,
            command=command,
        )


class RecordedEvent(Message):
    """An event that the ledger has confirmed; what ``evolve`` folds. Particulars never reach the fold."""

    position: int
    type: str
    version: int
    time: Instant
    facts: dict[str, Any]
    actor: Actor
    command: str


class Unmet(Message):
    """A guard that does not hold: why, who could meet it, and by when."""

    guard: str
    reason: str
    who: tuple[str, ...] = ()
    by: Instant | None = None
    subject: str | None = None


class Refusal(Message):
    """Why an act was refused: the first guard that failed, everything unmet, and what to do next."""

    guard: str
    reason: str
    remedy: str
    unmet: tuple[Unmet, ...]


class Receipt(Message):
    """What the ledger answers for a command; the same for every retry.

    ``position`` is that of the last entry that the command caused (for a repeated refusal, of the entry that
    recorded it first), ``size`` and ``root`` are the accord's Merkle tree after it.
    """

    accord: str
    command: str
    act: str
    status: Literal["recorded", "refused"]
    time: Instant
    first_position: int
    position: int
    leaf: str = Field(description="lower-case hexadecimal leaf hash of the entry at `position` (RFC 6962)")
    size: int
    root: str = Field(description="lower-case hexadecimal Merkle root at `size`")
    version: int = Field(description="position of the last entry that changed the state; the ETag")
    stage: str
    events: tuple[str, ...] = Field(description="the types of the events that the command caused, in order")
    refusal: Refusal | None = None


WaitingKind = Literal["owe", "verify", "agree", "sign"]
"""What somebody is waited for to do: what they owe, could verify, should agree to, may sign."""


class Waiting(Message):
    """A step that an accord waits for: the act, in words and by name, whose it is, and by when."""

    kind: WaitingKind
    act: str
    says: str = Field(description="what is to be done, in the accord's vocabulary")
    parties: tuple[str, ...] = Field(description="the parties that are waited for; none: officers of all")
    who: tuple[str, ...] = Field(description="the delegates who may do it; one of each party suffices")
    subject: str = ""
    fields: dict[str, Any] = Field(
        default_factory=dict, description="the act's fields, as far as they are known"
    )
    by: Instant | None = None
    not_before: Instant | None = Field(
        default=None, description="until then it is refused, since its time has not come"
    )


class Summary(Message):
    """The read model's row for one accord: what a list shows, folded by the model."""

    accord: str
    title: str
    vocabulary: str
    stage: str
    parties: tuple[str, ...]
    members: tuple[str, ...] = Field(description="delegate ids that may see the accord")
    periods: dict[str, tuple[Instant | None, Instant | None]] = Field(
        default_factory=dict, description="of members whose appointment is dated: from when until when"
    )
    version: int
    position: int = Field(description="number of entries folded")
    opened: Instant | None = None
    updated: Instant | None = None
    next_deadline: Instant | None = None
    blocked_by: int = 0
    illustrative: bool = False
    simulated: bool = False
    ended: bool = False
    words: tuple[str, ...] = Field(
        default=(),
        description="what a search finds it by: of id, title, and the parties' codes and names, in normal form",
    )
    guards: tuple[str, ...] = Field(default=(), description="the guards that block the next stage, each once")
    observers: tuple[str, ...] = Field(
        default=(), description="members who see cleared status only: no names, nothing that is waited for"
    )
    waiting: dict[str, Waiting] = Field(
        default_factory=dict, description="every step that somebody can take now, by its key"
    )
    due: Instant | None = Field(default=None, description="when the first of these steps is due")

    def lists(self, member: str, at: datetime) -> bool:
        """Whether the accord is on the list of ``member`` at ``at``."""
        begins, ends = self.periods.get(member, (None, None))
        return member in self.members and (begins is None or begins <= at) and (ends is None or at < ends)
