"""Sheets into a definition over HTTP: what it becomes, and an error for each cell that cannot be taken."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.sheets.encoding import csv_of, xlsx_of
from activities.sheets.writing import rows_of
from api.client.errors import ApiProblem
from api.routes.sheets import UNPACKED
from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import small
from workflows.model.definition import Definition


def sent(content: bytes | str, name: str = "conditions.csv") -> dict[str, str]:
    taken = content.encode() if isinstance(content, str) else content
    return {"name": name, "content": base64.b64encode(taken).decode()}


async def read(api: Api, *sheets: dict[str, str], who: str = "aa.contact", **fields: Any) -> Any:
    return await api.call("POST", "/v1/definitions/sheets", who, json={"sheets": sheets, **fields})


def conditions(number: int) -> bytes:
    """A sheet with the conditions of the small definition, and ``number`` more."""
    definition = Definition.model_validate(small())
    rows = rows_of(definition, "conditions")
    head, first = rows[0], rows[1]
    more = [[f"X{index}", *first[1:]] for index in range(number)]
    return csv_of([head, *rows[1:], *more])


async def test_rows_go_into_a_definition_that_can_be_opened_and_into_an_accords(
    reading_api: Api, filler: Filler
) -> None:
    await filler.found("a", small())
    answer = await read(reading_api, sent(conditions(200)), definition=small())
    assert answer.status_code == 200, answer.text
    made = answer.json()
    known = len(Definition.model_validate(small()).conditions)
    assert made["rows"] == {"conditions": known + 200}
    definition = Definition.model_validate(made["definition"])
    assert definition.digest() == made["digest"]
    assert "X199" in definition.conditions
    # Into the definition of an accord, for an amendment; here rows are added to those that are there.
    [head, first] = rows_of(Definition.model_validate(small()), "conditions")[:2]
    workbook = xlsx_of({"conditions": [head, ["X1", *first[1:]]]}, filler.states["a"].time)
    added = await read(reading_api, sent(workbook, "book.xlsx"), accord="a", add=True)
    assert added.json()["rows"] == {"conditions": 1}
    assert len(added.json()["definition"]["conditions"]) == known + 1
    problem(await read(reading_api, sent(conditions(1)), accord="a", who="zz.stranger"), 404, "not_found")


async def test_each_bad_cell_is_named_as_spreadsheets_do(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    rows = rows_of(Definition.model_validate(small()), "conditions")
    head = rows[0]
    wrong = [list(rows[1]), list(rows[1])]
    wrong[0][head.index("due")] = "soon"
    wrong[1][0], wrong[1][head.index("title")] = "Y1", ""
    answer = await read(reading_api, sent(csv_of([head, *wrong])), definition=small())
    said = problem(answer, 422, "malformed")
    letter = chr(ord("A") + head.index("title"))
    assert f"conditions!{letter}3" in {one["field"] for one in said["errors"]}
    assert any("fill it in" in one["problem"] for one in said["errors"])
    for fields, named in (
        ({}, "definition"),
        ({"definition": small(), "accord": "a"}, "definition"),
        ({"definition": small(), "zone": "Mars"}, "zone"),
    ):
        said = problem(await read(reading_api, sent("id\n"), **fields), 422, "malformed")
        assert said["errors"][0]["field"] == named
    no_base64 = {"name": "conditions.csv", "content": "no base64!"}
    said = problem(await read(reading_api, no_base64, definition=small()), 422, "malformed")
    assert said["errors"][0]["field"] == "sheets.0.content"


def bomb() -> bytes:
    """A workbook of which one part unpacks to more than is taken."""
    out = io.BytesIO(xlsx_of({"conditions": [["id"]]}, datetime(2030, 1, 1, tzinfo=UTC)))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/zeros", b"\0" * (UNPACKED + 1))
    return out.getvalue()


def entities(entity: bytes) -> bytes:
    """A workbook with an entity in a cell: one of a file of the server, or one that is a thousand million letters."""
    out, book = io.BytesIO(), xlsx_of({"conditions": [["id", "title"]]}, datetime(2030, 1, 1, tzinfo=UTC))
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    declared = f'<!DOCTYPE x [<!ENTITY l0 "ha"><!ENTITY f SYSTEM "file:///etc/passwd">{levels}]>'.encode()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            part = old.read(info)
            if b">title<" in part:
                head, mark, rest = part.replace(b">title<", b">&" + entity + b";<").rpartition(b"?>")
                part = head + mark + declared + rest
            new.writestr(info, part)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("book.xlsx", b"no workbook", "no XLSX file"),
        ("../../etc/passwd", b"x", "neither a CSV nor an XLSX"),
        ("book.csv", b"\xff\xfe\xff", "cannot be read"),
        ("book.xlsx", bomb(), "MB unpacked"),
        ("book.xlsx", entities(b"f"), "declares a document type"),
        ("book.xlsx", entities(b"l9"), "declares a document type"),
    ],
)
async def test_what_is_no_sheet_is_said_to_be_none(
    reading_api: Api, filler: Filler, name: str, content: bytes, says: str
) -> None:
    await filler.found("a", small())
    answer = await read(reading_api, sent(content, name), definition=small())
    assert says in problem(answer, 422, "malformed")["detail"]


async def test_the_client_reads_sheets(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    client = await reading_api.client("aa.contact")
    made = await client.read_sheets({"conditions.csv": conditions(3)}, accord="a")
    assert "X2" in made.definition["conditions"]
    by_definition = await client.read_sheets(
        {"conditions.csv": conditions(3)}, definition=Definition.model_validate(small())
    )
    assert by_definition.digest == made.digest
    with pytest.raises(ApiProblem, match="zone"):
        await client.read_sheets({"conditions.csv": b"id"}, accord="a", zone="Mars")
