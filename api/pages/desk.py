"""The first page: over all accords what is overdue, what the visitor owes, could verify, agree to or sign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.keys import Identity
from activities.languages.catalogues import gettext, noted
from activities.reading.listing import ME, OTHERS, Filters, Step
from api.calls import Parts
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Visitor
from workflows.model.commands import Summary, Waiting

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST = 50
"""Steps of the visitor's own that are shown."""

MOST_OF_OTHERS = 10
"""Steps of others that are shown."""

MOST_ACCORDS = 200
"""Accords among which those are looked for in which something is new."""

HEADINGS = (
    ("owe", noted("You owe")),
    ("verify", noted("You could verify")),
    ("agree", noted("You should agree to")),
    ("sign", noted("You may sign")),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A step that waits: where, what is to be done, and the address of its act."""

    accord: str
    title: str
    vocabulary: str
    step: Waiting
    overdue: bool = False

    @property
    def href(self) -> str:
        """The form of the act, filled in as far as it is known."""
        return form_address(self.accord, self.step)


def form_address(accord: str, step: Waiting) -> str:
    """The address of a step's form, with what is known of its fields."""
    given = {name: value for name, value in step.fields.items() if _simple(value)}
    query = f"?{urlencode(given, doseq=True)}" if given else ""
    return f"/accords/{accord}/do/{step.act.replace('_', '-')}{query}"


def _simple(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


@dataclass(frozen=True, slots=True)
class News:
    """An accord in which something came since the visitor last looked."""

    accord: Summary
    entries: int
    since: int | None


@router.get("/")
async def desk(request: Request, parts: Parts, session: Visitor) -> Response:
    """What waits on the visitor, what waits on others, and what is new."""
    identity = session.identity
    if identity.kind != "delegate":
        return RedirectResponse("/accords", 303, {"Cache-Control": "no-store"})
    mine = await parts.listing.steps(identity.principal, waiting_on=ME, limit=MOST)
    others = await parts.listing.steps(identity.principal, waiting_on=OTHERS, limit=MOST_OF_OTHERS)
    lines = _lines(identity, mine.items)
    overdue = [one for one in lines if one.overdue]
    groups = [
        (gettext(heading), found)
        for kind, heading in HEADINGS
        if (found := [one for one in lines if one.step.kind == kind and not one.overdue])
    ]
    return page(
        request,
        "desk.html",
        overdue=overdue,
        groups=groups,
        more=mine.next is not None,
        others=_lines(identity, others.items),
        news=await _news(parts, identity),
        now=datetime.now().astimezone(),
    )


def _lines(identity: Identity, steps: Iterable[Step]) -> list[Line]:
    return [
        Line(one.accord, one.title, one.vocabulary, one.waiting, one.overdue)
        for one in steps
        if one.illustrative or not identity.only_illustrative
    ]


async def _news(parts: Parts, identity: Identity) -> list[News]:
    found = await parts.listing.accords(Filters(member=identity.principal), limit=MOST_ACCORDS)
    accords = [one for one in found.items if one.illustrative or not identity.only_illustrative]
    looked = await parts.looks.of(identity.principal, [one.accord for one in accords])
    news = [News(one, one.position - looked.get(one.accord, 0), looked.get(one.accord)) for one in accords]
    return [one for one in news if one.entries > 0]
