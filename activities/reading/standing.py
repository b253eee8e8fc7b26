"""Where an accord stands, as data: all that its workflow and Temporal's UI are told of it."""

from __future__ import annotations

from workflows.messages import NextDeadline, Shown, Standing
from workflows.model.commands import Summary
from workflows.model.rules import blocking, next_deadline, server_time, stage
from workflows.model.state import Accord
from workflows.model.summary import current_details, plain
from workflows.model.values import show_time

MISSING = 30
"""The most lines of what blocks the next stage."""


def standing_of(a: Accord | None, summary: Summary | None = None) -> Standing:
    """The standing of a state (of none, before the accord is opened); ``summary`` is its row of the read model."""
    if a is None:
        return Standing()
    due = next_deadline(a)
    unmet = () if a.ended else blocking(a)
    missing = [
        plain(f"{check.reason} ({', '.join(check.who)})" if check.who else check.reason, 300)
        for check in unmet[:MISSING]
    ]
    if len(unmet) > MISSING:
        missing.append(f"… and {len(unmet) - MISSING} more")
    label = plain(a.definition.title, 900) + (" (illustrative)" if a.definition.illustrative else "")
    return Standing(
        size=a.size,
        stage=summary.stage if summary is not None else stage(a),
        closed=a.closed,
        deadline=NextDeadline(at=server_time(a, due.at), summary=plain(due.summary(), 380)) if due else None,
        shown=Shown(
            label=label,
            opened=show_time(a.opened_at),
            parties=tuple(a.definition.parties),
            vocabulary=a.definition.vocabulary,
            blocked_by=len(unmet),
            details=current_details(a),
            missing=tuple(missing),
        ),
    )
