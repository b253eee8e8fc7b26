"""How the accord's workflow asks the recorder: at once where it runs, and for as long as it takes after that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from workflows.messages import FINAL, FailureKind
from workflows.model.commands import Message

LOCAL_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), maximum_attempts=2, non_retryable_error_types=FINAL
)
LOCAL_TIME = timedelta(seconds=2)
"""Recording is tried in the worker that has the workflow at hand, twice within this time: one workflow task an act."""

ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
    maximum_attempts=0,
    non_retryable_error_types=FINAL,
)
"""What the local attempts could not do is tried until it succeeds: an act that was taken up is never half done."""

ATTEMPT = timedelta(seconds=10)
"""After this long an attempt is given up; the next finds what it committed."""

SILENCE = timedelta(seconds=4)
"""After this long without a sign of life of an attempt its worker is dead or cut off: the accord waits for nothing."""

A = TypeVar("A", bound=Message)


async def ask(
    name: str, request: Message, answer: type[A], what: str, doubt: Callable[[], None] | None = None
) -> A:
    """What an activity answers: tried at once where the workflow runs, and for ever as a regular one after that.

    ``what`` is its summary in the Temporal UI. ``doubt`` is called where the answer may have been given by hand.

    Raises:
        ApplicationError: it failed for good. (An `ActivityError` would end the accord from within the run.)
    """
    try:
        answered: A = await workflow.execute_local_activity(
            name,
            request,
            result_type=answer,
            schedule_to_close_timeout=LOCAL_TIME,
            retry_policy=LOCAL_ATTEMPTS,
            summary=None if name == "read_standing" else what,
        )
        return answered
    except FailureError as error:
        # Where it runs a local activity fails with an ActivityError; where it is replayed, with that one's cause.
        cause = error.cause if isinstance(error, ActivityError) else error
        if isinstance(cause, ApplicationError) and cause.type in FINAL:
            raise _final(cause) from None
    return await insist(name, request, answer, what, doubt)


async def insist(
    name: str, request: Message, answer: type[A], what: str, doubt: Callable[[], None] | None = None
) -> A:
    """What a regular activity answers. It stands among the pending ones, with the cause, as long as it takes.

    Raises:
        ApplicationError: it failed for good, or was ended by hand.
    """
    try:
        raw = await workflow.execute_activity(
            name,
            request,
            result_type=RawValue,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=SILENCE,
            retry_policy=ATTEMPTS,
            summary=what,
        )
    except ActivityError as error:
        failed = _final(error.cause)
        if doubt is not None and failed.type not in FINAL:
            # Ended by hand: what an attempt committed before is on the record all the same.
            doubt()
        raise failed from None
    if doubt is not None:
        # Somebody may have given this answer by hand: once there is time, the record is asked.
        doubt()
    try:
        return workflow.payload_converter().from_payload(raw.payload, answer)
    except Exception as error:
        # It may be anything, and the workflow's task must not fail by it.
        raise ApplicationError(
            f"the result of {name} does not read: {type(error).__name__}",
            type=FailureKind.NOT_RECORDED,
            non_retryable=True,
        ) from None


def _final(cause: BaseException | None) -> ApplicationError:
    """The error with which an activity failed for good, as an update can fail with it."""
    if isinstance(cause, ApplicationError):
        # Who ends one by hand may give any type, or none.
        kind = cause.type if cause.type in FINAL else FailureKind.NOT_RECORDED
        return ApplicationError(cause.message, *cause.details, type=kind, non_retryable=True)
    return ApplicationError(f"recording failed: {cause}", type=FailureKind.NOT_RECORDED, non_retryable=True)
