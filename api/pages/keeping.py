"""A form that came too late: its session is over, or another one began meanwhile. What was written in it is kept.

Nothing of it is stored here: it goes back in the answer, as hidden fields of a form that its writer sends again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from starlette.formparsers import MultiPartException, MultiPartParser

from activities.identity.sessions import Session
from api.bodies import LARGEST, all_of, media_type
from api.pages.rendering import page
from api.problems import Problem

STEPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"/accords/[^/]+/do/[^/]+"), "change"),
    (re.compile(r"/new"), "try"),
)
"""Forms that are looked at again before they do anything, by their path, and the step that shows them."""

NOT_KEPT = ("/sign-out", "/language", "/sign-in", "/sign-in/passkey", "/own/passkeys", "/join")
"""Forms with nothing in them that would be lost."""

PATIENCE = 10.0
"""Seconds within which such a form has to be there."""


async def late_form(request: Request) -> dict[str, list[str]] | None:
    """What a form says that nobody has read yet; none where it cannot be read, or there is nothing to keep.

    Files that came with it are not kept: a browser lets them be chosen by a person alone.
    """
    if request.url.path in NOT_KEPT:
        return None
    try:
        # The handler's own time is over with the handler.
        async with asyncio.timeout(PATIENCE):
            content = await all_of(request)
        if media_type(request) == "application/x-www-form-urlencoded":
            return _pairs(content)
        return await _parts(request, content)
    except (Problem, TimeoutError, ValueError, MultiPartException):
        return None


def _pairs(content: bytes) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(
        content.decode(), keep_blank_values=True, max_num_fields=5000, errors="strict"
    ):
        given.setdefault(name, []).append(value)
    return given


async def _parts(request: Request, content: bytes) -> dict[str, list[str]]:
    async def once() -> Any:
        yield content

    parser = MultiPartParser(request.headers, once(), max_files=10, max_fields=5000, max_part_size=LARGEST)
    form = await parser.parse()
    given: dict[str, list[str]] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, str):
                given.setdefault(name, []).append(value)
    finally:
        await form.close()
    return given


def kept_page(request: Request, given: Mapping[str, list[str]], session: Session | None) -> Response:
    """The page that keeps a form, and sends it again once its writer is signed in, and wants it to."""
    path = request.url.path
    step = next((step for pattern, step in STEPS if pattern.fullmatch(path)), None)
    fields = [
        (name, value)
        for name, values in given.items()
        for value in values
        if name != "csrf" and not (name == "step" and step is not None)
    ]
    if step is not None:
        fields.append(("step", step))
    return page(request, "kept.html", 403 if session else 401, fields=fields, action=path, again=step)
