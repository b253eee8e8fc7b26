"""Problems: every error of the API as RFC 9457 ``application/problem+json``, from one table.

``type`` is ``urn:entente:problem:<code>`` and stays the same for good; ``detail`` says what, why and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from workflows.errors import EntenteError
from workflows.model.commands import Receipt, Refusal, Unmet
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
    "already_open": (409, "The accord is open already"),
    "clock_is_real": (409, "The accord's clock is the real one"),
    "clock_runs_forward": (409, "A clock only moves forward"),
    "clock_stopped": (409, "The accord's clock has stopped"),
    "precondition_failed": (412, "The accord has moved on"),
    "too_large": (413, "The content is too large"),
    "unsupported_media_type": (415, "The content type is not taken"),
    "malformed": (422, "The content is malformed"),
    "own_signature_wrong": (422, "The delegate's own signature does not fit"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for something else"),
    "beyond_record": (422, "The record does not reach there"),
    "internal": (500, "A fault on our side"),
    "clock_unavailable": (501, "The clock cannot be moved here"),
    "unavailable": (503, "Not available at the moment"),
}
"""Every code with its HTTP status and title."""

_STATUS_CODES = {status: code for code, (status, _) in reversed(list(TABLE.items()))}

RETRY_AFTER = 1
"""Seconds that a client is asked to wait after 503."""


class FieldError(BaseModel):
    """One field, and what is wrong with it."""

    model_config = ConfigDict(frozen=True)

    field: str
    problem: str
    line: int | None = Field(default=None, description="line in a YAML body, counted from 1")


class ProblemDetails(BaseModel):
    """A problem (RFC 9457). Members that do not apply are left out."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="stable URN of the problem, urn:entente:problem:<code>")
    title: str
    status: int
    detail: str = Field(description="what is wrong, why, and what to do next")
    code: str = Field(description="the last part of type")
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
        if self.status == 503:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER))

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
    return Problem(_REJECTED.get(code, "malformed"), message, errors=found or None)


def of_rejection(accord: str, error: Rejected) -> Problem:
    """The same for the exception itself."""
    return of_rejected(accord, error.code, error.message, error.errors)


def of_refusal(refusal: Refusal, *, act: str, accord: str, receipt: Receipt | None = None) -> Problem:
    """The problem for an act that a guard refused; with the receipt, where the refusal is on the record."""
    return Problem(
        "refused",
        f"{act.replace('_', ' ')} is refused: {refusal.reason}. What to do: {refusal.remedy}.",
        act=act,
        accord=accord,
        guard=refusal.guard,
        remedy=refusal.remedy,
        unmet=refusal.unmet,
        command=receipt.command if receipt else None,
        position=receipt.position if receipt else None,
        version=receipt.version if receipt else None,
        headers={"ETag": f'"v{receipt.version}"'} if receipt else None,
    )
