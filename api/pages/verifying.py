"""The page that judges a bundle: one file, which also works when it is kept, and opened with no network.

Its parts stand in ``verifier``, a port of FORMAT.md's questions to the browser; here they become one file. Its policy
allows its own script and style, by their hashes, and nothing else: no other file, and no network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache

from fastapi import APIRouter, Response

from activities.bundle.format import format_text
from activities.languages import catalogues
from api.pages.rendering import FOLDER, HEADERS, script_words
from api.pages.visiting import PageRoute
from api.routing import QueryFlag

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PARTS = FOLDER / "verifier"
SCRIPTS = ("reading.js", "logs.js", "commands.js", "witnessing.js", "judging.js", "page.js")
"""In the order in which they are put together."""


_SAYS = re.compile(r'data-say="([^"]+)"')


def shown_words() -> list[str]:
    """What the page itself says, in English."""
    return list(dict.fromkeys(_SAYS.findall((PARTS / "page.html").read_text(encoding="utf-8"))))


def _carried() -> str:
    """The catalogues that the page carries along: the names of the languages, and what it says in each but English."""
    names = {tag: catalogues.NAMES[tag] for tag in catalogues.offered()}
    spoken: dict[str, dict[str, str]] = {}
    for tag in names:
        if tag != catalogues.ENGLISH:
            with catalogues.spoken(tag):
                spoken[tag] = {one: catalogues.gettext(one) for one in shown_words()}
            spoken[tag] |= json.loads(script_words(PARTS / "page.js", tag))
    # It stands in a script element, which a closing tag in it would end.
    return "\n".join(
        f"const {name} = {json.dumps(value, ensure_ascii=False)};".replace("</", "<\\/")
        for name, value in (("NAMES", names), ("SAID", spoken))
    )


@cache
def script() -> str:
    """The whole script, in a scope of its own module."""
    known = (
        f'"use strict";\nconst FORMAT_SHA256 = "{hashlib.sha256(format_text()).hexdigest()}";\n{_carried()}\n'
    )
    return known + "\n".join((PARTS / name).read_text() for name in SCRIPTS)


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def whole(language: str = "") -> tuple[str, str]:
    """The page as one file, and its policy. Without a language it speaks that of whoever opens it."""
    style, program = (PARTS / "page.css").read_text(), script()
    own = f"script-src {_hashed(program)}; style-src {_hashed(style)}"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    text = (PARTS / "page.html").read_text()
    for name, part in (("LANG", language), ("POLICY", policy), ("STYLE", style), ("SCRIPT", program)):
        text = text.replace(f"{{{{{name}}}}}", part)
    return text, policy


@router.get("/verify")
async def verify(download: QueryFlag = False) -> Response:
    """The page; with ``download`` as a file to keep, which speaks the language of whoever opens it."""
    text, policy = whole("" if download else catalogues.language())
    headers = {
        **HEADERS,
        "Vary": "Accept-Language, Cookie",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
    }
    if download:
        headers["Content-Disposition"] = 'attachment; filename="entente-verify.html"'
    return Response(text, headers=headers, media_type="text/html; charset=utf-8")
