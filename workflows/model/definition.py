"""The definition that an accord starts from: its parts together, and whether they fit together.

A definition is a proposal until every party has adopted its digest. It is written in YAML or JSON; this schema is
the one truth about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from workflows.model.canonical import canonical, digest_of
from workflows.model.terms import (
    MOST_CONDITIONS,
    MOST_DOCUMENTS,
    MOST_ITEMS,
    MOST_OFFICERS,
    MOST_PARTIES,
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
    each,
    ordered,
)
from workflows.model.values import DelegateId, Flag, Line, Message, PartyId, Reference, Window, some
from workflows.model.vocabulary import VOCABULARIES, known


class Inconsistent(ValueError):
    """Parts of a definition that do not fit together. ``problems`` are ``field: what is wrong``, one for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


LARGEST_DEFINITION = 512 * 1024
"""Bytes of canonical JSON that a definition may have, written in full: it travels and is recorded so."""

MOST_FOLLOWED = 60_000
"""Dependencies that are followed to judge every condition with all that it rests on: it is done after every event.

A thousand conditions may rest on fifty others each; a single chain may have 346.
"""

MOST_PROBLEMS = 100
"""Problems between the parts of a definition that are told at once."""

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

    title: Line = Field(description="what the accord is about; its id is made of it")
    vocabulary: Annotated[
        str,
        Field(
            max_length=40,
            description="the words that people see",
            json_schema_extra={"enum": list(VOCABULARIES)},
        ),
        AfterValidator(_vocabulary),
    ] = "diplomatic"
    rules: Annotated[int, BeforeValidator(_rules)] = Field(
        default=_NEWEST,
        validate_default=True,
        description="the version of the rules by which the accord is judged; the newest, where none is named",
        json_schema_extra={"default": RULES, "minimum": 1, "maximum": RULES},
    )
    illustrative: Flag = Field(
        default=False, description="demonstration data, shown as such wherever it appears"
    )
    clock: Clock = Field(default=Clock(), description="the clock that it runs on; real or simulated will do")
    parties: Annotated[dict[PartyId, Party], each(Party, MOST_PARTIES)] = Field(
        min_length=2, max_length=MOST_PARTIES, description="the parties, by short code"
    )
    officers: Annotated[dict[DelegateId, Officer], each(Officer, MOST_OFFICERS)] = Field(
        default_factory=dict,
        max_length=MOST_OFFICERS,
        description="whom the parties name together, by delegate id",
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
    conditions: Annotated[dict[Reference, ConditionTerms], each(ConditionTerms, MOST_CONDITIONS)] = Field(
        default_factory=dict, max_length=MOST_CONDITIONS, description="the conditions precedent, by id"
    )
    documents: Annotated[dict[Reference, DocumentTerms], each(DocumentTerms, MOST_DOCUMENTS)] = Field(
        default_factory=dict, max_length=MOST_DOCUMENTS, description="the instruments to be signed, by id"
    )
    originals: Literal["single", "alternat"] = Field(
        default="single",
        description="one original for all, or one for each party in which it stands first (alternat)",
    )
    signing_at_a_distance: Flag = Field(
        default=False, description="whether signatures may be affixed before the visit or meeting"
    )
    programme: tuple[ProgrammeItem, ...] = Field(
        default=(), max_length=MOST_ITEMS, description="the items of the visit's programme"
    )
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
        problems = list(islice(_problems(self), MOST_PROBLEMS))
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

    def owners(self) -> dict[str, str | None]:
        """The party of each delegate that the definition names: only it appoints them. None: an officer of all."""
        return {delegate: party for delegate, party, _ in _named(self)}

    def as_facts(self) -> dict[str, Any]:
        """The definition as plain JSON values, without what is left at its default; its rules are always named."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def too_large(self) -> str:
        """What is wrong with its size, in words; empty where nothing is. Short forms count as written in full."""
        size = len(canonical(self.as_facts()))
        if size > LARGEST_DEFINITION:
            return f"the definition has {size:,} bytes, written in full; at most {LARGEST_DEFINITION:,} are taken"
        followed = _followed({code: terms.depends_on for code, terms in self.conditions.items()})
        if followed > MOST_FOLLOWED:
            return (
                f"its conditions rest on one another in {followed:,} steps, those from each to all on which it depends "
                f"counted together; at most {MOST_FOLLOWED:,} are taken, so shorten the chains of depends_on"
            )
        return ""

    def digest(self) -> str:
        """The digest that parties adopt."""
        return digest_of(self.as_facts())


def _unknown(kind: str, names: Iterable[str], known: Collection[str], where: str) -> Iterable[str]:
    missing = dict.fromkeys(name for name in names if name not in known)
    if missing:
        yield f"{where}: unknown {kind} {some(missing)}; known are {some(known) or 'none'}"


def _named(d: Definition) -> Iterable[tuple[str, str | None, str]]:
    """Each delegate that the definition gives to a side, with the side and where it says so."""
    for code, party in d.parties.items():
        yield party.contact, code, f"parties.{code}.contact"
        for delegate in party.delegates:
            yield delegate, code, f"parties.{code}.delegates"
    for officer in d.officers:
        yield officer, None, f"officers.{officer}"
    for code, document in d.documents.items():
        for name, seat in document.seats.items():
            yield seat.holder, seat.party, f"documents.{code}.seats.{name}"


def _owner_problems(d: Definition) -> Iterable[str]:
    """Whose each named delegate is stands in the definition, and nobody acts for two sides."""
    owners: dict[str, tuple[str | None, str]] = {}
    for delegate, party, where in _named(d):
        first, said = owners.setdefault(delegate, (party, where))
        if first != party:
            yield (
                f"{where}: {delegate} acts for {party or 'all parties'} here, and for {first or 'all parties'} "
                f"in {said}; a delegate acts for one side"
            )
    for code, terms in d.conditions.items():
        unowned = [one for one in terms.policy.verifiers if one not in owners]
        if unowned:
            yield (
                f"conditions.{code}.policy.verifiers: whose is {some(unowned)}? "
                "Name it under the delegates of its party, or under officers"
            )


def _problems(d: Definition) -> Iterable[str]:
    hosts = [code for code, party in d.parties.items() if party.capacity == "host"]
    if len(hosts) != 1:
        yield f"parties: exactly one is the host, but {', '.join(hosts) or 'none'} is; make the others guests"
    elif not any(party.required for party in d.parties.values() if party.capacity == "guest"):
        yield "parties: at least one guest's acceptance must be required"
    contacts = [party.contact for party in d.parties.values()]
    for contact, times in sorted(Counter(contacts).items()):
        if times > 1:
            yield f"parties: {contact} stands for more than one; each party has a contact of its own"
    yield from _key_problems(d)
    yield from _owner_problems(d)
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
    circles = _in_circles({code: terms.depends_on for code, terms in d.conditions.items()})
    for code in d.conditions:
        if code in circles:
            yield f"conditions.{code}.depends_on: it depends on itself"
    for code, document in d.documents.items():
        where = f"documents.{code}"
        yield from _unknown(
            "party", (seat.party for seat in document.seats.values()), d.parties, f"{where}.seats"
        )
        yield from _unknown("party", document.order, d.parties, f"{where}.order")
        for name, seat in document.seats.items():
            if name.partition("-")[0] != seat.party:
                # Whoever reads that AA's seat is signed would believe that AA has signed.
                yield (
                    f"{where}.seats.{name}: it is a seat of {seat.party}; name it {seat.party}, "
                    f"or {seat.party}-2 where that is taken"
                )
        held = Counter(seat.holder for seat in document.seats.values())
        for holder in sorted(one for one, seats in held.items() if seats > 1):
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


def _followed(depends_on: Mapping[str, Collection[str]]) -> int:
    """How many dependencies are followed where each condition is judged with all that it rests on.

    None of them may depend on itself. What each rests on is a set of bits, so that counting takes no such time.
    """
    bits = {name: 1 << place for place, name in enumerate(depends_on)}
    by_number: dict[int, int] = {}
    for name, others in depends_on.items():
        by_number[len(others)] = by_number.get(len(others), 0) | bits[name]
    reached: dict[str, int] = {}
    followed = 0
    for name in TopologicalSorter(depends_on).static_order():
        reached[name] = bits[name]
        for other in depends_on[name]:
            reached[name] |= reached[other]
        followed += sum(number * (reached[name] & among).bit_count() for number, among in by_number.items())
    return followed


def _in_circles(depends_on: Mapping[str, Collection[str]]) -> set[str]:
    """The names that depend on themselves, directly or by others, in one pass over all of them.

    These are the strongly connected components with more than one name (R. Tarjan, 1972), and the names that name
    themselves; without recursion, since a chain may be a thousand long.
    """
    found: set[str] = set()
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    for start in depends_on:
        if start in index:
            continue
        waiting = [(start, iter(depends_on[start]))]
        while waiting:
            name, others = waiting[-1]
            if name not in index:
                index[name] = lowest[name] = len(index)
                path.append(name)
                on_path.add(name)
            for other in others:
                if other == name:
                    found.add(name)
                elif other in depends_on and other not in index:
                    waiting.append((other, iter(depends_on[other])))
                    break
                elif other in on_path:
                    lowest[name] = min(lowest[name], index[other])
            else:
                waiting.pop()
                if waiting:
                    around = waiting[-1][0]
                    lowest[around] = min(lowest[around], lowest[name])
                if lowest[name] == index[name]:
                    circle = [path.pop()]
                    while circle[-1] != name:
                        circle.append(path.pop())
                    on_path.difference_update(circle)
                    if len(circle) > 1:
                        found.update(circle)
    return found
