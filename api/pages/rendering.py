"""Pages from templates: every value is escaped, and the browser runs and loads nothing but this site's own files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.pages import words
from api.problems import Problem

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": SECURITY_POLICY,
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every page."""


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """The address of a file of ``static``; another content has another address, so that browsers may keep it."""
    return f"/static/{name}?v={_version(name)}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static_url=static_url, word=words.word_of, words=words)
    made.filters.update(words.FILTERS)
    return made


_ENVIRONMENT = _environment()


def render(name: str, **values: Any) -> str:
    """A template as text."""
    return _ENVIRONMENT.get_template(name).render(**values)


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page, for the session that the request has, if any."""
    session = getattr(request.state, "session", None)
    return HTMLResponse(
        render(template, session=session, path=request.url.path, **values), status, dict(HEADERS)
    )


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong, and the way on."""
    said = words.problem_words(problem)
    answer = page(
        request,
        "problem.html",
        problem.status,
        title=problem.title,
        said=said,
        problem=problem,
        request_id=request.scope.get("request_id", ""),
    )
    for name in ("Retry-After", "Connection", "Upload-Offset"):
        if name in problem.headers:
            answer.headers[name] = problem.headers[name]
    return answer
