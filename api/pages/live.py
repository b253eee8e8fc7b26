"""That an accord has moved on, told to the pages that show it: server-sent events, without what is new itself.

The page fetches itself anew then; what it shows follows from who looks. No database connection is held meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from activities.feeds.following import Following
from api.access import seen_whole
from api.calls import AccordId, Parts
from api.pages.visiting import PageRoute, Visitor, seen_by, session_of
from api.routes.feeds import CHECK, HEARTBEAT, LONGEST_LIFE, RECONNECT, SPREAD

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/accords/{accord}/live")
async def live(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """An event for each time at which entries come, until the page is left."""
    seen = await seen_by(request, session, accord)
    seen_whole(seen.access)
    identity = session.identity
    who = Following(identity.principal, identity.reads_all, accord)
    following = parts.feed.follow(who, None, heartbeat=HEARTBEAT)
    parts.streams.enter(identity.principal)
    try:
        await anext(following)
    except BaseException:
        parts.streams.leave(identity.principal)
        raise

    async def lines() -> AsyncIterator[bytes]:
        now = time.monotonic
        ends = now() + LONGEST_LIFE * (1 - random.random() * SPREAD)  # noqa: S311 - only to spread them
        checked = now()
        try:
            async with aclosing(following):
                yield b"retry: %d\n\n" % RECONNECT
                async for told in following:
                    if now() >= ends:
                        return
                    if now() - checked >= CHECK:
                        if await session_of(request) is None:
                            return
                        checked = now()
                    yield b"event: moved\ndata: %d\n\n" % told.position if told.events else b": alive\n\n"
        finally:
            parts.streams.leave(identity.principal)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines(), headers=headers, media_type="text/event-stream")
