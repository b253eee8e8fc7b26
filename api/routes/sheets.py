"""Conditions, documents and parties as sheets: out of an accord with the state in it, and into a definition."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from activities.sheets.cells import MOST_PROBLEMS, BadSheet, CellProblem, SheetFile
from activities.sheets.columns import SHEETS
from activities.sheets.encoding import csv_of, xlsx_of
from activities.sheets.reading import read_sheets, zone_of
from activities.sheets.writing import rows_of
from api.access import seen_whole
from api.answers.record import SheetsRead
from api.bodies import LARGEST, model_body
from api.calls import AccordId, Caller, Parts, answer, problems, seen
from api.heavy import FOLDING, READING
from api.moments import AsOf, moment_asked_for, within_record
from api.problems import FieldError, Problem, not_found
from api.routes.identity import body_of
from api.routing import BoundedRoute
from workflows.model.state import Accord

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8; header=present"

router = APIRouter(route_class=BoundedRoute, tags=["papers"])

UNPACKED = 8 * 1024 * 1024
"""Bytes that an XLSX file which was sent may unpack to: it is read beside other requests."""

MOST_SHEETS = 4
"""Files in one request."""

_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


@router.get(
    "/accords/{accord}/sheet",
    operation_id="get_sheet",
    summary="Get the conditions as a sheet, with their state",
    response_class=Response,
    responses={
        **problems("not_found", "forbidden", "beyond_record"),
        200: {
            "description": "the sheet",
            "content": {XLSX: {"schema": _BINARY}, "text/csv": {"schema": {"type": "string"}}},
        },
    },
)
async def get_sheet(
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    part: Annotated[
        Literal["conditions", "documents", "parties"] | None,
        Query(description="only this sheet; all of them where none is named, or the conditions as CSV"),
    ] = None,
    kind: Annotated[
        Literal["xlsx", "csv"],
        Query(alias="format", description="a workbook, or one sheet as comma-separated values"),
    ] = "xlsx",
    as_of: AsOf = None,
) -> Response:
    """The sheet that `entente sheet read` takes, with the state in columns behind, whose names begin with `state.`.

    No cell is taken for a formula: what begins like one is text, and in CSV has an apostrophe before it, in the midst
    of a cell too, where a program could split it.
    """
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    if as_of is not None:
        asked = moment_asked_for(as_of, accord, (await parts.clocks.present(state)).time)
        with within_record(accord):
            then = await parts.reader.state_as_of(accord, asked)
        if then is None:
            raise not_found(accord)
        state = then
    names = (part,) if part else ("conditions",) if kind == "csv" else tuple(SHEETS)
    content = await FOLDING.run(_made, state, names, kind)
    name = f"{accord}.{state.size - 1}{f'.{part}' if part else ''}.{kind}"
    return Response(
        content,
        200,
        {
            "Cache-Control": "private, no-store",
            "Vary": "Authorization",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Entente-Position": str(state.size - 1),
        },
        XLSX if kind == "xlsx" else CSV,
    )


def _made(state: Accord, names: tuple[str, ...], kind: str) -> bytes:
    rows = {name: rows_of(state.definition, name, state) for name in names}
    return csv_of(rows[names[0]]) if kind == "csv" else xlsx_of(rows, state.time)


class SentSheet(BaseModel):
    """A file of sheets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        min_length=1,
        max_length=200,
        description="the file's name, ending with .csv or .xlsx; that of a CSV file says what its rows are, such as "
        "conditions.csv",
    )
    content: str = Field(min_length=1, max_length=LARGEST, description="the file in base64 (RFC 4648, 4)")


class ReadSheets(BaseModel):
    """Sheets, and the definition that their rows go into."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sheets: tuple[SentSheet, ...] = Field(min_length=1, max_length=MOST_SHEETS)
    definition: dict[str, Any] | None = Field(
        default=None, description="what the rows go into; it need not be whole without them"
    )
    accord: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="instead: the accord whose definition they go into, for an amendment"
    )
    zone: str = Field(
        default="UTC",
        max_length=20,
        description="of days and times that have none, such as +10:00; a day is its last minute",
    )
    add: bool = Field(
        default=False, description="add the rows, instead of taking the place of all of the kind"
    )


_EXAMPLE = {
    "accord": "visit-2027",
    "sheets": [
        {
            "name": "conditions.csv",
            "content": base64.b64encode(b"id,title,obligors\r\nC9,Agenda agreed,AA\r\n").decode(),
        }
    ],
}


@router.post(
    "/definitions/sheets",
    operation_id="read_sheets",
    summary="Put the rows of sheets into a definition",
    response_model=SheetsRead,
    openapi_extra=body_of("ReadSheets", _EXAMPLE),
    responses=problems("not_found", "forbidden", "too_large", "unsupported_media_type"),
)
async def read_sheets_into(request: Request, parts: Parts, identity: Caller) -> Response:
    """The definition with the rows of CSV and XLSX files in it, as `entente sheet read` makes it. Nothing is recorded.

    Open an accord with it, or propose it as an amendment: one consent of each party adopts it, however many rows it
    has. Each cell that cannot be taken is an error, whose field names it as spreadsheets do: `conditions!F7`.
    """
    await parts.limits.count("delegate", identity.principal)
    wanted = await model_body(request, ReadSheets, "What is sent")
    if (wanted.definition is None) == (wanted.accord is None):
        said = "give the definition that the rows go into, or the accord that has it, and not both"
        raise _malformed("definition", said)
    base: Mapping[str, Any] = wanted.definition or {}
    if wanted.accord is not None:
        state, access = await seen(parts, identity, wanted.accord)
        seen_whole(access)
        base = state.definition.as_facts()
    return answer(await READING.run(_into, wanted, base))


def _into(wanted: ReadSheets, base: Mapping[str, Any]) -> SheetsRead:
    try:
        zone = zone_of(wanted.zone)
    except ValueError as error:
        raise _malformed("zone", str(error)) from None
    files = [_file(one, index) for index, one in enumerate(wanted.sheets)]
    try:
        definition, rows = read_sheets(files, base, zone=zone, complete=not wanted.add)
    except BadSheet as error:
        raise Problem(
            "malformed",
            f"{error.what} {error.remedy}",
            errors=tuple(map(_at_cell, error.problems[:MOST_PROBLEMS])) or None,
        ) from None
    return SheetsRead(definition=definition.as_facts(), digest=definition.digest(), rows=rows)


def _file(sent: SentSheet, index: int) -> SheetFile:
    try:
        content = base64.b64decode(sent.content, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(f"sheets.{index}.content", "it is no base64 of a file") from None
    return SheetFile(PurePosixPath(sent.name.replace("\\", "/")).name, content, UNPACKED)


def _at_cell(wrong: CellProblem) -> FieldError:
    field = f"{wrong.sheet}!{wrong.cell}" if wrong.sheet else wrong.cell or "definition"
    return FieldError(
        field=field, problem=f"{wrong.column}: {wrong.problem}" if wrong.column else wrong.problem
    )


def _malformed(field: str, said: str) -> Problem:
    return Problem("malformed", f"{field}: {said}.", errors=(FieldError(field=field, problem=said),))
