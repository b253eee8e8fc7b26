"""Conditions, documents and parties of an accord as a sheet, with the state in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from activities.sheets.cells import csv_of, xlsx_of
from activities.sheets.columns import SHEETS
from activities.sheets.writing import rows_of
from api.access import seen_whole
from api.calls import AccordId, Caller, Parts, problems, seen
from api.heavy import FOLDING
from api.moments import AsOf, moment_asked_for, within_record
from api.problems import not_found
from api.routing import BoundedRoute
from workflows.model.state import Accord

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8; header=present"

router = APIRouter(route_class=BoundedRoute, tags=["papers"])

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

    No cell is taken for a formula: what begins like one is text, and in CSV has an apostrophe before it.
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
