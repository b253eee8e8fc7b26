"""How an act, an event and a guard are declared: once, and everything else follows from the registries here.

An **act** is a class: its fields, a sentence on what it does, who may do it, its guards and what it emits.
An **event** is a class: its facts and how the state changes by it. A **check** is a guard's answer: met, or
unmet with the reason, who could meet it, and by when.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from workflows.errors import EntenteError
from workflows.model.canonical import NotCanonical, canonical, depth, digest_of
from workflows.model.commands import Actor, Command, Unmet
from workflows.model.plain import wrong_fields
from workflows.model.saying import filled
from workflows.model.state import Accord
from workflows.model.values import Particular, shortened
from workflows.model.vocabulary import phrase, placeholders

LARGEST_COMMAND = 512 * 1024
"""Bytes of canonical JSON that a command may have."""

MOST_WHO = 50
"""Delegates whom a refusal on the record names for each guard; there may be thousands, for hundreds of guards."""

MOST_WORDS = 1000
"""Characters of a reason, or of a remedy, on the record; of fifty languages each can lack fifty parties' consent."""

MOST_ERRORS = 50
"""Fields that a malformed act is told of at once."""

DEEPEST = 64
"""Levels to which a command's fields may be nested."""


class Rejected(EntenteError):
    """A command that is no act at all: malformed, unknown, from a stranger, for another accord. It leaves no trace.

    ``code`` is stable; ``message`` says what is wrong and what to do; ``errors`` name the fields.
    """

    def __init__(self, code: str, message: str, errors: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(message, "")
        self.code = code
        self.message = message
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Check:
    """A guard's answer. ``who`` could meet it, ``by`` when it is due, ``subject`` is what it is about."""

    guard: str
    met: bool
    reason: str = ""
    remedy: str = ""
    who: tuple[str, ...] = ()
    by: datetime | None = None
    subject: str | None = None

    def as_unmet(self) -> Unmet:
        """The check as a refusal lists it."""
        reason, who = shortened(self.reason, MOST_WORDS), self.who[:MOST_WHO]
        return Unmet(guard=self.guard, reason=reason, who=who, by=self.by, subject=self.subject)


@cache
def met(guard: str) -> Check:
    """That a guard is met, of which there is nothing more to say; the very same each time."""
    return Check(guard, True)


@dataclass(frozen=True, slots=True)
class Gate:
    """Among an act's guards: here the guards of a gate are judged. What they are is said where the tracks meet."""

    name: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an event carries beside its facts: when, by whom, and at which position of the log."""

    at: datetime
    actor: Actor
    position: int


class Event(BaseModel):
    """A fact that followed from an act or a deadline. Subclasses give the facts and how the state changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    says: ClassVar[str] = ""
    """A sentence of what has happened, with fields and terms in braces: ``{~condition} {condition} is verified``."""
    changes_state: ClassVar[bool] = True
    reopens: ClassVar[bool] = True
    """Whether something can follow from it by itself; no rule looks at what an event changes that does not."""

    @abstractmethod
    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The state after this event. Never fails and never asks whether it was allowed."""

    def at_its_time(self, a: Accord) -> Self:
        """The event with the facts that only the state at its time gives: a deadline's is made long before it falls."""
        return self

    @classmethod
    def sentence(cls, facts: Mapping[str, Any], vocabulary: str) -> str:
        """The event as one line for people, from its facts as they are recorded, in the accord's vocabulary."""
        return filled(cls.says, cls, facts, vocabulary)

    def facts(self) -> dict[str, Any]:
        """The event's fields as JSON values."""
        return self.model_dump(mode="json")


class Audience(StrEnum):
    """For whom the particulars of an act are: names, notes and other free text. The value says it in words."""

    ALL = "all"
    """Every delegate of the accord, officers among them."""
    PARTIES = "all parties"
    """Every party's delegates."""
    CONCERNED = "beneficiary, verifiers"
    """The delegates of the condition's beneficiaries, and its verifiers."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who may do an act: one of these roles, held by a delegate of the host, of a guest, of any party, or of none.

    ``role`` lists are alternatives. ``agree`` names who else has to agree, in words, for the documentation.
    """

    roles: tuple[str, ...]
    side: Literal["host", "guest", "any", "officer", "anyone"] = "any"
    agree: str = "–"
    sees: Audience = Audience.PARTIES
    observers: bool = True
    """Whether who is only an observer may do what any delegate may."""

    def describe(self, vocabulary: str = "diplomatic") -> str:
        """The rule as a phrase: "the host's protocol"."""
        roles = " or ".join(role.replace("_", " ") for role in self.roles) or "delegate"
        words = placeholders(vocabulary)
        prefix = {
            "host": f"{words['the host']}'s ",
            "guest": f"{words['a guest']}'s ",
            "any": "any party's ",
            "officer": "the ",
            "anyone": "any ",
        }
        return prefix[self.side] + roles + ("" if self.observers else " but an observer")


class Act(BaseModel):
    """What a delegate asks for. Subclasses declare it once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str] = ""
    track: ClassVar[str] = ""
    who: ClassVar[Who] = Who(roles=())
    says: ClassVar[str] = ""
    """A sentence with fields in braces, for summaries: ``{by} issues {the invitation}``."""
    doing: ClassVar[str] = ""
    """What it is to do it, where the name does not say so: ``report a change of a condition``."""
    before_founding: ClassVar[bool] = False
    after_end: ClassVar[bool] = False
    after_closing: ClassVar[bool] = False
    """Whether it can be done when the accord is closed: what is about the record, not about its matter."""
    while_paused: ClassVar[bool] = False
    """Whether it can be done while the accord is paused."""
    by_candidates: ClassVar[bool] = False
    """Whether the contact of a party that a pending amendment adds may do it already."""
    signal: ClassVar[bool] = False
    """Whether it comes as a signal, for which nobody waits."""

    def target(self) -> str:
        """What the act is about; the same refusal about the same target is recorded once."""
        return ",".join(
            f"{key}={digest_of(value) if isinstance(value, list | dict) else value}"
            for key, value in self.facts().items()
        )

    def signed_with(self) -> str | None:
        """The id of the delegate's own key that has to sign it, where only one will do."""
        return None

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterable[Check | Gate]:
        """The guards beyond authority, in order, gates among them; the first unmet one names the refusal."""
        return ()

    @abstractmethod
    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """What follows directly from the act. What follows from that is said by the tracks' rules."""

    @classmethod
    def particular_names(cls) -> tuple[str, ...]:
        """The fields that are particulars."""
        return _particular_names(cls)

    def facts(self) -> dict[str, Any]:
        """The fields that are facts, as JSON values, defaults left out."""
        return self.model_dump(mode="json", exclude=set(self.particular_names()), exclude_defaults=True)

    def particulars(self) -> dict[str, Any]:
        """The fields that are particulars, as JSON values, empty ones left out."""
        names = self.particular_names()
        if not names:
            return {}
        dumped = self.model_dump(mode="json", include=set(names))
        return {key: value for key, value in dumped.items() if value}

    def sentence(self, by: Actor, vocabulary: str) -> str:
        """The act as one line for people: who does what."""
        return sentence(type(self), self.facts(), by, vocabulary)

    @classmethod
    def phrase(cls, vocabulary: str) -> str:
        """What it is to do it, in the accord's vocabulary: ``confirm closing meeting``."""
        return cls.doing.format_map(placeholders(vocabulary)) or phrase(vocabulary, cls.name)

    @classmethod
    def text(cls) -> str:
        """The sentence that says what the act does: the API's and the command line's text."""
        return " ".join((cls.__doc__ or "").split())


@cache
def _particular_names(cls: type[Act]) -> tuple[str, ...]:
    return tuple(
        name
        for name, info in cls.model_fields.items()
        if any(isinstance(mark, Particular) or mark is Particular for mark in info.metadata)
    )


def party_of(by: Actor) -> str:
    """The party that a delegate acts for, in acts that only a party's delegate may do.

    Raises:
        ValueError: the actor acts for no party; authority is checked before any event follows.
    """
    if by.party is None:
        raise ValueError(f"{by.delegate} acts for no party")
    return by.party


def sentence(act: type[Act], facts: Mapping[str, Any], by: Actor, vocabulary: str) -> str:
    """``act.says`` with its fields filled in, "X for Y" first, in the words of a vocabulary."""
    values = dict(facts)
    for name, info in act.model_fields.items():
        if name not in values and info.default is not None and not info.is_required():
            values[name] = info.default
    values["by"] = f"{by.delegate} for {by.behalf or by.party}" if by.party or by.behalf else by.delegate
    return filled(act.says or "{by}: " + act.phrase(vocabulary), act, values, vocabulary)


ACTS: dict[str, type[Act]] = {}
"""Every act by name: handlers, routes, help, client and reference tables follow from it."""

EVENTS: dict[str, type[Event]] = {}
"""Every event type by name."""

A = TypeVar("A", bound=type[Act])
E = TypeVar("E", bound=type[Event])


def track_of(cls: type) -> str:
    """The track that declares an act or an event: the file in this package, or the folder of files."""
    return cls.__module__.split(".")[2]


def act(cls: A) -> A:
    """Register an act class under its snake_case class name."""
    cls.name = _snake(cls.__name__)
    cls.track = track_of(cls)
    if cls.name in ACTS:
        raise TypeError(f"act {cls.name} is declared twice")
    ACTS[cls.name] = cls
    return cls


def event(cls: E) -> E:
    """Register an event class under its snake_case class name."""
    cls.type = _snake(cls.__name__)
    if cls.type in EVENTS:
        raise TypeError(f"event {cls.type} is declared twice")
    EVENTS[cls.type] = cls
    return cls


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def act_class(name: str) -> type[Act]:
    """The act of that name.

    Raises:
        Rejected: ``unknown_act``.
    """
    cls = ACTS.get(name)
    if cls is None:
        raise Rejected("unknown_act", f"There is no act {name!r}. The acts are: {', '.join(sorted(ACTS))}.")
    return cls


def parse_act(name: str, fields: Mapping[str, Any]) -> Act:
    """The act that a command asks for.

    Raises:
        Rejected: ``unknown_act``, or ``malformed`` with one error for each field.
    """
    try:
        return act_class(name).model_validate(dict(fields))
    except ValidationError as error:
        raise malformed(f"{name.replace('_', ' ')} is malformed", error) from None


def in_normal_form(command: Command) -> Command:
    """The command with its act's fields as the record has them: times in UTC, what is at its default left out.

    So what is signed is, member by member, what stands on the entry, and nobody who verifies it needs the model. What
    is no act, or malformed, stays as it is; it is refused elsewhere.
    """
    if command.act not in ACTS:
        return command
    try:
        wanted = parse_act(command.act, command.fields)
        fields = {**wanted.facts(), **wanted.particulars()}
        canonical(fields)
    except (Rejected, NotCanonical, RecursionError):
        return command
    return command if fields == command.fields else command.model_copy(update={"fields": fields})


def check_size(command: Command) -> None:
    """Refuse a command that is too large, or holds what canonical JSON cannot carry.

    Raises:
        Rejected: ``too_large`` or ``malformed``.
    """
    if depth(command.fields) > DEEPEST:
        raise Rejected(
            "malformed",
            f"{command.act.replace('_', ' ')} is malformed: its fields are nested more than {DEEPEST} levels deep.",
        )
    try:
        size = len(canonical(command.fields))
    except NotCanonical as error:
        raise Rejected(
            "malformed",
            f"{command.act.replace('_', ' ')} is malformed: {error}. Correct the field named and send it again.",
        ) from None
    if size > LARGEST_COMMAND:
        raise Rejected(
            "too_large",
            f"{command.act} has {size:,} bytes; at most {LARGEST_COMMAND:,} are taken. Send content as digests.",
        )


def outline(command: Command) -> str:
    """The digest of a command without its act's free text: all that can be compared once that is erased."""
    part = command.signed_part()
    part.pop("own", None)
    del part["key_id"]
    free = ACTS[command.act].particular_names() if command.act in ACTS else ()
    return digest_of(
        {**part, "fields": {key: value for key, value in command.fields.items() if key not in free}}
    )


def malformed(what: str, error: ValidationError) -> Rejected:
    """A :class:`Rejected` that names each field and what is wrong with it."""
    errors = tuple(
        {"field": shortened(field, 120) or "(whole)", "problem": shortened(said, 300)}
        for field, said in islice(wrong_fields(error), MOST_ERRORS)
    )
    listing = "; ".join(f"{e['field']}: {e['problem']}" for e in errors[:5])
    return Rejected("malformed", f"{what}: {listing}. Correct the fields named and send it again.", errors)
