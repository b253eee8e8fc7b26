"""Signing in to the pages at an OpenID provider, or joining by its account: out to it, and back from it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from activities.identity.keys import Identity, NotAuthenticated
from activities.identity.signing_in import Going
from activities.identity.tokens import ProviderUnavailable
from api.backend import Backend
from api.calls import Parts, Stranger, of_token
from api.pages.entering import sign_in_page
from api.pages.going import forget_going, going_of, return_to, sent_out
from api.pages.joining import join_page
from api.pages.rendering import page
from api.pages.visiting import PageRoute, begin_session, local_path
from api.problems import Problem
from api.routes.joining import join_by_account, link_in_browser
from api.routing import FURTHER

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sign-in/with")
async def go_out(
    request: Request,
    parts: Parts,
    issuer: Annotated[str, Query(max_length=500)],
    going: Annotated[str | None, Query(alias="next", max_length=1500)] = None,
) -> Response:
    """Send the browser to a provider."""
    path = local_path(going)
    try:
        return await sent_out(request, parts, parts.sign_ins.begin(issuer, path))
    except NotAuthenticated as error:
        return sign_in_page(request, parts, path, 404, error.reason)
    except ProviderUnavailable as error:
        return sign_in_page(request, parts, path, 503, f"{error.what} {error.remedy}")


# Providers add parameters of their own.
@router.get("/sign-in/return", openapi_extra={FURTHER: True})
async def come_back(request: Request, parts: Parts) -> Response:
    """Begin a session with what the provider says, for the delegate whom its subject is."""
    answer = await _come_back(request, parts, going_of(request))
    forget_going(answer)
    return answer


async def _come_back(request: Request, parts: Backend, begun: Going | None) -> Response:
    if begun is None:
        said = "This browser began no sign-in, or too long ago. Begin it anew."
        return sign_in_page(request, parts, "/", 403, said)
    try:
        token = await parts.sign_ins.finish(begun, request.query_params, return_to(parts, request))
        if begun.link:
            await join_by_account(parts, await link_in_browser(request, parts, begun.link), token)
        found = await of_token(parts, token)
    except NotAuthenticated as error:
        await parts.attempts.failed(request)
        return _stopped(request, parts, begun, 403, error.reason)
    except ProviderUnavailable as error:
        return _stopped(request, parts, begun, 503, f"{error.what} {error.remedy}")
    except Problem as problem:
        if not begun.link:
            raise
        return _stopped(request, parts, begun, problem.status, problem.detail)
    if isinstance(found, Stranger):
        said = (
            f"Your provider knows you as {token.subject}, and you are no delegate here yet. Ask your party's contact "
            "for a joining link, open it, and join with this sign-in."
        )
        return _stopped(request, parts, begun, 403, said)
    return await _signed_in(request, parts, found, begun.path)


def _stopped(request: Request, parts: Backend, begun: Going, status: int, wrong: str) -> Response:
    """Where it was begun, with what was wrong; a joining link stays in its field, since it may be good still."""
    if begun.link:
        return join_page(request, parts, status, wrong=wrong, link=begun.link)
    return sign_in_page(request, parts, begun.path, status, wrong)


async def _signed_in(request: Request, parts: Backend, found: Identity, path: str) -> Response:
    await parts.limits.count("key", found.key_id)
    # A page and no redirect: what follows from a page of this site has the strict cookie.
    answer = page(request, "going_on.html", going=f"/signed-in?next={quote(path, safe='')}")
    await begin_session(request, answer, parts, found)
    return answer
