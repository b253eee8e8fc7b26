"""The record in the pages: the minutes by day, one entry with its proof, and the whole of it to take away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from activities.ledger.store import StoredEntry
from activities.reading.events import event_view
from activities.reading.shown import EventView
from api.access import seen_whole
from api.answers.record import TimestampsView
from api.calls import AccordId, Parts
from api.pages.accords import ON_PAGE, accord_page, shown
from api.pages.readable import digests_in, readable
from api.pages.visiting import LongPageRoute, PageRoute, Visitor
from api.pages.words import problem_words
from api.problems import Problem, not_found
from api.routes.finality import finality_of
from api.routes.ledger import get_bundle, get_checkpoint, get_policy, get_proof, get_timestamps
from api.routing import QueryFlag, WholeNumber

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_unbounded = APIRouter(route_class=LongPageRoute, include_in_schema=False)

PAGE = 100
"""Entries on one page of the minutes."""

SHOWN_TIMES = 10
"""Outside times on the page of the record."""

MOST_LOOKS = 20
"""Pages of the record that are gone through for one page of the minutes, where a filter leaves out most of it."""


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of one day, in UTC."""

    day: datetime
    entries: tuple[EventView, ...]


def _days(entries: Iterable[EventView]) -> list[Day]:
    found = []
    for _, group in groupby(entries, key=lambda one: one.time.date()):
        listed = tuple(group)
        found.append(Day(listed[0].time, listed))
    return found


def refused(entry: EventView) -> bool:
    """Whether an entry is of an act that was refused."""
    return entry.type in ("act_refused", "signal_refused")


@router.get("/accords/{accord}/minutes")
async def minutes(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    start: Annotated[WholeNumber | None, Query(ge=0, lt=2**53)] = None,
    by: Annotated[str, Query(max_length=64)] = "",
    only: Annotated[str, Query(pattern="^(refused|acts|followed)?$")] = "",
    about: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The record by day, the latest first: what was done, what was refused, what followed."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    by, about = by.strip(), about.strip()
    end = one.state.size if start is None else min(start, one.state.size)
    found: list[EventView] = []
    for _ in range(MOST_LOOKS):
        first = max(0, end - PAGE)
        entries = await parts.ledger.entries(accord, first, end - first)
        for stored in reversed(entries):
            entry = event_view(stored, one.state, one.seen.access)
            if _wanted(entry, by, only, about):
                found.append(entry)
        end = first
        if end == 0 or len(found) >= PAGE:
            break
    if len(found) > PAGE:
        found = found[:PAGE]
        end = found[-1].position
    return accord_page(
        request,
        "minutes.html",
        one,
        "minutes",
        finality=await finality_of(request, parts, accord, one.state.size),
        days=_days(found),
        refused=refused,
        following=end if end > 0 else None,
        start=start,
        by=by,
        only=only,
        about=about,
        delegates=sorted(one.state.delegates),
    )


def _wanted(entry: EventView, by: str, only: str, about: str) -> bool:
    if by and entry.actor.delegate != by:
        return False
    is_act = "act" in entry.facts
    kind = "refused" if refused(entry) else "acts" if is_act else "followed"
    if only and only != kind:
        return False
    return not about or about.casefold() in entry.says.casefold() or about in json.dumps(entry.facts)


async def _stored(parts: Parts, accord: str, position: int) -> StoredEntry:
    entries = await parts.ledger.entries(accord, position, 1)
    if not entries:
        raise not_found(accord)
    return entries[0]


Position = Annotated[WholeNumber, Query(ge=0, lt=2**53)]


@router.get("/accords/{accord}/entries/{position}")
async def entry(
    request: Request, parts: Parts, session: Visitor, accord: AccordId, position: WholeNumber
) -> Response:
    """One entry: what it says, the facts as they are recorded, its leaf hash, and the way to its proof."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    if position >= one.state.size:
        raise not_found(accord)
    view = event_view(await _stored(parts, accord, position), one.state, one.seen.access)
    return accord_page(
        request,
        "entry.html",
        one,
        "minutes",
        entry=view,
        refused=refused(view),
        facts=_shown(view.facts),
        files=await readable(parts, one.seen, digests_in(view.facts)),
        particulars=_shown(view.particulars) if view.particulars else None,
    )


def _shown(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@router.get("/accords/{accord}/record")
async def record(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """The record as a whole: its size and root, checkpoint and witnesses, to take away and to verify."""
    one = await shown(request, parts, session, accord)
    head = await parts.ledger.head(accord)
    checkpoint, missing = None, None
    try:
        answer = await get_checkpoint(request, accord, parts, session.identity)
        checkpoint = bytes(answer.body).decode()
    except Problem as problem:
        missing = problem_words(problem)
    policy = None
    if missing is None:
        policy = bytes((await get_policy(request, accord, parts, session.identity)).body).decode()
    stamped = await get_timestamps(accord, parts, session.identity, SHOWN_TIMES)
    cleared = one.seen.access.cleared
    return accord_page(
        request,
        "record.html",
        one,
        "record",
        finality=await finality_of(request, parts, accord, one.state.size),
        head=head,
        checkpoint=checkpoint,
        missing=missing,
        policy=policy,
        timestamps=TimestampsView.model_validate_json(bytes(stamped.body)).items,
        actions=() if cleared else one.offers(ON_PAGE["record"]),
    )


@_unbounded.get("/accords/{accord}/bundle")
async def bundle(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """The whole record in one file, as far as the visitor may read it."""
    return await get_bundle(request, accord, parts, session.identity)


@router.get("/accords/{accord}/proof/{position}")
async def proof(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    position: WholeNumber,
    final: QueryFlag = False,
) -> Response:
    """An entry's proof, as a file."""
    answer = await get_proof(request, accord, position, parts, session.identity, final)
    answer.headers["Content-Disposition"] = f'attachment; filename="entry-{position}.tlog-proof"'
    return answer


router.include_router(_unbounded)
