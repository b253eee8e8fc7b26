"""What a guard says is to be done is the next step, and whom it names can take it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import changed, condition, pair, trio
from tests.simulation.one_condition import founded, verified
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.declare import Check
from workflows.model.rules import gate
from workflows.tracks.documents.state import check_ready


def unmet(play: Play, name: str, guard: str) -> Check:
    return next(one for one in gate(play.state, name) if one.guard == guard and not one.met)


def of_condition(play: Play) -> tuple[str, tuple[str, ...]]:
    check = unmet(play, "visit", "condition_satisfied")
    return check.remedy, check.who


def test_a_condition_says_who_brings_it_forward_from_where_it_stands() -> None:
    terms: dict[str, Any] = {"grade": "documented", "on_change": "close", "waivable": True}
    play = founded(**terms).invite()
    assert of_condition(play) == (
        "AA submits evidence of grade documented or better for C1, which is then verified; or BB waives it",
        ("aa.obligor",),
    )
    named = play.submit("C1")
    assert of_condition(play) == (
        "the verifiers of C1 verify it by the evidence (verify-condition), or return that (return-evidence); "
        "or BB waives it",
        ("bb.verifier",),
    )
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[named])
    report = {"condition": "C1", "report": "R1", "source": "Sensor", "observed_at": play.now.isoformat()}
    play.do("watch", "condition_changed", **report)
    assert of_condition(play) == (
        "a verifier of C1 confirms the verdict, or revokes it (confirm-verdict)",
        ("bb.verifier",),
    )
    play.do("aa.protocol", "dispute_verdict", condition="C1")
    remedy = "the verifiers of C1 who did not give the verdict decide the dispute (decide-dispute)"
    assert of_condition(play)[0] == remedy


def test_a_condition_that_holds_itself_names_what_it_depends_on() -> None:
    conditions = {
        "C1": condition("AA", "bb.verifier", depends_on=["C2"]),
        "C2": condition("BB", "aa.verifier", gate="signing"),
    }
    play = Play(pair(conditions=conditions)).go("founded").invite().verify("C1")
    assert of_condition(play) == ("bring C2, on which C1 depends, to a verdict", ("bb.obligor",))


def test_the_invitation_names_who_issues_it_and_then_who_accepts_it() -> None:
    play = Play(pair()).go("founded")
    check = unmet(play, "acceptance", "invitation_accepted")
    assert (check.remedy, check.who) == (
        "the host's protocol issues it (issue-invitation)",
        ("aa.protocol",),
    )
    play.do("aa.protocol", "issue_invitation")
    check = unmet(play, "acceptance", "invitation_accepted")
    assert (check.remedy, check.who) == (
        "whoever has to accept it does (accept-invitation)",
        ("bb.protocol",),
    )


def test_the_understanding_is_proposed_then_concurred_in_and_then_waits_for_what_suspends_it() -> None:
    play = Play(pair()).go("verified")
    check = unmet(play, "visit", "understanding_effective")
    assert check.remedy == "one party proposes it as things stand now, and every other concurs in it"
    play.do("aa.protocol", "propose_understanding")
    check = unmet(play, "visit", "understanding_effective")
    assert (check.remedy, check.who) == ("BB concurs in it", ("bb.protocol", "bb.authority"))
    play.do("bb.protocol", "concur_in_understanding", digest=play.fact("understanding_proposed", "digest"))
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    check = unmet(play, "visit", "understanding_effective")
    assert (check.remedy, check.who) == (
        "the fallen conditions are brought to a verdict, and what is questioned is confirmed",
        ("aa.obligor",),
    )


def test_a_visit_that_was_cancelled_wants_dates_and_not_a_confirmation() -> None:
    play = Play(pair()).go("understood")
    check = unmet(play, "arrival", "visit_confirmed")
    assert check.remedy == "each party's protocol confirms it (confirm-visit)"
    play.each("protocol", "cancel_visit")
    assert unmet(play, "arrival", "visit_confirmed").remedy.startswith("agree on dates first")
    refusal = play.refused("aa.protocol", "confirm_visit")
    assert refusal.remedy.startswith("agree on dates first")


def test_arrival_waits_for_the_confirmation_where_there_is_none() -> None:
    play = Play(pair()).go("understood")
    check = unmet(play, "signing", "arrived")
    assert check.remedy.startswith("each party's protocol confirms it")
    assert set(check.who) == {"aa.protocol", "bb.protocol"}


@pytest.mark.parametrize(
    ("place", "remedy", "who"),
    [
        (
            "founded",
            "propose what is missing, and let every party agree to each text",
            {"aa.treaty", "bb.treaty"},
        ),
        ("texts", "AA and BB initial it", {"aa.treaty", "bb.treaty"}),
    ],
)
def test_a_document_says_which_step_is_its_next(place: str, remedy: str, who: set[str]) -> None:
    play = Play(changed(pair(), documents__D1__initialled=True)).go("founded")
    if place == "texts":
        play.agree_text("D1", "en")
    check = check_ready(play.state, "D1")
    assert (check.remedy, set(check.who)) == (remedy, who)


def test_a_seat_without_authority_waits_for_that_first() -> None:
    play = Play(changed(pair(), documents__D1__authority="full_powers")).go("arrived")
    check = next(one for one in gate(play.state, "held") if one.guard == "seat_held")
    assert check.who == ("aa.authority",)
    assert check.remedy.startswith("the competent authority of AA issues full powers")
    play.empower("D1", "AA")
    check = next(one for one in gate(play.state, "held") if one.guard == "seat_held")
    assert (check.remedy, check.who) == ("aa.head signs D1", ("aa.head",))


def test_an_obligors_verifier_is_told_of_those_who_may_verify() -> None:
    play = founded(verifiers=("aa.verifier", "bb.verifier"))
    named = play.submit("C1")
    refusal = play.refused("aa.verifier", "verify_condition", condition="C1", evidence=[named])
    assert (refusal.remedy, refusal.unmet[0].who) == ("let bb.verifier do it", ("bb.verifier",))


def test_a_text_that_is_not_there_is_not_said_to_have_another_version() -> None:
    play = Play(trio()).go("founded")
    refusal = play.refused("bb.treaty", "agree_text", document="D2", language="en", digest=digest("x"))
    assert refusal.remedy == "it has to be proposed first, in all of its parts"


def test_both_vocabularies_are_told_the_same_step_by_the_acts_name() -> None:
    """Names of acts are the same in each, and so is who could take the step; the sentences are in the words of each."""
    said = []
    for vocabulary in ("diplomatic", "closing"):
        play = Play(pair(vocabulary=vocabulary)).go("founded")
        checks = [one for one in gate(play.state, "signing") if not one.met]
        said.append([(one.guard, one.who) for one in checks])
        remedies = {one.guard: one.remedy for one in checks}
        assert "issue-invitation" in remedies["invitation_accepted"]
        assert "confirm-visit" in remedies["arrived"]
        assert "record-arrival" in remedies["arrived"]
        if vocabulary == "closing":
            assert remedies["invitation_accepted"].startswith("the offeror's protocol issues it")
            assert "opening of the meeting" in remedies["arrived"]
    assert said[0] == said[1]


def test_a_verdict_that_stands_asks_nothing() -> None:
    assert all(
        one.remedy == ""
        for one in gate(verified().invite().state, "visit")
        if one.guard == "condition_satisfied"
    )
