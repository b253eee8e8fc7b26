"""Papers in the pages: what there is to take away, in every language, and each as a file."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from activities.papers.kinds import described
from activities.papers.words import ENGLISH, languages, languages_of, words_of
from api.access import seen_whole
from api.calls import AccordId, Parts
from api.pages.accords import accord_page, shown
from api.pages.visiting import LongPageRoute, PageRoute, Visitor
from api.papersigning import SIGNED_KINDS
from api.routes.papers import get_paper
from api.routes.sheets import get_sheet

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_unbounded = APIRouter(route_class=LongPageRoute, include_in_schema=False)


@router.get("/accords/{accord}/papers")
async def papers(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """Every paper, the accord's own languages first; all links are to one entry, so that papers belong together."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    own = languages_of(one.state)
    w = words_of(ENGLISH, one.state.definition.vocabulary)
    return accord_page(
        request,
        "papers.html",
        one,
        "papers",
        papers=described(w),
        languages=[*own, *(tag for tag in languages() if tag not in own)],
        own=own,
        names={tag: w.term("language", tag) for tag in languages()},
        position=one.state.size - 1,
        signed_by=await parts.paper_signing.holder(),
        signed_kinds=SIGNED_KINDS,
    )


@_unbounded.get("/accords/{accord}/papers/{kind}")
async def paper(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    kind: str,
    lang: Annotated[str, Query(max_length=35)] = ENGLISH,
    as_of: Annotated[str | None, Query(max_length=40)] = None,
    signed: Annotated[bool, Query()] = False,
) -> Response:
    """One paper, as a file."""
    return await get_paper(request, accord, kind, parts, session.identity, lang, as_of, signed)


@router.get("/accords/{accord}/sheet")
async def sheet(
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    part: Annotated[Literal["conditions", "documents", "parties"] | None, Query()] = None,
    kind: Annotated[Literal["xlsx", "csv"], Query(alias="format")] = "xlsx",
) -> Response:
    """Conditions, documents and parties with their state, as a sheet."""
    return await get_sheet(accord, parts, session.identity, part, kind, None)


router.include_router(_unbounded)
