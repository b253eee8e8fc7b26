"""What routes have in common: the caller, the backend, paging, times in queries, answers."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, TypeAdapter, ValidationError

from activities.identity.keys import Identity, NotAuthenticated
from activities.identity.scopes import covers
from activities.identity.tokens import ProviderUnavailable, Token, account_id
from api.access import Access, access_to
from api.backend import Backend
from api.problems import MEDIA_TYPE, TABLE, FieldError, Problem, not_found, unavailable
from api.subscribing import needs_key, password_of
from workflows.model.authority import OPERATOR
from workflows.model.commands import Instant
from workflows.model.declare import Act
from workflows.model.declared import ACTS
from workflows.model.state import Accord
from workflows.model.values import INSTALLATION

YAML = "application/yaml"

_BEARER = HTTPBearer(
    auto_error=False,
    bearerFormat="ent_<key id>_<secret>, or a JSON Web Token",
    description="A key made for a delegate, an operator or an auditor; or a token of an OpenID provider.",
)
_ACCORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
ACCORD_ID = f"^{_ACCORD.pattern}$"
"""What an accord's id looks like."""

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_PLUS = re.compile(r"(T[0-9:.]+) (\d\d:?\d\d)$")
_TIME: TypeAdapter[datetime] = TypeAdapter(Instant)


def backend(request: Request) -> Backend:
    """The parts that the request works with."""
    found: Backend = request.app.state.backend
    return found


# As a coroutine, like all that a route depends on: a plain function would be run in a thread for every request.
async def _parts(request: Request) -> Backend:
    return backend(request)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whom a provider knows, and who is no delegate yet."""

    token: Token


async def anyone(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Identity | Stranger:
    """Who sent the request, by a key or by a token of a provider.

    Raises:
        Problem: ``not_authenticated``, with the challenge that RFC 6750 asks for.
    """
    credentials = given.credentials if given is not None else password_of(request)
    if credentials is None:
        raise needs_key(request)
    parts = backend(request)
    try:
        found = await _identified(parts, request, credentials)
    except ProviderUnavailable as error:
        raise unavailable(f"{error.what} {error.remedy}") from error
    except NotAuthenticated as error:
        raise Problem(
            "not_authenticated",
            f"{error.reason} Ask whoever runs this installation for a key.",
            headers={"WWW-Authenticate": 'Bearer realm="entente", error="invalid_token"'},
        ) from None
    if isinstance(found, Stranger):
        await parts.limits.count("key", _known_as(found.token))
    else:
        structlog.contextvars.bind_contextvars(principal=found.principal, key=found.key_id)
        await parts.limits.count("key", found.key_id)
    return found


async def _identified(parts: Backend, request: Request, credentials: str) -> Identity | Stranger:
    """As :func:`identify`, and what fails is counted.

    Raises:
        Problem: ``rate_limited``.
    """
    if not parts.tokens.is_token(credentials):
        return await parts.attempts.by_key(request, credentials)
    try:
        return await identify(parts, credentials)
    except NotAuthenticated:
        await parts.attempts.failed(request)
        raise


async def identify(parts: Backend, credentials: str) -> Identity | Stranger:
    """Who holds a key, or a provider's token.

    Raises:
        NotAuthenticated: it is none, or holds no longer.
        ProviderUnavailable: the provider's keys cannot be read.
        LedgerError: the database does not answer.
    """
    if parts.tokens.is_token(credentials):
        return await of_token(parts, await parts.tokens.verify(credentials))
    return await parts.identities.authenticate(credentials)


async def of_token(parts: Backend, token: Token) -> Identity | Stranger:
    """Who is meant by a verified token."""
    delegate = await parts.delegates.of_token(token)
    if delegate is None:
        return Stranger(token)
    key_id, issuer, subject = _known_as(token), token.issuer, token.subject
    return Identity(delegate, "delegate", key_id, issuer, issuer=issuer, subject=subject)


def _known_as(token: Token) -> str:
    """What stands in place of a key's id for who comes by a token."""
    return account_id(token.issuer, token.subject)


async def caller(request: Request, found: Annotated[Identity | Stranger, Depends(anyone)]) -> Identity:
    """Who sent the request: a delegate, an operator or an auditor, whose key is good for it.

    Raises:
        Problem: ``not_authenticated``, or ``forbidden`` where a provider knows who it is and we do not, or where the
            key is not good for this.
    """
    if isinstance(found, Stranger):
        raise Problem(
            "forbidden",
            "Your provider knows you, and you are no delegate here yet. Ask your party's contact for a joining link, "
            "and send it with this token: POST /v1/join.",
        )
    good_for(found, _scope_of(request))
    return found


def good_for(identity: Identity, wanted: str) -> None:
    """Go on only with a key that is good for ``wanted``, a scope.

    Raises:
        Problem: ``forbidden``, with the challenge that RFC 6750 asks for.
    """
    if not covers(identity.scopes, wanted):
        raise Problem(
            "forbidden",
            f"This key is good for {', '.join(identity.scopes)}, and this needs {wanted}. Use another key of yours.",
            headers={
                "WWW-Authenticate": f'Bearer realm="entente", error="insufficient_scope", scope="{wanted}"'
            },
        )


_SCOPES = {
    "put_file": "deposit",
    "open_accord": "act:open_accord",
    "make_api_key": "keys",
    "revoke_api_key": "keys",
    "unlink_account": "keys",
    "make_join_link": "keys",
    "withdraw_join_link": "keys",
}


def _scope_of(request: Request) -> str:
    """What a key has to be good for, by the operation; ``act`` for whatever changes something and is not named here."""
    if request.method == "GET":
        return "read"
    operation = str(getattr(request.scope.get("route"), "operation_id", ""))
    return f"act:{operation}" if operation in ACTS else _SCOPES.get(operation, "act")


Anyone = Annotated[Identity | Stranger, Depends(anyone)]
Caller = Annotated[Identity, Depends(caller)]
Parts = Annotated[Backend, Depends(_parts)]


async def accord_in_path(
    accord: Annotated[
        str,
        Path(
            description="the accord's id",
            examples=["working-visit-mzxw6ytboi"],
            json_schema_extra={"pattern": f"^{_ACCORD.pattern}$"},
        ),
    ],
) -> str:
    """The accord that a path names; what cannot be an id is not found, and the database is not asked for it."""
    if _ACCORD.fullmatch(accord) is None:
        raise not_found(accord[:80])
    return accord


AccordId = Annotated[str, Depends(accord_in_path)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Names the request for good: 1 to 128 visible ASCII characters, your own choice. The same request "
        "under the same key has one outcome, however often it is sent. Not needed for a dry run.",
        examples=["9f6d3c1e-verify-c1"],
        json_schema_extra={"pattern": r"^[\x21-\x7e]{1,128}$"},
    ),
]


def acting(identity: Identity, act: type[Act] | None = None) -> str:
    """The delegate as whom the caller acts; an operator's key does what is about the log, as the installation.

    Raises:
        Problem: ``forbidden`` for keys that only read.
    """
    if identity.kind == "operator" and act is not None and act.who.roles == (OPERATOR,):
        return INSTALLATION
    if identity.kind != "delegate":
        raise Problem(
            "forbidden",
            f"The key of an {identity.kind} reads every accord and "
            + ("does only what is about the log" if identity.kind == "operator" else "acts in none")
            + ". Use the key of a delegate.",
        )
    return identity.principal


def idempotency_key(given: str | None, identity: Identity | None = None) -> str:
    """The request's idempotency key; an operator's begins with its principal, since all act under one name.

    Raises:
        Problem: there is none, or it cannot be one.
    """
    if given is None:
        raise Problem(
            "idempotency_key_missing",
            "Send an Idempotency-Key header with a value of your own choice, and the same when you send this again.",
        )
    if _KEY.fullmatch(given) is None:
        raise Problem(
            "idempotency_key_malformed",
            "An Idempotency-Key is 1 to 128 visible ASCII characters, without spaces.",
        )
    if identity is not None and identity.kind == "operator":
        return f"{identity.principal}:{given}"
    return given


async def seen(parts: Backend, identity: Identity, accord: str) -> tuple[Accord, Access]:
    """An accord's state, and what the caller sees of it.

    Raises:
        Problem: ``not_found``, also when it is there and not for the caller.
    """
    state = await parts.reader.state(accord)
    if state is None:
        raise not_found(accord)
    return state, access_to(identity, state)


def moment(text: str, name: str) -> datetime:
    """A time in a query, by RFC 3339; a ``+`` that arrived as a space is taken as meant.

    Raises:
        Problem: ``malformed``, naming the parameter.
    """
    try:
        return _TIME.validate_python(_PLUS.sub(r"\1+\2", text))
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
    raise Problem("malformed", f"{name}: {said}.", errors=(FieldError(field=name, problem=said),))


def time_asked_for(text: str | None, state: Accord) -> datetime | None:
    """The time in ``at`` to look ahead to; none where none is given.

    Raises:
        Problem: ``malformed``, or ``time_passed``: what was recorded since cannot be taken away again.
    """
    if text is None:
        return None
    time = moment(text, "at")
    if time < state.time:
        raise Problem(
            "time_passed",
            f"The accord's last entry is of {state.time.isoformat()}, after {text[:40]}. Ask for a later time, or "
            "leave `at` out; how the accord stood at an earlier time, GET /v1/accords/{accord}?as_of= tells.",
            accord=state.id,
        )
    return time


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as the JSON answer. Answers are for the caller alone, and to be asked for again."""
    return Response(
        model.model_dump_json(),
        status,
        {"Cache-Control": "private, no-cache", "Vary": "Authorization", **(headers or {})},
        "application/json",
    )


def cursor(inner: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(inner.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> str | None:
    """What :func:`cursor` was given.

    Raises:
        Problem: ``malformed``; start again without it.
    """
    if text is None:
        return None
    try:
        inner = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        inner = ""
    if not (inner.isdigit() and len(inner) <= 18):
        said = "it is no cursor of this API; start again without one"
        raise Problem("malformed", f"after: {said}.", errors=(FieldError(field="after", problem=said),))
    return inner


def next_link(request: Request, after: str | None) -> dict[str, str]:
    """The ``Link`` header (RFC 8288) to the next page, where there is one."""
    if after is None:
        return {}
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "after"]
    return {"Link": f'<{request.url.path}?{urlencode([*query, ("after", after)])}>; rel="next"'}


TIME_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
"""A time by RFC 3339, for the documentation."""

TIME_SCHEMA: dict[str, Any] = {"format": "date-time"}
"""Beside a time in a query, which is read as text: what it has to be."""

LONGEST_CURSOR = 1000
"""Characters of a cursor; the desk's names an accord and a step of it."""

After = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CURSOR,
        description="the cursor of a page",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]


_ANYWHERE = (
    "bad_request",
    "not_authenticated",
    "forbidden",
    "request_timeout",
    "malformed",
    "rate_limited",
    "internal",
    "unavailable",
)


def problems(*codes: str, public: bool = False) -> dict[int | str, dict[str, Any]]:
    """The documentation of the problems that an operation may answer, besides those that every one may.

    One that is ``public`` asks nobody for a key.
    """
    found: dict[int, list[str]] = {}
    for code in (*_ANYWHERE, *codes):
        if public and code in ("not_authenticated", "forbidden"):
            continue
        found.setdefault(TABLE[code][0], []).append(code)
    return {
        status: {
            "description": "; ".join(f"{TABLE[code][1]} (`{code}`)" for code in dict.fromkeys(listed)),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status, listed in sorted(found.items())
    }
