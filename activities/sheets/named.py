"""Sheets that name files by digest: evidence to submit and texts to propose, row by row, with a folder of the files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from activities.sheets.cells import BadSheet, CellProblem, Grid, bad_cells, doubled, read_grids
from activities.sheets.columns import STATE_MARK
from workflows.model.canonical import digest_of
from workflows.model.values import GRADES

_CHUNK = 1024 * 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spec:
    """What such a sheet holds. ``key`` are the columns that name what a row is about; no two rows are the same."""

    what: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it may have."""
        return (*self.required, "file", "digest", *self.optional)


EVIDENCE = Spec("evidence", ("condition", "grade", "source"), ("note",), ("condition", "digest"))
TEXTS = Spec("texts", ("document", "language"), (), ("document", "language"))


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row: its number, its fields with the digest, and the file, where it names one; its sheet, for problems."""

    row: int
    fields: dict[str, str]
    file: Path | None
    grid: Grid

    def problem(self, column: str, said: str) -> CellProblem:
        """A problem of the row's cell in a column; of the row, where the sheet has no such column."""
        return _problem(self.grid, self.row, column, said)

    def key(self, accord: str) -> str:
        """An idempotency key: the same row is sent once, however often the sheet is."""
        return "sheet-" + digest_of({"accord": accord, **self.fields}).removeprefix("sha256:")[:32]


def read_named(sheet: Path, spec: Spec, folder: Path | None) -> tuple[NamedRow, ...]:
    """The rows of such a sheet. A row names a file of the folder, or a digest; with both, they have to fit.

    Raises:
        BadSheet: something in it cannot be taken; ``problems`` name every cell.
        OSError: the sheet cannot be read.
    """
    grids = [grid for grid in read_grids(sheet) if spec.key[0] in grid.head]
    if len(grids) != 1:
        raise BadSheet(
            f"{sheet.name} holds {len(grids) or 'no'} sheets of {spec.what}.",
            f"Let the first row of one have the columns {', '.join(spec.columns)}.",
        )
    [grid] = grids
    problems = [*grid.problems, *_wrong_head(grid, spec)]
    rows: list[NamedRow] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, cells in [] if problems else grid.rows:
        values = {
            name: "" if cell is None else str(cell).strip()
            for name, cell in zip(grid.head, cells, strict=True)
        }
        row, wrong = _row(grid, number, values, spec, folder)
        problems += wrong
        if row is None:
            continue
        named = tuple(row.fields[name] for name in spec.key)
        if named in seen:
            problems.append(
                _problem(grid, number, spec.key[0], f"the same stands in row {seen[named]} already")
            )
        seen[named] = number
        rows.append(row)
    if problems:
        raise bad_cells(problems, "nothing was sent")
    if not rows:
        raise BadSheet(f"{sheet.name} has no rows of {spec.what}.", "Write one below the first row for each.")
    return tuple(rows)


def _wrong_head(grid: Grid, spec: Spec) -> list[CellProblem]:
    said = f"there is no such column; those here are {', '.join(spec.columns)}"
    problems = [
        CellProblem(grid.name, grid.place(1, index), name[:60], said)
        for index, name in enumerate(grid.head)
        if name and name not in spec.columns and not name.startswith(STATE_MARK)
    ]
    problems += doubled(grid)
    lacking = [name for name in spec.required if name not in grid.head]
    lacking += [] if {"file", "digest"} & set(grid.head) else ["file or digest"]
    if lacking:
        problems.append(CellProblem(grid.name, "row 1", "", f"the first row lacks {', '.join(lacking)}"))
    return problems


def _row(
    grid: Grid, number: int, values: dict[str, str], spec: Spec, folder: Path | None
) -> tuple[NamedRow | None, list[CellProblem]]:
    problems = [
        _problem(grid, number, name, "it is empty; fill it in")
        for name in spec.required
        if not values.get(name)
    ]
    grade = values.get("grade") if "grade" in spec.required else None
    if grade and grade not in GRADES:
        problems.append(_problem(grid, number, "grade", f"{grade[:40]!r} is not one of {', '.join(GRADES)}"))
    file, digest = None, values.get("digest", "")
    if digest and not _DIGEST.fullmatch(digest):
        problems.append(
            _problem(grid, number, "digest", "it is no digest; write sha256: and 64 hexadecimal digits")
        )
    elif values.get("file"):
        file, said = _file(values["file"], folder)
        own = digest_of_file(file) if file is not None else ""
        if file is None:
            problems.append(_problem(grid, number, "file", said))
        elif digest and digest != own:
            problems.append(
                _problem(grid, number, "digest", f"the file has the digest {own}; write that, or none")
            )
        digest = own
    elif not digest:
        problems.append(_problem(grid, number, "file", "name a file of the folder, or give a digest"))
    if problems:
        return None, problems
    fields = {name: values[name] for name in (*spec.required, *spec.optional) if values.get(name)}
    return NamedRow(number, {**fields, "digest": digest}, file, grid), []


def _file(name: str, folder: Path | None) -> tuple[Path | None, str]:
    if folder is None:
        return None, "name the folder of the files with --folder"
    file = folder / name
    try:
        # A sheet comes from somebody: it must not reach for what is not in the folder.
        if not file.resolve().is_relative_to(folder.resolve()):
            return None, f"{name[:80]!r} is not in the folder"
        if file.is_file():
            return file, ""
        like = _like(file)
    # Links that lead to one another, and names that no system takes.
    except (OSError, RuntimeError, ValueError):
        return None, f"{name[:80]!r} leads to no file"
    return None, f"there is no file {name[:80]!r} in the folder{f'; there is {like}' if like else ''}"


def _like(file: Path) -> str:
    """Files beside where one should be, whose names differ in case or in how accents are encoded alone."""
    if not file.parent.is_dir():
        return ""
    wanted = normalize("NFC", file.name).casefold()
    found = sorted(
        one.name for one in file.parent.iterdir() if normalize("NFC", one.name).casefold() == wanted
    )
    return " and ".join(map(ascii, found[:3]))


def digest_of_file(file: Path) -> str:
    """The digest of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    read = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            read.update(chunk)
    return f"sha256:{read.hexdigest()}"


def _problem(grid: Grid, number: int, column: str, said: str) -> CellProblem:
    place = grid.place(number, grid.head.index(column)) if column in grid.head else f"row {number}"
    return CellProblem(grid.name, place, column, said)
