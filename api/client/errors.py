"""What the client raises, one tree: :class:`ClientError`, and below it what the API says and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from activities.errors import EntenteError, Unreachable
from api.answers.problems import FieldError, ProblemDetails
from workflows.model.commands import Unmet


class ClientError(EntenteError):
    """Base of all that the client raises. ``what`` says what failed, ``remedy`` what to do next.

    ``idempotency_key`` is that of the request, where it had one: sent again under it, it is done once.
    """

    idempotency_key: str | None = None


class NoAnswer(ClientError, Unreachable):
    """The API did not answer within the client's patience. There may be an outcome all the same."""


class NotAnApi(ClientError):
    """What was answered is nothing that this API answers: another server, or another version of it."""


class ContentDiffers(ClientError):
    """What arrived does not have the digest that was asked for, or a file changed while it was sent."""


class ApiProblem(ClientError):
    """The API answered with a problem (RFC 9457): ``problem`` has its members, ``said`` also those not known here."""

    def __init__(self, problem: ProblemDetails, said: Mapping[str, Any]) -> None:
        details = "\n".join(
            f"  {f'line {one.line}: ' if one.line else ''}{one.field}: {one.problem}"
            for one in problem.errors or ()
        )
        remedy = problem.remedy or ""
        # The sentence of a refusal ends with its remedy, for those who read nothing else of the problem.
        super().__init__(problem.detail.removesuffix(f" What to do: {remedy}."), remedy, details)
        self.problem = problem
        self.said = dict(said)

    @property
    def code(self) -> str:
        """The problem's stable code, such as ``not_found``."""
        return self.problem.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def request_id(self) -> str | None:
        """Names the request in the API's logs."""
        return self.problem.request_id


class NotAuthenticated(ApiProblem):
    """There is no key, or it is in force no longer (401)."""


class Forbidden(ApiProblem):
    """The key is not good for this (403)."""


class NotFound(ApiProblem):
    """There is no such thing that the caller can see (404)."""


class Gone(ApiProblem):
    """It was there, and is no more: an erased content, a link that ended (410)."""


class Conflict(ApiProblem):
    """What is there already stands against it (409)."""


class Refused(Conflict):
    """A guard refused the act; the refusal is on the record."""

    @property
    def guard(self) -> str:
        """The guard that refused."""
        return self.problem.guard or ""

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        """Every guard that is not met: why, who could meet it, by when."""
        return self.problem.unmet or ()

    @property
    def position(self) -> int | None:
        """The entry that recorded the refusal first."""
        return self.problem.position


class MovedOn(Refused):
    """The accord is no longer at the version that ``if_match`` named (412)."""


class Invalid(ApiProblem):
    """The request cannot be taken as it is (400, 405, 406, 413, 415, 416, 422)."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The fields that are malformed."""
        return self.problem.errors or ()


class KeyReused(Invalid):
    """The idempotency key was used for another request."""


class NotNow(ApiProblem):
    """The API asks to come again later, and the client's patience is at its end (408, 429, 503).

    ``retry_after`` are the seconds that it asks to wait; none, where it does not say.
    """

    exit_code = 3
    retry_after: float | None = None


class Fault(ApiProblem):
    """The API failed at it (5xx)."""


_OF_CODE: Mapping[str, type[ApiProblem]] = {
    "refused": Refused,
    "precondition_failed": MovedOn,
    "idempotency_key_reused": KeyReused,
}
_OF_STATUS: Mapping[int, type[ApiProblem]] = {
    **dict.fromkeys((400, 405, 406, 413, 415, 416, 422), Invalid),
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    **dict.fromkeys((408, 429, 503), NotNow),
    **dict.fromkeys((499, 500, 501), Fault),
}


def kind_of(code: str, status: int) -> type[ApiProblem]:
    """The class of a problem with this code and status."""
    return _OF_CODE.get(code) or _OF_STATUS.get(status) or (Fault if status >= 500 else ApiProblem)


def problem_of(status: int, said: Any) -> ApiProblem | None:
    """The problem that a JSON body is; none, where it is none."""
    if not isinstance(said, dict) or not isinstance(said.get("code"), str):
        return None
    whole = {
        "type": f"urn:entente:problem:{said['code']}",
        "title": said["code"].replace("_", " "),
        "status": status,
        "detail": said.get("title") or said["code"].replace("_", " "),
        **said,
    }
    try:
        problem = ProblemDetails.model_validate(whole)
    except ValidationError:
        return None
    return kind_of(problem.code, status)(problem, said)
