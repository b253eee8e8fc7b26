"""Due dates, and the time to cure what has fallen."""

from __future__ import annotations

import pytest

from tests.workflows.one_condition import founded, verified


def test_a_due_date_flags_once_and_changes_nothing_else() -> None:
    play = founded(due="2030-02-01T00:00:00Z")
    assert play.until("2030-02-01T00:00:00Z") == ("condition_overdue",)
    assert play.state.conditions["C1"].overdue
    assert play.status("C1") == "agreed"
    assert play.pass_time(days=30) == ()
    assert verified(due="2030-02-01T00:00:00Z").pass_time(days=60) == ()


@pytest.mark.parametrize("answer", ["nothing", "evidence", "returned"])
def test_the_time_to_cure_ends_unless_the_condition_holds_again(answer: str) -> None:
    play = verified(cure="P10D")
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    if answer != "nothing":
        play.submit("C1")
    if answer == "returned":
        play.do("bb.verifier", "return_evidence", condition="C1")
    assert play.pass_time(days=10) == ("cure_period_ended",)
    play.do("aa.contact", "terminate")
    assert play.stage == "terminated"


@pytest.mark.parametrize("way", ["verified", "waived"])
def test_what_is_cured_in_time_gives_no_right(way: str) -> None:
    play = verified(cure="P10D", waivable=True)
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    if way == "verified":
        play.verify("C1")
    else:
        play.do("bb.protocol", "waive_condition", condition="C1")
    assert play.pass_time(days=20) == ()
    assert play.guard("aa.contact", "terminate") == "right_to_terminate"
