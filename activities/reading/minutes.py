"""The minutes: a line for people about what became of a command, as the history in the Temporal UI shows it."""

from __future__ import annotations

from typing import Any

from workflows.model.commands import OPEN, UNREADABLE, Actor, Command, EventDraft, RecordedEvent
from workflows.model.decide import Decision
from workflows.model.declare import sentence
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import stage
from workflows.model.state import Accord
from workflows.model.summary import plain
from workflows.model.vocabulary import in_sentence, word
from workflows.record.refusals import ActRefused, SignalRefused, reason_of

LONGEST = 380
"""Bytes of a line; a server may refuse a summary of more than 400."""


def minute_of(before: Accord | None, command: Command, decision: Decision) -> str:
    """The line about a command that was judged: when, who did what, and what followed; a refusal first of all.

    None where nothing followed: what was asked for stands in the history already, and was done.
    """
    at = decision.events[-1].time if decision.events else decision.after.time
    if decision.refusal is not None:
        return plain(
            f"✗ REFUSED · {at:%Y-%m-%d} · {_what(command, decision)} — {decision.refusal.reason}", LONGEST
        )
    told = next((i for i, draft in enumerate(decision.events) if "act" in draft.facts), -1)
    vocabulary = decision.after.definition.vocabulary
    followed = [_event(draft, vocabulary) for draft in decision.events[told + 1 :]] if told >= 0 else []
    reached = stage(decision.after)
    if before is not None and reached != stage(before):
        followed.append(f"now at: {word(vocabulary, reached)}")
    if not followed:
        return ""
    more = f" and {len(followed) - 6} more" if len(followed) > 6 else ""
    return plain(f"{at:%Y-%m-%d} · {_what(command, decision)} → {', '.join(followed[:6])}{more}", LONGEST)


def _what(command: Command, decision: Decision) -> str:
    vocabulary = decision.after.definition.vocabulary
    if command.act in ACTS:
        fields = {} if decision.unheard else command.fields
        return sentence(ACTS[command.act], fields, decision.actor, vocabulary)
    if command.act == OPEN:
        return _opens(decision.actor, vocabulary)
    if command.act == UNREADABLE:
        return f"a signal is not taken up: {command.fields.get('reason')}"
    return "deadline: " + ", ".join(_event(draft, vocabulary) for draft in decision.events)


def _opens(actor: Actor, vocabulary: str) -> str:
    return f"{actor.delegate} for {actor.party} opens the {in_sentence(vocabulary, 'accord')}"


def _event(draft: EventDraft, vocabulary: str) -> str:
    return EVENTS[draft.type].sentence(draft.facts.get("event", {}), vocabulary)


def entry_says(event: RecordedEvent, vocabulary: str) -> str:
    """An entry of the record as a sentence: the act that was done, or was refused, or what followed by itself.

    It is in the words of the accord's ``vocabulary``.
    """
    facts: dict[str, Any] = event.facts.get("event", {})
    act = event.facts.get("act")
    if act is None:
        kind = EVENTS.get(event.type)
        return event.type.replace("_", " ") if kind is None else kind.sentence(facts, vocabulary)
    name = str(act["name"])
    if name == OPEN:
        return _opens(event.actor, vocabulary)
    done = (
        sentence(ACTS[name], act.get("fields", {}), event.actor, vocabulary)
        if name in ACTS
        else f"{event.actor.delegate}: {name.replace('_', ' ')}"
    )
    if event.type in (ActRefused.type, SignalRefused.type):
        return f"✗ refused: {done} — {reason_of(facts)}"
    return done
