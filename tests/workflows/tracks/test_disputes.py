"""Questions that a monitor's report raises, and disputes that other verifiers decide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import condition, pair
from tests.simulation.one_condition import founded, verified
from tests.simulation.play import Play


def report(**fields: Any) -> dict[str, Any]:
    return {
        "condition": "C1",
        "report": "R-1",
        "source": "Sensor",
        "observed_at": "2030-01-07T08:00:00Z",
        **fields,
    }


def test_a_report_of_change_is_an_alarm_by_default() -> None:
    play = verified()
    assert play.do("watch", "condition_changed", **report()) == ("condition_questioned",)
    assert play.state.conditions["C1"].questioned
    assert play.satisfied("C1")


def test_by_policy_a_report_closes_the_gate_until_a_verifier_confirms() -> None:
    play = verified(on_change="close", verifiers=("bb.verifier", "aa.verifier"))
    play.do("watch", "condition_changed", **report())
    assert not play.satisfied("C1")
    assert play.guard("aa.verifier", "confirm_verdict", condition="C1") == "not_the_obligor"
    play.do("bb.verifier", "confirm_verdict", condition="C1")
    assert play.satisfied("C1")
    assert play.guard("bb.verifier", "confirm_verdict", condition="C1") == "questioned"


def test_an_alarm_never_satisfies() -> None:
    play = founded(on_change="close")
    play.do("watch", "condition_changed", **report())
    play.do("bb.verifier", "confirm_verdict", condition="C1")
    assert not play.satisfied("C1")


def test_an_unattributed_report_raises_an_alarm_and_closes_nothing() -> None:
    play = verified(on_change="close")
    decision = play.signal("condition_changed", **report())
    assert [draft.type for draft in decision.events] == ["condition_questioned"]
    assert decision.events[0].actor.delegate == "unattributed"
    assert play.satisfied("C1")


@pytest.mark.parametrize(
    ("fields", "guard"),
    [
        ({"condition": "C9"}, "condition_known"),
        ({"observed_at": "2030-01-08T00:00:00Z"}, "observed_before"),
    ],
)
def test_a_report_is_of_something_known_and_past(fields: dict, guard: str) -> None:
    play = verified()
    assert play.guard("watch", "condition_changed", **report(**fields)) == guard
    refusal = play.signal("condition_changed", **report(**fields)).refusal
    assert refusal is not None
    assert play.log[-1].type == "signal_refused"
    size = len(play.log)
    play.signal("condition_changed", **report(**fields))
    assert len(play.log) == size, "the same again is not recorded again"


def test_signals_change_nothing_before_founding_or_after_the_end() -> None:
    play = Play(pair())
    assert play.signal("condition_changed", **report()).refusal is not None
    play.do("bb.contact", "decline_definition")
    assert play.signal("condition_changed", **report()).refusal is not None
    assert play.types()[-1] == "signal_refused"


def test_a_waived_condition_is_not_closed_by_a_question() -> None:
    play = Play(pair(conditions={"C1": condition("AA", "bb.verifier", waivable=True, on_change="close")}))
    play.go("texts")
    play.do("bb.protocol", "waive_condition", condition="C1")
    play.concur()
    play.do("watch", "condition_changed", **report())
    assert play.satisfied("C1")
    assert play.open_gate("visit")


def test_a_report_is_taken_up_once() -> None:
    play = verified()
    play.do("watch", "condition_changed", **report())
    play.do("bb.verifier", "confirm_verdict", condition="C1")
    assert play.guard("watch", "condition_changed", **report(source="Again")) == "report_is_new"
    assert not play.state.conditions["C1"].questioned
    play.do("watch", "condition_changed", **report(report="R-2"))


def disputed(**terms: Any) -> Play:
    play = verified(verifiers=("bb.verifier", "bb.second"), **terms)
    play.do("bb.contact", "appoint_delegate", delegate="bb.second", office="2nd", roles=["verifier"])
    play.do("aa.protocol", "dispute_verdict", condition="C1")
    return play


def test_a_disputed_verdict_does_not_satisfy_and_the_other_verifiers_decide() -> None:
    play = disputed()
    assert play.status("C1") == "disputed"
    assert not play.satisfied("C1")
    refusal = play.refused("bb.verifier", "decide_dispute", condition="C1", uphold=False)
    assert refusal.guard == "may_decide"
    assert refusal.unmet[0].who == ("bb.second",)
    play.do("bb.second", "decide_dispute", condition="C1", uphold=False)
    assert play.satisfied("C1")
    assert play.guard("bb.second", "decide_dispute", condition="C1", uphold=False) == "condition_status"


def test_an_upheld_dispute_revokes_the_verdict() -> None:
    play = disputed()
    assert play.do("bb.second", "decide_dispute", condition="C1", uphold=True) == ("dispute_decided",)
    assert play.status("C1") == "revoked"


def test_the_obligors_own_verifier_does_not_decide_a_dispute() -> None:
    play = verified(verifiers=("bb.verifier", "aa.verifier"))
    play.do("bb.protocol", "dispute_verdict", condition="C1")
    assert play.guard("aa.verifier", "decide_dispute", condition="C1", uphold=False) == "may_decide"


def test_nobody_disputes_what_is_no_verdict() -> None:
    assert founded().guard("aa.protocol", "dispute_verdict", condition="C1") == "condition_status"
    assert founded().guard("aa.protocol", "dispute_verdict", condition="C9") == "condition_known"
    assert founded().guard("aa.treaty", "decide_dispute", condition="C1", uphold=True) == "authority"


def test_a_dispute_that_nobody_decides_expires_and_the_verdict_stands() -> None:
    play = disputed(response="P10D")
    assert play.pass_time(days=10) == ("dispute_expired",)
    assert play.satisfied("C1")


def test_nobody_else_uses_up_the_id_of_a_monitors_report() -> None:
    play = verified()
    play.signal("condition_changed", **report(source="An unknown"))
    play.do("aa.protocol", "condition_changed", **report(source="The obligor"))
    assert play.do("watch", "condition_changed", **report()) == ("condition_questioned",)
    assert play.guard("watch", "condition_changed", **report()) == "report_is_new"
    # What a monitor reported is not news when somebody unknown repeats it.
    assert play.signal("condition_changed", **report(source="Echo")).refusal is not None


def test_reports_of_one_delegate_do_not_push_out_those_of_another() -> None:
    play = verified()
    play.do("watch", "condition_changed", **report())
    for number in range(120):
        play.do("aa.protocol", "condition_changed", **report(report=f"P-{number}"))
    assert play.guard("watch", "condition_changed", **report()) == "report_is_new"
    assert len(play.state.conditions["C1"].reports["aa.protocol"]) == 100
