"""Refusals: on the record once, not in the state; and what who may not act says gets nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.definitions import changed, pair, party
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import STATE
from workflows.model.canonical import canonical
from workflows.model.decide import Decision, decide

SECRET = "a word that is for nobody"


def said(decision: Decision) -> str:
    """All that a decision would put on record."""
    return "".join(canonical(draft.model_dump(mode="json")).decode() for draft in decision.events)


def test_a_flood_of_refusals_leaves_the_state_as_small_as_it_was() -> None:
    play = Play(pair()).go("founded")
    before = len(STATE.dump_json(play.state))
    for number in range(300):
        play.refused("bb.verifier", "verify_condition", condition="C1", evidence=[digest(str(number))])
    assert len(STATE.dump_json(play.state)) < before + 100
    # And yet each is known.
    again = play.attempt("bb.verifier", "verify_condition", condition="C1", evidence=[digest("7")])
    assert again.events == ()


def test_long_targets_that_begin_alike_are_not_one() -> None:
    play = Play(pair()).go("founded")
    evidence = [digest(str(number)) for number in range(20)]
    play.refused("bb.verifier", "verify_condition", condition="C1", evidence=evidence)
    other = play.attempt("bb.verifier", "verify_condition", condition="C1", evidence=[*evidence, digest("x")])
    assert other.events


def test_a_refusal_by_another_guard_is_no_repeat() -> None:
    play = Play(pair()).go("founded")
    command = play.command("bb.protocol", "hold_visit", {})
    late = decide(play.state, command.model_copy(update={"required_version": 0}), play.now)
    plain = decide(play.state, command, play.now)
    assert late.refusal is not None
    assert plain.refusal is not None
    assert late.mark != plain.mark


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("record_statement", {"digest": digest("x"), "words": SECRET}),
        ("record_minutes", {"digest": digest("x"), "item": SECRET}),
        (
            "import_statement",
            {"digest": digest("x"), "source": SECRET, "changes": {"title": SECRET}, "words": SECRET},
        ),
        ("appoint_delegate", {"delegate": "bb.friend", "office": SECRET, "roles": ["protocol"]}),
        ("amend_definition", {"definition": pair(title=SECRET)}),
        ("no_such_condition_is_asked", {}),
    ],
)
@pytest.mark.parametrize("by", ["bb.protocol", "press"])
def test_nothing_that_a_revoked_delegate_or_an_observer_says_gets_onto_the_record(
    by: str, act: str, fields: dict[str, Any]
) -> None:
    play = Play(pair()).go("founded")
    play.do("bb.contact", "revoke_delegate", delegate="bb.protocol")
    if act == "no_such_condition_is_asked":
        act, fields = "question_" + act, {}
        assert play.rejected(by, act, **fields) == "unknown_act"
        return
    decision = play.attempt(by, act, **fields)
    assert decision.refusal is not None
    assert decision.unheard
    assert decision.refusal.guard == ("authority" if by == "press" else "appointment_in_force")
    assert SECRET not in said(decision)
    assert decision.events[-1].facts["act"] == {"name": act, "fields": {}, "withheld": True}
    assert decision.events[-1].particulars == {}
    # Whatever else is said, it is the same refusal.
    again = play.attempt(by, act, nonsense=SECRET)
    assert (again.events, again.repeats) == ((), len(play.log) - 1)


def test_nothing_of_the_contact_of_a_party_that_is_none_yet_gets_onto_the_record() -> None:
    play = Play(pair()).go("founded")
    more = changed(pair(), parties__CC=party("CC"))
    play.do("aa.contact", "amend_definition", definition=more)
    decision = play.attempt("cc.contact", "record_statement", digest=digest("x"), words=SECRET)
    assert decision.refusal is not None
    assert decision.refusal.guard == "party_of_accord"
    assert SECRET not in said(decision)
    assert play.rejected("cc.contact", "withdraw_consent", subject=SECRET) == "malformed"


def test_a_delegate_in_force_is_heard_also_where_it_lacks_the_role() -> None:
    play = Play(pair()).go("founded")
    decision = play.attempt("aa.head", "issue_invitation", note="Please")
    assert decision.refusal is not None
    assert decision.refusal.guard == "authority"
    assert decision.events[-1].particulars == {"act": {"note": "Please"}}


def test_a_deadline_that_falls_before_a_refusal_makes_it_no_repeat() -> None:
    play = Play(pair()).go("founded")
    first = play.attempt("aa.protocol", "confirm_visit")
    assert first.sought == first.mark
    assert replace(first, events=(*first.events, *first.events)).sought is None
