"""Joining by a link in the browser: with a key that is made and shown once, or with a provider's account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from activities.identity.keys import NotAuthenticated
from activities.identity.tokens import ProviderUnavailable
from activities.languages.prose import prose
from api.backend import Backend
from api.calls import Parts
from api.pages.going import sent_out
from api.pages.rendering import page
from api.pages.visiting import PageRoute, form_of, session_of
from api.problems import Problem
from api.routes.joining import join_by_key, link_in_browser, secret_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/join")
async def join(request: Request, parts: Parts) -> Response:
    """The ways to join by the link that led here; what is secret in it stays in the browser until it is sent."""
    await session_of(request)
    return join_page(request, parts)


@router.post("/join")
async def joined(request: Request, parts: Parts) -> Response:
    """Join by a link: a key is made, and shown once; or the browser goes to a provider, whose account is joined."""
    await session_of(request)
    given = await form_of(request, None)
    link, issuer = given.get("link", [""])[0], given.get("issuer", [""])[0]
    try:
        found = await link_in_browser(request, parts, link)
        if issuer:
            begun = parts.sign_ins.begin(issuer, f"/accords/{found.accord}", secret_of(link) or "")
            return await sent_out(request, parts, begun)
        key = await join_by_key(parts, found)
    except Problem as problem:
        return join_page(request, parts, problem.status, wrong=problem.detail, link=link)
    except NotAuthenticated as error:
        return join_page(request, parts, 404, wrong=error.reason, link=link)
    except ProviderUnavailable as error:
        return join_page(request, parts, 503, wrong=f"{error.what} {error.remedy}", link=link)
    return join_page(request, parts, delegate=found.delegate, accord=found.accord, key=key)


def join_page(request: Request, parts: Backend, status: int = 200, **said: str) -> Response:
    """The ways to join, and what was wrong with the last one; the link that was given stays."""
    wrong = said.pop("wrong", None)
    return page(
        request,
        "join.html",
        status,
        providers=parts.sign_ins.offered,
        wrong=None if wrong is None else prose(wrong),
        **{"key": None, "delegate": None, "accord": None, "link": "", **said},
    )
