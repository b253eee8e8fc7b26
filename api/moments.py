"""As of when: a position of the record or a time, as a query names it, and what is answered where the record ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Query

from activities.reading.accords import BeforeOpening, BeyondRecord
from api.calls import TIME_PATTERN, moment
from api.problems import Problem

_POSITION = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        description="the state after the entry at this position (from 0), or at this time by RFC 3339",
        examples=["17", "2027-04-12T10:00:00Z"],
        json_schema_extra={"pattern": f"^({_POSITION.pattern}|{TIME_PATTERN})$"},
    ),
]


def moment_asked_for(text: str, accord: str, now: datetime) -> int | datetime:
    """The position or time that ``as_of`` names; ``now`` is the accord's time.

    Raises:
        Problem: ``malformed``, or ``beyond_record`` for a time that is still to come.
    """
    asked = int(text) if _POSITION.fullmatch(text) else moment(text, "as_of")
    if isinstance(asked, datetime) and asked > now:
        raise Problem(
            "beyond_record",
            f"It is {now.isoformat()} in this accord; what is on the record at {text[:40]} nobody knows yet. What "
            "falls by itself until then, GET …/why/{step}?at= and a dry run with at= take into account.",
            accord=accord,
        )
    return asked


@contextmanager
def within_record(accord: str) -> Iterator[None]:
    """Reading what was asked for, which the record may not reach.

    Raises:
        Problem: ``beyond_record``, with where the record ends or begins.
    """
    try:
        yield
    except BeyondRecord as error:
        raise Problem(
            "beyond_record",
            f"The record has {error.size} entries; the last is {error.size - 1}.",
            accord=accord,
        ) from None
    except BeforeOpening as error:
        raise Problem(
            "beyond_record",
            f"The accord was opened at {error.opened.isoformat()}; before that it was not.",
            accord=accord,
        ) from None
