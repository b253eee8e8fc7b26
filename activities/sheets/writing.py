"""Sheets on the way out: the definition's rows as they can be read again, with the state in columns behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.sheets.columns import KEY, NONE, SHEETS, STATE, STATE_MARK, Column
from workflows.model.definition import Definition
from workflows.model.state import Accord
from workflows.tracks.conditions.state import owed_by, satisfied
from workflows.tracks.documents.state import check_ready, document_digest, document_status

MOST_LINES = 200
"""Lines about the state in one cell: of digests, some seventeen thousand characters."""


def rows_of(definition: Definition, kind: str, a: Accord | None = None) -> list[list[str]]:
    """A sheet's rows, the names of its columns first; with an accord, its state behind.

    What stands at its default is left empty, as in a definition.
    """
    columns = SHEETS[kind]
    head = [KEY, *(one.name for one in columns)]
    head += [STATE_MARK + name for name in STATE[kind]] if a is not None else []
    rows = [head]
    for code, terms in getattr(definition, kind).items():
        told = terms.model_dump(mode="json", exclude_defaults=True)
        row = [code, *(_cell(one, told) for one in columns)]
        if a is not None:
            state = _state(a, kind, code)
            row += [state.get(name, "") for name in STATE[kind]]
        rows.append(row)
    return rows


def _cell(column: Column, told: Mapping[str, Any]) -> str:
    value: Any = told
    for part in column.path:
        if not isinstance(value, Mapping) or part not in value:
            return ""
        value = value[part]
    if column.form == "seats":
        return "; ".join(map(_seat, value.values()))
    if column.form == "list":
        return ", ".join(value) if value else NONE
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seat(seat: Mapping[str, str]) -> str:
    capacity = f" ({seat['capacity']})" if seat.get("capacity") else ""
    authority = f" [{seat['authority']}]" if seat.get("authority") else ""
    return f"{seat['party']}: {seat['holder']}{capacity}".replace(";", "\\;") + authority


def _state(a: Accord, kind: str, code: str) -> dict[str, str]:
    if not a.founded:
        return {"status": "proposed"} if STATE[kind] else {}
    if kind == "conditions":
        return _of_condition(a, code)
    return _of_document(a, code) if kind == "documents" else {}


def _of_condition(a: Accord, code: str) -> dict[str, str]:
    condition = a.conditions[code]
    verdict, holds = condition.verdict, satisfied(a, code)
    told = {
        "status": condition.status + (", questioned" if condition.questioned else ""),
        "satisfied": str(holds).lower(),
        "evidence": "\n".join(_shown([f"{one.digest} {one.grade}" for one in condition.evidence])),
        "waits_for": "" if holds or a.ended else ", ".join(owed_by(a, code)),
    }
    if verdict is not None:
        told["verdict_at"] = verdict.at.isoformat()
        told["verdict_until"] = verdict.valid_until.isoformat() if verdict.valid_until else ""
        told["verdict_by"] = ", ".join(verdict.verifiers)
    return told


def _shown(lines: list[str]) -> list[str]:
    """The first lines of a cell, which does not take any number of characters, and how many more there are."""
    return [
        *lines[:MOST_LINES],
        *([f"… and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []),
    ]


def _of_document(a: Accord, code: str) -> dict[str, str]:
    ready = check_ready(a, code)
    return {
        "status": document_status(a, code),
        "digest": document_digest(a, code) or "",
        "next_step": "" if ready.met or a.ended else ready.reason,
        "waits_for": "" if ready.met or a.ended else ", ".join(ready.who),
    }
