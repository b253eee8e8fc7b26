"""The order in which files of tests are begun."""

from __future__ import annotations

from pathlib import Path

from tests.longest import LONGEST

TOP = Path(__file__).parents[1]


def test_every_file_that_is_begun_first_is_there_once() -> None:
    assert [path for path in LONGEST if not (TOP / path).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
