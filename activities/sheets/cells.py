"""Cells: which files hold sheets, what stands in each cell, and cells that no program takes for a formula.

Reading is bounded, whatever a file claims: bytes, rows, columns, the characters of a cell.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from activities.errors import EntenteError

LARGEST_FILE = 16 * 1024 * 1024
LARGEST_UNPACKED = 128 * 1024 * 1024
MOST_ROWS = 5_000
MOST_COLUMNS = 100
LAST_ROW = 50_000
"""How far down empty rows are passed over."""
LONGEST_CELL = 4_000
MOST_PROBLEMS = 200

Value = str | int | float | bool | datetime | date | None


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong with one cell, or with a row or sheet where ``cell`` names no column; and what to write."""

    sheet: str
    cell: str
    column: str
    problem: str

    def __str__(self) -> str:
        at = f"{self.sheet} {self.cell}".strip()
        return f"{at}{f' ({self.column})' if self.column else ''}: {self.problem}"


class BadSheet(EntenteError):
    """A sheet cannot be taken. ``problems`` say what is wrong, cell by cell."""

    def __init__(self, what: str, remedy: str, problems: Sequence[CellProblem] = ()) -> None:
        shown = [f"  {one}" for one in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            shown.append(f"  … and {len(problems) - MOST_PROBLEMS} more")
        super().__init__(what, remedy, "\n".join(shown))
        self.problems = tuple(problems)


def bad_cells(problems: Sequence[CellProblem], so: str, *, at_least: bool = False) -> BadSheet:
    """The error that names these cells; ``so`` says what was therefore not done.

    With ``at_least`` there may be more, which were not looked for.
    """
    many = f"{len(problems)} cells" if len(problems) != 1 else "One cell"
    if at_least:
        many = f"{many}, and perhaps more,"
    return BadSheet(
        f"{many} cannot be taken; {so}.", "Correct the cells named and read the sheet again.", problems
    )


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet as it was read: its name, the names in its first row, and the rows below with their numbers from 2."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Value, ...]], ...]
    problems: tuple[CellProblem, ...] = ()

    def place(self, row: int, column: int) -> str:
        """A cell as spreadsheets name it, such as F7."""
        return f"{get_column_letter(column + 1)}{row}"


def doubled(grid: Grid) -> tuple[CellProblem, ...]:
    """The columns that stand more than once in the first row: it is not known which of them is meant."""
    return tuple(
        CellProblem(
            grid.name, grid.place(1, place), name, "the column stands twice; leave one of the two out"
        )
        for place, name in enumerate(grid.head)
        if name and name in grid.head[:place]
    )


@dataclass(frozen=True, slots=True)
class SheetFile:
    """A file of sheets that was sent: its name, its content, and the bytes that it may unpack to."""

    name: str
    content: bytes
    unpacked: int = LARGEST_UNPACKED


def read_grids(file: Path | SheetFile) -> tuple[Grid, ...]:
    """The sheets of an XLSX file, by their names in lower case; or the one of a CSV file, named as the file is.

    Raises:
        BadSheet: it is neither, or holds more than is taken.
        OSError: it cannot be read.
    """
    if isinstance(file, Path):
        if file.stat().st_size > LARGEST_FILE:
            raise BadSheet(
                f"{file.name} has more than {LARGEST_FILE // 2**20} MB.",
                "Leave out what is not a row of the sheet.",
            )
        file = SheetFile(file.name, file.read_bytes(), LARGEST_UNPACKED)
    stem, _, suffix = file.name.rpartition(".")
    if suffix.lower() in ("xlsx", "xlsm"):
        return tuple(_of_workbook(file))
    if suffix.lower() in ("csv", "tsv", "txt"):
        return (_of_csv(stem.lower(), file.content),)
    raise BadSheet(f"{file.name} is neither a CSV nor an XLSX file by its name.", "Save it as one of these.")


def _of_csv(name: str, content: bytes) -> Grid:
    # What spreadsheets call Unicode text is UTF-16, and says so by its first two bytes.
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadSheet(
            f"{name}.csv is not UTF-8: line {line}, byte {error.start} cannot be read.",
            "Save it as “CSV UTF-8”.",
        ) from None
    csv.field_size_limit(LARGEST_FILE)
    rows: list[list[Value]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)):
            if len(rows) > MOST_ROWS and any(row):
                raise _too_long(name)
            if len(rows) < LAST_ROW:
                rows.append([plain_of(cell) for cell in row[: MOST_COLUMNS + 1]])
    except csv.Error as error:
        raise BadSheet(f"{name}.csv cannot be read: {error}.", "Save it as “CSV UTF-8” again.") from None
    return _grid(name, rows)


def _delimiter(text: str) -> str:
    """What separates the names in the first row: of comma, semicolon and tabulator the one most frequent in it."""
    first = text[:LONGEST_CELL].partition("\n")[0]
    return max(",;\t", key=first.count)


def _too_long(name: str) -> BadSheet:
    return BadSheet(
        f"The sheet {name} has cells beyond row {MOST_ROWS + 1:,}.",
        "Delete the rows below the last one that says something; an accord has at most 1,000.",
    )


def _of_workbook(file: SheetFile) -> Iterator[Grid]:
    name, content = file.name, file.content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        if unpacked > file.unpacked:
            raise BadSheet(
                f"{name} holds more than {file.unpacked // 2**20} MB unpacked.",
                "Copy its cells to a new file.",
            )
        _without_entities(name, content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    except BadSheet:
        raise
    except Exception as error:
        # openpyxl raises whatever goes wrong within it: the file is none of its format.
        raise BadSheet(
            f"{name} is no XLSX file that can be read: {error}.", "Save it as XLSX again."
        ) from None
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                yield _of_worksheet(name, sheet, content)
    finally:
        book.close()


def _without_entities(name: str, content: bytes) -> None:
    """Refuse what declares entities: no spreadsheet does, and it takes long to find out what they come to."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for info in packed.infolist():
            if not info.filename.endswith((".xml", ".rels")):
                continue
            with packed.open(info) as part:
                if b"<!DOCTYPE" in part.read(4096):
                    raise BadSheet(
                        f"{name} cannot be taken: its {info.filename[:80]} declares a document type.",
                        "Save it as XLSX again; spreadsheet programs declare none.",
                    )


def _of_worksheet(file: str, sheet: Any, content: bytes) -> Grid:
    rows: list[list[Value]] = []
    problems: list[CellProblem] = []
    title = str(sheet.title).lower()
    try:
        problems += _merged(title, content, sheet)
        # What a file says of its size need not be so: rows beyond it would be left out without a word.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1), start=1):
            if number > MOST_ROWS + 1:
                if number <= LAST_ROW and all(cell.value is None for cell in cells):
                    continue
                raise _too_long(title)
            row: list[Value] = []
            for index, cell in enumerate(cells):
                value = cell.value
                if cell.data_type in ("f", "e"):
                    said = "it holds a formula" if cell.data_type == "f" else f"it holds the error {value}"
                    place = f"{get_column_letter(index + 1)}{number}"
                    problems.append(CellProblem(title, place, "", f"{said}; put its value there instead"))
                    value = None
                row.append(value if isinstance(value, str | int | float | bool | datetime | date) else None)
            rows.append(row)
    except BadSheet:
        raise
    except Exception as error:
        raise BadSheet(
            f"{file}: the sheet {title} cannot be read: {error}.", "Save it as XLSX again."
        ) from None
    return _grid(title, rows, problems)


def _merged(title: str, content: bytes, sheet: Any) -> Iterator[CellProblem]:
    """The cells of a worksheet that are merged: all but the first hold nothing, whatever people see there."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        # openpyxl passes over them where it reads row by row.
        told = packed.read(sheet._worksheet_path)
    for found in _MERGED.finditer(told):
        first, last = found[1].decode(), found[2].decode()
        said = (
            f"it is merged with the cells up to {last}; take them apart, and write in each what it is to say"
        )
        yield CellProblem(title, first, "", said)


_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*ref=[\"']([A-Z]{1,3}[0-9]{1,7}):([A-Z]{1,3}[0-9]{1,7})")


def _grid(name: str, rows: Sequence[Sequence[Value]], problems: Sequence[CellProblem] = ()) -> Grid:
    head = [str(value or "").strip().lower() for value in (rows[0] if rows else ())]
    while head and not head[-1]:
        head.pop()
    if len(head) > MOST_COLUMNS:
        raise BadSheet(
            f"The sheet {name} has more than {MOST_COLUMNS} columns.", "Leave out those that say nothing."
        )
    numbered = [
        (number, tuple(row[: len(head)]) + (None,) * (len(head) - len(row)))
        for number, row in enumerate(rows[1:], start=2)
        if any(value not in (None, "") for value in row)
    ]
    found = list(problems)
    for number, row in numbered:
        for index, value in enumerate(row):
            if isinstance(value, str) and len(value) > LONGEST_CELL:
                place = f"{get_column_letter(index + 1)}{number}"
                found.append(
                    CellProblem(
                        name, place, head[index], f"it has {len(value):,} characters; {LONGEST_CELL:,} do"
                    )
                )
    return Grid(name, tuple(head), tuple(numbered), tuple(found))


_TAKEN_FOR_A_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula when it opens a CSV file: an apostrophe stands before it."""
    return f"'{text}" if _TAKEN_FOR_A_FORMULA.match(text) else text


def plain_of(text: str) -> str:
    """What :func:`safe` was given."""
    return text[1:] if text.startswith("'") and _TAKEN_FOR_A_FORMULA.match(text) else text


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
    cell.value = _ILLEGAL.sub("\ufffd", text)
    # Whatever it looks like, it is a text and no formula.
    cell.data_type = "s"
    # A text stays one also when somebody edits the cell.
    cell.quotePrefix = bool(_TAKEN_FOR_A_FORMULA.match(text))
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
