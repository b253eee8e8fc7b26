"""Looking ahead: what an act would do (dry run), and why a step cannot be taken yet.

Both run the model's own ``decide`` and ``judge`` on the state folded from the ledger, so that what they say and
what then happens at that time are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from api.answers.looking_ahead import CheckView, DryRun, Shift, StageChange, Why
from api.problems import Problem, of_rejection
from workflows.model.authority import resolve
from workflows.model.commands import TICK, Command, OwnSignature
from workflows.model.decide import Decision, decide, judge
from workflows.model.declare import Check, Rejected, parse_act
from workflows.model.declared import ACTS
from workflows.model.rules import GATES, gate, gate_says, stage
from workflows.model.state import Accord
from workflows.record.keys import live
from workflows.tracks.conditions.state import satisfied

DRY_RUN = "dry-run"
"""What stands for the idempotency key in the id of a command that is only tried."""


def tried(a: Accord, command: Command, at: datetime, own_key: str = "") -> Decision:
    """What would be decided at ``at``, signed with the delegate's ``own_key`` if one is named.

    Where the command requires another version than the present one, it would be refused by ``version_current``. A dry
    run takes no signature, which somebody could send on as that of an act.

    Raises:
        Problem: the act is none: malformed, or by somebody whom the accord does not know.
    """
    try:
        own = OwnSignature(key=own_key, signature="") if own_key else None
    except ValidationError:
        raise Problem("malformed", "Entente-Key is not the id of a key: 16 hexadecimal digits.") from None
    command = command.model_copy(update={"own": own})
    try:
        return decide(a, command, at)
    except Rejected as error:
        raise of_rejection(a.id, error) from None


def dry_run(a: Accord, command: Command, at: datetime, decision: Decision) -> DryRun:
    """What the command would do at ``at``, by what is decided on it."""
    before, after = _standing(a), _standing(decision.after)
    return DryRun(
        accord=a.id,
        act=command.act,
        at=max(at, a.time),
        version=a.version,
        would_be="recorded" if decision.refusal is None else "refused",
        refusal=decision.refusal,
        on_record=decision.repeats,
        events=decision.events,
        stage=StageChange(before=stage(a), after=stage(decision.after)),
        opens=_shift(after, before),
        reopens=_shift(before, after),
    )


def why_gate(a: Accord, name: str, at: datetime, *, cleared: bool) -> Why:
    """Every guard of a gate at ``at``; without reasons for who sees cleared status only."""
    later = _later(a, at)
    checks = tuple(gate(later, name))
    return Why(
        accord=a.id,
        step=name,
        kind="gate",
        says=gate_says(a, name),
        at=max(at, a.time),
        version=a.version,
        open=_met(checks),
        checks=tuple(_check(check, cleared=cleared) for check in checks),
    )


def why_act(a: Accord, name: str, fields: dict[str, Any], delegate: str, at: datetime) -> Why:
    """Every guard of an act by ``delegate`` at ``at``, authority first. An unknown object ends the list.

    A delegate that has a key of its own is taken to sign with it.

    Raises:
        Problem: the fields are malformed, or the accord does not know the delegate.
    """
    later, at = _later(a, at), max(at, a.time)
    try:
        wanted = parse_act(name, fields)
        actor = resolve(later, delegate, wanted, at)
    except Rejected as error:
        raise of_rejection(a.id, error) from None
    keys = live(later, delegate)
    own = OwnSignature(key=wanted.signed_with() or keys[-1].id, signature="") if keys else None
    checks = tuple(judge(later, wanted, actor, at, own))
    return Why(
        accord=a.id,
        step=name,
        kind="act",
        says=wanted.sentence(actor, a.definition.vocabulary),
        delegate=delegate,
        at=at,
        version=a.version,
        open=_met(checks),
        checks=tuple(_check(check, cleared=False) for check in checks),
    )


def step_name(step: str) -> str:
    """The gate or act that a path names, with hyphens or underscores.

    Raises:
        Problem: there is neither.
    """
    name = step.replace("-", "_")
    if name not in GATES and name not in ACTS:
        raise Problem(
            "not_found",
            f"There is no step {step[:60]!r}. The gates are {', '.join(GATES)}; for the acts see /docs.",
        )
    return name


def _later(a: Accord, at: datetime) -> Accord:
    """The state once every deadline has fallen that has passed at ``at``."""
    tick = Command(accord=a.id, id=f"{TICK}/why", act=TICK, delegate=TICK)
    # The clock lets so many fall at once, and no more.
    while (decision := decide(a, tick, at)).events:
        a = decision.after
    return a


def _standing(a: Accord) -> tuple[frozenset[str], frozenset[str]]:
    """The open gates and the satisfied conditions."""
    gates = frozenset(name for name in GATES if _met(gate(a, name)))
    return gates, frozenset(code for code in a.definition.conditions if a.founded and satisfied(a, code))


def _shift(had: tuple[frozenset[str], frozenset[str]], has: tuple[frozenset[str], frozenset[str]]) -> Shift:
    """What is in the first and not in the second."""
    return Shift(
        gates=tuple(name for name in GATES if name in had[0] - has[0]),
        conditions=tuple(sorted(had[1] - has[1])),
    )


def _check(check: Check, *, cleared: bool) -> CheckView:
    if check.met or cleared:
        return CheckView(guard=check.guard, met=check.met, subject=None if cleared else check.subject)
    return CheckView(
        guard=check.guard,
        met=False,
        reason=check.reason,
        remedy=check.remedy,
        who=check.who,
        by=check.by,
        subject=check.subject,
    )


def _met(checks: Iterable[Check]) -> bool:
    return all(check.met for check in checks)
