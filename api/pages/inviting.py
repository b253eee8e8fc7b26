"""Joining links in the pages: a party's contact invites whom it has appointed, each by a link that is good once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from activities.languages.catalogues import noted
from api.answers.people import MadeJoinLink
from api.backend import Backend
from api.calls import AccordId, Parts, acting
from api.pages.accords import Shown, accord_page, shown
from api.pages.own import first, key_of, makes, new_key
from api.pages.visiting import PageRoute, Visitor, form_of
from api.pages.words import problem_words
from api.problems import Problem
from api.routes.joining import USUAL, MakeJoinLink, link_made, status_of, withdraw_join_link
from workflows.model.state import Appointment

router = APIRouter(route_class=PageRoute, include_in_schema=False)

TIMES = {"P1D": noted("one day"), USUAL: noted("seven days"), "P30D": noted("thirty days")}
"""How long a link can be good, as the form offers it."""

STATUSES = {
    "open": noted("good until %(date)s"),
    "used": noted("used"),
    "withdrawn": noted("withdrawn, or another took its place"),
    "expired": noted("expired"),
}
"""What became of a link."""


@dataclass(frozen=True, slots=True)
class Invited:
    """A link that was made, as the page lists it."""

    id: str
    delegate: str
    status: str
    expires: datetime


def own_side(one: Shown) -> list[tuple[str, Appointment]]:
    """The delegates whom the visitor, as contact of their party, can invite; none for everybody else."""
    if not one.is_contact:
        return []
    a, me = one.state, one.acts_as
    party = a.delegates[me].party
    return [
        (name, each)
        for name, each in a.delegates.items()
        if each.party == party and not each.revoked and name != me
    ]


@router.get("/accords/{accord}/links")
async def links(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    delegate: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The form for a joining link, and the links that the visitor has made in the accord."""
    one = await shown(request, parts, session, accord)
    return await _page(request, parts, one, delegate=delegate)


async def _page(
    request: Request,
    parts: Backend,
    one: Shown,
    status: int = 200,
    *,
    delegate: str = "",
    wrong: str | None = None,
    made: MadeJoinLink | None = None,
    valid_for: str = USUAL,
) -> Response:
    now = datetime.now(UTC)
    listed = await parts.delegates.links(acting(one.seen.identity), one.state.id)
    answer = accord_page(
        request,
        "links.html",
        one,
        "people",
        people=own_side(one),
        links=[Invited(each.id, each.delegate, status_of(each, now), each.expires) for each in listed],
        statuses=STATUSES,
        times=TIMES,
        key=new_key(),
        delegate=delegate,
        wrong=wrong,
        made=made,
        valid_for=valid_for,
    )
    answer.status_code = status
    return answer


@router.post("/accords/{accord}/links")
async def make_link(request: Request, parts: Parts, session: Visitor, accord: AccordId) -> Response:
    """Make a link, which is shown once; or withdraw one."""
    given = await form_of(request, session)
    one = await shown(request, parts, session, accord)
    await parts.limits.count("delegate", session.identity.principal)
    delegate, valid_for = first(given, "delegate"), first(given, "valid_for") or USUAL
    made = None
    try:
        identity = makes(session, "keys")
        if first(given, "step") == "withdraw":
            await withdraw_join_link(accord, first(given, "id"), parts, identity)
            return RedirectResponse(f"/accords/{accord}/links#links", 303, {"Cache-Control": "no-store"})
        wanted = MakeJoinLink(delegate=delegate, valid_for=valid_for)
        made = await link_made(request, parts, identity, accord, key_of(given), wanted)
    except ValidationError:
        said, _ = problem_words(Problem("malformed", "Choose for whom the link is, and how long it is good."))
        return await _page(request, parts, one, 422, delegate=delegate, wrong=said)
    except Problem as problem:
        wrong, in_english = problem_words(problem)
        said = wrong if in_english is None else f"{wrong} {in_english}"
        return await _page(
            request, parts, one, problem.status, delegate=delegate, wrong=said, valid_for=valid_for
        )
    return await _page(request, parts, one, made=made)
