"""Consents, findings and proposals that were given for one state of things take no effect in another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import changed, condition, pair, trio
from tests.simulation.play import Play
from workflows.model.attested import state_digest
from workflows.model.waiting.steps import waiting
from workflows.tracks.signing.release import release_digest

LATER = {"begins": "2030-06-20T08:00:00Z", "ends": "2030-06-22T08:00:00Z"}


def proposed_dates(play: Play) -> str:
    play.do("aa.protocol", "propose_dates", window=LATER)
    return str(play.fact("dates_proposed", "digest"))


def test_dates_that_were_proposed_before_arrival_do_not_undo_it() -> None:
    play = Play(pair()).go("confirmed")
    named = proposed_dates(play)
    play.arrive()
    assert play.state.visit.proposed is None
    assert not play.state.consents.get("dates")
    assert play.guard("bb.protocol", "agree_dates", digest=named) == "dates_proposed"
    assert play.state.visit.status == "arrived"


def test_a_visit_that_all_cancelled_is_not_revived_by_a_consent_of_before() -> None:
    play = Play(pair()).go("confirmed")
    named = proposed_dates(play)
    play.each("protocol", "cancel_visit")
    assert play.guard("bb.protocol", "agree_dates", digest=named) == "dates_proposed"
    assert play.state.visit.status == "cancelled"


def test_dates_that_are_past_by_now_cannot_be_agreed_to() -> None:
    play = Play(pair()).go("founded")
    named = proposed_dates(play)
    assert "agree_dates" in waiting(play.state)
    play.until("2030-07-01T00:00:00+00:00")
    play.do("press", "attest_state", position=play.state.version, digest=state_digest(play.state))
    assert "agree_dates" not in waiting(play.state)
    assert play.guard("bb.protocol", "agree_dates", digest=named) == "dates_ahead"


def test_dates_after_a_long_stop_that_was_brought_forward_cannot_be_agreed_to() -> None:
    play = Play(trio()).go("founded")
    named = proposed_dates(play)
    play.amend(changed(trio(), long_stop__at="2030-06-01T00:00:00Z"))
    assert play.guard("bb.protocol", "agree_dates", digest=named) == "before_long_stop"


def test_an_understanding_that_was_offered_before_release_takes_no_effect_after_it() -> None:
    play = Play(trio()).go("signed")
    play.do("aa.protocol", "propose_understanding", severable=["D2"])
    named = play.fact("understanding_proposed", "digest")
    play.release()
    released = play.state.understanding
    assert released.offer is None
    for party in ("bb", "cc"):
        guard = play.guard(f"{party}.protocol", "concur_in_understanding", digest=named)
        assert guard in ("understanding_proposed", "not_released")
    assert play.state.understanding == released


def test_a_finding_on_other_texts_is_none_on_these() -> None:
    terms = condition("AA", "bb.verifier", "bb.second", need=2, valid_while_texts_of=["D1"])
    play = Play(pair(conditions={"C1": terms})).go("founded").prepare()
    named = play.submit("C1")
    asked: dict[str, Any] = {"condition": "C1", "evidence": [named]}
    play.do("bb.verifier", "verify_condition", **asked)
    play.agree_text("D1", "en", "another text")
    assert play.fact("findings_fell", "condition") == "C1"
    assert play.do("bb.second", "verify_condition", **asked) == ("condition_found_met",)
    assert "condition_verified" in play.do("bb.verifier", "verify_condition", **asked)
    assert play.fact("condition_verified", "texts") == {"D1": play.document("D1")}


def test_a_finding_falls_with_the_languages_of_the_texts_that_it_was_on() -> None:
    terms = condition("AA", "bb.verifier", "bb.second", need=2, valid_while_texts_of=["D1"])
    definition = pair(conditions={"C1": terms})
    play = Play(definition).go("founded").prepare()
    play.do("bb.verifier", "verify_condition", condition="C1", evidence=[play.submit("C1")])
    play.amend(changed(definition, documents__D1__languages=["en", "fr"]))
    assert play.fact("findings_fell", "condition") == "C1"
    assert not play.state.conditions["C1"].findings


def test_the_set_that_is_released_names_the_verdicts_on_which_others_depend() -> None:
    """C2 guards nothing before the release by itself, but C1 is satisfied by it."""
    conditions = {
        "C1": condition("AA", "bb.verifier", depends_on=["C2"]),
        "C2": condition("AA", "bb.verifier", gate="subsequent"),
    }
    play = Play(pair(conditions=conditions)).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    weaker = play.submit("C2", grade="declared", text="weaker")
    assert "consents_fell" in play.do("bb.verifier", "verify_condition", condition="C2", evidence=[weaker])
    assert play.guard("registrar", "release_signatures") == "release_agreed"


def test_a_consent_can_be_withdrawn_while_the_accord_is_paused() -> None:
    """Amendments can be adopted then; so whoever pauses the accord would hold a party to what it no longer wants."""
    play = Play(pair()).go("founded")
    play.do("aa.contact", "amend_definition", definition=changed(pair(), title="Another title"))
    play.do("installation", "pause_accord", reason="Maintenance")
    play.do("aa.contact", "withdraw_consent", subject="definition")
    assert play.state.amendment is not None
    events = play.do("bb.contact", "adopt_definition", digest=play.state.amendment.digest())
    assert events == ("consent_given",)


def test_a_condition_that_release_rested_on_is_not_deferred_afterwards() -> None:
    """One party alone could let it lapse as a subsequent one, and keep the accord from being closed."""
    play = Play(pair(conditions={"C1": condition("AA", "bb.verifier", deferrable=True, valid_for="P150D")}))
    play.go("released").pass_time(days=200)
    assert play.guard("bb.protocol", "defer_condition", condition="C1", gate="subsequent") == "not_released"
    play.do("aa.contact", "close_accord")


@pytest.mark.parametrize("hesitating", ["in principle", "silent"])
def test_an_amendment_that_asks_for_fewer_acceptances_leaves_nobody_waiting(hesitating: str) -> None:
    """BB has given its final answer and could not answer again; only CC, which is asked no more, could go on."""
    play = Play(trio()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    play.do("bb.protocol", "accept_invitation")
    if hesitating == "in principle":
        play.do("cc.protocol", "accept_invitation_in_principle")
    play.amend(changed(trio(), parties__CC__required=False))
    assert play.types()[-1] == "invitation_accepted"
    assert play.open_gate("acceptance")
    assert "invitation_expired" not in play.until("2030-03-02T00:00:00+00:00")


def test_a_confirmation_falls_when_the_gate_of_the_visit_closes() -> None:
    play = Play(pair()).go("understood")
    play.do("aa.protocol", "confirm_visit")
    assert "consents_fell" in play.do("bb.verifier", "revoke_verdict", condition="C1")
    assert play.fact("consents_fell", "subject") == "confirmation"
    play.verify("C1")
    assert play.do("bb.protocol", "confirm_visit") == ("consent_given",)
    assert "visit_confirmed" in play.do("aa.protocol", "confirm_visit")
