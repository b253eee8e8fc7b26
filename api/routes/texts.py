"""An accord's contents as a list, and two of its texts beside each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from activities.files import redline_page
from activities.files.errors import ContentAltered, StoreUnavailable
from activities.files.redline import LARGEST, Change, counted, redline
from activities.files.register import Content
from activities.files.store import verified
from activities.runtime.mediatypes import TEXTS
from api.access import may_read_content, seen_whole
from api.answers.record import ChangeView, FilePage, FileView, RedlineView
from api.backend import Backend
from api.calls import AccordId, After, Caller, Parts, answer, cursor, next_link, problems, read_cursor, seen
from api.contents import file_problem, find
from api.heavy import COMPARING
from api.negotiation import preferred
from api.problems import Problem
from api.routing import BoundedRoute, WholeNumber
from workflows.model.commands import Digest

router = APIRouter(route_class=BoundedRoute, tags=["files"])


@router.get(
    "/accords/{accord}/files",
    operation_id="list_files",
    summary="List an accord's contents",
    response_model=FilePage,
    responses=problems("not_found", "forbidden"),
)
async def list_files(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 100,
) -> Response:
    """The contents that you may read, in the order in which they came. A page can hold fewer than `limit`."""
    begin = int(read_cursor(after) or 0)
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    found = await parts.register.listed(accord, begin, limit + 1)
    following = cursor(str(found[limit - 1][0])) if len(found) > limit else None
    items = []
    for _, digest in found[:limit]:
        content = await parts.register.content(accord, digest)
        if content is not None and may_read_content(access, state, content):
            items.append(file_view(content))
    return answer(FilePage(items=tuple(items), next=following), headers=next_link(request, following))


def file_view(content: Content) -> FileView:
    """A content as it is shown."""
    return FileView(
        accord=content.accord,
        digest=content.digest,
        size=content.size,
        media_type=content.media_type,
        stored=content.stored,
        named_by=tuple(one.position for one in content.opened_by),
    )


HTML = "text/html"


@router.get(
    "/accords/{accord}/redline",
    operation_id="get_redline",
    summary="Compare two texts",
    response_model=RedlineView,
    responses={
        200: {"description": "the redline", "content": {HTML: {"schema": {"type": "string"}}}},
        **problems("not_found", "forbidden", "erased", "not_text", "too_large", "not_acceptable"),
    },
)
async def get_redline(
    request: Request,
    accord: AccordId,
    older: Annotated[Digest, Query(description="the digest of the older text")],
    newer: Annotated[Digest, Query(description="the digest of the newer text")],
    parts: Parts,
    identity: Caller,
) -> Response:
    """How one text becomes another, character by character, in every script; plain text or Markdown in UTF-8.

    Both are contents of the accord that you may read. As JSON, or as a page where Accept prefers `text/html`.
    """
    form = preferred(request.headers.get("accept", "*/*"), "application/json", HTML)
    texts = [await text_of(parts, identity, accord, digest) for digest in (older, newer)]
    changes = await COMPARING.run(redline, *texts)
    if form == HTML:
        shown = await COMPARING.run(redline_page.page, changes, older, newer, f"Redline of {accord}")
        headers = {"Content-Security-Policy": redline_page.SECURITY_POLICY, "Vary": "Accept, Authorization"}
        return Response(
            shown, 200, {"Cache-Control": "private, no-cache", **headers}, f"{HTML}; charset=utf-8"
        )
    said = await COMPARING.run(_told, accord, older, newer, changes)
    return Response(
        said,
        200,
        {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"},
        "application/json",
    )


def _told(accord: str, older: str, newer: str, changes: tuple[Change, ...]) -> str:
    return RedlineView(
        accord=accord,
        older=older,
        newer=newer,
        deleted=counted(changes, "delete"),
        inserted=counted(changes, "insert"),
        changes=tuple(ChangeView(op=one.op, text=one.text) for one in changes),
    ).model_dump_json()


async def text_of(parts: Backend, identity: Caller, accord: str, digest: str) -> str:
    """The text of a content of the accord that the caller may read.

    Raises:
        Problem: ``not_found``, ``forbidden``, ``erased``, ``not_text``, ``too_large`` or ``unavailable``.
    """
    content = await find(parts, identity, accord, digest)
    if content.media_type not in TEXTS:
        raise Problem(
            "not_text", f"{digest} is {content.media_type}; a redline is made of {' or '.join(TEXTS)}."
        )
    if content.size > LARGEST:
        raise Problem(
            "too_large", f"{digest} has {content.size:,} bytes; a redline takes at most {LARGEST:,}."
        )
    try:
        reading = verified(parts.store.read(content.object), digest, content.size)
        return b"".join([chunk async for chunk in reading]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("not_text", f"{digest} is not UTF-8: {error.reason} at byte {error.start}.") from None
    except (FileNotFoundError, StoreUnavailable, ContentAltered) as error:
        raise file_problem(error) from error
