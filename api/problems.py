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
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.exceptions import HTTPException
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import MissingPrivilege, RuntimeProblem, SchemaMismatch, Unavailable
from api.queue import Busy
from workflows.errors import EntenteError
from workflows.model.commands import Receipt, Refusal, Unmet
from workflows.model.decide import VERSION_CURRENT
from workflows.model.declare import Rejected

MEDIA_TYPE = "application/problem+json"

TABLE: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be read"),
    "idempotency_key_missing": (400, "An Idempotency-Key is needed"),
    "idempotency_key_malformed": (400, "The Idempotency-Key cannot be used"),
    "not_authenticated": (401, "Not authenticated"),
    "forbidden": (403, "Not allowed"),
    "not_a_contact": (403, "Only a party's contact opens an accord"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "not_acceptable": (406, "No such representation"),
    "refused": (409, "The act is refused"),
    "shown_once": (409, "What was made is shown once"),
    "linked_elsewhere": (409, "This person is another delegate"),
    "delegate_claimed": (409, "A delegate's id belongs to another side"),
    "already_open": (409, "The accord is open already"),
    "clock_is_real": (409, "The accord's clock is the real one"),
    "clock_runs_forward": (409, "A clock only moves forward"),
    "clock_stopped": (409, "The accord's clock has stopped"),
    "other_offset": (409, "The upload goes on elsewhere"),
    "erased": (410, "The content is erased"),
    "link_ended": (410, "The joining link has ended"),
    "request_timeout": (408, "The request came too slowly"),
    "precondition_failed": (412, "The accord has moved on"),
    "too_large": (413, "The content is too large"),
    "too_many_files": (413, "No more contents are taken"),
    "unsupported_media_type": (415, "The content type is not taken"),
    "range_not_satisfiable": (416, "The content has no such range"),
    "malformed": (422, "The content is malformed"),
    "digest_differs": (422, "The content has another digest"),
    "not_text": (422, "The content is no text"),
    "own_signature_wrong": (422, "The delegate's own signature does not fit"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for something else"),
    "beyond_record": (422, "The record does not reach there"),
    "time_passed": (422, "The time has passed"),
    "rate_limited": (429, "Too many requests"),
    "hung_up": (499, "The caller hung up"),
    "internal": (500, "A fault on our side"),
    "clock_unavailable": (501, "The clock cannot be moved here"),
    "unavailable": (503, "Not available at the moment"),
    "busy": (503, "Too much waits already"),
}
"""Every code with its HTTP status and title."""

_STATUS_CODES = {status: code for code, (status, _) in reversed(list(TABLE.items()))}

RETRY_AFTER: Mapping[str, int] = {"unavailable": 1, "busy": 5, "rate_limited": 1}
"""Seconds that a client is asked to wait after each of these, where the problem itself knows no better."""


class FieldError(BaseModel):
    """One field, and what is wrong with it."""

    model_config = ConfigDict(frozen=True)

    field: str
    problem: str
    line: int | None = Field(default=None, description="line in a YAML body, counted from 1")


class ProblemDetails(BaseModel):
    """A problem (RFC 9457). Members that do not apply are left out."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(
        pattern=r"^urn:entente:problem:[a-z_]+$",
        description="stable URN of the problem, urn:entente:problem:<code>",
    )
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="what is wrong, why, and what to do next")
    code: str = Field(
        description="the last part of type", json_schema_extra={"enum": list[JsonValue](sorted(TABLE))}
    )
    request_id: str | None = Field(default=None, description="names the request in our logs")
    errors: tuple[FieldError, ...] | None = Field(default=None, description="fields that are malformed")
    act: str | None = Field(default=None, description="the act that was refused")
    guard: str | None = Field(default=None, description="the guard that refused it")
    remedy: str | None = Field(default=None, description="what to do next")
    unmet: tuple[Unmet, ...] | None = Field(default=None, description="every guard that is not met")
    accord: str | None = None
    command: str | None = None
    position: int | None = Field(default=None, description="the entry that recorded the refusal first")
    version: int | None = Field(default=None, description="the accord's version, as its ETag has it")


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
    said = f"{act.replace('_', ' ')} is refused: {refusal.reason}."
    members: dict[str, Any] = {"act": act, "accord": accord, "guard": refusal.guard}
    if receipt is not None:
        members |= {"command": receipt.command, "position": receipt.position}
    if withheld:
        if refusal.guard not in _OF_STANDING:
            said = f"refused by the guard {refusal.guard}."
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
                FieldError(field=str(item["loc"][-1]), problem=str(item["msg"])) for item in error.errors()
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
