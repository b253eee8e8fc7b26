"""The parts of a definition: parties and officers, the clock, the terms of invitation, conditions and documents.

Each is checked by itself here; that they fit together is checked by the definition that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from workflows.model.values import (
    DelegateId,
    Duration,
    Gate,
    Grade,
    Instant,
    Language,
    Message,
    PartyId,
    PublicKey,
    Reference,
    Role,
    Text,
)

T = TypeVar("T")

OFFICER_ROLES = ("registrar", "depositary", "verifier", "monitor", "observer", "auditor", "operator")
"""Roles that no party appoints alone: who holds them stands in the definition that all parties adopt."""


def ordered(members: Mapping[str, T]) -> dict[str, T]:
    """The members in natural order of their names: C2 before C10, and parties in no order of rank."""
    return dict(sorted(members.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


class Party(Message):
    """A state or organisation. ``contact`` adopts the definition and appoints the party's delegates."""

    name: Text = Field(description="what it is called in full")
    capacity: Literal["host", "guest"] = Field(
        description="exactly one party is the host, which issues the invitation; the others are guests"
    )
    contact: DelegateId
    languages: tuple[Language, ...] = Field(default=(), description="its languages, by BCP 47 tags")
    share: str | None = Field(
        default=None, max_length=40, description="its share, where shares are what it is about"
    )
    required: bool = Field(default=True, description="whether the invitation needs this guest's acceptance")
    signed_acts: bool = Field(
        default=False, description="whether its delegates sign their acts with keys of their own"
    )
    contact_key: PublicKey | None = Field(
        default=None,
        description="the contact's first public key, where signed_acts is on; no other one is taken as the first",
    )


class Officer(Message):
    """A person whom the parties name together: registrar, depositary, monitor, observer, auditor."""

    office: Text = Field(description="the office, as the record shows it")
    roles: tuple[Role, ...] = Field(min_length=1, description="what the office does in this accord")
    signed_acts: bool = Field(
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

    kind: Text = Field(default="visit", description="in words, such as official visit or offer")
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
        description="delegates or officers who may verify; the obligor's own do not count, unless it is joint",
    )
    need: int = Field(default=1, ge=1, description="number of distinct verifiers")
    grade: Grade = Field(
        default="declared",
        description="the lowest grade of evidence that is taken: declared < reported < documented < inspected",
    )
    joint: bool = Field(
        default=False, description="the obligors verify together: one verifier of each obligor's party"
    )
    independent: bool = Field(default=False, description="who submitted the evidence may not verify it")
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

    title: Text = Field(description="what has to be true")
    obligors: tuple[PartyId, ...] = Field(min_length=1, description="the parties that owe it")
    beneficiaries: tuple[PartyId, ...] | None = Field(
        default=None, description="who may waive; by default every party that is not obliged"
    )
    gate: Gate = Field(
        description="what it guards: confirming the visit, signing, the release of signatures (ceremony), or nothing"
    )
    policy: Policy = Field(description="who verifies it, and on what evidence")
    waivable: bool = Field(default=False, description="whether the beneficiaries may waive it")
    deferrable: bool = Field(
        default=False, description="whether the beneficiaries may move it to a later gate"
    )
    due: Instant | None = Field(
        default=None, description="when it should be satisfied; reminds and escalates, and changes nothing"
    )
    valid_for: Duration | None = Field(default=None, description="how long a verdict holds after it is given")
    valid_until: Instant | None = Field(default=None, description="when any verdict ends")
    valid_while_texts_of: tuple[Reference, ...] = Field(
        default=(), description="documents whose texts, when they change, end the verdict"
    )
    depends_on: tuple[Reference, ...] = Field(
        default=(), description="conditions that have to be satisfied for this one to be"
    )
    response: Duration = Field(default="P14D", description="time to decide a dispute")
    cure: Duration | None = Field(
        default=None, description="time to cure a fallen verdict, after which parties may terminate"
    )


class Seat(Message):
    """A place for one signature."""

    party: PartyId
    holder: DelegateId
    capacity: str = Field(
        default="", max_length=200, description="in what capacity the holder signs, in words"
    )
    authority: Literal["ex_officio", "full_powers"] | None = Field(
        default=None, description="where it differs from the document's"
    )


class DocumentTerms(Message):
    """An instrument to be signed, in one or more languages."""

    title: Text = Field(description="the title of the instrument")
    languages: tuple[Language, ...] = Field(
        min_length=1, description="its languages, by BCP 47 tags; each has a text of its own"
    )
    prevailing: Language | None = Field(
        default=None,
        description="the language that prevails where texts differ; without it all are equally authentic",
    )
    seats: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(-[2-9])?$")], Seat] = Field(
        min_length=1,
        description="who signs, by party: a delegate (RU: ru.head), several jointly (JV: [a, b]), or a seat in full",
    )
    authority: Literal["ex_officio", "full_powers"] = Field(
        default="ex_officio",
        description="by what the holders may sign: by their office, or by full powers that the others find in due form",
    )
    authorization: bool = Field(
        default=False, description="whether each party's competent authority must authorize signing"
    )
    initialled: bool = Field(
        default=False, description="whether the parties initial the texts before they sign"
    )
    execution_version: bool = Field(
        default=False, description="whether a final copy is prepared and approved before signing"
    )
    nature: Literal["political", "on_signature", "ratification"] = Field(
        default="on_signature",
        description="what follows its release: nothing, entry into force at once, or ratification first",
    )
    registered: bool = Field(
        default=False, description="whether it is to be registered after its entry into force"
    )
    order: tuple[PartyId, ...] = Field(
        default=(), description="the order in which parties sign, where it matters"
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
    item: Text = Field(description="what takes place")


class Predecessor(Message):
    """An earlier accord or treaty that this one follows."""

    title: Text = Field(description="what it is called")
    accord: str | None = Field(
        default=None, max_length=80, description="its id, where it is an accord of this installation"
    )
    signed: str | None = Field(
        default=None, max_length=40, description="when it was signed, in words or as a date"
    )
    in_force: str | None = Field(default=None, max_length=40, description="since when it is in force")
