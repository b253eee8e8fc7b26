"""Operation: pausing, resuming, retrying and repairing, on the record, and without a fact of the matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.definitions import condition, pair
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import state_json
from workflows.model.rules import blocking
from workflows.model.values import INSTALLATION

WHY = {"reason": "Maintenance"}


def paused(**changes: object) -> Play:
    play = Play(pair(**changes)).go("founded")
    assert play.do(INSTALLATION, "pause_accord", **WHY) == ("accord_paused",)
    return play


def test_while_an_accord_is_paused_no_act_is_taken_up_and_the_refusal_is_on_record() -> None:
    play = paused()
    refusal = play.refused("aa.protocol", "issue_invitation")
    assert refusal.guard == "not_paused"
    assert refusal.reason == "installation paused the accord on 2030-01-07 09:00 UTC: Maintenance"
    assert play.log[-1].type == "act_refused"
    for by, act, fields in (
        ("aa.contact", "decline_definition", {}),
        ("watch", "record_statement", {"digest": digest("x")}),
        ("aa.contact", "agree_termination", {}),
    ):
        assert play.guard(by, act, **fields) == "not_paused"


def test_why_not_yet_says_that_it_is_paused() -> None:
    play = paused()
    assert blocking(play.state)[0].guard == "not_paused"
    assert blocking(play.state)[0].who == (INSTALLATION,)
    play.do(INSTALLATION, "resume_accord")
    assert blocking(play.state)[0].guard == "invitation_accepted"


def test_resumed_it_goes_on_where_it_was() -> None:
    play = Play(pair()).go("accepted")
    before = play.state
    play.do(INSTALLATION, "pause_accord", **WHY)
    assert play.guard(INSTALLATION, "pause_accord", **WHY) == "not_paused"
    play.do(INSTALLATION, "resume_accord")
    assert play.guard(INSTALLATION, "resume_accord") == "paused"
    now = play.state
    same = replace(now, size=before.size, version=before.version, time=before.time)
    assert same == before
    play.verify("C1")


def test_deadlines_go_on_while_it_is_paused_as_while_no_server_runs() -> None:
    play = paused(conditions={"C1": condition("AA", "bb.verifier", due="2030-02-01T00:00:00Z")})
    assert play.pass_time(days=60) == ("condition_due_soon", "condition_overdue", "condition_escalated")
    assert play.log[-2].time.isoformat() == "2030-02-01T00:00:00+00:00"


def test_a_monitors_alarm_is_raised_while_it_is_paused() -> None:
    play = Play(pair()).go("verified")
    play.do(INSTALLATION, "pause_accord", **WHY)
    report = {"condition": "C1", "report": "R", "source": "Sensor", "observed_at": "2030-01-07T08:00:00Z"}
    play.do("watch", "condition_changed", **report)
    play.signal("condition_changed", **{**report, "report": "R2"})
    assert play.state.conditions["C1"].questioned


@pytest.mark.parametrize("act", ["retry_accord", "repair_accord"])
def test_an_intervention_is_on_record_and_changes_nothing_of_the_matter(act: str) -> None:
    play = Play(pair()).go("verified")
    before = state_json(play.state)
    assert play.do(INSTALLATION, act, **WHY) == ("intervention_recorded",)
    after = state_json(play.state)
    assert {key for key in after if after[key] != before[key]} == {"size"}
    assert play.fact("intervention_recorded", "kind") == act.partition("_")[0]


@pytest.mark.parametrize("by", ["aa.contact", "bb.protocol", "registrar", "watch", "press"])
@pytest.mark.parametrize("act", ["pause_accord", "retry_accord", "repair_accord", "resume_accord"])
def test_nobody_else_does_what_whoever_runs_it_does(by: str, act: str) -> None:
    play = Play(pair()).go("founded")
    assert play.guard(by, act, **({} if act == "resume_accord" else WHY)) == "authority"


def test_an_operator_whom_the_parties_name_does_it_instead_of_the_installation() -> None:
    definition = pair()
    definition["officers"]["op"] = {"office": "Operator", "roles": ["operator"]}
    play = Play(definition).go("founded")
    assert play.guard(INSTALLATION, "pause_accord", **WHY) == "authority"
    play.do("op", "pause_accord", **WHY)
    assert play.guard("op", "record_statement", digest=digest("x")) == "not_paused"
    play.do("op", "resume_accord")


def test_it_is_done_before_founding_and_after_termination_and_not_after_closing() -> None:
    play = Play(pair())
    play.do(INSTALLATION, "pause_accord", **WHY)
    assert play.guard("aa.contact", "decline_definition") == "not_paused"
    play.do(INSTALLATION, "resume_accord")
    play.do("aa.contact", "decline_definition")
    play.do(INSTALLATION, "repair_accord", **WHY)
    play.do("aa.contact", "close_accord")
    assert play.guard(INSTALLATION, "pause_accord", **WHY) == "accord_open"


def test_whoever_pauses_does_not_bind_the_parties_to_itself() -> None:
    """They can name another operator meanwhile, and take a key or an appointment back that is in wrong hands."""
    definition = pair()
    definition["officers"]["op"] = {"office": "Operator", "roles": ["operator"]}
    play = Play(definition).go("founded")
    play.do("op", "pause_accord", **WHY)
    del definition["officers"]["op"]
    play.do("aa.contact", "revoke_delegate", delegate="aa.deputy")
    play.amend(definition)
    play.do(INSTALLATION, "resume_accord")
