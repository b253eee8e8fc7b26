"""Every page, by the route that shows it: what is looked at in Chromium, and tested to be all there is.

``{a}`` stands for an accord, ``{old}`` and ``{new}`` for two texts of its document D1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import api.pages.rendering as rendering

OF_ACCORD: Mapping[str, tuple[str, ...]] = {
    "/accords/{accord}": ("/accords/{a}", "/accords/{a}?as_of=2"),
    "/accords/{accord}/conditions/{code}": ("/accords/{a}/conditions/C1",),
    "/accords/{accord}/documents/{code}": ("/accords/{a}/documents/D1",),
    "/accords/{accord}/visit": ("/accords/{a}/visit",),
    "/accords/{accord}/people": ("/accords/{a}/people",),
    "/accords/{accord}/links": ("/accords/{a}/links",),
    "/accords/{accord}/definition": ("/accords/{a}/definition", "/accords/{a}/definition?amendment=true"),
    "/accords/{accord}/signing": ("/accords/{a}/signing",),
    "/accords/{accord}/do/{name}": (
        "/accords/{a}/do/submit-evidence?condition=C1",
        "/accords/{a}/do/appoint-delegate",
        "/accords/{a}/do/appoint-delegates",
        "/accords/{a}/do/propose-dates",
        "/accords/{a}/do/amend-definition",
        "/accords/{a}/do/agree-text?document=D1&language=ru",
        "/accords/{a}/do/agree-text",
        "/accords/{a}/do/deposit-signed-page",
        "/accords/{a}/do/record-statement",
    ),
    "/accords/{accord}/outcomes/{key}": ("/accords/{a}/outcomes/web-" + "a" * 22,),
    "/accords/{accord}/redline": (
        "/accords/{a}/redline?older={old}&newer={new}",
        "/accords/{a}/redline?older={old}&newer={new}&document=D1",
    ),
    "/accords/{accord}/minutes": ("/accords/{a}/minutes", "/accords/{a}/minutes?only=refused"),
    "/accords/{accord}/entries/{position}": ("/accords/{a}/entries/3",),
    "/accords/{accord}/record": ("/accords/{a}/record",),
    "/accords/{accord}/papers": ("/accords/{a}/papers",),
}
"""The pages of an accord, as a contact of one of its parties sees them."""

GENERAL: Mapping[str, tuple[str, ...]] = {
    "/": ("/",),
    "/accords": ("/accords", "/accords?q=nothing+is+like+this"),
    "/own": ("/own",),
    "/new": ("/new",),
    "/sign-in": ("/sign-in",),
    "/join": ("/join",),
    "/verify": ("/verify",),
    "/docs": ("/docs", "/accords/nowhere"),
}
"""Those of the site."""

OF_OPERATOR: Mapping[str, tuple[str, ...]] = {
    "/operation": ("/operation",),
    "/accords/{accord}/operation": ("/accords/{a}/operation",),
}

NO_PAGES: Mapping[str, str] = {
    "/static/{name}": "a file",
    "/signed-in": "leads on; its one page is shown where a cookie is not kept",
    "/sign-in/with": "leads to a provider",
    "/sign-in/return": "leads on from a provider",
    "/accords/{accord}/files/{digest}": "a file",
    "/accords/{accord}/proof/{position}": "a file",
    "/accords/{accord}/bundle": "a file",
    "/accords/{accord}/sheet": "a file",
    "/accords/{accord}/papers/{kind}": "a file",
    "/accords/{accord}/live": "a stream",
}
"""What else the pages' routes give, and why it is not looked at."""

PARTS = frozenset({"base.html", "accord_base.html", "parts.html", "field.html"})
"""Templates of which others are made."""

BY_ADDRESS = frozenset(
    {
        "about.html", "accord.html", "accord_operation.html", "accords.html", "act.html", "awaited.html",
        "cleared.html", "condition.html", "definition.html", "desk.html", "document.html", "entry.html", "join.html",
        "links.html", "minutes.html", "new.html", "no_cookie.html", "operation.html", "own.html", "papers.html",
        "people.html", "problem.html", "record.html", "redline.html", "sign_in.html", "signing.html", "visit.html",
    }
)  # fmt: skip
"""Templates that one comes to by an address."""

BY_FORM = frozenset({"preview.html", "outcome.html", "kept.html"})
"""Templates that answer a form."""

LEAD_ON = frozenset({"arriving.html", "going_on.html", "going_out.html"})
"""Templates of pages that lead on at once; their link is there for browsers that do not follow."""


def templates() -> frozenset[str]:
    """Every template of a page that there is."""
    return frozenset(file.name for file in (Path(rendering.__file__).parent / "templates").glob("*.html"))


def shown(routes: Mapping[str, tuple[str, ...]], **values: str) -> list[str]:
    """The addresses of pages, filled in."""
    return [address.format(**values) for addresses in routes.values() for address in addresses]


def page_routes(routes: Iterable[Any]) -> Iterator[str]:
    """The paths of an application's routes outside of the HTTP API that somebody can open in a browser."""
    for one in routes:
        inner = getattr(one, "original_router", None)
        if inner is not None:
            yield from page_routes(inner.routes)
        elif "GET" in (getattr(one, "methods", None) or ()) and not one.include_in_schema:
            yield one.path
