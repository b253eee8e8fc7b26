"""Which acts are a delegate's to do, on what exactly, and what each still waits for: by the model's own guards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from activities.definitions.structured import Unreadable
from api.pages.forms import as_field
from api.pages.values import CANDIDATES, stand_in
from workflows.model.authority import authority_checks, known, resolve
from workflows.model.commands import OwnSignature
from workflows.model.decide import judge
from workflows.model.declare import Act, Check, Rejected, parse_act
from workflows.model.declared import ACTS
from workflows.model.state import Accord
from workflows.record.keys import live as live_keys

NOT_THEIRS = (
    "is_beneficiary",
    "is_obligor",
    "named_verifier",
    "not_acknowledged",
    "not_the_obligor",
    "others_powers",
    "own_seat",
    "signing_party",
)
"""Guards that say that the act is another's, here; as those do that begin with ``not_yet``, for who has done it."""

FORWARD = (
    "adopt_definition",
    "issue_invitation",
    "acknowledge_invitation",
    "accept_invitation",
    "verify_condition",
    "decide_dispute",
    "confirm_verdict",
    "submit_evidence",
    "agree_text",
    "certify_concordance",
    "initial_document",
    "approve_execution_version",
    "find_full_powers",
    "authorize_signing",
    "issue_full_powers",
    "agree_dates",
    "concur_in_understanding",
    "propose_understanding",
    "confirm_visit",
    "record_advance_done",
    "record_arrival",
    "sign_document",
    "consent_to_release",
    "release_signatures",
    "complete_visit",
    "propose_text",
    "ratify_document",
    "declare_in_force",
    "register_document",
    "close_accord",
)
"""Acts that bring an accord forward, in the order of the ladder: where several are open, the first is the next step."""

BACKWARD = (
    "withdraw_",
    "revoke_",
    "decline_",
    "cancel_",
    "curtail_",
    "hold_",
    "terminate",
    "agree_termination",
    "sever_",
)
"""How the names of acts begin that undo or end something: they stand last."""


def place(act: type[Act]) -> tuple[bool, int]:
    """Where an act stands among those that are open: what brings the accord forward first, what ends something last."""
    rank = FORWARD.index(act.name) if act.name in FORWARD else len(FORWARD)
    return act.name.startswith(BACKWARD), rank


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that is the delegate's to do. ``unmet`` is what it waits for; what is given is filled in on its form."""

    act: type[Act]
    given: Mapping[str, str]
    unmet: tuple[Check, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is in its way."""
        return not self.unmet

    @property
    def forward(self) -> bool:
        """Whether it brings the accord forward."""
        return self.act.name in FORWARD

    @property
    def query(self) -> str:
        """What is given, for the address of the form."""
        return f"?{urlencode(self.given)}" if self.given else ""


def may(a: Accord, delegate: str, act: type[Act], at: datetime) -> bool:
    """Whether the act is the delegate's to do at all, by appointment, side and role."""
    if known(a, delegate) is None:
        return False
    try:
        actor = resolve(a, delegate, act, at)
    except Rejected:
        return False
    return all(check.met for check in authority_checks(a, act, actor, at))


def offers(
    a: Accord, delegate: str, at: datetime, acts: Iterable[str], given: Mapping[str, str] | None = None
) -> tuple[Offer, ...]:
    """Of ``acts`` those that are the delegate's, each for what is given; the open ones first."""
    if at > a.time:
        # One state for all of them, whose gates are then judged once.
        a = a.changed(time=at)
    made = [
        one
        for name in acts
        if may(a, delegate, ACTS[name], at)
        for one in _of_act(a, delegate, at, ACTS[name], dict(given or {}))
    ]
    return tuple(sorted(made, key=lambda one: (not one.open, *place(one.act))))


def _of_act(a: Accord, delegate: str, at: datetime, act: type[Act], given: dict[str, str]) -> Iterator[Offer]:
    """The act for each object that it could be about, as far as ``given`` leaves that open."""
    names = list(act.model_fields)
    given = {name: value for name, value in given.items() if name in names}
    for name in ("language", "seat"):
        document = given.get("document", "")
        if name in names and name not in given and document in a.documents:
            terms = a.definition.documents.get(document)
            choices = () if terms is None else terms.languages if name == "language" else tuple(terms.seats)
            for choice in choices:
                yield from _of_act(a, delegate, at, act, {**given, name: choice})
            return
    try:
        checks = tuple(check for check in _judged(a, delegate, at, act, given) if not check.met)
    except (Rejected, Unreadable, ValueError):
        # What is given is no such act; its form says so, once it is sent.
        return
    except KeyError:
        # A field that nothing stands in for: the form asks for it, and its preview tells the rest.
        checks = ()
    if not any(check.guard in NOT_THEIRS or check.guard.startswith("not_yet_") for check in checks):
        yield Offer(act, given, checks)


def _judged(
    a: Accord, delegate: str, at: datetime, act: type[Act], given: Mapping[str, str]
) -> tuple[Check, ...]:
    """Every guard of the act with what is given, and with what the record offers or a stand-in for the rest."""
    fields: dict[str, Any] = {}
    for name, info in act.model_fields.items():
        offered = CANDIDATES.get((act.name, name)) or CANDIDATES.get(("", name))
        choices = () if name in given or offered is None else offered(a, delegate, given)
        chosen = tuple(choice.value for choice in choices if choice.chosen) or tuple(
            choice.value for choice in choices[:1]
        )
        values = (given[name],) if name in given else chosen
        if values:
            fields[name] = as_field(act, name, values)
        elif info.is_required():
            fields[name] = stand_in(a, act, name)
    wanted = parse_act(act.name, fields)
    actor = resolve(a, delegate, wanted, at)
    keys = live_keys(a, delegate)
    own = OwnSignature(key=wanted.signed_with() or keys[-1].id, signature="") if keys else None
    return tuple(judge(a, wanted, actor, at, own))
