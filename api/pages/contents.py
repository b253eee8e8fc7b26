"""Contents in the pages: sent with a session instead of a token, taken away as files, two texts beside each other."""

from __future__ import annotations

import mimetypes
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from markupsafe import Markup

from activities.files import redline_page
from activities.files.redline import counted, redline
from activities.identity.scopes import covers
from activities.identity.sessions import Session
from api.access import seen_whole
from api.calls import AccordId, Parts
from api.heavy import COMPARING
from api.pages.accords import accord_page, shown
from api.pages.visiting import LongPageRoute, PageRoute, SignInNeeded, Visitor, from_here, visitor
from api.problems import Problem
from api.routes.files import DigestInPath, get_file, put_file
from api.routes.texts import text_of
from api.routing import CheckedRoute
from workflows.model.commands import Digest

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_taken_away = APIRouter(route_class=LongPageRoute, include_in_schema=False)
# Asked by the page's script: what goes wrong is told as the API tells it.
_sent = APIRouter(route_class=CheckedRoute, include_in_schema=False)


async def _sender(request: Request) -> Session:
    try:
        return await visitor(request)
    except SignInNeeded:
        raise Problem(
            "not_authenticated", "You are signed out. Sign in in another window, and choose the file again."
        ) from None


@_sent.put("/accords/{accord}/files/{digest}")
async def send(
    request: Request,
    parts: Parts,
    session: Annotated[Session, Depends(_sender)],
    accord: AccordId,
    digest: DigestInPath,
    token: Annotated[str, Header(alias="X-CSRF-Token", max_length=64)] = "",
    content_range: Annotated[str | None, Header(alias="Content-Range", max_length=80)] = None,
) -> Response:
    """Deposit a content, whole or in parts, as by ``PUT /v1/files/{digest}``."""
    from_here(request)
    if not session.sent(token):
        raise Problem(
            "forbidden", "The page is not one of this session. Open it again, and choose the file anew."
        )
    if not covers(session.identity.scopes, "deposit"):
        raise Problem(
            "forbidden", "Your key is not good for deposits. Record the digest alone, or use another key."
        )
    return await put_file(request, digest, accord, parts, session.identity, content_range)


@_taken_away.get("/accords/{accord}/files/{digest}")
async def take_away(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    digest: DigestInPath,
    range_header: Annotated[str | None, Header(alias="Range", max_length=80)] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", max_length=120)] = None,
) -> Response:
    """A content as a file; its name says what it is, and it is never shown within this site."""
    answer = await get_file(request, digest, parts, session.identity, accord, range_header, if_range)
    kind = mimetypes.guess_extension(answer.headers.get("content-type", "").partition(";")[0]) or ""
    name = f"{accord}-{digest.removeprefix('sha256:')[:16]}{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Vary"] = "Cookie"
    return answer


@router.get("/accords/{accord}/redline")
async def compare(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    older: Annotated[Digest, Query()],
    newer: Annotated[Digest, Query()],
    document: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """How one text becomes another, character by character."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    texts = [await text_of(parts, session.identity, accord, digest) for digest in (older, newer)]
    changes = await COMPARING.run(redline, *texts)
    return accord_page(
        request,
        "redline.html",
        one,
        "",
        older=older,
        newer=newer,
        document=document if document in one.state.definition.documents else None,
        deleted=await COMPARING.run(counted, changes, "delete"),
        inserted=await COMPARING.run(counted, changes, "insert"),
        # Escaped there, and what nobody sees in it is shown by its code points.
        body=Markup(await COMPARING.run(redline_page.body, changes)),  # noqa: S704
    )


router.include_router(_taken_away)
router.include_router(_sent)
