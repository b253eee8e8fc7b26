"""What stands in every row of the pages: delegates and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from activities.languages.catalogues import spoken
from api.pages import rows


def test_people_in_a_row_are_escaped_and_the_reader_is_marked() -> None:
    row = rows.people(("aa.contact", "<b>.contact"), "aa.contact")
    assert row == (
        '<span class="id me">aa.contact</span> <span class="you">(you)</span>, '
        '<span class="id">&lt;b&gt;.contact</span>'
    )
    assert rows.people((), None) == '<span class="none">nobody named</span>'


def test_a_time_is_said_in_the_language_that_is_spoken_now() -> None:
    at = datetime(2030, 4, 1, 9, tzinfo=UTC)
    here = rows.day(at, at - timedelta(days=2))
    with spoken("ru"):
        there = rows.day(at.astimezone(timezone(timedelta(hours=9))), at - timedelta(days=2))
    assert "1 Apr 2030" in here
    assert "in 2 days" in here
    assert "1 апр. 2030" in there
    assert "2 дня" in there
    assert 'datetime="2030-04-01T09:00:00Z"' in here
    assert 'datetime="2030-04-01T09:00:00Z"' in there
