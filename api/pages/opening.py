"""A new accord in the pages: its definition as YAML, judged with errors at their lines, then opened once.

Rows of sheets are put into it, with errors at their cells.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.identity.sessions import Session
from activities.languages.catalogues import gettext, noted
from activities.languages.catalogues import said as _said
from activities.languages.prose import prose
from activities.sheets.cells import MOST_PROBLEMS, BadSheet, SheetFile
from activities.sheets.reading import read_sheets, zone_of
from api.backend import Backend
from api.bodies import LARGEST, read_yaml
from api.calls import Parts, acting
from api.heavy import JUDGING, READING
from api.pages.rendering import page, render
from api.pages.uploading import has_files, multipart_of
from api.pages.visiting import PageRoute, Visitor, form_of
from api.problems import Problem
from api.routes.accords import read_definition, tried
from api.routes.sheets import UNPACKED
from api.routing import in_its_own_time, unless_hung_up

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LARGEST_SHEETS = 2 * 1024 * 1024
"""Bytes that the sheets may have which come with a definition."""

KINDS = {
    "conditions": noted("{n} conditions"),
    "documents": noted("{n} documents"),
    "parties": noted("{n} parties"),
}
"""How many rows of each kind a sheet has."""

_KEY = re.compile(r"web-[A-Za-z0-9_-]{22}", re.ASCII)


@router.get("/new")
async def form(request: Request, session: Visitor) -> Response:
    """The form for a definition, with an example to change."""
    delegate = acting(session.identity)
    example = render("example.yaml", delegate=delegate, year=datetime.now(UTC).year + 1)
    return _page(request, example, f"web-{secrets.token_urlsafe(16)}")


def _page(request: Request, text: str, key: str, status: int = 200, **values: Any) -> Response:
    given: dict[str, Any] = {
        **{"errors": (), "cells": (), "said": None, "foreseen": None},
        **{"put_in": None, "zone": "UTC", "add": False, "with_sheets": False},
        **values,
    }
    return page(request, "new.html", status, text=text, key=key, longest=LARGEST, **given)


@router.post("/new")
async def sent(request: Request, parts: Parts, session: Visitor) -> Response:
    """Put the rows of sheets into the definition, judge it, or open the accord with it."""
    posted, sheets = await _posted(request, parts, session)
    delegate = acting(session.identity)
    await parts.limits.count("delegate", session.identity.principal)
    text, key = posted.get("definition", [""])[0], posted.get("key", [""])[0]
    if _KEY.fullmatch(key) is None:
        raise Problem(
            "malformed", "The form lost its own key. Open the page again, and paste the definition anew."
        )
    now, step = datetime.now(UTC), posted.get("step", [""])[0]
    try:
        if sheets or step == "sheet":
            return await _with_rows(request, posted, sheets, text, key)
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
    if step != "open":
        return _page(request, text, key, foreseen=foreseen, definition=definition)
    receipt = await unless_hung_up(request, parts.commands.open(definition, delegate, key, now))
    return RedirectResponse(f"/accords/{receipt.accord}", 303, {"Cache-Control": "no-store"})


async def _posted(
    request: Request, parts: Backend, session: Session
) -> tuple[dict[str, list[str]], list[SheetFile]]:
    """The form's fields, and the sheets that came with it."""
    if not has_files(request):
        return await form_of(request, session), []
    with in_its_own_time(request), parts.uploads.one_more(session.identity.principal):
        async with multipart_of(request, session, LARGEST_SHEETS + LARGEST) as (fields, files):
            sheets = [
                SheetFile(PurePosixPath(file.filename or "").name, await file.read(), UNPACKED)
                for name, file in files
                if name == "sheet"
            ]
            return fields, sheets


async def _with_rows(
    request: Request, posted: Mapping[str, list[str]], sheets: list[SheetFile], text: str, key: str
) -> Response:
    """The page with the rows of the sheets in its definition; or with every cell that cannot be taken."""
    if not sheets:
        said = gettext("Choose the sheet first: a CSV or XLSX file.")
        return _page(request, text, key, 422, said=said, with_sheets=True)
    zone, add = posted.get("zone", [""])[0].strip() or "UTC", "add" in posted
    given: dict[str, Any] = {"zone": zone, "add": add, "with_sheets": True}
    try:
        made, rows = await READING.run(_rows_into, text, sheets, zone, not add)
    except BadSheet as error:
        cells = [(f"{one.sheet} {one.cell}".strip(), one.column, one.problem) for one in error.problems]
        said = f"{error.what} {error.remedy}"
        return _page(request, text, key, 422, cells=cells[:MOST_PROBLEMS], said=said, **given)
    except ValueError as error:
        return _page(request, text, key, 422, said=_said("The zone: {problem}.", problem=error), **given)
    put_in = ", ".join(_said(KINDS[name], n=count) for name, count in rows.items())
    return _page(request, made, key, put_in=put_in, **given)


def _rows_into(text: str, sheets: list[SheetFile], zone: str, complete: bool) -> tuple[str, dict[str, int]]:
    base = read_yaml(text.encode()).value
    definition, rows = read_sheets(sheets, base, zone=zone_of(zone), complete=complete)
    written = yaml.safe_dump(definition.as_facts(), allow_unicode=True, sort_keys=False, width=100)
    return written, rows
