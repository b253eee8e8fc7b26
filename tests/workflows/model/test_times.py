"""Times at the edge of the calendar: what is taken can be recorded, and read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulation.definitions import pair
from tests.simulation.play import Play
from workflows.model.values import FIRST, LAST, add_duration, subtract_duration

BEYOND = ("2998-12-31T23:59:59-23:00", "1901-01-01T00:00:00+23:00")
"""By their offsets they fall into years that are not taken, though the years that are written are."""


@pytest.mark.parametrize("time", [*BEYOND, "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
@pytest.mark.parametrize(
    ("by", "act", "fields"),
    [
        ("aa.protocol", "propose_dates", {"window": {"begins": "@", "ends": "@"}}),
        (
            "aa.contact",
            "appoint_delegate",
            {"delegate": "aa.x", "office": "X", "roles": ["obligor"], "valid_until": "@"},
        ),
        (
            "watch",
            "condition_changed",
            {"condition": "C1", "report": "R", "source": "S", "observed_at": "@"},
        ),
    ],
)
def test_a_time_is_judged_by_its_year_in_utc(time: str, by: str, act: str, fields: dict[str, Any]) -> None:
    fields = {
        key: dict.fromkeys(v, time) if v == {"begins": "@", "ends": "@"} else v for key, v in fields.items()
    }
    fields = {key: time if value == "@" else value for key, value in fields.items()}
    play = Play(pair()).go("founded")
    assert play.rejected(by, act, **fields) == "malformed"


def test_durations_end_with_the_calendar() -> None:
    now = datetime(2030, 1, 31, tzinfo=UTC)
    assert add_duration(now, "P999Y9999M99999D") == LAST
    assert add_duration(LAST, "PT1M") == LAST
    assert subtract_duration(now, "P999Y") == FIRST
    assert subtract_duration(FIRST, "P1D") == FIRST
    assert subtract_duration(datetime(2030, 3, 31, tzinfo=UTC), "P1M") == datetime(2030, 2, 28, tzinfo=UTC)
    assert add_duration(datetime(2028, 1, 31, tzinfo=UTC), "P1M") == datetime(2028, 2, 29, tzinfo=UTC)
