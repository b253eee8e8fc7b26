"""What an accord waits for is what can be done: whoever does it is not refused, and what moves it on was listed."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.compatibility.plays import ALL
from tests.simulation.definitions import document, pair
from tests.simulation.play import Play
from tests.simulation.small import digest, small
from workflows.model.commands import Command, Waiting
from workflows.model.decide import decide
from workflows.model.declare import Rejected
from workflows.model.declared import ACTS
from workflows.model.fold import evolve
from workflows.model.state import Accord
from workflows.model.summary import summarize
from workflows.model.waiting.step import MOST_WHO
from workflows.model.waiting.steps import MOST_STEPS, waiting

LEFT_OPEN: dict[str, dict[str, Any]] = {
    "submit_evidence": {"digest": digest("paper"), "grade": "inspected", "source": "a test"},
    "propose_text": {"digest": digest("draft")},
    "issue_full_powers": {"digest": digest("powers")},
    "ratify_document": {"instrument": digest("instrument")},
    "register_document": {"registration": "I-1"},
    "decide_dispute": {"uphold": False},
    "propose_dates": {
        "window": {"begins": "2030-05-20T08:00:00Z", "ends": "2030-05-21T08:00:00Z", "place": "Town"}
    },
    "appoint_delegate": {"delegate": "zz.new", "office": "A test's delegate"},
}
"""Fields that only whoever does the act can know."""

BY_THEMSELVES = {
    *("acknowledge_invitation", "accept_invitation_in_principle", "decline_invitation", "extend_invitation"),
    *(
        "withdraw_invitation",
        "withdraw_consent",
        "withdraw_waiver",
        "withdraw_signature",
        "withdraw_authorization",
    ),
    *(
        "amend_definition",
        "decline_definition",
        "deposit_signed_page",
        "appoint_delegate",
        "appoint_delegates",
        "revoke_delegate",
        "revoke_verdict",
        "revoke_full_powers",
    ),
    *(
        "dispute_verdict",
        "return_evidence",
        "defer_condition",
        "comment_on_text",
        "propose_texts",
        "agree_texts",
    ),
    *("propose_corrigendum", "propose_dates", "hold_visit", "record_advance_done", "terminate"),
    *(
        "record_minutes",
        "record_statement",
        "import_statement",
        "condition_changed",
        "propose_witness_policy",
    ),
    *("enrol_key", "rotate_key", "revoke_key", "rotate_log_key", "retire_log_key", "attest_state"),
    *(
        "erase_particulars",
        "erase_contents",
        "pause_accord",
        "retry_accord",
        "repair_accord",
        "carry_over_verdict",
    ),
    # Of a successor in the seat; and of whoever runs the installation, where the parties named no operator.
    *("issue_full_powers", "resume_accord"),
}
"""Acts that nobody waits for: they may be done at any time, or go another way than what is waited for."""

BEGINS = {
    *("waive_condition", "cancel_visit", "curtail_visit", "complete_visit", "agree_termination"),
    *("sever_document", "propose_understanding", "propose_text", "submit_evidence"),
}
"""Acts that may be waited for, and may also be done before anybody waits for them."""


@cache
def played(name: str) -> Play:
    return ALL[name]()


def states(play: Play) -> list[Accord]:
    """Every state of a play that came to rest: after each act or deadline, with all that followed from it."""
    found: list[Accord] = []
    state, position = None, 0
    for _, _, decision in play.decisions:
        for event in play.log[position : position + len(decision.events)]:
            state = evolve(state, event)
        position += len(decision.events)
        assert state is not None
        found.append(state)
    return found


@cache
def course(name: str) -> tuple[tuple[Accord, dict[str, Waiting]], ...]:
    """The states of a play, each with what it waits for."""
    return tuple((state, waiting(state)) for state in states(played(name)))


def done(state: Accord, one: Waiting, by: str, fields: dict[str, Any]) -> Any:
    command = Command(accord=state.id, id=f"{by}/waiting", act=one.act, fields=fields, delegate=by)
    return decide(state, command, max(state.time, one.not_before or state.time))


@pytest.mark.parametrize("name", ALL)
def test_whoever_does_what_is_waited_for_is_not_refused(name: str) -> None:
    before: dict[str, Waiting] = {}
    for number, (state, steps) in enumerate(course(name)):
        for key, one in steps.items():
            assert one.who, key
            # What is listed on and on is tried now and then; what is new, always.
            if before.get(key) == one and number % 8:
                continue
            for by in one.who:
                fields = {**LEFT_OPEN.get(one.act, {}), **one.fields}
                decision = done(state, one, by, fields)
                assert decision.refusal is None, f"{name} at {state.version}: {by} {key}: {decision.refusal}"
        before = steps


@pytest.mark.parametrize("name", ALL)
def test_what_was_done_had_been_waited_for(name: str) -> None:
    decisions = played(name).decisions[1:]
    for (_, steps), (command, _, decision) in zip(course(name), decisions, strict=False):
        if command.act not in ACTS or decision.refusal is not None or not decision.events:
            continue
        listed = [one for one in steps.values() if one.act == command.act]
        if command.act not in BY_THEMSELVES and not (command.act in BEGINS and not listed):
            assert any(command.delegate in one.who for one in listed), (
                f"{name}: {command.delegate} did {command.act} {command.fields}, which nobody waited for"
            )


def test_each_act_is_waited_for_or_said_not_to_be() -> None:
    listed = {one.act for name in ALL for _, steps in course(name) for one in steps.values()}
    assert set(ACTS) - listed - BY_THEMSELVES - BEGINS == set()


def test_a_party_without_a_delegate_for_a_step_is_told_to_appoint_one() -> None:
    play = Play(small())
    play.adopt()
    steps = waiting(play.state)
    appoint = steps["appoint_delegate/AA/protocol"]
    assert (appoint.kind, appoint.who, appoint.fields) == ("owe", ("aa.contact",), {"roles": ["protocol"]})
    assert "issue_invitation" not in steps


def test_a_paused_accord_waits_for_its_operator() -> None:
    officers = {**small()["officers"], "ops": {"office": "Operator", "roles": ["operator"]}}
    play = Play(small(officers=officers))
    play.adopt()
    play.do("ops", "pause_accord", reason="a test")
    assert {key: one.who for key, one in waiting(play.state).items()} == {"resume_accord": ("ops",)}


def test_what_is_due_first_stands_in_the_summary() -> None:
    play = Play(small())
    play.adopt()
    play.do("aa.contact", "appoint_delegate", delegate="aa.press", office="Press", roles=["observer"])
    summary = summarize(play.state)
    dates = [one.by for one in summary.waiting.values() if one.by is not None]
    assert summary.due == min(dates)
    assert summary.guards == ("invitation_accepted",)
    assert summary.observers == ("aa.press",)
    assert "aa.press" in summary.members


def test_an_accord_that_is_closed_waits_for_nothing() -> None:
    assert waiting(played("whole").state) == {}


def test_with_an_unknown_act_nothing_is_decided() -> None:
    state = Play(pair()).state
    command = Command(accord=state.id, id="aa.contact/x", act="bless", delegate="aa.contact")
    with pytest.raises(Rejected):
        decide(state, command, state.time)


def test_what_is_listed_is_bounded_whoever_may_take_however_many_steps() -> None:
    """It is written with each act: two parties could make every act of theirs cost what thousands do."""
    definition = pair()
    definition["documents"] = {
        f"D{number}": document("AA", "BB", languages=("en", "fr", "de", "es")) for number in range(150)
    }
    play = Play(definition)
    play.adopt()
    roles = ["treaty_section", "drafter", "protocol"]
    for party in ("aa", "bb"):
        for number in range(150):
            delegate = {"delegate": f"{party}.d{number}", "office": "Office", "roles": roles}
            play.do(f"{party}.contact", "appoint_delegate", **delegate)
    steps = waiting(play.state)
    assert len(steps) == MOST_STEPS
    assert max(len(one.who) for one in steps.values()) == MOST_WHO
    assert len(summarize(play.state).model_dump_json()) < 2_500_000
    refusal = play.refused("aa.contact", "close_accord")
    assert all(len(one.who) <= 50 for one in refusal.unmet)
