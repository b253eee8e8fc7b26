"""Conditions: evidence and verdicts, who may give them, when they fall, and what depends on what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.simulation.definitions import changed, condition, pair, party, trio
from tests.simulation.one_condition import founded, submission, verified
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.tracks.conditions.state import owed_by


def test_evidence_is_submitted_found_to_suffice_and_the_verdict_follows() -> None:
    play = founded(valid_for="P30D")
    assert play.status("C1") == "agreed"
    play.do("aa.obligor", "submit_evidence", **submission(play))
    assert play.status("C1") == "evidence_submitted"
    assert not play.satisfied("C1")
    events = play.do("bb.verifier", "verify_condition", condition="C1", evidence=[digest("it")])
    assert events == ("condition_found_met", "condition_verified")
    assert play.satisfied("C1")
    verdict = play.state.conditions["C1"].verdict
    assert verdict is not None
    assert verdict.evidence == (digest("it"),)
    assert verdict.policy == play.state.conditions["C1"].terms
    assert verdict.valid_until == play.now + timedelta(days=30)


@pytest.mark.parametrize(
    ("by", "fields", "guard"),
    [
        ("aa.obligor", {"condition": "C9"}, "condition_known"),
        ("bb.obligor", {}, "is_obligor"),
        ("aa.treaty", {}, "authority"),
        ("aa.obligor", {"digest": digest("first")}, "evidence_is_new"),
    ],
)
def test_evidence_is_the_obligors_and_is_not_submitted_twice(by: str, fields: dict, guard: str) -> None:
    play = founded()
    play.submit("C1", text="first")
    refusal = play.refused(by, "submit_evidence", **submission(play, **fields))
    assert refusal.guard == guard
    if guard == "is_obligor":
        assert refusal.unmet[0].who == ("aa.obligor",)


def test_what_is_waived_needs_no_evidence() -> None:
    play = founded(waivable=True)
    play.do("bb.protocol", "waive_condition", condition="C1")
    assert play.guard("aa.obligor", "submit_evidence", **submission(play)) == "condition_status"


def test_evidence_for_one_condition_is_bounded() -> None:
    play = founded()
    for number in range(50):
        play.submit("C1", text=str(number))
    assert play.guard("aa.obligor", "submit_evidence", **submission(play)) == "evidence_bounded"


@pytest.mark.parametrize(
    ("by", "evidence", "guard"),
    [
        ("aa.verifier", ["it"], "not_the_obligor"),
        ("bb.second", ["it"], "named_verifier"),
        ("bb.protocol", ["it"], "authority"),
        ("bb.verifier", ["other"], "evidence_submitted"),
        ("bb.verifier", ["hearsay"], "evidence_grade"),
    ],
)
def test_a_verdict_is_a_named_verifiers_on_evidence_that_suffices(
    by: str, evidence: list[str], guard: str
) -> None:
    play = founded(grade="documented", verifiers=("bb.verifier", "aa.verifier"))
    play.do("bb.contact", "appoint_delegate", delegate="bb.second", office="2nd", roles=["verifier"])
    play.do("aa.obligor", "submit_evidence", **submission(play))
    play.submit("C1", grade="reported", text="hearsay")
    named = [digest(text) for text in evidence]
    assert play.guard(by, "verify_condition", condition="C1", evidence=named) == guard
    assert not play.satisfied("C1")


@pytest.mark.parametrize("grade", ["declared", "reported"])
def test_evidence_below_the_grade_never_satisfies(grade: str) -> None:
    play = founded(grade="documented")
    named = play.submit("C1", grade=grade)
    refusal = play.refused("bb.verifier", "verify_condition", condition="C1", evidence=[named])
    assert refusal.guard == "evidence_grade"
    assert refusal.unmet[0].who == ("aa.obligor",)


def test_nothing_is_verified_that_is_not_submitted() -> None:
    play = founded()
    assert (
        play.guard("bb.verifier", "verify_condition", condition="C1", evidence=[digest("x")])
        == "condition_status"
    )


def test_as_many_distinct_verifiers_as_the_policy_needs() -> None:
    play = Play(
        pair(
            parties={
                **pair()["parties"],
                "CC": party("CC"),
            },
            conditions={"C1": condition("AA", "bb.verifier", "cc.verifier", need=2)},
        )
    ).go("founded")
    named = play.submit("C1")
    other = play.submit("C1")
    assert play.do("bb.verifier", "verify_condition", condition="C1", evidence=[named]) == (
        "condition_found_met",
    )
    assert not play.satisfied("C1")
    for again in ([named], [named, named]):
        assert (
            play.guard("bb.verifier", "verify_condition", condition="C1", evidence=again) == "not_yet_found"
        )
    assert play.do("cc.verifier", "verify_condition", condition="C1", evidence=[other]) == (
        "condition_found_met",
    ), "two findings on different evidence are no verdict"
    events = play.do("cc.verifier", "verify_condition", condition="C1", evidence=[named])
    assert events[-1] == "condition_verified"
    assert play.state.conditions["C1"].verdict.verifiers == ("bb.verifier", "cc.verifier")  # type: ignore[union-attr]


def test_a_joint_policy_needs_a_verifier_of_each_obligors_party() -> None:
    play = Play(
        pair(
            conditions={
                "C1": condition(
                    "AA",
                    "aa.verifier",
                    "aa.second",
                    "bb.verifier",
                    obligors=["AA", "BB"],
                    need=2,
                    joint=True,
                )
            }
        )
    ).go("founded")
    play.do("aa.contact", "appoint_delegate", delegate="aa.second", office="2nd", roles=["verifier"])
    named = play.submit("C1")
    play.do("aa.verifier", "verify_condition", condition="C1", evidence=[named])
    play.do("aa.second", "verify_condition", condition="C1", evidence=[named])
    assert not play.satisfied("C1"), "both are of one party"
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[named])
    assert play.satisfied("C1")


def test_who_submitted_the_evidence_does_not_verify_it_where_independence_is_asked_for() -> None:
    terms = {"obligors": ["AA", "BB"], "need": 2, "joint": True, "independent": True}
    play = Play(pair(conditions={"C1": condition("AA", "aa.verifier", "bb.verifier", **terms)})).go("founded")
    play.do(
        "bb.contact", "appoint_delegate", delegate="bb.verifier", office="V", roles=["verifier", "obligor"]
    )
    named = play.submit("C1", by="bb.verifier")
    assert play.guard("bb.verifier", "verify_condition", condition="C1", evidence=[named]) == "independent"
    play.do("aa.verifier", "verify_condition", condition="C1", evidence=[named])


def test_a_verdict_is_renewed_on_newer_evidence_only() -> None:
    play = verified(valid_for="P30D")
    named = play.state.conditions["C1"].verdict.evidence  # type: ignore[union-attr]
    play.pass_time(days=20)
    assert (
        play.guard("bb.verifier", "verify_condition", condition="C1", evidence=list(named))
        == "verdict_would_differ"
    )
    play.verify("C1")
    assert play.status("C1") == "verified"
    newer = play.submit("C1")
    assert play.satisfied("C1"), "more evidence does not touch a verdict that holds"
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[newer])
    assert play.pass_time(days=29) == ()


def test_a_verdict_whose_time_would_be_over_is_not_given() -> None:
    play = founded(valid_until="2030-02-01T00:00:00Z")
    named = play.submit("C1")
    play.until("2030-02-01T00:00:00Z")
    assert play.guard("bb.verifier", "verify_condition", condition="C1", evidence=[named]) == "validity_ahead"


def test_returned_evidence_is_submitted_anew() -> None:
    play = founded()
    play.submit("C1", text="first")
    assert play.guard("bb.treaty", "return_evidence", condition="C1") == "authority"
    play.do("bb.verifier", "return_evidence", condition="C1")
    assert play.status("C1") == "returned"
    assert play.guard("bb.verifier", "return_evidence", condition="C1") == "condition_status"
    play.submit("C1", text="first")
    assert play.status("C1") == "evidence_submitted"


@pytest.mark.parametrize("act", ["verify_condition", "return_evidence", "revoke_verdict", "confirm_verdict"])
def test_verifiers_acts_are_for_the_policys_verifiers(act: str) -> None:
    play = verified()
    play.do("bb.contact", "appoint_delegate", delegate="bb.second", office="2nd", roles=["verifier"])
    fields = {"evidence": [digest("x")]} if act == "verify_condition" else {}
    assert play.guard("bb.second", act, condition="C1", **fields) == "named_verifier"
    assert play.guard("bb.verifier", act, condition="C9", **fields) == "condition_known"


def test_a_revoked_verdict_is_shown_anew() -> None:
    play = verified()
    assert play.guard("bb.verifier", "return_evidence", condition="C1") == "condition_status"
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    assert play.status("C1") == "revoked"
    assert not play.satisfied("C1")
    assert play.guard("bb.verifier", "revoke_verdict", condition="C1") == "condition_status"
    play.verify("C1")
    assert play.satisfied("C1")


def test_a_verdict_lapses_when_its_time_is_over() -> None:
    play = verified(valid_for="P30D")
    assert play.pass_time(days=29) == ()
    assert play.pass_time(days=1) == ("verdict_lapsed",)
    assert play.status("C1") == "lapsed"


def test_of_two_ends_of_a_verdict_the_earlier_counts() -> None:
    play = verified(valid_for="P300D", valid_until="2030-02-01T00:00:00Z")
    assert play.until("2030-02-01T00:00:00Z") == ("verdict_lapsed",)


def test_no_verdict_is_revoked_or_disputed_after_release() -> None:
    play = Play(pair()).go("released")
    assert play.guard("bb.verifier", "revoke_verdict", condition="C1") == "not_released"
    assert play.guard("aa.contact", "dispute_verdict", condition="C1") == "not_released"


def test_changed_terms_void_the_verdict_and_only_this_one() -> None:
    play = Play(trio()).go("verified")
    play.amend(changed(trio(), conditions__V1__policy__grade="inspected"))
    assert play.status("V1") == "evidence_submitted"
    assert play.state.conditions["V1"].verdict is None
    assert play.fact("verdict_reopened", "cause") == "the amendment changes its policy"
    assert play.status("V2") == "verified"
    assert not play.satisfied("V2"), "what it depends on has fallen, but it keeps its verdict"


def test_a_condition_that_is_removed_and_comes_back_begins_anew() -> None:
    play = Play(pair()).go("verified")
    play.amend(changed(pair(), conditions={}))
    assert play.status("C1") == "removed"
    assert play.guard("aa.obligor", "submit_evidence", **submission(play)) == "condition_known"
    play.amend(pair())
    assert play.status("C1") == "agreed"
    play.verify("C1")
    assert play.satisfied("C1")


def test_a_condition_is_satisfied_with_all_that_it_depends_on() -> None:
    play = Play(
        pair(
            conditions={
                "C1": condition("AA", "bb.verifier", depends_on=["C2"]),
                "C2": condition("BB", "aa.verifier", depends_on=["C3"]),
                "C3": condition("BB", "aa.verifier"),
            }
        )
    ).go("founded")
    play.verify("C1", "C2")
    assert not play.satisfied("C1")
    assert owed_by(play.state, "C1") == ("bb.obligor",), "who owes C3"
    play.verify("C3")
    assert play.satisfied("C1")
    play.do("aa.verifier", "revoke_verdict", condition="C3")
    assert play.status("C1") == "verified"
    assert not play.satisfied("C1")


def test_long_and_branched_dependencies_are_judged_at_once() -> None:
    layers = 20
    conditions = {"L0a": condition("AA", "bb.verifier"), "L0b": condition("AA", "bb.verifier")}
    for layer in range(1, layers):
        below = [f"L{layer - 1}a", f"L{layer - 1}b"]
        conditions[f"L{layer}a"] = condition("AA", "bb.verifier", depends_on=below)
        conditions[f"L{layer}b"] = condition("AA", "bb.verifier", depends_on=below)
    play = Play(pair(conditions=conditions)).go("founded")
    play.verify(*conditions)
    assert play.satisfied(f"L{layers - 1}a"), "each path apart would be half a million steps"
    chain = {"K0": condition("AA", "bb.verifier")}
    for number in range(1, 346):
        chain[f"K{number}"] = condition("AA", "bb.verifier", depends_on=[f"K{number - 1}"])
    long = Play(pair(conditions=chain)).go("founded")
    assert not long.satisfied("K345")
    assert owed_by(long.state, "K345") == ("aa.obligor",)


def test_an_officer_whom_all_have_named_may_verify_for_no_party() -> None:
    officers = {"engineer": {"office": "Independent engineer", "roles": ["verifier"]}}
    play = Play(pair(officers=officers, conditions={"C1": condition("AA", "engineer")})).go("founded")
    play.verify("C1")
    assert play.satisfied("C1")
    assert play.last("condition_verified").actor.party is None


def test_what_is_about_texts_is_verified_once_they_are_agreed_and_lapses_when_they_change() -> None:
    play = founded(valid_while_texts_of=["D1"])
    named = {"condition": "C1", "evidence": [play.submit("C1")]}
    assert play.guard("bb.verifier", "verify_condition", **named) == "texts_agreed"
    play.agree_text("D1", "en")
    play.do("bb.verifier", "verify_condition", **named)
    play.do("aa.treaty", "propose_text", document="D1", language="en", digest=digest("other"))
    assert play.satisfied("C1"), "a proposal beside an agreed text changes nothing"
    events = play.do("bb.treaty", "agree_text", document="D1", language="en", digest=digest("other"))
    assert events == ("consent_given", "text_agreed", "verdict_lapsed")
