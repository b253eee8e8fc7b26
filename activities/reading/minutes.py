"""The minutes: a line for people about what became of a command, as the history in the Temporal UI shows it."""

from __future__ import annotations

from typing import Any

from workflows.model.commands import OPEN, UNREADABLE, Command, EventDraft
from workflows.model.decide import Decision
from workflows.model.declare import ACTS, sentence
from workflows.model.rules import stage
from workflows.model.state import Accord
from workflows.model.summary import plain

LONGEST = 380
"""Bytes of a line; a server may refuse a summary of more than 400."""

_SUBJECTS = ("condition", "document", "seat", "party", "delegate")


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
    followed = [_event(draft) for draft in decision.events[told + 1 :]] if told >= 0 else []
    reached = stage(decision.after)
    if before is not None and reached != stage(before):
        followed.append(f"stage {reached}")
    if not followed:
        return ""
    more = f" and {len(followed) - 6} more" if len(followed) > 6 else ""
    return plain(f"{at:%Y-%m-%d} · {_what(command, decision)} → {', '.join(followed[:6])}{more}", LONGEST)


def _what(command: Command, decision: Decision) -> str:
    if command.act in ACTS:
        return sentence(ACTS[command.act], {} if decision.unheard else command.fields, decision.actor)
    if command.act == OPEN:
        return f"{decision.actor.delegate} for {decision.actor.party} opens the accord"
    if command.act == UNREADABLE:
        return f"a signal is not taken up: {command.fields.get('reason')}"
    return "deadline: " + ", ".join(_event(draft) for draft in decision.events)


def _event(draft: EventDraft) -> str:
    """An event in words: its subject, then what happened to it."""
    facts: dict[str, Any] = draft.facts.get("event", {})
    for kind in _SUBJECTS:
        subject = facts.get(kind)
        if isinstance(subject, str) and subject:
            return f"{subject} {draft.type.removeprefix(kind + '_').replace('_', ' ')}"
    return draft.type.replace("_", " ")
