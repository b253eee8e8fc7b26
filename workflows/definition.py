"""The definition that an accord starts from: parties, conditions, documents, window and policies.

A definition is a proposal until every party has adopted its digest. It is written in YAML or JSON; this schema is
the one truth about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from workflows.canonical import canonical, digest_of
from workflows.values import (
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
    Window,
)
from workflows.vocabulary import VOCABULARIES, known

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


class Inconsistent(ValueError):
    """Parts of a definition that do not fit together. ``problems`` are ``field: what is wrong``, one for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


LARGEST_DEFINITION = 512 * 1024
"""Bytes of canonical JSON that a definition may have, written in full: it travels and is recorded so."""

FOLDING = {"folding": True}
"""The validation context for what is on the record: it was judged when it was proposed, and only has to read."""


def _vocabulary(name: str, info: ValidationInfo) -> str:
    return name if info.context == FOLDING else known(name)


class Definition(Message):
    """Everything that an accord starts from. Its digest is what the parties adopt."""

    title: Text = Field(description="what the accord is about; its id is made of it")
    vocabulary: Annotated[
        str,
        Field(description="the words that people see", json_schema_extra={"enum": list(VOCABULARIES)}),
        AfterValidator(_vocabulary),
    ] = "diplomatic"
    illustrative: bool = Field(
        default=False, description="demonstration data, shown as such wherever it appears"
    )
    clock: Clock = Field(default=Clock(), description="the clock that it runs on; real or simulated will do")
    parties: dict[PartyId, Party] = Field(
        min_length=2, max_length=50, description="the parties, by short code"
    )
    officers: dict[DelegateId, Officer] = Field(
        default_factory=dict, max_length=200, description="whom the parties name together, by delegate id"
    )
    invitation: InvitationTerms = Field(default=InvitationTerms(), description="the invitation or offer")
    window: Window | None = Field(
        default=None, description="when and where the visit or the closing meeting takes place"
    )
    long_stop: LongStop | None = Field(
        default=None, description="the date after which nobody is bound to wait any longer"
    )
    reminders: Reminders = Field(
        default=Reminders(), description="what is said before and after the conditions' due dates"
    )
    conditions: dict[Reference, ConditionTerms] = Field(
        default_factory=dict, max_length=1000, description="the conditions precedent, by id"
    )
    documents: dict[Reference, DocumentTerms] = Field(
        default_factory=dict, max_length=200, description="the instruments to be signed, by id"
    )
    originals: Literal["single", "alternat"] = Field(
        default="single",
        description="one original for all, or one for each party in which it stands first (alternat)",
    )
    signing_at_a_distance: bool = Field(
        default=False, description="whether signatures may be affixed before the visit or meeting"
    )
    programme: tuple[ProgrammeItem, ...] = Field(default=(), description="the items of the visit's programme")
    predecessor: Predecessor | None = Field(
        default=None, description="an earlier accord or treaty that this one follows"
    )

    @field_validator("parties", "officers", "conditions", "documents")
    @classmethod
    def _in_order(cls, value: dict[str, Any]) -> dict[str, Any]:
        """One order, however they were written: the record sorts members, and decisions must not depend on that."""
        return ordered(value)

    @field_validator("clock", mode="before")
    @classmethod
    def _short_clock(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> Definition:
        if info.context == FOLDING:
            return self
        problems = list(_problems(self))
        if problems:
            raise Inconsistent(problems)
        return self

    @property
    def host(self) -> str:
        """The one party that hosts."""
        return next(code for code, party in self.parties.items() if party.capacity == "host")

    @property
    def guests(self) -> tuple[str, ...]:
        """The parties that are invited, in the definition's order."""
        return tuple(code for code, party in self.parties.items() if party.capacity == "guest")

    def as_facts(self) -> dict[str, Any]:
        """The definition as plain JSON values, without what is left at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def too_large(self) -> str:
        """What is wrong with its size, in words; empty where nothing is. Short forms count as written in full."""
        size = len(canonical(self.as_facts()))
        if size <= LARGEST_DEFINITION:
            return ""
        return f"the definition has {size:,} bytes, written in full; at most {LARGEST_DEFINITION:,} are taken"

    def digest(self) -> str:
        """The digest that parties adopt."""
        return digest_of(self.as_facts())


def _unknown(kind: str, names: Iterable[str], known: Iterable[str], where: str) -> Iterable[str]:
    missing = [name for name in names if name not in set(known)]
    if missing:
        yield f"{where}: unknown {kind} {', '.join(missing)}; known are {', '.join(known) or 'none'}"


def _problems(d: Definition) -> Iterable[str]:
    hosts = [code for code, party in d.parties.items() if party.capacity == "host"]
    if len(hosts) != 1:
        yield f"parties: exactly one is the host, but {', '.join(hosts) or 'none'} is; make the others guests"
    elif not any(party.required for party in d.parties.values() if party.capacity == "guest"):
        yield "parties: at least one guest's acceptance must be required"
    contacts = [party.contact for party in d.parties.values()]
    for contact in sorted(set(contacts)):
        if contacts.count(contact) > 1 or contact in d.officers:
            yield f"parties: {contact} stands for more than one; each party has a contact of its own"
    yield from _key_problems(d)
    for code, terms in d.conditions.items():
        where = f"conditions.{code}"
        yield from _unknown("party", terms.obligors, d.parties, f"{where}.obligors")
        yield from _unknown("party", terms.beneficiaries or (), d.parties, f"{where}.beneficiaries")
        yield from _unknown("condition", terms.depends_on, d.conditions, f"{where}.depends_on")
        yield from _unknown(
            "document", terms.valid_while_texts_of, d.documents, f"{where}.valid_while_texts_of"
        )
        if terms.policy.joint and terms.policy.need < len(set(terms.obligors)):
            yield f"{where}.policy: joint needs a verifier of each obligor's party: {len(set(terms.obligors))} or more"
    for code in d.conditions:
        if _depends_on_itself(code, d.conditions):
            yield f"conditions.{code}.depends_on: it depends on itself"
    for code, document in d.documents.items():
        where = f"documents.{code}"
        yield from _unknown(
            "party", (seat.party for seat in document.seats.values()), d.parties, f"{where}.seats"
        )
        yield from _unknown("party", document.order, d.parties, f"{where}.order")
        held = [seat.holder for seat in document.seats.values()]
        for holder in sorted({one for one in held if held.count(one) > 1}):
            yield f"{where}.seats: {holder} holds more than one seat; a person signs a document once"
    if d.long_stop and d.window and d.long_stop.at < d.window.begins:
        yield "long_stop.at: it falls before the window begins"


def _key_problems(d: Definition) -> Iterable[str]:
    given = [
        (f"parties.{code}.contact_key", one.contact_key, one.signed_acts) for code, one in d.parties.items()
    ]
    given += [(f"officers.{code}.key", one.key, one.signed_acts) for code, one in d.officers.items()]
    seen: dict[str, str] = {}
    for where, key, signs in given:
        if key is None:
            continue
        if not signs:
            # Otherwise whoever passes commands on could put another key in its place before anything is signed.
            yield f"{where}: a first key is for who signs; set signed_acts: true beside it"
        if key in seen:
            yield f"{where}: it is the same key as in {seen[key]}; each signs with its own"
        seen.setdefault(key, where)


def _depends_on_itself(start: str, conditions: dict[str, ConditionTerms]) -> bool:
    seen: set[str] = set()
    stack = list(conditions[start].depends_on)
    while stack:
        code = stack.pop()
        if code == start:
            return True
        if code not in seen and code in conditions:
            seen.add(code)
            stack.extend(conditions[code].depends_on)
    return False
