"""The definition of an accord as its parties adopt it, whole; and what an amendment that waits would change in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import yaml
from fastapi import APIRouter, Request, Response

from api.access import seen_whole
from api.calls import AccordId, Parts
from api.heavy import READING
from api.pages.accords import accord_page, shown
from api.pages.visiting import PageRoute, Visitor
from api.routing import QueryFlag
from api.views import consent_views
from workflows.model.definition import Definition

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_CHANGES = 300
"""Changes that the page lists; the text of both definitions has them all."""

NOTHING = object()
"""Stands where a definition says nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place of a definition, and what it says there before and after; none where it says nothing."""

    place: str
    before: str | None
    after: str | None


def changes(before: Any, after: Any, place: tuple[str, ...] = ()) -> Iterator[Change]:
    """The places in which two definitions differ, as far down as both have a mapping there."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in (*before, *(each for each in after if each not in before)):
            yield from changes(before.get(name, NOTHING), after.get(name, NOTHING), (*place, str(name)))
        return
    yield Change(" / ".join(place), _text(before), _text(after))


def _text(value: Any) -> str | None:
    if value is NOTHING:
        return None
    if isinstance(value, str):
        return value
    return written(value).removesuffix("\n...\n").strip()


def written(value: Any) -> str:
    """As YAML, which can be sent again as it is."""
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100)


def _compared(now: Definition, amendment: Definition) -> tuple[list[Change], bool]:
    found = list(islice(changes(now.as_facts(), amendment.as_facts()), MOST_CHANGES + 1))
    return found[:MOST_CHANGES], len(found) > MOST_CHANGES


@dataclass(frozen=True, slots=True)
class Claimed:
    """An id that a definition names for one side, and that another one has claimed."""

    delegate: str
    by: str


def claimed_elsewhere(named: Definition, claims: Mapping[str, str]) -> list[Claimed]:
    """Whom a definition names for a party and neither it nor its contact has claimed; and officers whom a side has."""
    found = []
    for delegate, party in named.owners().items():
        by = claims.get(delegate)
        contact = None if party is None else named.parties[party].contact
        # Who claimed the contact is told of the contact alone: its side's further delegates are claimed with it.
        with_contact = None if contact is None or delegate == contact else claims.get(contact)
        if by is not None and by not in (delegate, contact, with_contact):
            found.append(Claimed(delegate, by))
    return found


@router.get("/accords/{accord}/definition")
async def definition(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: AccordId,
    amendment: QueryFlag = False,
    download: QueryFlag = False,
) -> Response:
    """The definition in force or proposed, or the amendment that waits, with what it would change; or as a file."""
    one = await shown(request, parts, session, accord)
    if not one.seen.access.reads_definition:
        seen_whole(one.seen.access)
    a = one.state
    pending = a.amendment
    text = await READING.run(written, (pending if amendment and pending else a.definition).as_facts())
    if download:
        name = f"{accord}-amendment.yaml" if amendment and pending else f"{accord}-definition.yaml"
        return Response(
            text,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
            media_type="application/yaml",
        )
    compared, more = ([], False) if pending is None else await READING.run(_compared, a.definition, pending)
    to_adopt = a.definition if pending is None else pending
    claims = await parts.claims.of(to_adopt.owners())
    return accord_page(
        request,
        "definition.html",
        one,
        "people",
        text=text,
        pending=pending,
        compared=compared,
        more=more,
        claimed=claimed_elsewhere(to_adopt, claims),
        amendment=amendment and pending is not None,
        consents=[each for each in consent_views(a) if each.subject == "definition"],
        actions=one.offers(("adopt_definition", "decline_definition", "amend_definition")),
    )
