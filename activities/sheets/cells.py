"""Cells on the way in: which files hold sheets, and what stands in each cell.

Reading is bounded, whatever a file claims: bytes, rows, columns, the characters of a cell.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from activities.errors import EntenteError
from activities.sheets.escapes import unescaped
from activities.sheets.formulas import plain_of

LARGEST_FILE = 16 * 1024 * 1024
LARGEST_UNPACKED = 128 * 1024 * 1024
MOST_ROWS = 5_000
MOST_COLUMNS = 100
LAST_ROW = 50_000
"""How far down empty rows are passed over."""
LONGEST_CELL = 32_767
"""Characters of a cell; spreadsheets take no more."""
MOST_PROBLEMS = 200
MOST_MERGED = 2_000
MOST_TEXTS = 400_000
MOST_OTHER = 50_000
"""Elements of one part of a workbook that are no cells, such as formats; programs write some thousand."""

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
            grid.name, grid.place(1, place), name[:60], "the column stands twice; leave one of the two out"
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
    # Some programs put the mark of UTF-8 before one that is there.
    text = text.lstrip("\ufeff")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadSheet(
            f"{name}.csv is no text in UTF-8, nor in UTF-16 with its mark: line {line} holds a character of zeros.",
            "Save it as “CSV UTF-8”.",
        )
    delimiter, text = _delimiter(text)
    csv.field_size_limit(LARGEST_FILE)
    rows: list[list[Value]] = []
    # A quote that nothing closes would take the rows behind it into its cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if len(rows) > MOST_ROWS and any(row):
                raise _too_long(name)
            if len(rows) < LAST_ROW:
                rows.append([plain_of(cell) for cell in row[: MOST_COLUMNS + 1]])
    except csv.Error as error:
        raise BadSheet(
            f"{name}.csv cannot be read: {error}, in row {len(rows) + 1}.",
            "Close each quote that a cell begins with, or save it as “CSV UTF-8” again.",
        ) from None
    return _grid(name, rows)


def _delimiter(text: str) -> tuple[str, str]:
    """What separates cells, and the text of the rows.

    It is named by a line of its own (``sep=;``), which some programs write and none shows; else it is of comma,
    semicolon and tabulator the one most frequent in the first row.
    """
    named = _NAMED_DELIMITER.match(text)
    if named is not None:
        return named[1], text[named.end() :]
    first = text[:LONGEST_CELL].partition("\n")[0]
    return max(",;\t", key=first.count), text


_NAMED_DELIMITER = re.compile(r"sep=([,;\t])\r?\n")


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
        _look_through(name, content)
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


def _look_through(name: str, content: bytes) -> None:
    """Refuse what would take long to read, in each part of a workbook, whatever it is called: others say what it is.

    No spreadsheet declares entities, of which it takes long to find out what they come to. Of elements that are no
    cells there are few: each of them becomes an object, and a file of some kilobytes can hold a million.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for info in packed.infolist():
            part = packed.read(info)
            if not part.lstrip(_BEFORE_XML).startswith(b"<"):
                # A picture, say.
                continue
            if _declares_a_type(part):
                raise BadSheet(
                    f"{name} cannot be taken: its {info.filename[:80]} declares a document type.",
                    "Save it as XLSX again; spreadsheet programs declare none.",
                )
            for what, pattern, most in (
                ("cells", _CELL, (MOST_ROWS + 1) * MOST_COLUMNS),
                ("texts", _TEXT, MOST_TEXTS),
                ("elements that are no cells", _OTHER, MOST_OTHER),
            ):
                if sum(1 for _ in islice(pattern.finditer(part), most + 1)) > most:
                    raise BadSheet(
                        f"{name} cannot be taken: its {info.filename[:80]} holds more than {most:,} {what}.",
                        "Copy the rows to a new file, as values alone.",
                    )


_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_TEXT = re.compile(rb"<(?:\w+:)?(?:si|t|r)[\s/>]")
_OTHER = re.compile(rb"<(?!(?:/|(?:\w+:)?(?:row|c|v|is|si|t|r)[\s/>]))")


class _Begun(Exception):
    """An XML document's own element begins; none is declared before it."""


def _declares_a_type(part: bytes) -> bool:
    """Whether an XML document declares a document type, in whichever encoding and behind whatever comments."""
    declared = False

    def declares(*_: Any) -> None:
        nonlocal declared
        declared = True
        raise _Begun

    def begins(*_: Any) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = declares, begins
    try:
        for at in range(0, len(part), _PIECE):
            parser.Parse(part[at : at + _PIECE])
    except (_Begun, expat.ExpatError):
        # What is no XML is not read as such, or is refused by who reads it.
        pass
    return declared


_PIECE = 16 * 1024


def _of_worksheet(file: str, sheet: Any, content: bytes) -> Grid:
    rows: list[list[Value]] = []
    problems: list[CellProblem] = []
    title = str(sheet.title).lower()
    try:
        problems += islice(_merged(title, content, sheet), MOST_MERGED + 1)
        if len(problems) > MOST_MERGED:
            raise BadSheet(
                f"{file}: the sheet {title} has more than {MOST_MERGED:,} merged cells.", "Take them apart."
            )
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
                if said := _not_taken(cell):
                    place = f"{get_column_letter(index + 1)}{number}"
                    problems.append(CellProblem(title, place, "", said))
                    value = None
                row.append(unescaped(value) if isinstance(value, str) else value)
            rows.append(row)
    except BadSheet:
        raise
    except Exception as error:
        raise BadSheet(
            f"{file}: the sheet {title} cannot be read: {error}.", "Save it as XLSX again."
        ) from None
    return _grid(title, rows, problems)


def _not_taken(cell: Any) -> str:
    """Why what a cell holds is not taken, and what to put there; empty where it is."""
    if cell.data_type == "f":
        return "it holds a formula; put its value there instead"
    if cell.data_type == "e":
        return f"it holds the error {cell.value}; put its value there instead"
    if cell.value is None or isinstance(cell.value, str | int | float | bool | datetime | date):
        return ""
    return f"{str(cell.value)[:40]} is a time without a day, or how long something takes; write it as text"


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
    found = list(problems)
    for number, row in enumerate(rows[1:], start=2):
        for index, value in enumerate(row):
            if (index >= len(head) or not head[index]) and value is not None and str(value).strip():
                place = f"{get_column_letter(index + 1)}{number}"
                said = "its column has no name in the first row: name it, or move the cell to its own column"
                found.append(CellProblem(name, place, "", said))
    numbered = [
        (number, tuple(row[: len(head)]) + (None,) * (len(head) - len(row)))
        for number, row in enumerate(rows[1:], start=2)
        if any(value not in (None, "") for value in row)
    ]
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
