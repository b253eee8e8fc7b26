"""The parts of a definition: parties and officers, the clock, the terms of invitation, conditions and documents.

Each is checked by itself here; that they fit together is checked by the definition that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from workflows.model.values import (
    PLAIN,
    Count,
    DelegateId,
    Duration,
    Flag,
    Gate,
    Grade,
    Instant,
    Language,
    Line,
    Message,
    PartyId,
    PublicKey,
    Reference,
    Role,
)

T = TypeVar("T")

MOST_PARTIES = 50
MOST_OFFICERS = 200
MOST_CONDITIONS = 1000
MOST_DOCUMENTS = 200
MOST_DEPENDENCIES = 50
MOST_VERIFIERS = 50
MOST_LANGUAGES = 50
MOST_SEATS = 9 * MOST_PARTIES
MOST_ITEMS = 500
MOST_DELEGATES = 500
"""How many of each a definition, or what is in it, may name."""

MOST_ERRORS = 200
"""Errors in the parts of a definition after which no further part is looked at."""


def each(kind: type[Message], most: int) -> BeforeValidator:
    """Check the members of a mapping one by one, and stop once there are errors enough to tell.

    Pydantic would check all of them and make an object of every error, which for tens of thousands takes a second in
    which no other thread can run. Of a mapping with too many errors only what is wrong is left to be reported.
    """

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if len(value) > most:
            raise ValueError(f"it has {len(value):,} members; at most {most:,} are taken")
        checked: dict[Any, Any] = {}
        wrong: dict[Any, Any] = {}
        errors = 0
        for key, item in value.items():
            try:
                checked[key] = kind.model_validate(item)
            except ValidationError as error:
                checked[key] = wrong[key] = item
                errors += error.error_count()
                if errors > MOST_ERRORS:
                    return wrong
        return checked

    return BeforeValidator(check)


OFFICER_ROLES = ("registrar", "depositary", "verifier", "monitor", "observer", "auditor", "operator")
"""Roles that no party appoints alone: who holds them stands in the definition that all parties adopt."""


def ordered(members: Mapping[str, T]) -> dict[str, T]:
    """The members in natural order of their names: C2 before C10, and parties in no order of rank."""
    return dict(sorted(members.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


class Party(Message):
    """A state or organisation. ``contact`` adopts the definition and appoints the party's delegates."""

    name: Line = Field(description="what it is called in full")
    capacity: Literal["host", "guest"] = Field(
        description="exactly one party is the host, which issues the invitation; the others are guests"
    )
    contact: DelegateId
    delegates: tuple[DelegateId, ...] = Field(
        default=(),
        max_length=MOST_DELEGATES,
        description="whom conditions name as its verifiers: its delegates, whom only its contact appoints",
    )
    languages: tuple[Language, ...] = Field(
        default=(), max_length=MOST_LANGUAGES, description="its languages, by BCP 47 tags"
    )
    share: Annotated[str, PLAIN] | None = Field(
        default=None, max_length=40, description="its share, where shares are what it is about"
    )
    required: Flag = Field(default=True, description="whether the invitation needs this guest's acceptance")
    signed_acts: Flag = Field(
        default=False, description="whether its delegates sign their acts with keys of their own"
    )
    contact_key: PublicKey | None = Field(
        default=None,
        description="the contact's first public key, where signed_acts is on; no other one is taken as the first",
    )


class Officer(Message):
    """A person whom the parties name together: registrar, depositary, monitor, observer, auditor."""

    office: Line = Field(description="the office, as the record shows it")
    roles: tuple[Role, ...] = Field(
        min_length=1, max_length=len(OFFICER_ROLES), description="what the office does in this accord"
    )
    signed_acts: Flag = Field(
        default=False, description="whether its acts are signed with keys of the officer's own"
    )
    key: PublicKey | None = Field(
        default=None,
        description="the officer's first public key, where signed_acts is on; no other one is taken as the first",
    )

    @field_validator("roles")
    @classmethod
    def _common_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        for role in roles:
            if role not in OFFICER_ROLES:
                raise ValueError(
                    f"role {role!r} belongs to a party, whose contact appoints it; "
                    f"officers may be {', '.join(OFFICER_ROLES)}"
                )
        return roles


class Clock(Message):
    """Which clock the accord runs on. A simulated one moves by the server's time skipping and is shown as such."""

    mode: Literal["real", "simulated"] = Field(
        default="real", description="a simulated clock is moved by an operator, for demonstrations"
    )
    begins: Instant | None = Field(
        default=None, description="simulated only: when the accord's time begins, if that is already past"
    )

    @model_validator(mode="after")
    def _begins_only_simulated(self) -> Clock:
        if self.mode == "real" and self.begins is not None:
            raise ValueError("begins is for a simulated clock; a real clock begins when the accord is opened")
        return self


class InvitationTerms(Message):
    """What kind of invitation, until when it is valid, and until when the host may withdraw it."""

    kind: Line = Field(default="visit", description="in words, such as official visit or offer")
    valid_until: Instant | None = Field(
        default=None, description="when an unanswered invitation expires; open-ended without it"
    )
    withdrawable_until: Literal["acceptance", "arrival"] = Field(
        default="acceptance",
        description="until which step the host may withdraw it; after that there is termination",
    )


class LongStop(Message):
    """The date after which the parties are no longer bound to go on."""

    at: Instant = Field(description="when the parties are no longer bound to go on")
    policy: Literal["right_to_terminate", "auto_terminate"] = Field(
        default="right_to_terminate",
        description="whether a right to terminate arises then, or the accord terminates by itself",
    )


class Reminders(Message):
    """When the due date of a condition is spoken of before and after it has come. None of it changes anything."""

    before: Duration | None = Field(
        default="P7D",
        description="how long before a due date those who owe the condition are reminded, if at all",
    )
    escalate_after: Duration | None = Field(
        default="P7D",
        description="how long after it the parties' contacts are told of what is overdue, if at all",
    )


class Policy(Message):
    """Who verifies a condition, how many of them, on what evidence, and what a monitor's report does."""

    verifiers: tuple[DelegateId, ...] = Field(
        min_length=1,
        max_length=MOST_VERIFIERS,
        description="delegates or officers who may verify; the obligor's own do not count, unless it is joint",
    )
    need: Count = Field(default=1, ge=1, le=MOST_VERIFIERS, description="number of distinct verifiers")
    grade: Grade = Field(
        default="declared",
        description="the lowest grade of evidence that is taken: declared < reported < documented < inspected",
    )
    joint: Flag = Field(
        default=False, description="the obligors verify together: one verifier of each obligor's party"
    )
    independent: Flag = Field(default=False, description="who submitted the evidence may not verify it")
    on_change: Literal["alarm", "close"] = Field(
        default="alarm",
        description="what a monitor's report does: only raise an alarm, or close the gate until a verifier has looked",
    )

    @model_validator(mode="after")
    def _reachable(self) -> Policy:
        if len(set(self.verifiers)) != len(self.verifiers):
            raise ValueError("a verifier is named twice")
        if self.need > len(self.verifiers):
            raise ValueError(
                f"needs {self.need} verifiers of only {len(self.verifiers)}; name more, or need fewer"
            )
        return self


class ConditionTerms(Message):
    """A condition precedent. Changed terms void its verdict."""

    title: Line = Field(description="what has to be true")
    obligors: tuple[PartyId, ...] = Field(
        min_length=1, max_length=MOST_PARTIES, description="the parties that owe it"
    )
    beneficiaries: tuple[PartyId, ...] | None = Field(
        default=None,
        max_length=MOST_PARTIES,
        description="who may waive; by default every party that is not obliged",
    )
    gate: Gate = Field(
        description="what it guards: confirming the visit, signing, the release of signatures (ceremony), or nothing"
    )
    policy: Policy = Field(description="who verifies it, and on what evidence")
    waivable: Flag = Field(default=False, description="whether the beneficiaries may waive it")
    deferrable: Flag = Field(
        default=False, description="whether the beneficiaries may move it to a later gate"
    )
    due: Instant | None = Field(
        default=None, description="when it should be satisfied; reminds and escalates, and changes nothing"
    )
    valid_for: Duration | None = Field(default=None, description="how long a verdict holds after it is given")
    valid_until: Instant | None = Field(default=None, description="when any verdict ends")
    valid_while_texts_of: tuple[Reference, ...] = Field(
        default=(),
        max_length=MOST_DOCUMENTS,
        description="documents whose texts, when they change, end the verdict",
    )
    depends_on: tuple[Reference, ...] = Field(
        default=(),
        max_length=MOST_DEPENDENCIES,
        description="conditions that have to be satisfied for this one to be",
    )
    response: Duration = Field(default="P14D", description="time to decide a dispute")
    cure: Duration | None = Field(
        default=None, description="time to cure a fallen verdict, after which parties may terminate"
    )


class Seat(Message):
    """A place for one signature."""

    party: PartyId
    holder: DelegateId
    capacity: Annotated[str, PLAIN] = Field(
        default="", max_length=200, description="in what capacity the holder signs, in words"
    )
    authority: Literal["ex_officio", "full_powers"] | None = Field(
        default=None, description="where it differs from the document's"
    )


class DocumentTerms(Message):
    """An instrument to be signed, in one or more languages."""

    title: Line = Field(description="the title of the instrument")
    languages: tuple[Language, ...] = Field(
        min_length=1,
        max_length=MOST_LANGUAGES,
        description="its languages, by BCP 47 tags; each has a text of its own",
    )
    prevailing: Language | None = Field(
        default=None,
        description="the language that prevails where texts differ; without it all are equally authentic",
    )
    seats: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(-[2-9])?$")], Seat] = Field(
        min_length=1,
        max_length=MOST_SEATS,
        description="who signs, by party: a delegate (RU: ru.head), several jointly (JV: [a, b]), or a seat in full",
    )
    authority: Literal["ex_officio", "full_powers"] = Field(
        default="ex_officio",
        description="by what the holders may sign: by their office, or by full powers that the others find in due form",
    )
    authorization: Flag = Field(
        default=False, description="whether each party's competent authority must authorize signing"
    )
    initialled: Flag = Field(
        default=False, description="whether the parties initial the texts before they sign"
    )
    execution_version: Flag = Field(
        default=False, description="whether a final copy is prepared and approved before signing"
    )
    nature: Literal["political", "on_signature", "ratification"] = Field(
        default="on_signature",
        description="what follows its release: nothing, entry into force at once, or ratification first",
    )
    registered: Flag = Field(
        default=False, description="whether it is to be registered after its entry into force"
    )
    order: tuple[PartyId, ...] = Field(
        default=(), max_length=MOST_PARTIES, description="the order in which parties sign, where it matters"
    )

    @field_validator("seats", mode="before")
    @classmethod
    def _short_seats(cls, value: Any) -> Any:
        """Read ``RU: ru.head`` as a seat, and ``JV: [a, b]`` as two seats that sign jointly."""
        if not isinstance(value, dict):
            return value
        seats: dict[str, Any] = {}
        for party, holders in value.items():
            if isinstance(holders, str):
                seats[party] = {"party": party, "holder": holders}
            elif isinstance(holders, list):
                for index, holder in enumerate(holders, start=1):
                    seats[party if index == 1 else f"{party}-{index}"] = {"party": party, "holder": holder}
            else:
                seats[party] = holders
        return seats

    @field_validator("seats")
    @classmethod
    def _in_order(cls, value: dict[str, Any]) -> dict[str, Any]:
        """One order, however they were written."""
        return ordered(value)

    @model_validator(mode="after")
    def _consistent(self) -> DocumentTerms:
        if len(set(self.languages)) != len(self.languages):
            raise ValueError("a language is named twice")
        if self.prevailing is not None and self.prevailing not in self.languages:
            raise ValueError(
                f"prevailing language {self.prevailing!r} is not one of {', '.join(self.languages)}"
            )
        return self


class ProgrammeItem(Message):
    """One item of the visit's programme."""

    at: Instant = Field(description="when it begins")
    item: Line = Field(description="what takes place")


class Predecessor(Message):
    """An earlier accord or treaty that this one follows."""

    title: Line = Field(description="what it is called")
    accord: Annotated[str, PLAIN] | None = Field(
        default=None, max_length=80, description="its id, where it is an accord of this installation"
    )
    signed: Annotated[str, PLAIN] | None = Field(
        default=None, max_length=40, description="when it was signed, in words or as a date"
    )
    in_force: Annotated[str, PLAIN] | None = Field(
        default=None, max_length=40, description="since when it is in force"
    )
