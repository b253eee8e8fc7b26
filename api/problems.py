"""Problems: every error of the API as RFC 9457 ``application/problem+json``, from one table.

``type`` is ``urn:entente:problem:<code>`` and stays the same for good; ``detail`` says what, why and what to do next.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import MissingPrivilege, RuntimeProblem, SchemaMismatch, Unavailable
from api.answers.problems import TABLE as TABLE
from api.answers.problems import FieldError as FieldError
from api.answers.problems import ProblemDetails as ProblemDetails
from api.queue import Busy
from workflows.errors import EntenteError
from workflows.model.commands import Receipt, Refusal
from workflows.model.decide import VERSION_CURRENT
from workflows.model.declare import Rejected

MEDIA_TYPE = "application/problem+json"


_STATUS_CODES = {status: code for code, (status, _) in reversed(list(TABLE.items()))}

RETRY_AFTER: Mapping[str, int] = {"unavailable": 1, "busy": 5, "rate_limited": 1}
"""Seconds that a client is asked to wait after each of these, where the problem itself knows no better."""


class Problem(EntenteError):
    """An answer that is a problem. ``code`` is one of ``TABLE``; ``members`` are further ones of ProblemDetails."""

    def __init__(
        self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail, str(members.get("remedy") or ""))
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        self.status, self.title = TABLE[code]
        if code in RETRY_AFTER:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER[code]))

    def body(self, request_id: str | None = None) -> ProblemDetails:
        """The body that says it."""
        return ProblemDetails(
            type=f"urn:entente:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            **self.members,
        )

    def response(self, request_id: str | None = None) -> JSONResponse:
        """The whole HTTP response."""
        content = self.body(request_id).model_dump(mode="json", exclude_none=True)
        headers = {"Cache-Control": "no-store", **self.headers}
        return JSONResponse(content, status_code=self.status, headers=headers, media_type=MEDIA_TYPE)


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem for a plain HTTP error that routing or the server's middleware raised."""
    code = _STATUS_CODES.get(status, "bad_request" if status < 500 else "internal")
    return Problem(code, detail, headers=headers)


def not_found(accord: str) -> Problem:
    """There is no such accord, or none for this caller: the two are not told apart."""
    return Problem(
        "not_found",
        f"There is no accord {accord!r} that you can see. Look at GET /v1/accords for those you can.",
    )


def unavailable(what: str) -> Problem:
    """Something that the request needs does not answer in time."""
    return Problem("unavailable", what)


def overloaded(most: int) -> Problem:
    """So many requests are under way in this process that it takes no further one."""
    seconds = random.randint(1, 3)  # noqa: S311 - so that not all come again in the same moment
    return Problem(
        "busy",
        f"{most:,} requests are under way here already. Nothing was done; send this one again, under the same "
        f"Idempotency-Key if it has one, after {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


_REJECTED = {
    "malformed": "malformed",
    "too_many_events": "malformed",
    "other_accord": "malformed",
    "too_large": "too_large",
    "not_a_contact": "not_a_contact",
    "already_open": "already_open",
    "unknown_act": "not_found",
}


def of_rejected(accord: str, code: str, message: str, errors: Any = ()) -> Problem:
    """The problem for a command that is no act at all (``Rejected``), by its code."""
    if code in ("unknown_delegate", "not_open"):
        return not_found(accord)
    found = tuple(FieldError(field=str(e["field"]), problem=str(e["problem"])) for e in errors)
    if code == "delegate_claimed":
        return Problem(code, message, accord=accord)
    return Problem(_REJECTED.get(code, "malformed"), message, errors=found or None)


def of_rejection(accord: str, error: Rejected) -> Problem:
    """The same for the exception itself."""
    return of_rejected(accord, error.code, error.message, error.errors)


_OF_STANDING = ("authority", "appointment_in_force")
"""Guards whose reason says nothing of the accord but the caller's own standing in it."""


def of_refusal(outcome: Receipt | Refusal, *, act: str, accord: str, withheld: bool = False) -> Problem:
    """The problem for an act that a guard refused; a receipt where the refusal is on the record.

    Where the guard is that of ``If-Match``, the problem is HTTP's own for that. ``withheld`` leaves out names and
    reasons, for whom the accord is not theirs to read.
    """
    receipt = outcome if isinstance(outcome, Receipt) else None
    refusal = outcome.refusal if isinstance(outcome, Receipt) else outcome
    if refusal is None:
        raise ValueError(f"{act} was not refused")
    said = f"Refused: {refusal.reason}."
    members: dict[str, Any] = {"act": act, "accord": accord, "guard": refusal.guard}
    if receipt is not None:
        members |= {"command": receipt.command, "position": receipt.position}
    if withheld:
        if refusal.guard not in _OF_STANDING:
            said = "Refused. The reason is told to those who may read the accord."
    else:
        said += f" What to do: {refusal.remedy}."
        members |= {"remedy": refusal.remedy, "unmet": refusal.unmet}
        if receipt is not None:
            members["version"] = receipt.version
    return Problem(
        "precondition_failed" if refusal.guard == VERSION_CURRENT else "refused",
        said,
        headers={"ETag": f'"v{receipt.version}"'} if receipt else None,
        **members,
    )


def reused(key: str) -> Problem:
    """The problem that an idempotency key was used for another request."""
    return Problem(
        "idempotency_key_reused",
        f"The Idempotency-Key {key!r} was used for another request. Send a new request under a new key; "
        "to learn what became of the first, send exactly that again.",
    )


# Exceptions

FAILURES: tuple[type[Exception], ...] = (
    Problem,
    RequestValidationError,
    HTTPException,
    EntenteError,
    RPCError,
    TimeoutError,
    OverflowError,
    asyncpg.PostgresError,
)
"""Exceptions that are answers; every other one is a fault of ours, and `of_exception` says so."""

_SEND_AGAIN = "Send the same request again; with the same Idempotency-Key it is done once."
_LEDGER_AWAY = f"The ledger cannot be reached at the moment. {_SEND_AGAIN}"
_ENGINE_AWAY = f"The accords' engine does not answer at the moment. {_SEND_AGAIN}"
_NO_OUTCOME = (
    "There was no outcome in time; there may be one yet. Send the same request again: with the same "
    "Idempotency-Key it is done once, and you get what became of it."
)

_CONNECTING = ("08", "28", "3D", "53", "55", "57")
"""Classes of SQLSTATE that say that a database does not let us in, or not just now (PostgreSQL, appendix A)."""

_PASSING = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
)

_PLAIN: Mapping[int, str] = {
    404: "There is nothing at this address. The operations are listed at /docs.",
    405: "This address does not take that method. The operations are listed at /docs.",
}

log = structlog.get_logger(__name__)


def of_exception(error: Exception) -> Problem:
    """What an exception means to whoever sent the request."""
    match error:
        case Problem():
            return error
        case Busy():
            return Problem("busy", f"The request was not taken: {error.what}. {_SEND_AGAIN}")
        case RequestValidationError():
            found = tuple(
                FieldError(field=str(item["loc"][-1]), problem=str(item["msg"]).removeprefix("Value error, "))
                for item in error.errors()
            )
            listing = "; ".join(f"{each.field}: {each.problem}" for each in found[:5])
            return Problem("malformed", f"The request is malformed: {listing}.", errors=found)
        case HTTPException():
            return of_status(
                error.status_code, _PLAIN.get(error.status_code, str(error.detail)), error.headers
            )
        case Unavailable() | SchemaMismatch() | MissingPrivilege():
            log.warning("the database is not available", reason=str(error))
            return unavailable(_LEDGER_AWAY)
        case asyncpg.PostgresError() if str(error.sqlstate)[:2] in _CONNECTING:
            log.warning("the database does not let us in", reason=str(error))
            return unavailable(_LEDGER_AWAY)
        case RuntimeProblem():
            log.warning("temporal is not available", reason=str(error))
            return unavailable(_ENGINE_AWAY)
        case TimeoutError():
            log.warning("no answer in time")
            return unavailable(_NO_OUTCOME)
        case RPCError() if error.status in _PASSING:
            log.warning("temporal does not answer", status=error.status.name, reason=error.message)
            return unavailable(_ENGINE_AWAY)
        case OverflowError():
            return Problem(
                "malformed", "A time in the body lies outside what a calendar holds, from year 1 to 9999."
            )
        case _:
            # Formatted here, since a renderer that shows local variables would show credentials.
            log.error("a request failed", trace="".join(traceback.format_exception(error)))
            return Problem(
                "internal", "The request failed on our side. Tell whoever runs this, with the request id."
            )
