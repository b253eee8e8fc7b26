"""Sheets on the way in: rows become parts of a definition, and what is wrong is told cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from activities.definitions.check import MOST, read_definition
from activities.definitions.structured import WHOLE, Source, Unreadable, Wrong
from activities.sheets.cells import (
    BadSheet,
    CellProblem,
    Grid,
    SheetFile,
    Value,
    bad_cells,
    doubled,
    read_grids,
)
from activities.sheets.columns import KEY, NONE, SHEETS, STATE_MARK, Column
from workflows.model.definition import Definition

_SEPARATORS = re.compile(r"[,;\n]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONE = re.compile(r"(?:UTC|Z)|([+-])(\d{2}):(\d{2})", re.ASCII)
LAST_MINUTE = time(23, 59)
"""A day alone is its end: the last minute of it."""


def zone_of(text: str) -> timezone:
    """A zone by its distance from UTC, such as ``+10:00``.

    Raises:
        ValueError: it is none.
    """
    found = _ZONE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:20]!r} is no zone; write it as +10:00, or UTC")
    if found[1] is None:
        return timezone.utc  # noqa: UP017 - of the type that is returned
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    if distance >= timedelta(hours=24):
        raise ValueError(f"{text[:20]!r} is no zone; none is a day away from UTC")
    return timezone(-distance if found[1] == "-" else distance)


@dataclass
class _Taken:
    """What was read so far: values by sheet and id, where each came from, and what is wrong."""

    values: dict[str, dict[str, Any]]
    rows: dict[tuple[str, str], tuple[Grid, int]]
    problems: list[CellProblem]


def read_sheets(
    files: Iterable[Path | SheetFile], base: Mapping[str, Any], *, zone: timezone, complete: bool = True
) -> tuple[Definition, dict[str, int]]:
    """The definition that ``base`` becomes with the rows of these files, and how many rows each sheet has.

    A sheet takes the place of all rows of its kind that ``base`` has; with ``complete`` false it adds to them.

    Raises:
        BadSheet: something in them cannot be taken; ``problems`` name every cell.
        OSError: a file cannot be read.
    """
    taken = _Taken({}, {}, [])
    for file in files:
        for grid in read_grids(file):
            _take(grid, taken, zone)
    if taken.problems:
        raise bad_cells(taken.problems, "nothing was written")
    if not taken.values:
        raise BadSheet(
            f"There is no sheet of {', '.join(SHEETS)} in it.",
            "Name the file or the sheet so, or let its first row have the columns of one; see entente sheet columns.",
        )
    value = dict(base)
    for name, rows in taken.values.items():
        value[name] = rows if complete else {**value.get(name, {}), **rows}
    try:
        definition = read_definition(Source(value))
    except Unreadable as error:
        raise bad_cells(
            [_at_cell(one, taken) for one in error.errors],
            "nothing was written",
            at_least=len(error.errors) >= MOST,
        ) from None
    return definition, {name: len(rows) for name, rows in taken.values.items()}


def kind_of(grid: Grid) -> str | None:
    """What a sheet's rows are: by its name, else by the columns that only one kind has; none if it is no such sheet."""
    if grid.name in SHEETS:
        return grid.name
    for name, columns in SHEETS.items():
        if KEY in grid.head and all(one.name in grid.head for one in columns if one.required):
            return name
    return None


def _take(grid: Grid, taken: _Taken, zone: timezone) -> None:
    kind = kind_of(grid)
    if kind is None:
        return
    taken.problems += grid.problems + doubled(grid)
    columns = {one.name: one for one in SHEETS[kind]}
    by_place: dict[int, Column] = {}
    key_place = None
    for place, name in enumerate(grid.head):
        if name == KEY:
            key_place = place
        elif name in columns:
            by_place[place] = columns[name]
        elif name and not name.startswith(STATE_MARK):
            said = f"there is no such column; those of {kind} are {KEY}, {', '.join(columns)}"
            taken.problems.append(CellProblem(grid.name, grid.place(1, place), name[:60], said))
    lacking = [KEY] * (key_place is None)
    lacking += [one.name for one in columns.values() if one.required and one not in by_place.values()]
    if lacking or key_place is None:
        said = f"the first row lacks {', '.join(lacking)}; add the column"
        taken.problems.append(CellProblem(grid.name, "row 1", "", said))
        return
    rows = taken.values.setdefault(kind, {})
    for number, cells in grid.rows:
        code = str(cells[key_place] if cells[key_place] is not None else "").strip()
        at = grid.place(number, key_place)
        if not code:
            taken.problems.append(
                CellProblem(grid.name, at, KEY, "it is empty; give the row an id, such as C7")
            )
            continue
        if code in rows:
            first = taken.rows[kind, code][1]
            said = f"{code} stands in row {first} already; give each row an id of its own"
            taken.problems.append(CellProblem(grid.name, at, KEY, said))
            continue
        taken.rows[kind, code] = (grid, number)
        rows[code] = _row(grid, number, cells, by_place, taken, zone)


def _row(
    grid: Grid,
    number: int,
    cells: Sequence[Value],
    by_place: Mapping[int, Column],
    taken: _Taken,
    zone: timezone,
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for index, column in by_place.items():
        given = cells[index]
        if given is None or (isinstance(given, str) and not given.strip()):
            if column.required:
                taken.problems.append(
                    CellProblem(grid.name, grid.place(number, index), column.name, "it is empty; fill it in")
                )
            continue
        try:
            value = _value(column, given, zone)
        except ValueError as error:
            taken.problems.append(CellProblem(grid.name, grid.place(number, index), column.name, str(error)))
            continue
        inner = row
        for part in column.path[:-1]:
            inner = inner.setdefault(part, {})
        inner[column.path[-1]] = value
    return row


def _value(column: Column, given: Value, zone: timezone) -> Any:
    if column.form == "flag":
        if isinstance(given, bool):
            return given
        if str(given).strip().lower() in ("true", "false"):
            return str(given).strip().lower() == "true"
        raise ValueError(f"{_shown(given)} is not taken here; write true or false")
    if column.form == "number":
        if isinstance(given, bool) or not re.fullmatch(r"[0-9]{1,6}(\.0)?", str(given).strip(), re.ASCII):
            raise ValueError(f"{_shown(given)} is no whole number; write digits alone")
        return int(float(str(given)))
    if column.form == "time":
        return _time(given, zone)
    if isinstance(given, bool | datetime | date) or (isinstance(given, float) and not given.is_integer()):
        raise ValueError(f"{_shown(given)} is no text; write it as text")
    text = str(int(given)) if isinstance(given, float) else str(given).strip()
    if column.form == "list":
        return [] if text == NONE else _items(text)
    return _seats(text) if column.form == "seats" else text


def _items(text: str) -> list[str]:
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip()]


_SEAT = re.compile(
    r"\s*([A-Z][A-Z0-9]*)\s*:\s*([a-z0-9._-]+)\s*(?:\((.*)\))?\s*(?:\[(ex_officio|full_powers)\])?\s*",
    re.ASCII | re.DOTALL,
)


def _seats(text: str) -> dict[str, Any]:
    """``RU: ru.head; KP: kp.head (President) [full_powers]``; a party twice, for two who sign jointly."""
    seats: dict[str, Any] = {}
    for part in re.split(r"(?<!\\)[;\n]", text):
        if not part.strip():
            continue
        found = _SEAT.fullmatch(part.replace("\\;", ";"))
        if found is None:
            raise ValueError(
                f"{part.strip()[:40]!r} is no signatory; write PARTY: delegate.id, such as RU: ru.head, and behind it "
                "the capacity in brackets, if need be"
            )
        party, holder, capacity, authority = found.groups()
        name, other = party, 2
        while name in seats:
            name, other = f"{party}-{other}", other + 1
        seat = {"party": party, "holder": holder, "capacity": capacity, "authority": authority}
        seats[name] = {key: value for key, value in seat.items() if value}
    return seats


def _time(given: Value, zone: timezone) -> str:
    if isinstance(given, datetime):
        # What a spreadsheet calls a date is one at midnight.
        if given.time() != time(0):
            return given.replace(tzinfo=zone).isoformat()
        given = given.date()
    if isinstance(given, date):
        return datetime.combine(given, LAST_MINUTE, zone).isoformat()
    text = str(given).strip()
    if _DAY.fullmatch(text):
        try:
            return datetime.combine(date.fromisoformat(text), LAST_MINUTE, zone).isoformat()
        except ValueError:
            raise ValueError(f"{text} is no day of the calendar; write one such as 2030-03-31") from None
    if not isinstance(given, str):
        raise ValueError(f"{_shown(given)} is no time; write one such as 2030-03-31 or 2030-03-31T12:00:00Z")
    return text


def _shown(given: Value) -> str:
    return repr(str(given)[:40])


def _at_cell(wrong: Wrong, taken: _Taken) -> CellProblem:
    """The cell that an error of the definition is about; where it is about none, the field."""
    parts = wrong.field.split(".")
    found = taken.rows.get((parts[0], parts[1])) if len(parts) > 1 else None
    if found is None:
        return CellProblem("", "" if wrong.field == WHOLE else wrong.field, "", wrong.problem)
    grid, number = found
    inner = tuple(parts[2:])
    by_name = {one.name: one for one in SHEETS[parts[0]]}
    for index, name in enumerate(grid.head):
        column = by_name.get(name)
        if column is not None and inner[: len(column.path)] == column.path:
            return CellProblem(grid.name, grid.place(number, index), name, wrong.problem)
    of_policy = [name for name, one in by_name.items() if inner and one.path[0] == inner[0]]
    for index, name in enumerate(grid.head):
        if name in of_policy or (not inner and name == KEY):
            return CellProblem(grid.name, grid.place(number, index), name, wrong.problem)
    return CellProblem(grid.name, f"row {number}", ".".join(inner), wrong.problem)
