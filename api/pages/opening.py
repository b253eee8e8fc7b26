"""A new accord in the pages: its definition as YAML, judged with errors at their lines, then opened once."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.languages.prose import prose
from api.bodies import LARGEST, read_yaml
from api.calls import Parts, acting
from api.heavy import JUDGING, READING
from api.pages.rendering import page, render
from api.pages.visiting import PageRoute, Visitor, form_of
from api.problems import Problem
from api.routes.accords import read_definition, tried
from api.routing import unless_hung_up

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_KEY = re.compile(r"web-[A-Za-z0-9_-]{22}", re.ASCII)


@router.get("/new")
async def form(request: Request, session: Visitor) -> Response:
    """The form for a definition, with an example to change."""
    delegate = acting(session.identity)
    example = render("example.yaml", delegate=delegate, year=datetime.now(UTC).year + 1)
    return _page(request, example, f"web-{secrets.token_urlsafe(16)}")


def _page(request: Request, text: str, key: str, status: int = 200, **values: Any) -> Response:
    given: dict[str, Any] = {"errors": (), "said": None, "foreseen": None, **values}
    return page(request, "new.html", status, text=text, key=key, longest=LARGEST, **given)


@router.post("/new")
async def sent(request: Request, parts: Parts, session: Visitor) -> Response:
    """Judge the definition, or open the accord with it."""
    posted = await form_of(request, session)
    delegate = acting(session.identity)
    await parts.limits.count("delegate", session.identity.principal)
    text, key = posted.get("definition", [""])[0], posted.get("key", [""])[0]
    if _KEY.fullmatch(key) is None:
        raise Problem(
            "malformed", "The form lost its own key. Open the page again, and paste the definition anew."
        )
    now = datetime.now(UTC)
    try:
        definition = await read_definition(await READING.run(read_yaml, text.encode()))
        if session.identity.only_illustrative and not definition.illustrative:
            raise Problem(
                "forbidden", "From a chair of the demonstration: say illustrative: true in the definition."
            )
        foreseen = await JUDGING.run(tried, definition, delegate, now)
    except Problem as problem:
        errors = problem.members.get("errors") or ()
        said = None if errors else prose(problem.detail)
        return _page(request, text, key, problem.status, errors=errors, said=said)
    if posted.get("step", [""])[0] != "open":
        return _page(request, text, key, foreseen=foreseen, definition=definition)
    receipt = await unless_hung_up(request, parts.commands.open(definition, delegate, key, now))
    return RedirectResponse(f"/accords/{receipt.accord}", 303, {"Cache-Control": "no-store"})
