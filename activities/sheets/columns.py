"""What stands in which column: of conditions, documents and parties, in the order in which a sheet shows them.

A column is a field of the definition's schema, or part of one (``policy.need``). A list is written in one cell, its
items separated by commas, semicolons or new lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Form = Literal["text", "list", "flag", "number", "time", "seats"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the name in the sheet's first row, the path of the field that it fills, how cells are written."""

    name: str
    path: tuple[str, ...]
    form: Form = "text"
    required: bool = False


def _column(name: str, path: str = "", form: Form = "text", *, required: bool = False) -> Column:
    return Column(name, tuple((path or name).split(".")), form, required)


KEY = "id"
"""The column with the row's id, such as C7, D1 or RU."""

PARTIES = (
    _column("name", required=True),
    _column("capacity", required=True),
    _column("contact", required=True),
    _column("delegates", form="list"),
    _column("languages", form="list"),
    _column("share"),
    _column("required", form="flag"),
    _column("signed_acts", form="flag"),
    _column("contact_key"),
)
DOCUMENTS = (
    _column("title", required=True),
    _column("languages", form="list", required=True),
    _column("prevailing"),
    _column("signatories", "seats", form="seats", required=True),
    _column("authority"),
    _column("authorization", form="flag"),
    _column("initialled", form="flag"),
    _column("execution_version", form="flag"),
    _column("nature"),
    _column("registered", form="flag"),
    _column("order", form="list"),
)
CONDITIONS = (
    _column("title", required=True),
    _column("obligors", form="list", required=True),
    _column("beneficiaries", form="list"),
    _column("gate", required=True),
    _column("due", form="time"),
    _column("verifiers", "policy.verifiers", form="list", required=True),
    _column("need", "policy.need", form="number"),
    _column("grade", "policy.grade"),
    _column("joint", "policy.joint", form="flag"),
    _column("independent", "policy.independent", form="flag"),
    _column("on_change", "policy.on_change"),
    _column("waivable", form="flag"),
    _column("deferrable", form="flag"),
    _column("valid_for"),
    _column("valid_until", form="time"),
    _column("valid_while_texts_of", form="list"),
    _column("depends_on", form="list"),
    _column("response"),
    _column("cure"),
)
SHEETS: Mapping[str, tuple[Column, ...]] = {
    "parties": PARTIES,
    "documents": DOCUMENTS,
    "conditions": CONDITIONS,
}
"""The columns of each sheet after the id; a sheet's name is the definition's field that its rows are."""

STATE: Mapping[str, tuple[str, ...]] = {
    "parties": (),
    "documents": ("status", "digest", "next_step", "waits_for"),
    "conditions": (
        "status",
        "satisfied",
        "verdict_at",
        "verdict_until",
        "verdict_by",
        "evidence",
        "waits_for",
    ),
}
"""Columns that a sheet has on the way out, behind its own: how the row stands. On the way in they are passed over."""

STATE_MARK = "state."
"""What their names begin with, so that nobody takes them for terms."""

NONE = "none"
"""What stands in a list's cell for: nobody, where an empty cell means the default."""
