"""What is counted and logged of each act: how it ended, how long it took, which guard refused it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from activities.runtime.logs import logged
from activities.runtime.metrics import ACT_SECONDS, ACTS, REFUSALS, bounded
from workflows.model.commands import OPEN, SYSTEM, Command
from workflows.model.decide import Decision
from workflows.model.declared import ACTS as DECLARED

_KNOWN = frozenset({*DECLARED, OPEN, *SYSTEM})
"""The acts that are counted by name."""


@contextmanager
def counted(command: Command) -> Iterator[None]:
    """Say in every line of the log which act this is about, and count an act that comes to no outcome."""
    with logged(accord=command.accord, act=command.act, command=command.id), ACT_SECONDS.time():
        try:
            yield
        except ApplicationError as error:
            count(command, "rejected" if error.non_retryable else "failed")
            raise
        except Exception:
            count(command, "failed")
            raise


def count(command: Command, outcome: str, guard: str | None = None) -> None:
    """Count one outcome of an act: recorded, refused, repeated, rejected or failed."""
    ACTS.labels(bounded(command.act, _KNOWN), outcome).inc()
    if guard is not None:
        REFUSALS.labels(guard).inc()


def count_appended(command: Command, decision: Decision) -> None:
    """Count what has just been appended, a refusal under the guard that refused."""
    refusal = decision.refusal
    count(command, "recorded" if refusal is None else "refused", None if refusal is None else refusal.guard)
