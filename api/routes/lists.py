"""What a person sees over all accords: the list with its filters, and the desk, where what waits on them stands."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from activities.identity.keys import Identity
from activities.reading.listing import ME, Filters, Place, Step
from api.answers.lists import AccordPage, AccordRow, DeskItem, DeskView
from api.calls import (
    ACCORD_ID,
    TIME_SCHEMA,
    After,
    Caller,
    Parts,
    answer,
    cursor,
    moment,
    next_link,
    problems,
    read_cursor,
)
from api.problems import FieldError, Problem
from api.routing import BoundedRoute, QueryFlag, WholeNumber
from workflows.model.commands import Summary
from workflows.model.summary import searchable

_WORD = r"^[a-z][a-z_]{0,39}$"
_PARTY = r"^[A-Z][A-Z0-9]{0,11}$"
_WHO = r"^([A-Z][A-Z0-9]{0,11}|[a-z][a-z0-9]*([._-][a-z0-9]+)*)$"

MOST_WORDS = 8
"""Words that a search takes."""

router = APIRouter(route_class=BoundedRoute, tags=["accords"])


WaitingOn = Annotated[
    str | None,
    Query(
        max_length=64,
        pattern=_WHO,
        description="only what waits on: me, a party such as RU, or a delegate such as ru.protocol",
    ),
]
DueBefore = Annotated[
    str | None,
    Query(
        max_length=40,
        description="only where a step that waits (on waiting_on, where it is given) is due before this time",
        json_schema_extra=TIME_SCHEMA,
    ),
]


def delegate_of(identity: Identity, parameter: str) -> str:
    """The delegate that the caller is, whom accords may wait for.

    Raises:
        Problem: ``malformed`` for a key that acts in no accord.
    """
    if identity.kind == "delegate":
        return identity.principal
    said = f"no accord waits for the holder of an {identity.kind}'s key; name a delegate or a party"
    raise Problem("malformed", f"{parameter}: {said}.", errors=(FieldError(field=parameter, problem=said),))


@router.get(
    "/accords",
    operation_id="list_accords",
    summary="List accords",
    response_model=AccordPage,
    responses=problems(),
)
async def list_accords(
    request: Request,
    parts: Parts,
    identity: Caller,
    stage: Annotated[str | None, Query(pattern=_WORD, description="only accords at this stage")] = None,
    party: Annotated[
        str | None, Query(pattern=_PARTY, description="only accords with this party, such as RU")
    ] = None,
    vocabulary: Annotated[
        str | None, Query(pattern=_WORD, description="such as diplomatic or closing")
    ] = None,
    waiting_on: WaitingOn = None,
    due_before: DueBefore = None,
    changed_since: Annotated[
        str | None,
        Query(
            max_length=40,
            description="only accords with an entry at this time or later, by the accord's clock",
            json_schema_extra=TIME_SCHEMA,
        ),
    ] = None,
    blocked_by: Annotated[
        str | None,
        Query(pattern=_WORD, description="only accords whose next stage this guard blocks"),
    ] = None,
    ended: Annotated[
        QueryFlag | None, Query(description="only accords that have ended, or that have not")
    ] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            json_schema_extra={"pattern": r"\S"},
            description="only accords in whose id, title, or parties' codes and names a word begins with each of these",
        ),
    ] = None,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 50,
) -> Response:
    """The accords that the caller may know of, the last opened first.

    Who sees cleared status only does not learn by a filter whom an accord waits for.
    """
    place = read_cursor(after)
    page = await parts.listing.accords(
        Filters(
            member=None if identity.reads_all else identity.principal,
            stage=stage,
            party=party,
            vocabulary=vocabulary,
            waiting_on=delegate_of(identity, "waiting_on") if waiting_on == ME else waiting_on,
            due_before=_moment(due_before, "due_before"),
            changed_since=_moment(changed_since, "changed_since"),
            blocked_by=blocked_by,
            words=() if q is None else _words(q),
            ended=ended,
        ),
        after=None if place is None else int(place),
        limit=limit,
    )
    following = None if page.next is None else cursor(str(page.next))
    return answer(
        AccordPage(items=tuple(map(_row, page.items)), next=following), headers=next_link(request, following)
    )


def _moment(text: str | None, name: str) -> datetime | None:
    return None if text is None else moment(text, name)


def _words(q: str) -> tuple[str, ...]:
    words = searchable(q)
    if 0 < len(words) <= MOST_WORDS:
        return words
    said = f"search for up to {MOST_WORDS} words" if words else "there is no word in it to search for"
    raise Problem("malformed", f"q: {said}.", errors=(FieldError(field="q", problem=said),))


def _row(one: Summary) -> AccordRow:
    return AccordRow(
        accord=one.accord,
        title=one.title,
        vocabulary=one.vocabulary,
        stage=one.stage,
        parties=one.parties,
        version=one.version,
        size=one.position,
        opened_at=one.opened,
        updated_at=one.updated,
        next_deadline=one.next_deadline,
        due=one.due,
        blocked_by=one.blocked_by,
        illustrative=one.illustrative,
        simulated=one.simulated,
        ended=one.ended,
    )


@router.get(
    "/desk",
    operation_id="read_desk",
    summary="Read what waits on you",
    response_model=DeskView,
    responses=problems("forbidden"),
)
async def read_desk(
    request: Request,
    parts: Parts,
    identity: Caller,
    kind: Annotated[
        Literal["owe", "verify", "agree", "sign"] | None,
        Query(description="only what the caller owes, could verify, should agree to, or may sign"),
    ] = None,
    waiting_on: Annotated[
        str,
        Query(
            max_length=64,
            pattern=_WHO,
            description="what waits on: me, others, a party such as RU, or a delegate; in accords that the caller "
            "sees whole",
        ),
    ] = ME,
    due_before: DueBefore = None,
    accord: Annotated[
        str | None, Query(max_length=255, pattern=ACCORD_ID, description="only steps of this accord")
    ] = None,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 50,
) -> Response:
    """What the caller owes, could verify, should agree to and may sign, over all accords, by when it is due.

    Each item is an act that can be sent as it stands, once the fields that only the caller knows are added.
    """
    if identity.kind != "delegate":
        raise Problem(
            "forbidden",
            f"No accord waits for the holder of an {identity.kind}'s key. `GET /v1/accords?waiting_on=` with a party "
            "or a delegate shows where they are waited for.",
        )
    me = identity.principal
    totals = await parts.listing.totals(me)
    page = await parts.listing.steps(
        me,
        waiting_on=waiting_on,
        kinds=() if kind is None else (kind,),
        due_before=_moment(due_before, "due_before"),
        accord=accord,
        after=_read_place(after),
        limit=limit,
    )
    following = None if page.next is None else _place(page.next)
    view = DeskView(
        delegate=me,
        counts={one: totals.by_kind.get(one, 0) for one in ("owe", "verify", "agree", "sign")},
        overdue=totals.overdue,
        more=totals.more,
        items=tuple(map(_item, page.items)),
        next=following,
    )
    return answer(view, headers=next_link(request, following))


def _item(one: Step) -> DeskItem:
    step = one.waiting
    return DeskItem(
        accord=one.accord,
        title=one.title,
        vocabulary=one.vocabulary,
        stage=one.stage,
        illustrative=one.illustrative,
        simulated=one.simulated,
        key=one.key,
        kind=step.kind,
        act=step.act,
        fields=step.fields,
        says=step.says,
        subject=step.subject,
        by=step.by,
        not_before=step.not_before,
        overdue=one.overdue,
        parties=step.parties,
        who=step.who,
    )


def _place(place: Place) -> str:
    due, accord, key = place
    return cursor(json.dumps([None if due is None else due.isoformat(), accord, key]))


def _read_place(text: str | None) -> Place | None:
    if text is None:
        return None
    try:
        inner = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        due, accord, key = inner
        at = None if due is None else datetime.fromisoformat(due).astimezone(UTC)
        if not (isinstance(accord, str) and isinstance(key, str)) or "\0" in accord + key:
            raise ValueError("no place")
    except (binascii.Error, UnicodeError, ValueError, TypeError, OverflowError):
        said = "it is no cursor of this API; start again without one"
        raise Problem(
            "malformed", f"after: {said}.", errors=(FieldError(field="after", problem=said),)
        ) from None
    return at, accord, key
