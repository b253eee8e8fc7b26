"""Examples of what acts are answered: decided by the model itself on a small accord, never written by hand.

The accord is that of ``api.examples``: founded, with a delegate for every role, on a fixed day. What an act's example
comes to there is what the API would answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from api.examples import DEFINITION, example_of
from api.problems import of_refusal
from workflows.model.commands import Command, Receipt
from workflows.model.decide import Decision, decide, open_accord
from workflows.model.declare import Rejected
from workflows.model.declared import ACTS
from workflows.model.rules import stage
from workflows.model.state import Accord

_ACCORD = "working-visit-mzxw6ytboi"
_DAY = datetime(2030, 4, 3, 9, 30, tzinfo=UTC)
_PARTY_ROLES = ("protocol", "treaty_section", "drafter", "obligor", "competent_authority", "verifier")
_HASH = "5d" * 32


class Outcome(NamedTuple):
    """A request's example: who sends it under which idempotency key, and what it is answered."""

    delegate: str
    key: str
    answer: dict[str, Any]


@cache
def receipt_of(name: str) -> Outcome | None:
    """The receipt of an act's example, where it would be recorded in the accord of the examples."""
    for a, delegate in _tries(name):
        decided = _decided(a, name, delegate)
        if decided is not None and decided.refusal is None:
            return Outcome(delegate, _key(name), _receipt(a, name, delegate, decided).model_dump(mode="json"))
    return None


@cache
def refusal_of(name: str) -> Outcome | None:
    """The problem that an act's example is refused with, rather by a guard of its own than by one of every act."""
    refusals = []
    for a, delegate in _tries(name):
        decided = _decided(a, name, delegate)
        if decided is not None and decided.refusal is not None:
            receipt = _receipt(a, name, delegate, decided)
            problem = of_refusal(receipt, act=name, accord=_ACCORD).body("b7f1c0de")
            shown = problem.model_dump(mode="json", exclude_none=True)
            refusals.append(Outcome(delegate, _key(name), shown))
    own = [one for one in refusals if one.answer["guard"] not in ("authority", "founded", "party_of_accord")]
    return next(iter([*own, *refusals]), None)


def _key(name: str) -> str:
    return f"{name.replace('_', '-')}-1"


@cache
def _proposed() -> Accord:
    """The accord as it is opened, and adopted by nobody."""
    return open_accord(_ACCORD, {"definition": DEFINITION}, "aa.protocol", _DAY).after


@cache
def _founded() -> Accord:
    a = _proposed()
    for party in ("aa", "bb"):
        a = _done(a, "adopt_definition", f"{party}.protocol", {"digest": a.definition.digest()})
    for party in ("aa", "bb"):
        named = [{"delegate": f"{party}.office", "office": "Office for the visit", "roles": _PARTY_ROLES}]
        named.append({"delegate": f"{party}.head", "office": "Head of delegation", "roles": ("signatory",)})
        a = _done(a, "appoint_delegates", f"{party}.protocol", {"delegates": named})
    return a


def _done(a: Accord, name: str, delegate: str, fields: dict[str, Any]) -> Accord:
    command = Command(accord=_ACCORD, id=f"{delegate}/made", act=name, fields=fields, delegate=delegate)
    return decide(a, command, a.time + timedelta(minutes=1)).after


def _tries(name: str) -> Iterator[tuple[Accord, str]]:
    """States and delegates to try an act with: first who is most likely to be the one for it."""
    founded, roles = _founded(), ACTS[name].who.roles
    appointed = {who: one.roles for who, one in founded.delegates.items()}
    able = [who for who, held in appointed.items() if not roles or set(held) & set(roles)]
    for delegate in (*able, "aa.protocol", "bb.protocol", "registrar"):
        yield founded, delegate
    for delegate in ("aa.protocol", "bb.protocol"):
        yield _proposed(), delegate


def _decided(a: Accord, name: str, delegate: str) -> Decision | None:
    fields = example_of(ACTS[name])
    if name == "adopt_definition":
        fields["digest"] = a.definition.digest()
    command = Command(
        accord=_ACCORD, id=f"{delegate}/{_key(name)}", act=name, fields=fields, delegate=delegate
    )
    try:
        return decide(a, command, a.time + timedelta(minutes=1))
    except Rejected:
        return None


def _receipt(a: Accord, name: str, delegate: str, decided: Decision) -> Receipt:
    last = a.size + len(decided.events) - 1
    return Receipt(
        accord=_ACCORD,
        command=f"{delegate}/{_key(name)}",
        act=name,
        status="recorded" if decided.refusal is None else "refused",
        time=decided.after.time,
        first_position=a.size,
        position=last,
        leaf=_HASH,
        size=last + 1,
        root="c4" * 32,
        version=decided.after.version,
        stage=stage(decided.after),
        events=tuple(one.type for one in decided.events),
        refusal=decided.refusal,
    )
