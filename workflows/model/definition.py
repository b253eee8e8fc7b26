"""The definition that an accord starts from: its parts together, and whether they fit together.

A definition is a proposal until every party has adopted its digest. It is written in YAML or JSON; this schema is
the one truth about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from workflows.model.canonical import canonical, digest_of
from workflows.model.terms import (
    Clock,
    ConditionTerms,
    DocumentTerms,
    InvitationTerms,
    LongStop,
    Officer,
    Party,
    Predecessor,
    ProgrammeItem,
    Reminders,
    ordered,
)
from workflows.model.values import DelegateId, Message, PartyId, Reference, Text, Window
from workflows.model.vocabulary import VOCABULARIES, known


class Inconsistent(ValueError):
    """Parts of a definition that do not fit together. ``problems`` are ``field: what is wrong``, one for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


LARGEST_DEFINITION = 512 * 1024
"""Bytes of canonical JSON that a definition may have, written in full: it travels and is recorded so."""

FOLDING = {"folding": True}
"""The validation context for what is on the record: it was judged when it was proposed, and only has to read."""


RULES = 1
"""The newest version of the rules. Whatever decides or folds otherwise than before asks ``a.rules >= N``.

It rises with the first such rule after a release; from then on the decisions of the old version are never written again
(``tests.compatibility.decisions``).
"""


class UnknownRules(ValueError):
    """Rules that this release does not know: whoever went on by others would come to another state."""


def known_rules(rules: object) -> int:
    """The version of the rules, where this release knows it.

    Raises:
        UnknownRules: it does not, or none is named.
    """
    if isinstance(rules, bool) or not isinstance(rules, int) or not 1 <= rules <= RULES:
        raise UnknownRules(
            f"rules {str(rules)[:20]} are not known to this release, which knows 1 to {RULES}; "
            "use a release that knows them"
        )
    return rules


def _rules(rules: object, info: ValidationInfo) -> int:
    # Only a proposal may leave them open; what is on the record says by which rules it is judged.
    return known_rules(RULES if rules is None and info.context != FOLDING else rules)


def _vocabulary(name: str, info: ValidationInfo) -> str:
    return name if info.context == FOLDING else known(name)


_NEWEST: Any = None
"""Stands for the newest rules in a proposal, and is never what a definition holds: so it always names its rules."""


class Definition(Message):
    """Everything that an accord starts from. Its digest is what the parties adopt."""

    title: Text = Field(description="what the accord is about; its id is made of it")
    vocabulary: Annotated[
        str,
        Field(description="the words that people see", json_schema_extra={"enum": list(VOCABULARIES)}),
        AfterValidator(_vocabulary),
    ] = "diplomatic"
    rules: Annotated[int, BeforeValidator(_rules)] = Field(
        default=_NEWEST,
        validate_default=True,
        description="the version of the rules by which the accord is judged; the newest, where none is named",
        json_schema_extra={"default": RULES, "minimum": 1, "maximum": RULES},
    )
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

    @classmethod
    def on_record(cls, facts: Mapping[str, object]) -> Definition:
        """The definition in an entry: it was judged when it was proposed, and only has to read.

        Raises:
            UnknownRules: it is judged by rules that this release does not know.
        """
        known_rules(facts.get("rules"))
        return cls.model_validate(facts, context=FOLDING)

    @property
    def host(self) -> str:
        """The one party that hosts."""
        return next(code for code, party in self.parties.items() if party.capacity == "host")

    @property
    def guests(self) -> tuple[str, ...]:
        """The parties that are invited, in the definition's order."""
        return tuple(code for code, party in self.parties.items() if party.capacity == "guest")

    def as_facts(self) -> dict[str, Any]:
        """The definition as plain JSON values, without what is left at its default; its rules are always named."""
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
