"""Webhooks: set up an endpoint that is sent what its owner may read, change its secret, replay, read its log."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from temporalio.service import RPCError

from activities.errors import RuntimeProblem
from activities.feeds.credentials import CredentialRevoked
from activities.feeds.starting import tell_webhook
from activities.feeds.webhooks import (
    Attempt,
    Owner,
    TooManyEndpoints,
    Webhook,
)
from activities.identity.keys import Identity, KeyReused
from api.access import seen_whole
from api.answers.telling import AttemptPage, AttemptView, WebhookList, WebhookView, WebhookWithSecret
from api.backend import Backend
from api.calls import (
    After,
    Caller,
    IdempotencyKey,
    Parts,
    answer,
    cursor,
    good_for,
    idempotency_key,
    next_link,
    problems,
    read_cursor,
    seen,
)
from api.problems import FieldError, Problem
from api.routes.webhook_bodies import NewWebhook, Replay, Rotation, WebhookId, body_of, read_body
from api.routing import BoundedRoute, WholeNumber
from workflows.model.canonical import canonical
from workflows.model.declared import EVENTS

log = structlog.get_logger(__name__)

router = APIRouter(route_class=BoundedRoute, tags=["feeds"])

TELL = 1.0
"""Seconds in which a workflow is told; the worker looks for itself, so nobody has to wait for it."""


def owner_of(identity: Identity) -> Owner:
    """Whose endpoints the caller sees: its own, and no other's."""
    return Owner(identity.principal, identity.reads_all)


async def _once(parts: Backend, identity: Identity, scope: str, given_key: str | None, content: Any) -> bool:
    """Whether the request is a new one; false where the same was made under its idempotency key before."""
    key = idempotency_key(given_key, identity)
    # A delegate may be called as a reader of everything is: what one asked for says nothing of the other.
    scope = f"{scope} of an {identity.kind}" if identity.reads_all else scope
    print_ = hashlib.sha256(canonical(content)).hexdigest()
    try:
        if await parts.identities.reserved(identity.principal, scope, key, print_):
            return False
        await parts.identities.reserve(identity.principal, scope, key, print_)
    except KeyReused:
        raise Problem(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another request. Nothing was done; send this one under another key.",
        ) from None
    return True


async def _tell(parts: Backend, name: str) -> None:
    """Have it delivered right away. Where Temporal is away, the worker finds it behind a little later."""
    try:
        async with asyncio.timeout(TELL):
            await tell_webhook(await parts.temporal.client(), name, parts.settings.task_queue, hurry=True)
    except (RPCError, RuntimeProblem, TimeoutError) as error:
        log.warning("a webhook's workflow could not be told", webhook=name, reason=str(error)[:300])


def _view(hook: Webhook) -> dict[str, Any]:
    former = hook.former_until
    return {
        "id": hook.id,
        "url": hook.url,
        "label": hook.label,
        "accord": hook.accord,
        "types": hook.types,
        "active": hook.active,
        "reason": hook.reason,
        "position": hook.position,
        "failures": hook.failures,
        "failing_since": hook.failing_since,
        "former_secret_until": former if former is not None and former > datetime.now(UTC) else None,
        "created": hook.created,
    }


def _there(hook: Webhook | None) -> Webhook:
    if hook is None:
        raise Problem("not_found", "You have no such webhook: GET /v1/webhooks lists them.")
    return hook


@router.post(
    "/webhooks",
    operation_id="add_webhook",
    summary="Set up a webhook",
    status_code=201,
    response_model=None,
    openapi_extra=body_of(NewWebhook),
    responses={
        201: {
            "description": "Set up, with its secret",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WebhookWithSecret"}}},
        },
        **problems(
            "idempotency_key_missing",
            "idempotency_key_malformed",
            "idempotency_key_reused",
            "not_found",
            "forbidden",
            "too_large",
            "unsupported_media_type",
        ),
    },
)
async def add_webhook(
    request: Request, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Have entries sent to an address as CloudEvents, in their order, signed by the Standard Webhooks convention.

    What fails is tried again for three days; then, or when the receiver answers 410, the endpoint is disabled. So it is
    when the key or the provider's account by which it was set up is revoked; its owner can enable it by another one.
    """
    made = await webhook_made(
        parts, identity, idempotency_key(given_key), await read_body(request, NewWebhook)
    )
    return answer(made, 201, {"Location": f"/v1/webhooks/{made.id}", "Cache-Control": "no-store"})


async def webhook_made(
    parts: Backend, identity: Identity, given_key: str, wanted: NewWebhook
) -> WebhookWithSecret:
    """Set up an endpoint, once under an idempotency key.

    Raises:
        Problem: ``forbidden``, ``not_found``, ``malformed`` or ``idempotency_key_reused``.
    """
    # What is sent is the record: nobody has that sent who may not read it.
    good_for(identity, "read")
    unknown = [one for one in wanted.types if one not in EVENTS]
    if unknown:
        said = f"there is no type of entry {unknown[0]}"
        raise Problem("malformed", f"types: {said}.", errors=(FieldError(field="types", problem=said),))
    if wanted.accord is not None:
        _, access = await seen(parts, identity, wanted.accord)
        seen_whole(access)
    await _once(parts, identity, "webhooks", given_key, wanted.model_dump(mode="json"))
    try:
        hook = await parts.webhooks.add(
            owner_of(identity),
            idempotency_key(given_key, identity),
            wanted.url,
            credential=identity.key_id,
            accord=wanted.accord,
            types=wanted.types,
            label=wanted.label,
            since=wanted.since,
        )
    except ValueError as error:
        raise Problem(
            "malformed", f"url: {error}.", errors=(FieldError(field="url", problem=str(error)),)
        ) from None
    except (CredentialRevoked, TooManyEndpoints) as error:
        raise Problem("forbidden", f"{error.what}. {error.remedy}.") from None
    await _tell(parts, hook.id)
    return WebhookWithSecret(**_view(hook), secret=hook.secret)


@router.get(
    "/webhooks",
    operation_id="list_webhooks",
    summary="List your webhooks",
    response_model=WebhookList,
    responses=problems(),
)
async def list_webhooks(parts: Parts, identity: Caller) -> Response:
    """The endpoints that the caller has set up."""
    hooks = await parts.webhooks.of(owner_of(identity))
    return answer(WebhookList(items=tuple(WebhookView(**_view(one)) for one in hooks)))


@router.get(
    "/webhooks/{webhook}",
    operation_id="get_webhook",
    summary="Read a webhook",
    response_model=WebhookView,
    responses=problems("not_found"),
)
async def get_webhook(webhook: WebhookId, parts: Parts, identity: Caller) -> Response:
    """How far an endpoint has got, and what is wrong with it, if anything is."""
    return answer(WebhookView(**_view(_there(await parts.webhooks.get(webhook, owner_of(identity))))))


@router.delete(
    "/webhooks/{webhook}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=204,
    response_model=None,
    responses=problems("not_found"),
)
async def delete_webhook(webhook: WebhookId, parts: Parts, identity: Caller) -> Response:
    """Send nothing more to an endpoint, and forget it and its log."""
    if not await parts.webhooks.delete(webhook, owner_of(identity)):
        _there(None)
    return Response(status_code=204)


_POSTED = problems(
    "not_found",
    "idempotency_key_missing",
    "idempotency_key_malformed",
    "idempotency_key_reused",
    "too_large",
    "unsupported_media_type",
)


@router.post(
    "/webhooks/{webhook}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Change a webhook's secret",
    response_model=WebhookWithSecret,
    openapi_extra=body_of(Rotation),
    responses=_POSTED,
)
async def rotate_webhook_secret(
    request: Request, webhook: WebhookId, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Give an endpoint a new secret. The present one signs beside it for a while, so that no delivery is lost."""
    made = await secret_rotated(parts, identity, webhook, given_key, await read_body(request, Rotation))
    return answer(made, headers={"Cache-Control": "no-store"})


async def secret_rotated(
    parts: Backend, identity: Identity, webhook: str, given_key: str | None, wanted: Rotation
) -> WebhookWithSecret:
    """Give an endpoint a new secret, once under an idempotency key.

    Raises:
        Problem: ``not_found``, ``idempotency_key_missing`` or ``idempotency_key_reused``.
    """
    hook = _there(await parts.webhooks.get(webhook, owner_of(identity)))
    if await _once(parts, identity, f"rotate {webhook}", given_key, wanted.model_dump(mode="json")):
        overlap = timedelta(hours=wanted.overlap_hours)
        hook = _there(await parts.webhooks.rotate(webhook, owner_of(identity), overlap))
    return WebhookWithSecret(**_view(hook), secret=hook.secret)


@router.post(
    "/webhooks/{webhook}/replay",
    operation_id="replay_webhook",
    summary="Have everything sent again",
    response_model=WebhookView,
    openapi_extra=body_of(Replay),
    responses=_POSTED,
)
async def replay_webhook(
    request: Request, webhook: WebhookId, parts: Parts, identity: Caller, given_key: IdempotencyKey = None
) -> Response:
    """Send all that is for an endpoint beyond a feed position again, each under the webhook-id that it had."""
    wanted: Replay = await read_body(request, Replay)
    good_for(identity, "read")
    hook = _there(await parts.webhooks.get(webhook, owner_of(identity)))
    if await _once(parts, identity, f"replay {webhook}", given_key, wanted.model_dump(mode="json")):
        hook = _there(await parts.webhooks.replay(webhook, owner_of(identity), wanted.since))
    await _tell(parts, webhook)
    return answer(WebhookView(**_view(hook)))


@router.post(
    "/webhooks/{webhook}/{switch}",
    operation_id="switch_webhook",
    summary="Enable or disable a webhook",
    response_model=WebhookView,
    responses=problems(
        "not_found", "idempotency_key_missing", "idempotency_key_malformed", "idempotency_key_reused"
    ),
)
async def switch_webhook(
    webhook: WebhookId,
    switch: Annotated[str, Path(pattern="^(enable|disable)$", description="enable or disable")],
    parts: Parts,
    identity: Caller,
    given_key: IdempotencyKey = None,
) -> Response:
    """Enable an endpoint again, which goes on where it was, or disable it for a while."""
    hook = _there(await parts.webhooks.get(webhook, owner_of(identity)))
    active = switch == "enable"
    if active:
        # From now on it is this key by which the record is sent.
        good_for(identity, "read")
    if await _once(parts, identity, f"switch {webhook}", given_key, switch):
        reason = None if active else "its owner disabled it"
        by = identity.key_id if active else ""
        switched = parts.webhooks.switch(
            webhook, owner_of(identity), active=active, reason=reason, credential=by
        )
        try:
            hook = _there(await switched)
        except CredentialRevoked as error:
            raise Problem("forbidden", f"{error.what}. {error.remedy}.") from None
    await _tell(parts, webhook)
    return answer(WebhookView(**_view(hook)))


@router.get(
    "/webhooks/{webhook}/deliveries",
    operation_id="list_deliveries",
    summary="Read a webhook's delivery log",
    response_model=AttemptPage,
    responses=problems("not_found"),
)
async def list_deliveries(
    request: Request,
    webhook: WebhookId,
    parts: Parts,
    identity: Caller,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 50,
) -> Response:
    """Every attempt of the last 30 days, the last one first: when, what was answered, how long it took."""
    inner = read_cursor(after)
    _there(await parts.webhooks.get(webhook, owner_of(identity)))
    before = None if inner is None else int(inner)
    found = await parts.webhooks.attempts(webhook, before, limit + 1)
    following = cursor(str(found[limit - 1].number)) if len(found) > limit else None
    page = AttemptPage(items=tuple(map(_attempt, found[:limit])), next=following)
    return answer(page, headers=next_link(request, following))


def _attempt(one: Attempt) -> AttemptView:
    return AttemptView(
        number=one.number,
        feed=one.feed,
        accord=one.accord,
        entry=one.entry,
        type=one.type,
        at=one.at,
        milliseconds=one.milliseconds,
        status=one.status,
        error=one.error,
    )
