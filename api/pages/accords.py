"""The pages of an accord: where it stands and what is missing, its conditions, documents, visit, signing, people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from activities.reading.listing import Filters
from api.access import seen_whole
from api.calls import After, Parts, cursor, read_cursor
from api.clock import Present
from api.pages.offers import FORWARD, Offer, offers
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Seen, Visitor, seen_by
from api.problems import not_found
from api.routes.accords import state_as_of
from api.schemas import AccordView
from api.views import accord_view, status_view
from workflows.model.declared import ACTS
from workflows.model.rules import GATES, LADDER, NEXT_GATE, gate, stage
from workflows.model.state import Accord
from workflows.model.values import INSTALLATION
from workflows.model.vocabulary import VOCABULARIES
from workflows.tracks.conditions.state import beneficiaries

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PAGE = 50
"""Accords on one page of the list."""

MOST_MINE = 40
"""Lines of what the visitor could do."""

ABOUT_CONDITION = tuple(name for name, act in ACTS.items() if "condition" in act.model_fields)
ABOUT_DOCUMENT = tuple(name for name, act in ACTS.items() if "document" in act.model_fields)
IN_THE_ROOM = ("consent_to_release", "release_signatures")


def _of_tracks(*tracks: str) -> tuple[str, ...]:
    return tuple(
        name
        for name, act in ACTS.items()
        if act.track in tracks and name not in (*ABOUT_CONDITION, *ABOUT_DOCUMENT, *IN_THE_ROOM)
    )


ON_PAGE: dict[str, tuple[str, ...]] = {
    "overview": _of_tracks("subsequent", "schedules"),
    "visit": _of_tracks("invitation", "visit", "understanding"),
    "signing": IN_THE_ROOM,
    "people": (*_of_tracks("founding", "keys", "consent"), "decline_definition"),
    "record": _of_tracks("statements", "attestation", "witnessing", "logkeys", "erasure"),
    "operation": _of_tracks("operation"),
}
"""The acts that stand on each page of an accord, besides those about one condition or document."""


@dataclass(frozen=True, slots=True)
class Todo:
    """A line of what the visitor could do now: what it is about, by when, and the act if it is one step away."""

    says: str
    by: Any
    href: str
    offer: Offer | None = None


@router.get("/accords")
async def list_accords(
    request: Request,
    parts: Parts,
    session: Visitor,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    party: Annotated[str | None, Query(max_length=12)] = None,
    after: After = None,
) -> Response:
    """The accords that the visitor may know of, the last opened first."""
    identity = session.identity
    place = read_cursor(after)
    found = await parts.listing.accords(
        Filters(
            member=None if identity.reads_all else identity.principal,
            stage=stage or None,
            party=(party or "").strip().upper() or None,
        ),
        after=None if place is None else int(place),
        limit=PAGE,
    )
    rows = [one for one in found.items if one.illustrative or not identity.only_illustrative]
    return page(
        request,
        "accords.html",
        rows=rows,
        following=None if found.next is None else cursor(str(found.next)),
        stage=stage or "",
        party=party or "",
        stages=(*LADDER, "terminated"),
        vocabularies=VOCABULARIES,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """An accord for a page: as the visitor sees it, at the accord's present time."""

    seen: Seen
    present: Present
    at_position: int | None = None

    @property
    def state(self) -> Accord:
        """The accord's state."""
        return self.seen.state

    @property
    def acts_as(self) -> str:
        """The id as whom the visitor does acts."""
        identity = self.seen.identity
        return INSTALLATION if identity.kind == "operator" else identity.principal

    def offers(self, names: tuple[str, ...], **given: str) -> tuple[Offer, ...]:
        """The acts of the visitor among those named; none where the past is shown, or nobody acts."""
        if self.at_position is not None or self.seen.identity.kind == "auditor":
            return ()
        return offers(self.state, self.acts_as, self.present.time, names, given)


async def shown(request: Request, parts: Parts, session: Visitor, accord: str) -> Shown:
    """An accord for a page.

    Raises:
        Problem: ``not_found``.
    """
    seen = await seen_by(request, session, accord)
    return Shown(seen, await parts.clocks.present(seen.state))


def accord_page(request: Request, template: str, one: Shown, here: str, **values: Any) -> Response:
    """A page of an accord, with all that its head needs."""
    a = one.state
    return page(
        request,
        template,
        a=a,
        one=one,
        here=here,
        stage=stage(a),
        ladder=LADDER,
        present=one.present,
        now=one.present.time,
        me=one.acts_as,
        access=one.seen.access,
        party=one.seen.party,
        guard_link=guard_link,
        about_link=about_link,
        **values,
    )


@router.get("/accords/{accord}")
async def overview(
    request: Request,
    parts: Parts,
    session: Visitor,
    accord: str,
    as_of: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Where the accord stands, what is missing for the next stage, who owes it, by when."""
    one = await shown(request, parts, session, accord)
    if as_of is not None and as_of.strip():
        state, at = await state_as_of(parts, accord, as_of.strip(), one.present.time)
        seen = Seen(state, one.seen.access, one.seen.identity)
        one = Shown(seen, Present(at, True), state.size - 1)
    if one.seen.access.cleared:
        view = status_view(one.state, one.present)
        definition = one.state.amendment if one.seen.access.candidate else None
        adopting = one.offers(("adopt_definition", "decline_definition")) if definition else ()
        return accord_page(request, "cleared.html", one, "overview", view=view, adopting=adopting)
    view = accord_view(one.state, one.present)
    return accord_page(
        request,
        "accord.html",
        one,
        "overview",
        view=view,
        gate_name=NEXT_GATE[view.stage],
        mine=list(_mine(one, view)) if one.at_position is None else [],
        actions=one.offers(ON_PAGE["overview"]),
    )


def about_link(a: Accord, subject: str | None) -> str:
    """The page of what a guard is about; the accord's own for all else."""
    base = f"/accords/{a.id}"
    if subject in a.definition.conditions:
        return f"{base}/conditions/{subject}"
    if subject in a.definition.documents:
        return f"{base}/documents/{subject}"
    kind, _, rest = (subject or "").partition("/")
    if kind in ("text", "concordance", "initials", "execution", "corrigendum", "severance"):
        return f"{base}/documents/{rest.partition('/')[0]}"
    return {
        "dates": f"{base}/visit",
        "confirmation": f"{base}/visit",
        "arrival": f"{base}/visit",
        "completion": f"{base}/visit",
        "understanding": f"{base}/visit",
        "release": f"{base}/signing",
        "definition": f"{base}/people",
    }.get(kind, base)


def guard_link(a: Accord, guard: str, subject: str | None) -> str:
    """The page on which an unmet guard can be met."""
    link = about_link(a, subject)
    if link != f"/accords/{a.id}":
        return link
    if guard.startswith(("invitation", "visit", "understanding", "window", "arriv")):
        return f"{link}/visit"
    if guard.startswith(("seat", "release", "to_release", "signatures")):
        return f"{link}/signing"
    return f"{link}/people" if guard == "founded" else link


def _mine(one: Shown, view: AccordView) -> Iterator[Todo]:
    """What the visitor could do now to bring the accord forward, the earliest due first."""
    me, a = one.acts_as, one.state
    lines: list[Todo] = []
    owed = [(code, it.due, it.title) for code, it in view.conditions.items() if me in it.owed_by]
    owed.sort(key=lambda it: (it[1] is None, it[1]))
    for code, due, title in owed[:MOST_MINE] if a.founded else ():
        link = about_link(a, code)
        lines.append(Todo(f"{code} · {title}", due, link, _next(one, ABOUT_CONDITION, condition=code)))
    for code, document in view.documents.items() if a.founded else ():
        if len(lines) < MOST_MINE and (me in document.owed_by or _holds_open_seat(document, me)):
            offer = _next(one, ABOUT_DOCUMENT, document=code)
            if offer is not None:
                lines.append(Todo(f"{code} · {document.title}", None, about_link(a, code), offer))
    for name in (*ON_PAGE["people"], *ON_PAGE["visit"], *ON_PAGE["signing"], "close_accord"):
        if name in FORWARD:
            lines += [
                Todo("", None, f"/accords/{a.id}", offer) for offer in one.offers((name,)) if offer.open
            ]
    yield from lines[:MOST_MINE]


def _holds_open_seat(document: Any, me: str) -> bool:
    return any(seat.holder == me and seat.signature is None for seat in document.seats.values())


def _next(one: Shown, names: tuple[str, ...], **given: str) -> Offer | None:
    """The act that is the next step with one object, if one is open for the visitor."""
    wanted = tuple(name for name in FORWARD if name in names)
    return next((offer for offer in one.offers(wanted, **given) if offer.open), None)


@router.get("/accords/{accord}/conditions/{code}")
async def condition(request: Request, parts: Parts, session: Visitor, accord: str, code: str) -> Response:
    """One condition: its terms, evidence, findings, verdict, dispute, and what the visitor may do about it."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    a = one.state
    if code not in a.definition.conditions:
        raise not_found(accord)
    view = accord_view(a, one.present).conditions[code]
    return accord_page(
        request,
        "condition.html",
        one,
        "overview",
        code=code,
        it=view,
        terms=a.definition.conditions[code],
        beneficiaries=beneficiaries(a, code),
        actions=one.offers(ABOUT_CONDITION, condition=code) if a.founded else (),
    )


@router.get("/accords/{accord}/documents/{code}")
async def document(request: Request, parts: Parts, session: Visitor, accord: str, code: str) -> Response:
    """One document: its texts in every language, the steps they have passed, its seats, and the visitor's acts."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    a = one.state
    if code not in a.definition.documents:
        raise not_found(accord)
    view = accord_view(a, one.present)
    consents = [it for it in view.consents if it.subject.split("/")[1:2] == [code]]
    return accord_page(
        request,
        "document.html",
        one,
        "overview",
        code=code,
        it=view.documents[code],
        consents=consents,
        actions=one.offers(ABOUT_DOCUMENT, document=code) if a.founded else (),
    )


@router.get("/accords/{accord}/visit")
async def visit(request: Request, parts: Parts, session: Visitor, accord: str) -> Response:
    """The invitation and its answers, the understanding, the visit and its programme."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    return accord_page(
        request,
        "visit.html",
        one,
        "visit",
        view=accord_view(one.state, one.present),
        checks=list(gate(one.state, "visit")),
        actions=one.offers(ON_PAGE["visit"]),
    )


@router.get("/accords/{accord}/signing")
async def signing_room(request: Request, parts: Parts, session: Visitor, accord: str) -> Response:
    """The seats in their order, full powers, held signatures, and what the release still waits for."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    a = one.state
    signing = tuple(
        offer
        for code in (a.definition.documents if a.founded else ())
        for offer in one.offers(("sign_document", "withdraw_signature"), document=code)
        if offer.open
    )
    return accord_page(
        request,
        "signing.html",
        one,
        "signing",
        view=accord_view(a, one.present),
        gates={name: list(gate(a, name)) for name in ("signing", "held", "release")},
        gate_words=GATES,
        actions=(*signing, *one.offers(ON_PAGE["signing"])),
    )


@router.get("/accords/{accord}/people")
async def people(request: Request, parts: Parts, session: Visitor, accord: str) -> Response:
    """The parties, their delegates, offices, roles and keys; and the definition with what waits for adoption."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    view = accord_view(one.state, one.present)
    return accord_page(
        request, "people.html", one, "people", view=view, actions=one.offers(ON_PAGE["people"])
    )
