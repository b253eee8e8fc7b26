"""Sheets on the way in: whole sheets become definitions, and every cell that cannot be taken is named."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from activities.sheets import cells
from activities.sheets.cells import BadSheet, SheetFile, read_grids
from activities.sheets.encoding import csv_of, xlsx_of
from activities.sheets.named import EVIDENCE, TEXTS, read_named
from activities.sheets.reading import read_sheets, zone_of
from activities.sheets.writing import rows_of
from tests.activities.papers.sources import scenario
from tests.simulation.small import digest, small
from workflows.model.canonical import digest_bytes
from workflows.model.definition import Definition
from workflows.tracks.conditions.state import satisfied

HEAD = "id,title,obligors,gate,verifiers,due,need,waivable"
ROW = "C1,Venue ready,AA,visit,bb.contact,2030-04-01,1,true"


def written(folder: Path, content: str | bytes, name: str = "conditions.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(file: Path, **changes: Any) -> Definition:
    given: dict[str, Any] = {"base": small(), "zone": UTC, **changes}
    return read_sheets([file], given.pop("base"), **given)[0]


def problems(file: Path, **changes: Any) -> list[str]:
    with pytest.raises(BadSheet) as caught:
        read(file, **changes)
    return [str(one) for one in caught.value.problems]


def test_two_hundred_rows_are_one_definition_with_one_digest(tmp_path: Path) -> None:
    rows = [f"C{i},Condition {i},AA,signing,bb.contact,2030-04-01,1,false" for i in range(1, 201)]
    definition = read(written(tmp_path, "\n".join([HEAD, *rows])))
    assert len(definition.conditions) == 200
    assert list(definition.conditions) == [f"C{i}" for i in range(1, 201)]
    assert definition.conditions["C7"].due == datetime(2030, 4, 1, 23, 59, tzinfo=UTC)
    assert definition.digest().startswith("sha256:")


@pytest.mark.parametrize(
    ("row", "cell", "said"),
    [
        ("C1,Venue ready,AA,visit,bb.contact,31.02.2030,1,true", "F2 (due)", "31.02.2030"),
        ("C1,Venue ready,AA,visit,bb.contact,2030-02-31,1,true", "F2 (due)", "no day of the calendar"),
        ("C1,Venue ready,AA,visit,bb.contact,2030-04-01,two,true", "G2 (need)", "write digits"),
        ("C1,Venue ready,AA,visit,bb.contact,2030-04-01,1,yes", "H2 (waivable)", "write true or false"),
        ("C1,,AA,visit,bb.contact,2030-04-01,1,true", "B2 (title)", "it is empty"),
        (",Venue ready,AA,visit,bb.contact,2030-04-01,1,true", "A2 (id)", "give the row an id"),
        ("C1,Venue ready,XX,visit,bb.contact,2030-04-01,1,true", "C2 (obligors)", "unknown party XX"),
        ("C1,Venue ready,AA,lunch,bb.contact,2030-04-01,1,true", "D2 (gate)", "'visit', 'signing'"),
        ("C1,Venue ready,AA,visit,nobody,2030-04-01,1,true", "E2 (verifiers)", "whose is nobody"),
        (
            "C1,Venue ready,AA,visit,bb.contact,2030-04-01,3,true",
            "E2 (verifiers)",
            "needs 3 verifiers of only 1",
        ),
        (f"{ROW}\n{ROW}", "A3 (id)", "stands in row 2 already"),
        ("C1,Venue\u202e ready,AA,visit,bb.contact,2030-04-01,1,true", "B2 (title)", "U+202E"),
        (f"C1,{'x' * 5000},AA,visit,bb.contact,2030-04-01,1,true", "B2 (title)", "characters"),
    ],
)
def test_a_bad_cell_is_named_with_what_to_write(tmp_path: Path, row: str, cell: str, said: str) -> None:
    found = problems(written(tmp_path, f"{HEAD}\n{row}\n"))
    assert any(cell in one and said in one for one in found), found


def test_all_bad_cells_are_told_at_once(tmp_path: Path) -> None:
    rows = ["C1,,AA,visit,bb.contact,soon,1,true", "C2,B,AA,visit,bb.contact,2030-04-01,x,maybe"]
    # What only shows once the cells can be read, such as an unknown party, is told after that.
    assert len(problems(written(tmp_path, "\n".join([HEAD, *rows])))) == 3


def test_that_there_may_be_more_bad_cells_than_are_told_is_said(tmp_path: Path) -> None:
    # No party XX, which only the check of the whole definition sees; it looks no further after fifty.
    rows = [f"C{number},Venue,XX,visit,bb.contact,2030-04-01,1,true" for number in range(1, 61)]
    with pytest.raises(BadSheet, match=r"^50 cells, and perhaps more, cannot be taken"):
        read(written(tmp_path, "\n".join([HEAD, *rows])))


def test_an_unknown_or_missing_column_is_named(tmp_path: Path) -> None:
    [unknown] = problems(written(tmp_path, f"{HEAD},colour\n{ROW},red\n"))
    assert "I1 (colour)" in unknown
    [lacking] = problems(written(tmp_path, "id,title\nC1,Venue\n"))
    assert "lacks obligors, gate, verifiers" in lacking


def test_days_and_times_without_a_zone_are_read_in_the_zone_that_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, f"{HEAD}\n{ROW}\n")
    assert read(file, zone=zone_of("+10:00")).conditions["C1"].due == datetime(2030, 4, 1, 13, 59, tzinfo=UTC)
    book = Workbook()
    sheet = book.active
    sheet.title = "Conditions"
    naive = datetime(2030, 4, 1, 9, tzinfo=UTC).replace(tzinfo=None)
    for row in (
        HEAD.split(","),
        ["C1", "Venue ready", "AA", "visit", "bb.contact", naive, 1, True],
    ):
        sheet.append(row)
    book.save(tmp_path / "book.xlsx")
    read_in = read(tmp_path / "book.xlsx", zone=timezone(timedelta(hours=-3)))
    assert read_in.conditions["C1"].due == datetime(2030, 4, 1, 12, tzinfo=UTC)
    assert read_in.conditions["C1"].waivable is True
    for wrong in ("10", "+1000", "+99:00", "Moscow"):
        with pytest.raises(ValueError, match="no zone"):
            zone_of(wrong)


@pytest.mark.parametrize("name", ["state-visit", "jv-closing"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_what_is_written_is_read_again_as_the_same_definition(
    tmp_path: Path, name: str, kind: str
) -> None:
    a = (await scenario(name)).state
    files = []
    if kind == "csv":
        for part in ("parties", "documents", "conditions"):
            files.append(written(tmp_path, csv_of(rows_of(a.definition, part, a)), f"{part}.csv"))
    else:
        sheets = {part: rows_of(a.definition, part, a) for part in ("parties", "documents", "conditions")}
        assert xlsx_of(sheets, a.time) == xlsx_of(sheets, a.time)
        files.append(written(tmp_path, xlsx_of(sheets, a.time), "all.xlsx"))
    bare = {
        key: value for key, value in a.definition.as_facts().items() if key not in ("documents", "conditions")
    }
    again, rows = read_sheets(files, {**bare, "parties": {}}, zone=UTC)
    assert again.digest() == a.definition.digest()
    assert rows["conditions"] == len(a.definition.conditions)
    out = rows_of(a.definition, "conditions", a)
    assert [row[out[0].index("state.satisfied")] for row in out[1:]] == [
        str(satisfied(a, code)).lower() for code in a.definition.conditions
    ]


async def test_a_condition_with_much_evidence_is_read_again_too() -> None:
    a = (await scenario("jv-closing")).state
    code, condition = next((code, one) for code, one in a.conditions.items() if one.evidence)
    a = replace(
        a, conditions={**a.conditions, code: replace(condition, evidence=condition.evidence[:1] * 300)}
    )
    rows = rows_of(a.definition, "conditions", a)
    cell = rows[list(a.conditions).index(code) + 1][rows[0].index("state.evidence")]
    assert (cell.count("\n"), cell.endswith("… and 100 more")) == (200, True)
    for file in (
        SheetFile("conditions.csv", csv_of(rows)), SheetFile("all.xlsx", xlsx_of({"conditions": rows}, a.time)),
    ):  # fmt: skip
        again, _ = read_sheets([file], a.definition.as_facts(), zone=UTC)
        assert again.digest() == a.definition.digest()


def test_a_formula_on_the_way_in_is_refused_by_its_cell(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "conditions"
    sheet.append(HEAD.split(","))
    sheet.append(["C1", "=1+1", "AA", "visit", "bb.contact", None, 1, True])
    book.save(tmp_path / "book.xlsx")
    found = problems(tmp_path / "book.xlsx")
    assert any("B2" in one and "formula" in one for one in found), found


def test_files_that_are_no_sheets_or_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "LAST_ROW", 5_100)
    monkeypatch.setattr(cells, "LARGEST_UNPACKED", 2**20)
    for name, content in (("x.xlsx", b"PK nonsense"), ("x.csv", b"id,title\n\xff\xfe"), ("x.pdf", b"%PDF")):
        with pytest.raises(BadSheet):
            read_grids(written(tmp_path, content, name))
    with pytest.raises(BadSheet, match="beyond row 5,001"):
        read_grids(written(tmp_path, "id\n" + "C1\n" * 5001))
    far = Workbook()
    far.active["A1"], far.active["A5200"] = "id", "C1"
    far.save(tmp_path / "far.xlsx")
    with pytest.raises(BadSheet, match="beyond row"):
        read_grids(tmp_path / "far.xlsx")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * 2**21)
    with pytest.raises(BadSheet, match="unpacked"):
        read_grids(written(tmp_path, bomb.getvalue(), "bomb.xlsx"))


def test_unicode_text_is_read_and_what_a_file_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    told = f"{HEAD}\n{ROW}\n".replace(",", "\t").replace("Venue", "会場")
    assert read(written(tmp_path, told.encode("utf-16"), "conditions.txt")).conditions["C1"].title[0] == "会"
    book = Workbook()
    for row in (HEAD, ROW, ROW.replace("C1", "C2")):
        book.active.append(row.split(","))
    book.save(tmp_path / "whole.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
        zipfile.ZipFile(tmp_path / "less.xlsx", "w") as less,
    ):
        for name in whole.namelist():
            less.writestr(name, whole.read(name).replace(b'dimension ref="A1:H3"', b'dimension ref="A1:H2"'))
    [grid] = read_grids(tmp_path / "less.xlsx")
    assert [number for number, _ in grid.rows] == [2, 3]


def test_what_stands_twice_or_is_merged_is_named_by_its_cell(tmp_path: Path) -> None:
    [twice] = problems(written(tmp_path, f"{HEAD},id\n{ROW},C2\n"))
    assert "I1 (id)" in twice
    sheet = written(tmp_path, f"condition,digest,grade,source,grade\nC1,{digest('x')},declared,A,seen\n")
    with pytest.raises(BadSheet) as caught:
        read_named(sheet, EVIDENCE, None)
    assert "E1 (grade)" in str(caught.value.problems[0])
    book = Workbook()
    for row in (HEAD, ROW, ROW.replace("C1", "C2").replace("2030-04-01", "")):
        book.active.append(row.split(","))
    book.active.merge_cells("F2:F3")
    book.save(tmp_path / "book.xlsx")
    [merged] = problems(tmp_path / "book.xlsx")
    assert "F2" in merged
    assert "merged" in merged


def test_evidence_is_named_by_file_or_digest(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "report.pdf").write_bytes(b"report")
    sheet = written(
        tmp_path,
        f"condition,file,digest,grade,source\nC1,report.pdf,,documented,Inspectorate\nC1,,{digest('x')},declared,AA\n",
        "evidence.csv",
    )
    rows = read_named(sheet, EVIDENCE, tmp_path / "files")
    assert [row.fields["digest"] for row in rows] == [digest_bytes(b"report"), digest("x")]
    assert rows[0].key("a") == read_named(sheet, EVIDENCE, tmp_path / "files")[0].key("a") != rows[0].key("b")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("C1,../secret,,documented,X", "not in the folder"),
        ("C1,absent.pdf,,documented,X", "there is no file"),
        ("C1,,,documented,X", "name a file"),
        ("C1,,sha256:12,documented,X", "no digest"),
        (f"C1,report.pdf,{digest('other')},documented,X", "the file has the digest"),
        (f"C1,,{digest('x')},seen,X", "declared, reported, documented, inspected"),
        (f"C1,,{digest('x')},declared,", "it is empty"),
        (f"C1,,{digest('x')},declared,X\nC1,,{digest('x')},declared,X", "stands in row 2 already"),
    ],
)
def test_a_row_of_evidence_that_cannot_be_taken_is_named(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "report.pdf").write_bytes(b"report")
    (tmp_path / "secret").write_bytes(b"secret")
    sheet = written(tmp_path, f"condition,file,digest,grade,source\n{row}\n", "evidence.csv")
    with pytest.raises(BadSheet) as caught:
        read_named(sheet, EVIDENCE, tmp_path / "files")
    assert any(said in str(one) for one in caught.value.problems), caught.value.problems


def test_texts_are_named_once_for_each_document_and_language(tmp_path: Path) -> None:
    head = "document,language,digest"
    good = written(tmp_path, f"{head}\nD1,en,{digest('en')}\nD1,fr,{digest('fr')}\n", "texts.csv")
    assert len(read_named(good, TEXTS, None)) == 2
    twice = written(tmp_path, f"{head}\nD1,en,{digest('en')}\nD1,en,{digest('fr')}\n", "texts.csv")
    with pytest.raises(BadSheet):
        read_named(twice, TEXTS, None)


def workbook(**cells_of_row: Any) -> tuple[bytes, str]:
    """A workbook with one condition, some of whose cells are others; and the name of its worksheet's part."""
    book = Workbook()
    book.active.title = "conditions"
    book.active.append(HEAD.split(","))
    book.active.append(ROW.replace("2030-04-01", "").split(","))
    for place, value in cells_of_row.items():
        book.active[place] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue(), "xl/worksheets/sheet1.xml"


def changed(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook of which one part is another."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as made:
        for name in whole.namelist():
            made.writestr(name, change(whole.read(name)) if name == part else whole.read(name))
    return out.getvalue()


def refusal(content: bytes, name: str = "conditions.xlsx") -> str:
    with pytest.raises(BadSheet) as caught:
        read_sheets([SheetFile(name, content)], small(), zone=UTC)
    return str(caught.value)


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part.replace(b"<worksheet", ENTITIES.encode() + b"<worksheet", 1),
        lambda part: b"<!--" + b" " * 50_000 + b"-->" + ENTITIES.encode() + part.partition(b"?>")[2],
        lambda part: ('<?xml version="1.0" encoding="utf-16"?>' + ENTITIES + part.decode()).encode("utf-16"),
    ],
)  # fmt: skip
def test_a_part_that_declares_entities_is_refused_wherever_it_does(change: Callable[[bytes], bytes]) -> None:
    content, part = workbook()
    assert "declares a document type" in refusal(changed(content, part, change))


@pytest.mark.parametrize(
    ("name", "before", "many"),
    [
        ("xl/styles.xml", b"</cellXfs>", b"<xf/>" * 50_000),
        ("xl/worksheets/sheet1.xml", b"</sheetData>", b"<brk/>" * 50_001),
        ("xl/worksheets/sheet1.xml", b"</sheetData>", b"<row>" + b"<c/>" * 500_100 + b"</row>"),
    ],
)
def test_a_part_that_would_take_long_to_read_is_refused_at_once(
    name: str, before: bytes, many: bytes
) -> None:
    content, _ = workbook()
    assert "holds more than" in refusal(
        changed(content, name, lambda part: part.replace(before, many + before))
    )
    pictured = io.BytesIO(content)
    with zipfile.ZipFile(pictured, "a") as packed:
        packed.writestr("xl/media/image1.png", b"\x89PNG\r\n\x1a\n" + b"<" * 60_000)
    [grid] = read_grids(SheetFile("x.xlsx", pictured.getvalue()))
    assert len(grid.rows) == 1


def test_no_cell_is_lost_without_a_word() -> None:
    assert "F2: 12:00:00 is a time without a day" in refusal(workbook(F2=time(12))[0])
    assert "F2: 2 days, 0:00:00 is a time without a day" in refusal(workbook(F2=timedelta(days=2))[0])
    assert "K2: its column has no name" in refusal(workbook(K2="a note")[0])
    # One comma too many moves all that follow it.
    assert "I2: its column has no name" in refusal(f"{HEAD}\n{ROW},x\n".encode(), "conditions.csv")
    content, part = workbook()
    merged = b"<mergeCells>" + b'<mergeCell ref="A5:B6"/>' * 2_001 + b"</mergeCells>"
    many = changed(content, part, lambda told: told.replace(b"</sheetData>", b"</sheetData>" + merged))
    assert "more than 2,000 merged cells" in refusal(many)


def test_a_csv_file_that_cannot_be_read_says_why() -> None:
    for encoding in ("utf-16-le", "utf-32"):
        assert "a character of zeros" in refusal(f"{HEAD}\n{ROW}\n".encode(encoding), "conditions.csv")
    # The rows behind it would be part of the cell.
    opened = f'{HEAD}\n{ROW[:-4]}"true\n{ROW}\n'
    assert "unexpected end of data, in row 2" in refusal(opened.encode(), "conditions.csv")
    for head in ("\ufeff\ufeff", "sep=;\r\n"):
        text = head + f"{HEAD}\n{ROW}\n".replace(",", ";")
        definition, _ = read_sheets([SheetFile("conditions.csv", text.encode())], small(), zone=UTC)
        assert definition.conditions["C1"].title == "Venue ready"


def test_a_name_that_leads_to_no_file_of_the_folder_is_named_with_one_that_is_like_it(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    for name in ("Case.pdf", "case.pdf", "re\u0301port.txt"):
        (folder / name).write_bytes(b"x")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to("loop")
    said = {
        "link.txt": "not in the folder",
        "../secret.txt": "not in the folder",
        "loop": "leads to no file",
        "n" * 300: "leads to no file",
        "none.pdf": "no file 'none.pdf' in the folder",
        "CASE.pdf": "there is 'Case.pdf' and 'case.pdf'",
        "r\u00e9port.txt": r"there is 're\u0301port.txt'",
    }
    for name, words in said.items():
        sheet = written(tmp_path, f"condition,grade,source,file\nC1,documented,R,{name}\n", "evidence.csv")
        with pytest.raises(BadSheet) as caught:
            read_named(sheet, EVIDENCE, folder)
        assert words in str(caught.value.problems[0])
