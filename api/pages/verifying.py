"""The page that judges a bundle: one file, which also works when it is kept, and opened with no network.

Its parts stand in ``verifier``, a port of FORMAT.md's questions to the browser; here they become one file. Its policy
allows its own script and style, by their hashes, and nothing else: no other file, and no network.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from fastapi import APIRouter, Response

from activities.bundle.format import format_text
from api.pages.rendering import FOLDER, HEADERS
from api.pages.visiting import PageRoute
from api.routing import QueryFlag

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PARTS = FOLDER / "verifier"
SCRIPTS = ("reading.js", "logs.js", "commands.js", "witnessing.js", "judging.js", "page.js")
"""In the order in which they are put together."""


def script() -> str:
    """The whole script, in a scope of its own module."""
    known = f'"use strict";\nconst FORMAT_SHA256 = "{hashlib.sha256(format_text()).hexdigest()}";\n'
    return known + "\n".join((PARTS / name).read_text() for name in SCRIPTS)


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def whole() -> tuple[str, str]:
    """The page as one file, and its policy."""
    style, program = (PARTS / "page.css").read_text(), script()
    own = f"script-src {_hashed(program)}; style-src {_hashed(style)}"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    text = (PARTS / "page.html").read_text()
    for name, part in (("POLICY", policy), ("STYLE", style), ("SCRIPT", program)):
        text = text.replace(f"{{{{{name}}}}}", part)
    return text, policy


@router.get("/verify")
async def verify(download: QueryFlag = False) -> Response:
    """The page; with ``download`` as a file to keep."""
    text, policy = whole()
    headers = {
        **HEADERS,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
    }
    if download:
        headers["Content-Disposition"] = 'attachment; filename="entente-verify.html"'
    return Response(text, headers=headers, media_type="text/html; charset=utf-8")
