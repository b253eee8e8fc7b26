"""The one decider: ``decide(state, command, at)`` says what would follow, and changes nothing.

The workflow, the ledger's own gate, the dry run, "why" and the offline verifier all run this same function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from workflows.model.authority import authority_checks, is_heard, resolve
from workflows.model.canonical import digest_of
from workflows.model.commands import (
    OPEN,
    SYSTEM,
    TICK,
    UNATTRIBUTED,
    UNREADABLE,
    Actor,
    Command,
    EventDraft,
    OwnSignature,
    Refusal,
)
from workflows.model.declare import (
    MOST_WORDS,
    Act,
    Check,
    Gate,
    Rejected,
    Stamp,
    act_class,
    check_size,
    malformed,
    met,
    parse_act,
)
from workflows.model.declared import ACTS
from workflows.model.definition import Definition
from workflows.model.fold import fold
from workflows.model.rules import deadlines, gate
from workflows.model.state import Accord
from workflows.model.values import shortened
from workflows.model.wording import named
from workflows.model.working import CLOCK, Memory, Working
from workflows.record.keys import own_signature
from workflows.record.operation import not_paused
from workflows.record.refusals import ActRefused, SignalRefused, mark_of
from workflows.tracks.ending import ended_before
from workflows.tracks.founding.adoption import AccordOpened, founded

MOST_DEADLINES = 50
"""Deadlines that one command of the clock lets fall; the next one goes on. A thousand at once would take seconds,
for which a worker can do nothing else, and after two of which Temporal holds the workflow for stuck."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a command: events to record, and the refusal if it was refused.

    ``mark`` is what the same refusal would have too; ``repeats`` the position of the entry that recorded it before,
    where there is one: then nothing is recorded anew (:mod:`workflows.model.repeats`). ``unheard`` says that the
    delegate may not act, and that nothing of what it sent gets onto the record.
    """

    events: tuple[EventDraft, ...]
    actor: Actor
    after: Accord
    refusal: Refusal | None = None
    repeats: int | None = None
    mark: str | None = None
    unheard: bool = False

    @property
    def sought(self) -> str | None:
        """The mark by which an earlier entry stands for this refusal; none where a deadline fell before it."""
        return self.mark if len(self.events) == 1 else None


def open_accord(accord: str, fields: dict[str, Any], delegate: str, at: datetime) -> Decision:
    """What follows from starting an accord with a definition.

    Raises:
        Rejected: ``malformed`` definition; ``not_a_contact`` when the delegate is nobody in it. Nothing is recorded.
    """
    unknown = sorted(set(fields) - {"definition"})
    if unknown or "definition" not in fields:
        raise Rejected("malformed", "open_accord takes one field, definition: the accord's definition")
    try:
        definition = Definition.model_validate(fields["definition"])
    except ValidationError as error:
        raise malformed("The definition is malformed", error) from None
    if too_large := definition.too_large():
        raise Rejected("too_large", f"{too_large[0].upper()}{too_large[1:]}. Open several accords.")
    party = next((code for code, one in definition.parties.items() if one.contact == delegate), None)
    if party is None:
        raise Rejected(
            "not_a_contact",
            f"{delegate} is no party's contact in this definition; a contact of one of its parties opens the accord.",
        )
    offset = 0
    if definition.clock.begins is not None and definition.clock.begins < at:
        offset = round((definition.clock.begins - at) / timedelta(microseconds=1))
        at = definition.clock.begins
    actor = Actor(delegate=delegate, party=party, role="contact")
    digest = definition.digest()
    happened = AccordOpened(
        accord=accord, definition=definition.as_facts(), digest=digest, clock_offset=offset
    )
    state = fold(None, happened, Stamp(at, actor, 0))
    facts = {"event": happened.facts(), "act": {"name": OPEN, "fields": {"definition": digest}}}
    draft = EventDraft(type=happened.type, version=happened.version, time=at, facts=facts, actor=actor)
    return Decision((draft,), actor, state)


def parse(a: Accord | None, command: Command) -> Act | None:
    """The act of a command, checked as far as possible without judging it; none for opening and the clock.

    Raises:
        Rejected: when it is no act at all; nothing is recorded then.
    """
    check_size(command)
    if a is not None and command.accord != a.id:
        raise Rejected("other_accord", f"the command is for accord {command.accord}, not for {a.id}")
    return _parsed(a, command)


def _parsed(a: Accord | None, command: Command) -> Act | None:
    if command.act in (OPEN, *SYSTEM):
        return None
    if command.act in ACTS and ACTS[command.act].signal and command.delegate == UNATTRIBUTED:
        return parse_act(command.act, command.fields)
    wanted = parse_act(command.act, command.fields)
    if a is not None:
        resolve(a, command.delegate, wanted, a.time)
    return wanted


def decide(a: Accord | None, command: Command, at: datetime, memory: Memory | None = None) -> Decision:
    """What follows from ``command`` at accord time ``at``: deadlines that have passed first, then the act.

    ``memory`` is what the caller keeps for the accord; it makes the answer quicker, and no other.

    Raises:
        Rejected: for what is no act at all: malformed, unknown, from a stranger, for another accord.
    """
    try:
        return _decide(a, command, at, memory)
    except (ValidationError, OverflowError, RecursionError) as error:
        # No rule should come to this. If one does, a single command must not stop the accord, nor leave on its record
        # what nobody can read again.
        raise Rejected(
            "malformed",
            f"{command.act} leads to what cannot be recorded ({type(error).__name__}). Look for a time, a duration "
            "or a size in it that is out of all proportion.",
        ) from error


def _decide(a: Accord | None, command: Command, at: datetime, memory: Memory | None) -> Decision:
    if command.act == OPEN:
        if a is not None:
            raise Rejected("already_open", f"accord {a.id} is open already")
        check_size(command)
        return open_accord(command.accord, command.fields, command.delegate, at)
    if a is None:
        raise Rejected("not_open", f"there is no accord {command.accord}; start one first")
    work = Working(a, max(at, a.time), memory)
    asked = asked_for(a, command)
    work.pass_deadlines(MOST_DEADLINES if command.act == TICK else None)
    actor = None
    if asked is not None:
        actor = resolve(work.state, command.delegate, asked, work.at)
        if not is_heard(work.state, asked, actor, work.at):
            return _refuse_unheard(work, asked, actor)
    wanted = _parsed(a, command) if asked is None else parse_act(command.act, command.fields)
    if command.act == UNREADABLE:
        return _refused_signal(
            work, **{key: str(command.fields.get(key, "")) for key in ("name", "reason", "payload")}
        )
    if wanted is None:
        return Decision(tuple(work.drafts), CLOCK, work.state)
    if actor is None:
        return _unattributed(work, wanted)
    own = command.own
    checks = judge(work.state, wanted, actor, work.at, own, command.required_version)
    unmet = [check for check in checks if not check.met]
    if unmet:
        return _refuse(work, wanted, actor, unmet, command)
    said, particulars = _said(wanted, command)
    for index, happened in enumerate(wanted.events(work.state, actor, work.at)):
        if index == 0:
            work.emit(happened, actor, work.at, said, particulars)
        else:
            work.emit(happened, actor, work.at)
    work.settle(actor, work.at)
    return Decision(tuple(work.drafts), actor, work.state)


def asked_for(a: Accord, command: Command) -> type[Act] | None:
    """The act that a delegate asks for, whose fields nobody has looked at yet; none where no delegate asks.

    Raises:
        Rejected: there is no such act, the delegate is a stranger, or the command is for another accord.
    """
    check_size(command)
    if command.accord != a.id:
        raise Rejected("other_accord", f"the command is for accord {command.accord}, not for {a.id}")
    if command.act in SYSTEM or command.delegate == UNATTRIBUTED:
        return None
    asked = act_class(command.act)
    resolve(a, command.delegate, asked, a.time)
    return asked


def many_due(a: Accord, at: datetime, memory: Memory) -> bool:
    """Whether more deadlines have passed by ``at`` than the clock lets fall at once; it is to go first then."""
    first = memory.next_deadline(a)
    if first is None or first.at > at:
        return False
    return sum(1 for one in deadlines(a) if one.at <= at) > MOST_DEADLINES


def _said(wanted: Act, command: Command) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the first entry says of the act, among its facts and as particulars."""
    own = command.own
    said = {"name": wanted.name, "fields": wanted.facts(), **(own.facts() if own is not None else {})}
    if command.required_version is not None:
        said["required_version"] = command.required_version
    free = wanted.particulars()
    particulars: dict[str, Any] = {"act": free} if free else {}
    if particulars and own is not None and own.salt:
        particulars["salt"] = own.salt
    return said, particulars


def judge(
    a: Accord,
    wanted: Act,
    actor: Actor,
    at: datetime,
    own: OwnSignature | None = None,
    required_version: int | None = None,
) -> Iterable[Check]:
    """Every guard of an act at ``at``, authority first. One that finds its object unknown ends the list."""
    # The gates know only the state; a state without a deadline up to ``at`` is the state at that time.
    if at > a.time:
        a = a.changed(time=at)
    yield from _until_final(_guards(a, wanted, actor, at, own, required_version))


def _until_final(checks: Iterable[Check]) -> Iterable[Check]:
    for check in checks:
        yield check
        if not check.met and (check.guard in _FINAL or check.guard.endswith("_known")):
            return


VERSION_CURRENT = "version_current"
"""The guard that a required version (``If-Match``) has not passed."""

_FINAL = ("accord_open", "founded", "appointment_in_force", "party_of_accord", "authority", VERSION_CURRENT)


def _guards(
    a: Accord,
    wanted: Act,
    actor: Actor,
    at: datetime,
    own: OwnSignature | None,
    required_version: int | None,
) -> Iterable[Check]:
    yield from _standing(a, wanted, actor, at)
    yield own_signature(a, wanted, actor, own, at)
    if required_version is not None:
        yield Check(
            VERSION_CURRENT,
            a.version == required_version,
            f"{named(a, 'accord')} is at version v{a.version}, and the act requires v{required_version}",
            f"read {named(a, 'accord')} again, and send the act anew if it is still what you want",
        )
    if not wanted.before_founding:
        yield founded(a)
    yield from _own_guards(a, wanted, actor, at)


def _standing(a: Accord, wanted: Act | type[Act], actor: Actor, at: datetime) -> Iterable[Check]:
    """The guards that come before all others, and ask nothing of what the act says."""
    over = (a.closed and not wanted.after_closing) or (a.terminated is not None and not wanted.after_end)
    yield ended_before(a) if over else met("accord_open")
    if not wanted.while_paused:
        yield not_paused(a)
    yield from authority_checks(a, wanted, actor, at)


def _own_guards(a: Accord, wanted: Act, actor: Actor, at: datetime) -> Iterable[Check]:
    """The guards beyond authority; a gate among them stands for its own guards."""
    for guard in wanted.guards(a, actor, at):
        if isinstance(guard, Gate):
            yield from gate(a, guard.name)
        else:
            yield guard


def _refuse(work: Working, wanted: Act, actor: Actor, unmet: list[Check], command: Command) -> Decision:
    refusal, own, target = _refusal(unmet), command.own, wanted.target()
    key = own.key if own is not None else ""
    mark = mark_of(
        work.state, actor.delegate, wanted.name, target, refusal.guard, key, command.required_version
    )
    said, particulars = _said(wanted, command)
    refused = ActRefused(act=wanted.name, target=target[:500], refusal=refusal)
    work.emit(refused, actor, work.at, said, particulars)
    return Decision(tuple(work.drafts), actor, work.state, refusal, mark=mark)


def _refuse_unheard(work: Working, asked: type[Act], actor: Actor) -> Decision:
    """The decision on an act of who is not heard: that it was refused is recorded, and nothing of what it says."""
    now = work.state.changed(time=max(work.state.time, work.at))
    checks = _until_final(_standing(now, asked, actor, work.at))
    refusal = _refusal([check for check in checks if not check.met])
    mark = mark_of(work.state, actor.delegate, asked.name, "", refusal.guard)
    refused = ActRefused(act=asked.name, target="", refusal=refusal)
    work.emit(refused, actor, work.at, {"name": asked.name, "fields": {}, "withheld": True})
    return Decision(tuple(work.drafts), actor, work.state, refusal, mark=mark, unheard=True)


def _refusal(unmet: list[Check]) -> Refusal:
    first = unmet[0]
    return Refusal(
        guard=first.guard,
        reason=shortened(first.reason, MOST_WORDS),
        remedy=shortened(first.remedy, MOST_WORDS),
        unmet=tuple(check.as_unmet() for check in unmet[:200]),
    )


def _unattributed(work: Working, wanted: Act) -> Decision:
    """A signal that nobody signed: it can raise an alarm, nothing else, and is on the record either way."""
    actor = Actor(delegate=UNATTRIBUTED, role="monitor")
    unmet = [
        check
        for check in (_open_and_founded(work.state), *_until_unknown(wanted, work, actor))
        if not check.met
    ]
    if unmet:
        return _refused_signal(work, wanted.name, unmet[0].reason, digest_of(wanted.facts()))
    said = {"name": wanted.name, "fields": wanted.facts()}
    for index, happened in enumerate(wanted.events(work.state, actor, work.at)):
        work.emit(happened, actor, work.at, said if index == 0 else None)
    work.settle(actor, work.at)
    return Decision(tuple(work.drafts), actor, work.state)


def _open_and_founded(a: Accord) -> Check:
    return Check(
        "accord_open", a.founded and not a.ended, f"{named(a, 'accord')} is not founded, or has ended"
    )


def _until_unknown(wanted: Act, work: Working, actor: Actor) -> Iterable[Check]:
    if not work.state.founded:
        return
    for check in _own_guards(work.state, wanted, actor, work.at):
        yield check
        if not check.met:
            return


def _refused_signal(work: Working, name: str, reason: str, payload: str) -> Decision:
    """The decision that a signal is refused, on the record, once for each content and state."""
    actor = Actor(delegate=UNATTRIBUTED, role="monitor")
    # A name of nothing but spaces is none that an event can have, and no signal may stop those behind it.
    shown = [text[:300] if text[:300].strip() else "?" for text in (name, reason)]
    refused = SignalRefused(signal=shown[0], reason=shown[1], payload=payload[:100])
    refusal = _no_signal(refused.reason)
    mark = mark_of(work.state, UNATTRIBUTED, refused.signal, refused.payload, refusal.guard)
    work.emit(refused, actor, work.at)
    return Decision(tuple(work.drafts), actor, work.state, refusal, mark=mark)


def _no_signal(reason: str) -> Refusal:
    return Refusal(guard="signal_taken_up", reason=reason, remedy="correct it, and send it again", unmet=())


__all__ = [
    "CLOCK",
    "Decision",
    "Memory",
    "decide",
    "judge",
    "many_due",
    "parse",
]
