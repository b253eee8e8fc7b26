"""That something was erased is an entry; by whom, of what, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import pair
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.values import INSTALLATION

ERASE: dict[str, Any] = {"positions": [4, 2, 4], "ground": "Article 17", "ordered_by": "Court"}


def test_an_erasure_is_an_entry_that_changes_nothing_else() -> None:
    play = Play(pair()).go("founded")
    before = play.state
    assert play.do(INSTALLATION, "erase_particulars", **ERASE) == ("particulars_erased",)
    assert play.fact("particulars_erased", "positions") == [2, 4]
    assert play.state.erased == (2, 4)
    assert (play.state.conditions, play.state.delegates) == (before.conditions, before.delegates)


def test_nothing_is_erased_twice_nor_what_is_not_there() -> None:
    play = Play(pair()).go("founded")
    play.do(INSTALLATION, "erase_particulars", **ERASE)
    assert play.guard(INSTALLATION, "erase_particulars", **{**ERASE, "positions": [4, 5]}) == "not_erased_yet"
    beyond = {**ERASE, "positions": [play.state.size + 1]}
    assert play.guard(INSTALLATION, "erase_particulars", **beyond) == "entry_known"


def test_no_party_erases_what_another_said() -> None:
    play = Play(pair()).go("founded")
    for by in ("aa.contact", "bb.protocol", "registrar"):
        assert play.guard(by, "erase_particulars", **ERASE) == "authority"


def test_what_the_law_demands_can_be_done_after_the_end() -> None:
    play = Play(pair()).go("founded")
    play.each("contact", "agree_termination")
    play.do("aa.contact", "close_accord")
    assert play.do(INSTALLATION, "erase_particulars", **ERASE) == ("particulars_erased",)


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": []},
        {"positions": [-1]},
        {"positions": list(range(1001))},
        {"ground": ""},
        {"ordered_by": " "},
    ],
)
def test_an_erasure_says_what_and_why(changes: dict[str, Any]) -> None:
    assert Play(pair()).rejected(INSTALLATION, "erase_particulars", **{**ERASE, **changes}) == "malformed"


CONTENTS: dict[str, Any] = {
    "digests": [digest("b"), digest("a"), digest("b")],
    "ground": "Article 17",
    "ordered_by": "Court",
}


def test_contents_are_erased_by_an_entry_once_for_each() -> None:
    play = Play(pair()).go("founded")
    before = play.state
    assert play.guard("aa.protocol", "erase_contents", **CONTENTS) == "authority"
    assert play.do(INSTALLATION, "erase_contents", **CONTENTS) == ("contents_erased",)
    both = tuple(sorted((digest("a"), digest("b"))))
    assert play.fact("contents_erased", "digests") == list(both)
    assert play.state.erased_contents == both
    assert (play.state.conditions, play.state.documents) == (before.conditions, before.documents)
    again = {**CONTENTS, "digests": [digest("c"), digest("a")]}
    assert play.guard(INSTALLATION, "erase_contents", **again) == "not_erased_yet"
    assert Play(pair()).rejected(INSTALLATION, "erase_contents", **{**CONTENTS, "digests": []}) == "malformed"


def test_no_more_contents_are_erased_than_the_state_can_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.record.erasure.MOST_ERASED", 3)
    play = Play(pair()).go("founded")
    play.do(INSTALLATION, "erase_contents", **CONTENTS)
    assert play.guard(
        INSTALLATION, "erase_contents", **{**CONTENTS, "digests": [digest("c"), digest("d")]}
    ) == ("erasures_bounded")
    play.do(INSTALLATION, "erase_contents", **{**CONTENTS, "digests": [digest("c")]})
