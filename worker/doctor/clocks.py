"""How far the clocks of the servers are from this machine's."""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.doctor.finding import Finding, ok, warning, wrong

NOTICEABLE = timedelta(seconds=2)
"""Deadlines are recorded so much early or late, at the most, without anybody minding."""

UNBEARABLE = timedelta(seconds=60)
"""A worker does not record what lies ahead of its clock, and waits until that has caught up."""


def skew(check: str, before: datetime, took: float, there: datetime) -> Finding:
    """What a server's time ``there`` says, asked for at ``before`` and answered after ``took`` seconds."""
    off = there - (before + timedelta(seconds=took) / 2)
    # It was read at some moment of the round trip.
    surely = max(abs(off) - timedelta(seconds=took) / 2, timedelta(0))
    where = "ahead of" if off > timedelta(0) else "behind"
    what = f"it is {abs(off).total_seconds():.2f} s {where} this machine's"
    remedy = "Have NTP (chrony, systemd-timesyncd) keep the time on both machines."
    if surely > UNBEARABLE:
        return wrong(check, f"It is off: {what}. Deadlines are not recorded in time.", remedy)
    if surely > NOTICEABLE:
        return warning(check, f"It is off: {what}.", remedy)
    return ok(check, what)
