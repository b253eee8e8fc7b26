"""The shape of every error of the API (RFC 9457), and the table of their codes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from workflows.model.commands import Unmet

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
