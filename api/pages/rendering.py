"""Pages from templates: every value is escaped, and the browser runs and loads nothing but this site's own files."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.extract import extract_from_file
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.types import Receive, Scope, Send

from activities.languages import catalogues, formats
from activities.languages.choosing import accepted, known
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


LANGUAGE_COOKIE = "__Host-entente-language"
"""Which language somebody chose; it says nothing else, and so scripts and other pages of this site may read it."""

SCRIPT_WORDS = Path(__file__).parent / "static" / "entente.js"


def language_for(request: Request) -> str:
    """The language that the visitor chose, or else the best of those that the browser names."""
    chosen = known(request.cookies.get(LANGUAGE_COOKIE))
    return chosen or accepted(request.headers.get("accept-language", ""))


def offered_languages() -> list[tuple[str, str]]:
    """The languages that one can choose, by tag and by what each calls itself."""
    return [(tag, catalogues.NAMES[tag]) for tag in catalogues.offered()]


def text_direction() -> str:
    """Which way the spoken language is written."""
    return Locale.parse(catalogues.language()).text_direction


def _messages(file: Path) -> list[str]:
    return [
        str(message) for _, message, _, _ in extract_from_file("javascript", file, keywords={"say": None})
    ]


@cache
def script_words(file: Path, language: str) -> str:
    """What a script says, as a JSON object from the English words to those of a language; empty in English."""
    if language == catalogues.ENGLISH:
        return "{}"
    with catalogues.spoken(language):
        return json.dumps({one: catalogues.gettext(one) for one in _messages(file)}, ensure_ascii=False)


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
        finalize=words.not_turning,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]
        catalogues.gettext,
        catalogues.ngettext,
        newstyle=True,
        pgettext=catalogues.pgettext,
        npgettext=catalogues.npgettext,
    )
    made.globals.update(
        static_url=static_url,
        word=words.word_of,
        words=words,
        lang=catalogues.language,
        offered_languages=offered_languages,
        text_direction=text_direction,
        stop=formats.stop,
        script_words=lambda: script_words(SCRIPT_WORDS, catalogues.language()),
    )
    made.filters.update(words.FILTERS)
    return made


_ENVIRONMENT = _environment()


def render(name: str, **values: Any) -> str:
    """A template as text."""
    return _ENVIRONMENT.get_template(name).render(**values)


class Page(HTMLResponse):
    """A page that is not made yet: its template takes up to a tenth of a second for a large accord."""

    def __init__(self, text: Callable[[], str], status: int, headers: Mapping[str, str]) -> None:
        super().__init__("", status, headers)
        self._text: Callable[[], str] | None = text

    async def make(self) -> None:
        """Make it, beside the event loop, so that nobody else waits for it."""
        if self._text is not None:
            text, self._text = self._text, None
            self.body = self.render(await asyncio.to_thread(text))
            self.headers["content-length"] = str(len(self.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await self.make()
        await super().__call__(scope, receive, send)


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page, for the session that the request has, if any."""
    session = getattr(request.state, "session", None)
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    values = {"path": request.url.path, "here_path": request.url.path + query, **values}
    headers = {
        **HEADERS,
        "Content-Language": catalogues.language(),
        "Vary": "Accept-Language, Cookie",
    }
    return Page(partial(render, template, session=session, **values), status, headers)


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong, and the way on."""
    said, in_english = words.problem_words(problem)
    answer = page(
        request,
        "problem.html",
        problem.status,
        title=words.problem_title(problem),
        said=said,
        in_english=in_english,
        problem=problem,
        request_id=request.scope.get("request_id", ""),
    )
    for name in ("Retry-After", "Connection", "Upload-Offset"):
        if name in problem.headers:
            answer.headers[name] = problem.headers[name]
    return answer
