"""No cell is a formula in any spreadsheet, however it splits the file; and each is read again as it was."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.sheets.cells import SheetFile, read_grids
from activities.sheets.encoding import csv_of, xlsx_of
from activities.sheets.escapes import unescaped
from activities.sheets.formulas import plain_of, safe

HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "'=1+1", "''=x", '"=1', "＝1+1", "﹣1",
    "\ufeff=1", '=HYPERLINK("http://x")', "a;=1+1;b", 'a;"=1+1;b', "a\t=1", "a\r\n=cmd|' /C calc'!A0", "a|=1",
]  # fmt: skip


def as_shown(content: bytes, delimiter: str) -> list[str]:
    """The cells as a program has them that splits at this, and heeds a quote where a cell begins with it alone."""
    text = content.decode("utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]


def none_is_a_formula(text: str) -> None:
    content = csv_of([["id", "title", "note"], ["C1", text, "x"]])
    for delimiter in ",;\t|":
        for cell in as_shown(content, delimiter):
            assert cell.lstrip(' \t\r\n\ufeff\u200b"')[:1] not in {*"=+-@＝＋－＠﹦﹢﹣﹫"}, (delimiter, cell)
    assert plain_of(safe(text)) == text
    if text.strip():
        [grid] = read_grids(SheetFile("x.csv", content))
        assert grid.rows[0][1][1] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_taken_for_a_formula_and_none_is_changed_by_that(text: str) -> None:
    none_is_a_formula(text)
    content = xlsx_of({"x": [["id"], [text]]}, datetime(2030, 1, 1, tzinfo=UTC))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert "<f>" not in packed.read("xl/worksheets/sheet1.xml").decode()
    [grid] = read_grids(SheetFile("x.xlsx", content))
    assert grid.rows[0][1] == (text,)


@pytest.mark.parametrize(
    "text", ["a_x000D_b", "_x005F_x0041_", "_x0041_x0042_", "a_x0041__a_x005F_x0041__x0041_", "_x_", "_x12"]
)
def test_what_looks_like_a_code_of_a_character_stays_what_it_is(text: str) -> None:
    content = xlsx_of({"x": [["id"], [text]]}, datetime(2030, 1, 1, tzinfo=UTC))
    [grid] = read_grids(SheetFile("x.xlsx", content))
    assert grid.rows[0][1] == (text,)
    assert unescaped("two_x000D__x000a_lines") == "two\r\nlines"


@given(st.text(alphabet=";\t|\r\n=-'\" ,a", max_size=12))
@example("'" * 4 + '"=')
def test_nor_is_any_other(text: str) -> None:
    none_is_a_formula(text)


@pytest.mark.parametrize(
    "text", ["", "plain", "'quoted'", "C1", "it's", "1-2", "a, -b", "RU: ru.head; KP: kp.head"]
)
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert safe(text) == plain_of(text) == text


def test_a_cell_of_a_million_spaces_takes_no_time_to_speak_of() -> None:
    # In a time that grows with the square it would take hours.
    text = "\t" * 1_000_000 + "="
    assert plain_of(safe(text)) == text
