"""Rows on the way out, as files: CSV and XLSX, in which no cell is a formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from activities.sheets.escapes import escaped
from activities.sheets.formulas import begins_like_one, safe

Rows = Sequence[Sequence[str]]


def csv_of(rows: Rows) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8 with the mark by which spreadsheets know that."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def xlsx_of(sheets: Mapping[str, Rows], at: datetime) -> bytes:
    """Sheets as XLSX (ECMA-376), every cell a text; the same bytes for the same rows and time."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for number, row in enumerate(rows, start=1):
            for index, text in enumerate(row, start=1):
                _put(sheet.cell(number, index), text, head=number == 1)
        sheet.freeze_panes = "B2"
        for index in range(1, len(rows[0]) + 1 if rows else 1):
            longest = max((len(row[index - 1]) for row in rows), default=0)
            sheet.column_dimensions[get_column_letter(index)].width = min(60, max(10, longest + 2))
    naive = at.replace(tzinfo=None, microsecond=0)
    book.properties.created = book.properties.modified = naive
    book.properties.creator = "Entente"
    out = io.BytesIO()
    book.save(out)
    return _undated(out.getvalue())


def _put(cell: Any, text: str, *, head: bool) -> None:
    if not text:
        return
    assert isinstance(cell, Cell)  # noqa: S101 - none of the cells is merged
    cell.value = escaped(_ILLEGAL.sub("\ufffd", text))
    # Whatever it looks like, it is a text and no formula.
    cell.data_type = "s"
    # A text stays one also when somebody edits the cell.
    cell.quotePrefix = begins_like_one(text)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    if head:
        cell.font = Font(bold=True)


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot carry; no title holds one."""


def _undated(content: bytes) -> bytes:
    """The same archive without the time at which it was packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            member = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, _UNDATED.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", old.read(info)))
    return out.getvalue()


_UNDATED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")
"""openpyxl writes the time of saving over the one that was set."""
