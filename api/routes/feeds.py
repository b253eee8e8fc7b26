"""The record as it grows, as server-sent events: over all accords that the caller sees, and for one of them.

Source: WHATWG HTML, 9.2 (server-sent events). ``id`` is the feed position, so a client that reconnects with
``Last-Event-ID`` goes on where it was, without gap or duplicate. ``data`` is the entry as a CloudEvent.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from activities.errors import LedgerError
from activities.feeds.following import BeyondFeed, Following, Told
from activities.identity.keys import Identity, NotAuthenticated
from activities.identity.tokens import ProviderUnavailable
from api.access import seen_whole
from api.backend import Backend
from api.calls import AccordId, Caller, Parts, identify, problems, seen
from api.problems import FieldError, Problem
from api.routing import BoundedRoute, WholeNumber, head_only

HEARTBEAT = 15.0
"""Seconds of silence after which a stream says that it is alive, and how far the feed was read."""

LONGEST_LIFE = 15 * 60.0
"""Seconds after which a stream ends, so that clients spread over processes anew; they reconnect by themselves."""

SPREAD = 0.2
"""The share of its life by which a stream may end earlier: not all that began together end together."""

CHECK = 60.0
"""Seconds after which it is asked again whether the key is in force."""

RECONNECT = 2_000
"""Milliseconds after which a client reconnects."""

_POSITION = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

router = APIRouter(route_class=BoundedRoute, tags=["feeds"])

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="the last feed position that was taken in; the stream goes on behind it",
        json_schema_extra={"pattern": f"^({_POSITION.pattern})$"},
    ),
]
Since = Annotated[
    WholeNumber | None,
    Query(
        ge=0,
        lt=2**53,
        description="the feed position to begin behind, where there is no Last-Event-ID; 0 is the beginning. Without "
        "either the stream begins with what comes next",
    ),
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: the id is the feed position, the data the entry as a CloudEvent",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


@router.get(
    "/feed",
    operation_id="follow_feed",
    summary="Follow all accords",
    response_model=None,
    responses={**problems("beyond_record", "busy"), **_STREAM},
)
async def follow_feed(
    request: Request,
    parts: Parts,
    identity: Caller,
    last_event_id: LastEventId = None,
    since: Since = None,
) -> Response:
    """Every entry of every accord that the caller sees whole, as it is recorded, in the order of the feed.

    Comments and bare `id` lines in between say that the stream is alive, and how far the feed was read.
    """
    return await _stream(request, parts, identity, None, _begin(last_event_id, since))


@router.get(
    "/accords/{accord}/feed",
    operation_id="follow_accord",
    summary="Follow an accord",
    response_model=None,
    responses={**problems("not_found", "forbidden", "beyond_record", "busy"), **_STREAM},
)
async def follow_accord(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    last_event_id: LastEventId = None,
    since: Since = None,
) -> Response:
    """Every entry of one accord, as it is recorded. Positions are those of the feed over all accords."""
    _, access = await seen(parts, identity, accord)
    seen_whole(access)
    return await _stream(request, parts, identity, accord, _begin(last_event_id, since))


def _begin(last_event_id: str | None, since: int | None) -> int | None:
    if last_event_id is None or last_event_id == "":
        return since
    if _POSITION.fullmatch(last_event_id) is None:
        said = "it is the id of an event of this stream, a number; leave it out to begin with what comes next"
        raise Problem(
            "malformed",
            f"Last-Event-ID: {said}.",
            errors=(FieldError(field="Last-Event-ID", problem=said),),
        )
    return int(last_event_id)


async def _stream(
    request: Request, parts: Backend, identity: Identity, accord: str | None, after: int | None
) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Authorization", "X-Accel-Buffering": "no"}
    if head_only(request):
        return Response(headers=headers, media_type="text/event-stream")
    who = Following(identity.principal, identity.reads_all, accord)
    following = parts.feed.follow(who, after, heartbeat=HEARTBEAT)
    parts.streams.enter(identity.principal)
    try:
        # What is wrong from the beginning is answered as a problem, not within the stream.
        first = await anext(following)
    except BeyondFeed as error:
        parts.streams.leave(identity.principal)
        raise Problem(
            "beyond_record",
            f"The feed ends at {error.position}: an earlier record was put back. Read it anew, with since=0.",
        ) from None
    except BaseException:
        parts.streams.leave(identity.principal)
        raise
    token = request.headers["authorization"].partition(" ")[2].strip()

    async def lines() -> AsyncIterator[bytes]:
        now = time.monotonic
        ends = now() + LONGEST_LIFE * (1 - random.random() * SPREAD)  # noqa: S311 - only to spread them
        checked = now()
        try:
            async with aclosing(following):
                yield b"retry: %d\n%s" % (RECONNECT, written(first))
                async for told in following:
                    if now() >= ends:
                        return
                    if now() - checked >= CHECK:
                        # Whose word cannot be had at the moment is asked again; a stream ends soon enough anyway.
                        with contextlib.suppress(ProviderUnavailable, LedgerError):
                            if (await identify(parts, token)) != identity:
                                return
                        checked = now()
                    yield written(told)
        except NotAuthenticated:
            yield b": the key is no longer in force\n\n"
        finally:
            parts.streams.leave(identity.principal)

    return StreamingResponse(lines(), headers=headers, media_type="text/event-stream")


def written(told: Told) -> bytes:
    """Events as they are sent. The last line names the position that was come to, for whoever reconnects."""
    text = b"".join(b"id: %d\ndata: %s\n\n" % event for event in told.events)
    if told.events and told.events[-1][0] == told.position:
        return text
    return text + b": alive\nid: %d\n\n" % told.position
