"""The definition that an accord starts from: parties, conditions, documents, window and policies.

A definition is a proposal until every party has adopted its digest. It is written in YAML or JSON; this schema is
the one truth about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from workflows.canonical import digest_of
from workflows.values import (
    DelegateId,
    Duration,
    Gate,
    Grade,
    Instant,
    Language,
    Message,
    PartyId,
    Reference,
    Role,
    Text,
    Window,
)
from workflows.vocabulary import VOCABULARIES, known

OFFICER_ROLES = ("registrar", "depositary", "verifier", "monitor", "observer", "auditor")
"""Roles that no party appoints alone: who holds them stands in the definition that all parties adopt."""


class Party(Message):
    """A state or organisation. ``contact`` adopts the definition and appoints the party's delegates."""

    name: Text
    capacity: Literal["host", "guest"]
    contact: DelegateId
    languages: tuple[Language, ...] = ()
    share: str | None = Field(
        default=None, max_length=40, description="its share, where shares are what it is about"
    )
    required: bool = Field(default=True, description="whether the invitation needs this guest's acceptance")


class Officer(Message):
    """A person whom the parties name together: registrar, depositary, monitor, observer, auditor."""

    office: Text
    roles: tuple[Role, ...] = Field(min_length=1)

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

    mode: Literal["real", "simulated"] = "real"
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

    kind: Text = "visit"
    valid_until: Instant | None = None
    withdrawable_until: Literal["acceptance", "arrival"] = "acceptance"


class LongStop(Message):
    """The date after which the parties are no longer bound to go on."""

    at: Instant
    policy: Literal["right_to_terminate", "auto_terminate"] = "right_to_terminate"


class Policy(Message):
    """Who verifies a condition, how many of them, on what evidence, and what a monitor's report does."""

    verifiers: tuple[DelegateId, ...] = Field(min_length=1)
    need: int = Field(default=1, ge=1, description="number of distinct verifiers")
    grade: Grade = "declared"
    joint: bool = Field(
        default=False, description="the obligors verify together: one verifier of each obligor's party"
    )
    independent: bool = Field(default=False, description="who submitted the evidence may not verify it")
    on_change: Literal["alarm", "close"] = "alarm"

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

    title: Text
    obligors: tuple[PartyId, ...] = Field(min_length=1)
    beneficiaries: tuple[PartyId, ...] | None = Field(
        default=None, description="who may waive; by default every party that is not obliged"
    )
    gate: Gate
    policy: Policy
    waivable: bool = False
    deferrable: bool = False
    due: Instant | None = None
    valid_for: Duration | None = None
    valid_until: Instant | None = None
    valid_while_texts_of: tuple[Reference, ...] = ()
    depends_on: tuple[Reference, ...] = ()
    response: Duration = Field(default="P14D", description="time to decide a dispute")
    cure: Duration | None = Field(
        default=None, description="time to cure a fallen verdict, after which parties may terminate"
    )


class Seat(Message):
    """A place for one signature."""

    party: PartyId
    holder: DelegateId
    capacity: str = Field(default="", max_length=200)
    authority: Literal["ex_officio", "full_powers"] | None = Field(
        default=None, description="where it differs from the document's"
    )


class DocumentTerms(Message):
    """An instrument to be signed, in one or more languages."""

    title: Text
    languages: tuple[Language, ...] = Field(min_length=1)
    prevailing: Language | None = None
    seats: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,11}(-[2-9])?$")], Seat] = Field(min_length=1)
    authority: Literal["ex_officio", "full_powers"] = "ex_officio"
    authorization: bool = Field(
        default=False, description="whether each party's competent authority must authorize signing"
    )
    initialled: bool = False
    execution_version: bool = Field(
        default=False, description="whether a final copy is prepared and approved before signing"
    )
    nature: Literal["political", "on_signature", "ratification"] = "on_signature"
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

    at: Instant
    item: Text


class Predecessor(Message):
    """An earlier accord or treaty that this one follows."""

    title: Text
    accord: str | None = Field(default=None, max_length=80)
    signed: str | None = Field(default=None, max_length=40)
    in_force: str | None = Field(default=None, max_length=40)


class Inconsistent(ValueError):
    """Parts of a definition that do not fit together. ``problems`` are ``field: what is wrong``, one for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Definition(Message):
    """Everything that an accord starts from. Its digest is what the parties adopt."""

    title: Text
    vocabulary: Annotated[
        str,
        Field(description="the words that people see", json_schema_extra={"enum": list(VOCABULARIES)}),
        AfterValidator(known),
    ] = "diplomatic"
    illustrative: bool = Field(
        default=False, description="demonstration data, shown as such wherever it appears"
    )
    clock: Clock = Clock()
    parties: dict[PartyId, Party] = Field(min_length=2, max_length=50)
    officers: dict[DelegateId, Officer] = Field(default_factory=dict, max_length=200)
    invitation: InvitationTerms = InvitationTerms()
    window: Window | None = None
    long_stop: LongStop | None = None
    conditions: dict[Reference, ConditionTerms] = Field(default_factory=dict, max_length=1000)
    documents: dict[Reference, DocumentTerms] = Field(default_factory=dict, max_length=200)
    originals: Literal["single", "alternat"] = "single"
    signing_at_a_distance: bool = False
    programme: tuple[ProgrammeItem, ...] = ()
    predecessor: Predecessor | None = None

    @field_validator("clock", mode="before")
    @classmethod
    def _short_clock(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Definition:
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
