"""One POST for every act of the model's registry, and one for every signal. Nothing here is written per act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from activities.identity.keys import Identity
from activities.identity.own_signatures import GivenSignature
from api.access import access_to, seen_whole
from api.answers.looking_ahead import SignalTaken
from api.bodies import json_body, may_be_large
from api.calls import (
    TIME_SCHEMA,
    AccordId,
    Caller,
    IdempotencyKey,
    Parts,
    acting,
    answer,
    backend,
    good_for,
    idempotency_key,
    problems,
    seen,
    time_asked_for,
)
from api.examples import example_of
from api.foreseeing import foreseen
from api.heavy import JUDGING
from api.own import Signed
from api.preconditions import IfMatch, etag, required_version
from api.preview import DRY_RUN, dry_run
from api.problems import FieldError, Problem, not_found, of_refusal
from api.routing import BoundedRoute, QueryFlag, unless_hung_up
from workflows.model.authority import known
from workflows.model.commands import Command, Receipt
from workflows.model.declare import Act
from workflows.model.declared import ACTS
from workflows.model.state import Accord

router = APIRouter(route_class=BoundedRoute)

DryRunFlag = Annotated[
    QueryFlag, Query(alias="dry_run", description="only say what would follow; nothing is recorded")
]
At = Annotated[
    str | None,
    Query(
        max_length=40,
        description="for a dry run: the accord's time to try it at, by RFC 3339; now where none is given",
        examples=["2030-04-12T10:00:00Z"],
        json_schema_extra=TIME_SCHEMA,
    ),
]


def path_of(act: type[Act]) -> str:
    """An act's last path segment: ``verify-condition``."""
    return act.name.replace("_", "-")


def _body(act: type[Act]) -> dict[str, Any]:
    required = any(field.is_required() for field in act.model_fields.values())
    return {
        "requestBody": {
            "required": required,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{act.__name__}"},
                    "example": example_of(act),
                }
            },
        }
    }


def _described(act: type[Act]) -> str:
    agree = f" Also needs the agreement of: {act.who.agree}." if act.who.agree != "–" else ""
    return f"{act.text()}\n\nWho: {act.who.describe()}.{agree} Seen by: {act.who.sees}."


_COMMON = (
    "idempotency_key_missing",
    "idempotency_key_malformed",
    "forbidden",
    "not_found",
    "refused",
    "delegate_claimed",
    "precondition_failed",
    "too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "own_signature_wrong",
    "time_passed",
    "busy",
)


async def _before_reading(request: Request, accord: str, delegate: str) -> None:
    """Read no long body of somebody who is nobody in the accord. Short ones are read in no time, and judged then."""
    if may_be_large(request):
        state = await backend(request).reader.state(accord)
        if state is None or known(state, delegate) is None:
            raise not_found(accord)


async def _previewed(
    parts: Parts, identity: Caller, command: Command, at: str | None, signed: GivenSignature
) -> Response:
    if at is not None:
        # What falls due until then is of the record: a key that only acts does not learn it by trying.
        good_for(identity, "read")
    state, access = await seen(parts, identity, command.accord)
    seen_whole(access)
    time = time_asked_for(at, state) or (await parts.clocks.present(state)).time
    decision = await foreseen(parts, state, command, time, signed.key)
    preview = await JUDGING.run(dry_run, state, command, time, decision)
    return answer(preview, headers={"ETag": etag(state.version)})


def _sees_reasons(identity: Identity, state: Accord) -> bool:
    """Whether a refusal's reasons and names are for the caller."""
    try:
        access = access_to(identity, state)
    except Problem:
        return False
    # A candidate's own acts are about the amendment that it is to adopt, which it may read.
    return access.candidate or not access.cleared


async def _command(
    request: Request,
    act: type[Act],
    accord: str,
    identity: Identity,
    given_key: str | None,
    if_match: str | None = None,
    *,
    dry: bool,
    at: str | None,
) -> Command:
    """The command that a request asks for.

    Raises:
        Problem: it asks for nothing that could be done or tried.
    """
    if at is not None and not dry:
        said = "it is for a dry run; an act is done now"
        raise Problem("malformed", f"at: {said}.", errors=(FieldError(field="at", problem=said),))
    delegate = acting(identity, act)
    await backend(request).limits.count("delegate", identity.principal)
    key = DRY_RUN if dry else idempotency_key(given_key, identity)
    version = required_version(if_match)
    await _before_reading(request, accord, delegate)
    body = await json_body(request)
    return Command(
        accord=accord,
        id=f"{delegate}/{key}",
        act=act.name,
        fields=body.value,
        delegate=delegate,
        required_version=version,
    )


def _act_endpoint(act: type[Act]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        accord: AccordId,
        parts: Parts,
        identity: Caller,
        signed: Signed,
        given_key: IdempotencyKey = None,
        if_match: IfMatch = None,
        dry: DryRunFlag = False,
        at: At = None,
    ) -> Response:
        command = await _command(request, act, accord, identity, given_key, if_match, dry=dry, at=at)
        if dry:
            return await _previewed(parts, identity, command, at, signed)
        settled = await unless_hung_up(request, parts.commands.act(command, signed))
        outcome = settled.outcome
        if isinstance(outcome, Receipt) and outcome.refusal is None:
            return answer(outcome, headers={"ETag": etag(outcome.version)})
        raise of_refusal(
            outcome, act=act.name, accord=accord, withheld=not _sees_reasons(identity, settled.state)
        )

    endpoint.__name__ = endpoint.__qualname__ = act.name
    return endpoint


def _signal_endpoint(act: type[Act]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(
        request: Request,
        accord: AccordId,
        parts: Parts,
        identity: Caller,
        signed: Signed,
        given_key: IdempotencyKey = None,
        dry: DryRunFlag = False,
        at: At = None,
    ) -> Response:
        command = await _command(request, act, accord, identity, given_key, dry=dry, at=at)
        if dry:
            return await _previewed(parts, identity, command, at, signed)
        settled = await parts.commands.signal(command, signed)
        receipt = settled.outcome if settled is not None and isinstance(settled.outcome, Receipt) else None
        if settled is not None and (receipt is None or receipt.refusal is not None):
            raise of_refusal(
                settled.outcome,
                act=act.name,
                accord=accord,
                withheld=not _sees_reasons(identity, settled.state),
            )
        return answer(SignalTaken(accord=accord, act=act.name, command=command.id, receipt=receipt), 202)

    endpoint.__name__ = endpoint.__qualname__ = act.name
    return endpoint


def _add(act: type[Act]) -> None:
    dry = {"$ref": "#/components/schemas/DryRun"}
    if act.signal:
        schema: dict[str, Any] = {"$ref": "#/components/schemas/SignalTaken"}
        responses: dict[int | str, dict[str, Any]] = {
            200: {"description": "Dry run", "content": {"application/json": {"schema": dry}}},
            202: {"description": "Passed on", "content": {"application/json": {"schema": schema}}},
            **problems(*(code for code in _COMMON if code != "precondition_failed")),
        }
    else:
        schema = {"oneOf": [{"$ref": "#/components/schemas/Receipt"}, dry]}
        responses = {
            200: {
                "description": "Recorded, or the dry run",
                "content": {"application/json": {"schema": schema}},
            },
            **problems(*_COMMON),
        }
    router.add_api_route(
        f"/accords/{{accord}}/{'signals/' if act.signal else ''}{path_of(act)}",
        _signal_endpoint(act) if act.signal else _act_endpoint(act),
        methods=["POST"],
        operation_id=act.name,
        summary=act.name.replace("_", " ").capitalize(),
        description=_described(act),
        tags=[act.track],
        status_code=202 if act.signal else 200,
        response_model=None,
        responses=responses,
        openapi_extra=_body(act),
    )


for _one in ACTS.values():
    _add(_one)
