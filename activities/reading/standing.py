"""Where an accord stands, as data: all that its workflow and Temporal's UI are told of it."""

from __future__ import annotations

from workflows.messages import NextDeadline, Shown, Standing
from workflows.model.commands import Summary
from workflows.model.rules import blocking, next_deadline, server_time, stage
from workflows.model.state import Accord
from workflows.model.summary import current_details, plain, to_be_marked
from workflows.model.values import show_time

ACTS_PER_RUN = 100
"""A run continues as new after so many acts: a worker without its cache replays it in a fraction of a second."""

SIGNALS_PER_RUN = 500
"""A run continues as new after so many signals.

Its replay has to be quicker than a flood brings the 100 events at which the server fails the task that replays.
"""

MISSING = 30
"""The most lines of what blocks the next stage."""


def standing_of(a: Accord | None, summary: Summary | None = None) -> Standing:
    """The standing of a state (of none, before the accord is opened); ``summary`` is its row of the read model."""
    if a is None:
        return Standing(acts_per_run=ACTS_PER_RUN, signals_per_run=SIGNALS_PER_RUN)
    due = next_deadline(a)
    unmet = () if a.ended else blocking(a)
    missing = [
        plain(f"{check.reason} ({', '.join(check.who)})" if check.who else check.reason, 300)
        for check in unmet[:MISSING]
    ]
    if len(unmet) > MISSING:
        missing.append(f"… and {len(unmet) - MISSING} more")
    title = a.definition.title
    label = plain(title, 900) + (" (illustrative)" if to_be_marked(title, a.definition.illustrative) else "")
    return Standing(
        size=a.size,
        stage=summary.stage if summary is not None else stage(a),
        closed=a.closed,
        acts_per_run=ACTS_PER_RUN,
        signals_per_run=SIGNALS_PER_RUN,
        erased=len(a.erased),
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
