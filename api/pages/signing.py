"""The signing room: the seats in their order, what is held, and what the release still waits for."""

from __future__ import annotations

from itertools import chain

from fastapi import APIRouter, Request, Response

from api.access import seen_whole
from api.answers.accord import DocumentView
from api.calls import Parts
from api.pages.accords import ON_PAGE, accord_page, mine, shown
from api.pages.readable import readable
from api.pages.visiting import PageRoute, Visitor
from api.views import document_view
from workflows.model.rules import gate
from workflows.model.state import Accord
from workflows.tracks.signing.pages import DepositSignedPage, Place, places
from workflows.tracks.signing.release import release_digest

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SIGNING = (
    "sign_document",
    "consent_to_release",
    "release_signatures",
    "find_full_powers",
    "issue_full_powers",
)
"""What is done in the signing room."""


def _pages_by_original(a: Accord) -> dict[str, dict[str | None, list[Place]]]:
    """The seats on the signature pages of each document, by original, where a signature is on the record."""
    found: dict[str, dict[str | None, list[Place]]] = {}
    for one in places(a):
        found.setdefault(one.document, {}).setdefault(one.original, []).append(one)
    return {
        document: originals
        for document, originals in found.items()
        if any(place.signed for listed in originals.values() for place in listed)
    }


def _holds(document: DocumentView, who: str) -> bool:
    """Whether somebody's signature on a document is held."""
    return any(seat.holder == who and seat.signature is not None for seat in document.seats.values())


@router.get("/accords/{accord}/signing")
async def signing_room(request: Request, parts: Parts, session: Visitor, accord: str) -> Response:
    """The seats in their order, full powers, held signatures, and what the release still waits for."""
    one = await shown(request, parts, session, accord)
    seen_whole(one.seen.access)
    a = one.state
    documents = {code: document_view(a, code) for code in a.definition.documents}
    signing = [check for check in gate(a, "signing") if not check.met]
    told = {(check.guard, check.subject) for check in signing}
    held = [code for code, it in documents.items() if _holds(it, one.acts_as)]
    withdrawing = [one.offers(("withdraw_signature",), document=code) for code in held]
    offered = one.offers(ON_PAGE["signing"])
    pages = _pages_by_original(a)
    scans = [place.scan.digest for place in places(a) if place.scan is not None]
    return accord_page(
        request,
        "signing.html",
        one,
        "signing",
        documents=documents,
        release=release_digest(a) if a.founded else None,
        mine=[line for line in mine(one) if line.step.act in SIGNING],
        signing=signing,
        pages=pages,
        files=await readable(parts, one.seen, scans),
        deposits=any(offer.act is DepositSignedPage for offer in offered),
        further=[
            check
            for check in gate(a, "release")
            if not check.met and (check.guard, check.subject) not in told
        ],
        actions=(
            *(offer for offer in offered if offer.open or offer.act is not DepositSignedPage),
            *chain.from_iterable(withdrawing),
        ),
    )
