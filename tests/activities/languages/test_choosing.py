"""Which language somebody is spoken to in, and how it writes days, numbers and lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from activities.languages import formats
from activities.languages.catalogues import spoken
from activities.languages.choosing import accepted, known

AT = datetime(2027, 3, 5, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "en"),
        ("ru", "ru"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("zh-Hant-TW", "zh"),
        ("fr;q=1.0, en;q=0.4, ru;q=0.6", "ru"),
        ("en;q=0.5, ru;q=0.5", "en"),
        ("fr, de", "en"),
        ("*", "en"),
        ("fr, *;q=0.1", "en"),
        ("en;q=0, *", "ru"),
        ("ru;q=0, ko;q=0.001", "ko"),
        ("ru;q=0", "en"),
        ("RU ; Q=0.7", "ru"),
        ("ru;q=2, ko;q=x, zh;q=0.1", "zh"),
        ("<script>, ;;;, q=1", "en"),
        (",".join(["xx"] * 5000) + ",ru", "en"),
    ],
)
def test_the_header_is_read_as_it_is_meant(header: str, chosen: str) -> None:
    assert accepted(header) == chosen


def test_a_tag_that_is_not_offered_is_none() -> None:
    assert known("zh-CN") == "zh"
    assert known("../../etc") is None
    assert known(None) is None


@pytest.mark.parametrize(
    ("tongue", "moment", "number", "row", "distance"),
    [
        ("en", "5 Mar 2027, 22:05 UTC", "12,345", "A, B and C", "in 3 days"),
        (
            "ru",
            "5 мар. 2027 г., 22:05 UTC",
            "12\N{NO-BREAK SPACE}345",
            "A, B и C",
            "через 3 дня",
        ),
        ("ko", "2027년 3월 5일 22:05 UTC", "12,345", "A, B 및 C", "3일 후"),
        ("zh", "2027年3月5日 22:05 UTC", "12,345", "A、B和C", "3天后"),
    ],
)
def test_each_writes_in_its_way(tongue: str, moment: str, number: str, row: str, distance: str) -> None:
    with spoken(tongue):
        assert " ".join(formats.moment(AT, UTC, "UTC").split()) == moment
        assert formats.number(12345) == number
        assert formats.listed(["A", "B", "C"]) == row
        assert formats.distance(AT + timedelta(days=3, hours=5), AT) == distance
        assert formats.listed([]) == ""


def test_a_day_is_that_of_the_zone() -> None:
    assert formats.day(AT, ZoneInfo("Asia/Seoul")) == "6 Mar 2027"
    assert formats.distance(AT, AT) == "now"
    assert formats.distance(AT - timedelta(hours=2), AT) == "2 hours ago"
