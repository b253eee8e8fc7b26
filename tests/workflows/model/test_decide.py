"""The decider: what is no act, what is refused and recorded once, deadlines before the act, and the dry run."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.simulation.acting import START
from tests.simulation.definitions import changed, condition, document, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import state_digest
from workflows.model.commands import OPEN, TICK, UNREADABLE, Command, RecordedEvent
from workflows.model.deadlines import Deadline
from workflows.model.decide import decide
from workflows.model.declare import Rejected
from workflows.model.fold import evolve
from workflows.model.rules import deadlines


def command(act: str, by: str = "aa.contact", accord: str = "accord-1", **fields: object) -> Command:
    return Command(accord=accord, id=f"{by}/1", act=act, fields=fields, delegate=by)


# What is no act


@pytest.mark.parametrize(
    ("by", "act", "fields", "code"),
    [
        ("stranger", "confirm_visit", {}, "unknown_delegate"),
        ("unattributed", "confirm_visit", {}, "unknown_delegate"),
        ("clock", "confirm_visit", {}, "unknown_delegate"),
        ("aa.contact", "conquer", {}, "unknown_act"),
        ("aa.contact", "adopt_definition", {}, "malformed"),
        ("aa.contact", "adopt_definition", {"digest": "x"}, "malformed"),
        ("aa.contact", "adopt_definition", {"digest": digest("x"), "also": 1}, "malformed"),
        ("aa.contact", "record_statement", {"digest": digest("x"), "words": "x" * 5000}, "malformed"),
        ("aa.contact", "record_statement", {"digest": digest("x"), "words": 1.5}, "malformed"),
        ("aa.contact", "record_statement", {"digest": digest("x"), "words": "x" * 600_000}, "too_large"),
        ("aa.contact", OPEN, {"definition": pair()}, "already_open"),
    ],
)
def test_what_is_no_act_leaves_no_trace(by: str, act: str, fields: dict, code: str) -> None:
    assert Play(pair()).rejected(by, act, **fields) == code


def test_a_command_for_another_accord_or_for_none_is_no_act() -> None:
    play = Play(pair())
    with pytest.raises(Rejected) as other:
        decide(play.state, command("adopt_definition", accord="other", digest=digest("x")), START)
    assert other.value.code == "other_accord"
    with pytest.raises(Rejected) as none:
        decide(None, command("adopt_definition", digest=digest("x")), START)
    assert none.value.code == "not_open"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "malformed"),
        ({"definition": pair(), "also": 1}, "malformed"),
        ({"definition": {}}, "malformed"),
        ({"definition": pair(parties={"AA": pair()["parties"]["AA"]})}, "malformed"),
        ({"definition": changed(pair(), parties__AA__contact="cc.contact")}, "not_a_contact"),
    ],
)
def test_an_accord_is_opened_by_a_contact_with_a_definition(fields: dict, code: str) -> None:
    with pytest.raises(Rejected) as error:
        decide(None, command(OPEN, **fields), START)
    assert error.value.code == code


def test_a_simulated_clock_that_begins_in_the_past_has_an_offset() -> None:
    past = {"mode": "simulated", "begins": "2029-01-01T00:00:00Z"}
    play = Play(pair(clock=past))
    assert play.state.opened_at == datetime(2029, 1, 1, tzinfo=UTC)
    assert play.state.clock_offset < 0
    ahead = {"mode": "simulated", "begins": "2031-01-01T00:00:00Z"}
    assert Play(pair(clock=ahead)).state.clock_offset == 0


# Refusals


def test_a_refusal_is_recorded_once_for_each_delegate_act_target_and_state() -> None:
    play = Play(trio()).go("accepted")
    first = play.attempt("aa.protocol", "confirm_visit")
    assert [draft.type for draft in first.events] == ["act_refused"]
    position = len(play.log) - 1
    again = play.attempt("aa.protocol", "confirm_visit")
    assert again.events == ()
    assert again.repeats == position
    assert again.refusal == first.refusal
    assert play.attempt("bb.protocol", "confirm_visit").events, "another delegate"
    assert play.attempt("aa.protocol", "hold_visit").events, "another act"
    evidence = {"condition": "V1", "evidence": [digest("x")]}
    assert play.attempt("bb.verifier", "verify_condition", **evidence).events
    assert not play.attempt("bb.verifier", "verify_condition", **evidence).events
    assert play.attempt("bb.verifier", "verify_condition", **{**evidence, "condition": "V2"}).events
    assert play.attempt("bb.verifier", "verify_condition", **{**evidence, "evidence": [digest("y")]}).events
    play.submit("V2")
    assert play.attempt("aa.protocol", "confirm_visit").events, "another state"


def test_a_refusal_moves_no_version_and_forgets_no_other_refusal() -> None:
    play = Play(trio()).go("accepted")
    version = play.state.version
    play.refused("aa.protocol", "confirm_visit")
    play.do("watch", "record_statement", digest=digest("speech"))
    assert play.state.version == version
    assert play.attempt("aa.protocol", "confirm_visit").repeats is not None


def test_a_refusal_says_what_failed_first_all_that_is_unmet_and_what_to_do() -> None:
    play = Play(trio()).go("founded")
    refusal = play.refused("aa.protocol", "confirm_visit")
    assert refusal.guard == refusal.unmet[0].guard == "invitation_accepted"
    assert refusal.reason
    assert refusal.remedy
    assert len(refusal.unmet) > 1


def test_what_the_act_said_is_kept_with_its_refusal_and_notes_apart() -> None:
    play = Play(pair()).go("founded")
    play.refused("bb.protocol", "issue_invitation", note="please")
    draft = play.decisions[-1][2].events[-1]
    assert draft.facts["act"] == {"name": "issue_invitation", "fields": {}}
    assert draft.particulars == {"act": {"note": "please"}}


def test_a_revoked_delegate_is_known_and_refused() -> None:
    play = Play(pair()).go("founded")
    play.do("aa.contact", "revoke_delegate", delegate="aa.protocol")
    assert play.guard("aa.protocol", "issue_invitation") == "appointment_in_force"


def test_an_unreadable_signal_is_on_the_record_once() -> None:
    play = Play(pair())
    fields = {"name": "what", "reason": "no such signal", "payload": digest("x")}
    assert play.attempt("unattributed", UNREADABLE, **fields).events[0].type == "signal_refused"
    again = play.attempt("unattributed", UNREADABLE, **fields)
    assert again.events == ()
    assert again.repeats == 1


# Time


def test_every_deadline_that_has_passed_falls_before_the_act_is_judged_dated_when_it_was_due() -> None:
    play = Play(trio()).go("verified")
    play.now = datetime(2030, 12, 2, tzinfo=UTC)
    decision = play.attempt("aa.contact", "terminate")
    assert decision.refusal is None
    assert [draft.type for draft in decision.events] == [
        "verdict_lapsed",
        "condition_overdue",
        "condition_escalated",
        "cure_period_ended",
        "condition_due_soon",
        "condition_overdue",
        "condition_escalated",
        "verdict_lapsed",
        "long_stop_reached",
        "accord_terminated",
    ]
    stop = next(draft for draft in decision.events if draft.type == "long_stop_reached")
    assert stop.time == datetime(2030, 12, 1, tzinfo=UTC)
    assert stop.actor.delegate == "clock"
    assert decision.events[-1].time == play.now
    times = [draft.time for draft in decision.events]
    assert times == sorted(times)


def test_the_clock_alone_causes_nothing_before_a_deadline() -> None:
    play = Play(trio()).go("verified")
    assert decide(play.state, command(TICK, by=TICK), play.now).events == ()


def test_an_earlier_time_than_the_last_events_is_taken_as_that_one() -> None:
    play = Play(pair()).go("founded")
    play.pass_time(days=1)
    play.do("aa.protocol", "issue_invitation")
    late = decide(play.state, command("accept_invitation", by="bb.protocol"), START)
    assert late.events[0].time == play.state.time


def test_deadlines_come_earliest_first_and_say_what_they_are() -> None:
    play = Play(trio()).go("verified")
    pending: list[Deadline] = deadlines(play.state)
    assert [one.at for one in pending] == sorted(one.at for one in pending)
    assert {one.kind for one in pending} == {"due", "freshness", "long_stop"}
    play.do("cc.protocol", "dispute_verdict", condition="V2")
    play.do("bb.verifier", "revoke_verdict", condition="V1")
    assert {one.kind for one in deadlines(play.state)} >= {"response", "cure"}
    assert all(one.summary() for one in deadlines(play.state))


def test_there_are_no_deadlines_before_founding_or_after_the_end() -> None:
    play = Play(trio())
    assert deadlines(play.state) == []
    play.found()
    assert deadlines(play.state)
    play.each("contact", "agree_termination")
    assert deadlines(play.state) == []


# Dry run, purity, fold


def test_the_dry_run_is_what_the_act_then_does() -> None:
    play = Play(trio()).go("understood")
    for by, act, fields in (
        ("bb.verifier", "revoke_verdict", {"condition": "V1"}),
        ("aa.protocol", "confirm_visit", {}),
        ("aa.contact", "terminate", {}),
    ):
        before = state_digest(play.state)
        preview = play.preview(by, act, **fields)
        assert state_digest(play.state) == before
        done = play.attempt(by, act, **fields)
        assert (preview.events, preview.refusal, preview.after) == (done.events, done.refusal, play.state)


def test_the_log_has_no_gap_and_what_is_folded_is_passed_over() -> None:
    play = Play(pair()).go("founded")
    assert evolve(play.state, play.log[3]) is play.state
    with pytest.raises(ValueError, match="gap"):
        evolve(play.state, play.log[3].model_copy(update={"position": len(play.log) + 1}))
    with pytest.raises(ValueError, match="gap"):
        evolve(None, play.log[1])
    first = play.log[1].model_copy(update={"position": 0})
    with pytest.raises(ValueError, match="accord_opened"):
        evolve(None, first)


def test_too_many_events_at_once_are_no_act() -> None:
    late = {f"C{number}": condition("AA", "bb.verifier", due="2030-02-01T00:00:00Z") for number in range(500)}
    play = Play(pair(conditions=late)).go("founded")
    play.now += timedelta(days=60)
    decision = play.attempt("aa.protocol", "issue_invitation")
    assert len(decision.events) == 1501, (
        "all that is said of five hundred due dates is not too much for one command"
    )


def test_an_events_record_carries_no_particulars_to_the_fold() -> None:
    assert "particulars" not in RecordedEvent.model_fields


def test_a_changed_state_is_what_replacing_its_fields_gives() -> None:
    play = Play(pair())
    a = play.state
    later = a.time + timedelta(days=1)
    assert a.changed(time=later, size=7) == replace(a, time=later, size=7)
    assert state_digest(a.changed(size=7)) == state_digest(replace(a, size=7))
    assert (a.changed(), a.changed() is a) == (a, False)
    with pytest.raises(TypeError, match="an accord has no sizes"):
        a.changed(sizes=7)
    with pytest.raises(FrozenInstanceError):
        a.size = 7  # type: ignore[misc]


def test_a_refusal_on_the_record_is_bounded_however_much_is_lacking() -> None:
    """Each refused act is an entry; without a bound two parties could write megabytes by one."""
    definition = pair()
    languages = [f"{first}{second}" for first in "abcde" for second in "abcdefghij"]
    for number in range(24):
        code = f"P{number:02}ABCDEFGHI"
        contact = f"p{number:02}.contact"
        definition["parties"][code] = {
            "name": code,
            "capacity": "guest",
            "contact": contact,
            "required": False,
        }
    definition["documents"] = {
        f"D{number}": document("AA", "BB", languages=tuple(languages)) for number in range(4)
    }
    play = Play(definition)
    play.adopt()
    for party in ("AA", "BB"):
        contact = f"{party.lower()}.contact"
        roles = ["treaty_section", "drafter", "protocol"]
        play.do(contact, "appoint_delegate", delegate=contact, office="Contact", roles=roles)
    texts = [
        {"document": code, "language": language, "digest": digest(f"{code} {language}")}
        for code in definition["documents"]
        for language in languages
    ]
    play.do("aa.contact", "propose_texts", texts=texts)
    refusal = play.refused("aa.contact", "consent_to_release", digest=digest("set"))
    unready = [one for one in refusal.unmet if one.guard == "document_ready"]
    assert len(unready) == 4
    assert all(len(one.reason) == 1000 and one.reason.endswith("…") for one in unready)
