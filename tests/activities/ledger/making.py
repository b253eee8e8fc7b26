"""Appends to try a ledger with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.ledger.store import Append
from workflows.model.canonical import canonical, digest_of
from workflows.model.commands import Actor, EventDraft, Refusal, Summary, Unmet

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
ACTOR = Actor(delegate="delegate-1", party="RU", role="protocol")
REFUSAL = Refusal(
    guard="invitation_accepted",
    reason="The invitation has not been answered",
    remedy="Wait for the answer",
    unmet=(
        Unmet(guard="invitation_accepted", reason="no answer", who=("KP",), by=START + timedelta(days=3)),
    ),
)


def event(type_: str = "statement_recorded", **changes: Any) -> EventDraft:
    given: dict[str, Any] = {
        "type": type_,
        "time": START,
        "facts": {"text": "sha256:" + "0" * 64},
        "particulars": {"note": "Приветствие 인사"},
        "actor": ACTOR,
    }
    return EventDraft(**{**given, **changes})


def summary(accord: str, position: int, **changes: Any) -> Summary:
    given: dict[str, Any] = {
        "accord": accord,
        "title": f"The accord {accord}",
        "vocabulary": "bilateral",
        "stage": "invitation",
        "parties": ("RU", "KP"),
        "members": ("delegate-1", "delegate-2"),
        "version": max(position - 1, 0),
        "position": position,
        "opened": START,
        "next_deadline": START + timedelta(days=30),
    }
    return Summary(**{**given, **changes})


def append(accord: str, expected: int, command: str, *, count: int = 1, **changes: Any) -> Append:
    """An append of ``count`` events, or of the given ``events``."""
    events = changes.pop("events", tuple(event() for _ in range(count)))
    given: dict[str, Any] = {
        "accord": accord,
        "expected": expected,
        "command_id": command,
        "fingerprint": digest_of({"command": command}),
        "act": "record_statement",
        "at": START + timedelta(minutes=expected),
        "events": events,
        "summary": summary(accord, expected + len(events)),
        "version": expected,
        "signed": canonical({"accord": accord, "id": command, "signature": "c2lnbmVk"}),
    }
    return Append(**{**given, **changes})


def repeated(accord: str, command: str, repeats: int, expected: int, **changes: Any) -> Append:
    """A refusal that the entry ``repeats`` recorded first, judged on a state of ``expected`` entries."""
    return append(
        accord,
        expected,
        command,
        events=(),
        repeats=repeats,
        refusal=REFUSAL,
        summary=summary(accord, expected),
        **changes,
    )
