"""The pages of an accord: where it stands and what is missing, its conditions, documents, visit, signing, people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from activities.reading.listing import Filters
from activities.reading.versions import versions
from api.access import seen_whole
from api.calls import After, Parts, cursor, read_cursor
from api.clock import Present
from api.pages.desk import Line
from api.pages.offers import Offer, offers
from api.pages.readable import comparable, readable
from api.pages.rendering import page
from api.pages.visiting import PageRoute, Seen, Visitor, seen_by
from api.problems import not_found
from api.routes.accords import state_as_of
from api.routes.finality import finality_of
from api.routes.lists import MOST_WORDS
from api.views import (
    accord_view,
    condition_view,
    consent_views,
    delegate_views,
    document_view,
    invitation_view,
    party_views,
    status_view,
    understanding_view,
    visit_view,
    window_view,
)
from workflows.model.declared import ACTS
from workflows.model.rules import LADDER, NEXT_GATE, gate, stage
from workflows.model.state import Accord
from workflows.model.summary import searchable
from workflows.model.values import INSTALLATION
from workflows.model.vocabulary import VOCABULARIES
from workflows.model.waiting.steps import waiting
from workflows.tracks.conditions.state import beneficiaries

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PAGE = 50
"""Accords on one page of the list."""

MOST_MINE = 40
"""Lines of what the visitor could do."""

ABOUT_CONDITION = tuple(name for name, act in ACTS.items() if "condition" in act.model_fields)
ABOUT_DOCUMENT = tuple(name for name, act in ACTS.items() if "document" in act.model_fields)
IN_THE_ROOM = ("consent_to_release", "release_signatures", "deposit_signed_page")


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


@router.get("/accords")
async def list_accords(
    request: Request,
    parts: Parts,
    session: Visitor,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    party: Annotated[str | None, Query(max_length=12)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
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
            words=searchable(q or "")[:MOST_WORDS],
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
        q=q or "",
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

    @property
    def is_contact(self) -> bool:
        """Whether the visitor is the contact of a party of the accord."""
        mine = self.state.delegates.get(self.acts_as)
        return mine is not None and not mine.revoked and "contact" in mine.roles

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
    before = None
    if one.at_position is None:
        before = await parts.looks.look(one.seen.identity.principal, accord, one.state.size)
    view, finality = accord_view(one.state, one.present), None
    if one.at_position is None:
        finality = await finality_of(request, parts, accord, one.state.size)
    return accord_page(
        request,
        "accord.html",
        one,
        "overview",
        view=view,
        gate_name=NEXT_GATE[view.stage],
        mine=mine(one) if one.at_position is None else [],
        since=before if before is not None and before < one.state.size else None,
        finality=finality,
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


def mine(one: Shown) -> list[Line]:
    """What waits on the visitor in the accord, the earliest due first."""
    a, now = one.state, one.present.time
    steps = [step for step in waiting(a).values() if one.acts_as in step.who]
    steps.sort(key=lambda step: (step.by is None, step.by))
    return [
        Line(a.id, a.definition.title, a.definition.vocabulary, step, step.by is not None and step.by < now)
        for step in steps[:MOST_MINE]
    ]


@router.get("/accords/{accord}/conditions/{code}")
async def condition(request: Request, parts: Parts, session: Visitor, accord: str, code: str) -> Response:
    """One condition: its terms, evidence, findings, verdict, dispute, and what the visitor may do about it."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    a = one.state
    if code not in a.definition.conditions:
        raise not_found(accord)
    it = condition_view(a, code)
    return accord_page(
        request,
        "condition.html",
        one,
        "overview",
        code=code,
        it=it,
        files=await readable(parts, one.seen, [each.digest for each in it.evidence]),
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
    consents = [it for it in consent_views(a) if it.subject.split("/")[1:2] == [code]]
    put_forward = await versions(parts.pool, accord, code)
    files = await readable(parts, one.seen, [each.digest for each in reversed(put_forward)])
    return accord_page(
        request,
        "document.html",
        one,
        "overview",
        code=code,
        it=document_view(a, code),
        consents=consents,
        versions=put_forward,
        files=files,
        comparable=[each for each in put_forward if comparable(files.get(each.digest))],
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
        invitation=invitation_view(one.state),
        understanding=understanding_view(one.state),
        visit=visit_view(one.state),
        window=window_view(one.state.visit.window or one.state.definition.window),
        checks=list(gate(one.state, "visit")),
        actions=one.offers(ON_PAGE["visit"]),
    )


@router.get("/accords/{accord}/people")
async def people(request: Request, parts: Parts, session: Visitor, accord: str) -> Response:
    """The parties, their delegates, offices, roles and keys; and the definition with what waits for adoption."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    return accord_page(
        request,
        "people.html",
        one,
        "people",
        invites=one.is_contact,
        parties=party_views(one.state),
        delegates=delegate_views(one.state, one.present),
        actions=one.offers(ON_PAGE["people"]),
    )
