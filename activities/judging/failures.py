"""The failures with which an activity ends for good: nobody's command, no act at all, a command id used twice."""

from __future__ import annotations

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.messages import FailureKind
from workflows.model.commands import Command
from workflows.model.declare import Rejected


def failure(kind: FailureKind, message: str, *details: Any) -> ApplicationError:
    """A failure that is never tried again, and no fault of the program."""
    return ApplicationError(
        message, *details, type=kind, non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )


def rejection(error: Rejected) -> ApplicationError:
    """The command is no act: nothing of it goes on the record."""
    details = {"code": error.code, "message": error.message, "errors": list(error.errors)}
    return failure(FailureKind.REJECTED, error.message, details)


def reused(command: Command) -> ApplicationError:
    """The ledger has another command under this one's id."""
    return failure(
        FailureKind.COMMAND_ID_REUSED, f"command id {command.id} was used for another command", command.id
    )
