"""Due dates, and the time to cure what has fallen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import condition, pair
from tests.simulation.one_condition import founded, verified
from tests.simulation.play import Play
from workflows.model.rules import gate
from workflows.model.summary import summarize


def test_a_due_date_flags_once_and_changes_nothing_else() -> None:
    play = founded(due="2030-02-01T00:00:00Z")
    assert play.until("2030-02-01T00:00:00Z")[-1] == "condition_overdue"
    assert play.state.conditions["C1"].overdue
    assert play.status("C1") == "agreed"
    assert "condition_overdue" not in play.pass_time(days=30)
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


# Reminders before the due date, and what is told after it


def test_who_owes_a_condition_is_reminded_before_it_is_due_and_its_contacts_are_told_after() -> None:
    play = founded(due="2030-03-01T00:00:00Z")
    assert play.until("2030-02-21T23:59:00Z") == ()
    assert play.until("2030-02-22T00:00:00Z") == ("condition_due_soon",)
    assert play.last("condition_due_soon").facts["event"]["reminded"] == ["aa.obligor"]
    assert play.until("2030-03-01T00:00:00Z") == ("condition_overdue",)
    assert play.until("2030-03-08T00:00:00Z") == ("condition_escalated",)
    assert play.last("condition_escalated").facts["event"]["told"] == ["aa.contact", "bb.contact"]
    assert play.status("C1") == "agreed"
    assert "overdue, and the contacts are told" in owed(play)
    assert play.pass_time(days=400) == ()


def owed(play: Play) -> str:
    return next(check.reason for check in gate(play.state, "visit") if check.subject == "C1")


def test_the_verifiers_are_reminded_where_it_is_their_turn() -> None:
    play = founded(due="2030-03-01T00:00:00Z")
    play.submit("C1")
    play.until("2030-02-22T00:00:00Z")
    assert play.last("condition_due_soon").facts["event"]["reminded"] == ["bb.verifier"]


@pytest.mark.parametrize("when", ["2030-02-20T00:00:00Z", "2030-02-25T00:00:00Z", "2030-03-02T00:00:00Z"])
def test_what_holds_is_neither_reminded_of_nor_escalated(when: str) -> None:
    play = founded(due="2030-03-01T00:00:00Z")
    play.until(when)
    play.verify("C1")
    assert play.pass_time(days=60) == ()


def test_nobody_is_reminded_of_what_was_agreed_when_the_time_for_that_was_past() -> None:
    play = founded(due="2030-01-10T00:00:00Z")
    assert play.until("2030-01-20T00:00:00Z") == ("condition_overdue", "condition_escalated")


@pytest.mark.parametrize(
    ("reminders", "events"),
    [
        ({"before": None, "escalate_after": None}, ("condition_overdue",)),
        ({"before": "P1M"}, ("condition_due_soon", "condition_overdue", "condition_escalated")),
        ({"before": "P999Y"}, ("condition_overdue", "condition_escalated")),
        ({"before": "PT0M"}, ("condition_due_soon", "condition_overdue", "condition_escalated")),
        (
            {"before": None, "escalate_after": "PT1H"},
            ("condition_overdue", "condition_escalated"),
        ),
        ({"escalate_after": "P999Y"}, ("condition_due_soon", "condition_overdue")),
    ],
)
def test_a_definition_says_how_long_before_and_after(
    reminders: dict[str, Any], events: tuple[str, ...]
) -> None:
    terms = condition("AA", "bb.verifier", due="2030-03-01T00:00:00Z")
    play = Play(pair(conditions={"C1": terms}, reminders=reminders)).go("founded")
    assert play.pass_time(days=100) == events
    summarize(play.state)


def test_another_due_date_is_reminded_of_anew() -> None:
    play = founded(due="2030-03-01T00:00:00Z")
    play.until("2030-02-23T00:00:00Z")
    later = pair(conditions={"C1": condition("AA", "bb.verifier", due="2030-04-01T00:00:00Z")})
    play.amend(later)
    assert play.until("2030-04-02T00:00:00Z") == ("condition_due_soon", "condition_overdue")


def test_of_several_that_are_due_together_all_are_reminded_of_first() -> None:
    terms = {f"C{n}": condition("AA", "bb.verifier", due="2030-03-01T00:00:00Z") for n in (1, 2)}
    play = Play(pair(conditions=terms, reminders={"before": "PT0M", "escalate_after": None})).go("founded")
    assert (
        sorted(play.until("2030-03-01T00:00:00Z")) == ["condition_due_soon"] * 2 + ["condition_overdue"] * 2
    )


def test_what_held_meanwhile_is_late_anew_and_has_the_same_time_before_it_is_escalated() -> None:
    play = founded(due="2030-03-01T00:00:00Z")
    play.until("2030-03-01T00:00:00Z")
    play.verify("C1")
    assert not play.state.conditions["C1"].overdue
    play.pass_time(days=200)
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    assert play.pass_time(days=6.9) == ("condition_overdue",)
    assert play.pass_time(days=0.2) == ("condition_escalated",)


@pytest.mark.parametrize("name", ["cure", "response", "valid_for"])
def test_a_time_beyond_the_calendar_ends_with_it(name: str) -> None:
    play = founded(**{name: "P999Y"}).verify("C1")
    if name == "response":
        play.do("aa.protocol", "dispute_verdict", condition="C1")
    if name == "cure":
        play.do("bb.verifier", "revoke_verdict", condition="C1")
    summarize(play.state)
    play.pass_time(days=1)
