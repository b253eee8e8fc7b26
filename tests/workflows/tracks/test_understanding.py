"""The understanding: proposed, concurred in by each, effective; suspended for a while, stale for good."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, document, party, trio
from tests.simulation.play import Play
from tests.simulation.small import digest


def effective(**changes: object) -> Play:
    return Play(trio(**changes)).go("understood")  # type: ignore[arg-type]


def standing(play: Play) -> str:
    return play.state.understanding.status


def test_one_concurrence_is_not_enough_all_are() -> None:
    play = Play(trio()).go("verified")
    assert play.do("aa.protocol", "propose_understanding") == ("understanding_proposed", "consent_given")
    named = play.state.understanding.digest or play.fact("understanding_proposed", "digest")
    assert play.guard("aa.protocol", "concur_in_understanding", digest=named) == "not_yet_given"
    assert play.do("bb.protocol", "concur_in_understanding", digest=named) == ("consent_given",)
    refusal = play.refused("aa.protocol", "confirm_visit")
    assert [(one.guard, one.who) for one in refusal.unmet] == [
        ("understanding_effective", ("cc.protocol", "cc.authority"))
    ]
    assert "understanding_effective" in play.do("cc.protocol", "concur_in_understanding", digest=named)
    assert standing(play) == "effective"
    assert play.open_gate("visit")


@pytest.mark.parametrize(
    ("place", "by", "act", "fields", "guard"),
    [
        ("accepted", "aa.protocol", "propose_understanding", {}, "texts_concordant"),
        ("texts", "aa.protocol", "propose_understanding", {"severable": ["D9"]}, "documents_known"),
        ("texts", "aa.treaty", "propose_understanding", {}, "authority"),
        (
            "texts",
            "aa.protocol",
            "concur_in_understanding",
            {"digest": digest("x")},
            "understanding_proposed",
        ),
        ("understood", "aa.protocol", "propose_understanding", {}, "understanding_differs"),
        ("released", "aa.protocol", "propose_understanding", {}, "not_released"),
    ],
)
def test_when_it_is_proposed(place: str, by: str, act: str, fields: dict, guard: str) -> None:
    refusal = Play(trio()).go(place).refused(by, act, **fields)
    assert guard in [one.guard for one in refusal.unmet]


def test_it_needs_dates() -> None:
    definition = trio()
    del definition["window"]
    assert Play(definition).go("texts").guard("aa.protocol", "propose_understanding") == "window_set"


def test_concurrence_names_the_digest_that_is_proposed() -> None:
    play = Play(trio()).go("verified")
    play.do("aa.protocol", "propose_understanding")
    assert play.guard("bb.protocol", "concur_in_understanding", digest=digest("x")) == "digest_is_current"


def test_a_concurrence_is_withdrawn_until_all_have_concurred() -> None:
    play = Play(trio()).go("verified")
    play.do("aa.protocol", "propose_understanding")
    named = play.fact("understanding_proposed", "digest")
    play.do("bb.protocol", "concur_in_understanding", digest=named)
    play.do("bb.protocol", "withdraw_consent", subject="understanding")
    play.do("cc.protocol", "concur_in_understanding", digest=named)
    assert standing(play) == "proposed"
    play.do("bb.protocol", "concur_in_understanding", digest=named)
    assert standing(play) == "effective"
    assert play.guard("bb.protocol", "withdraw_consent", subject="understanding") == "consent_pending"


def test_it_pins_terms_texts_parties_window_and_signatories() -> None:
    pins = effective().state.understanding.pins
    assert set(pins) == {"conditions", "parties", "severable", "signatories", "texts", "window"}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"conditions__Z1__valid_for": "P9D"}, "the terms of the conditions changed"),
        ({"conditions__Z1": None}, "the terms of the conditions changed"),
        ({"documents__D2": None}, "D2 is no longer one of the documents"),
        ({"documents__D2__languages": ["fr"]}, "D2 asks for a text that is not there yet"),
        ({"documents__D9": document("AA", "BB")}, "D9 is one of the documents and is not named in it"),
        ({"parties__DD": party("DD", required=False)}, "the parties changed"),
    ],
)
def test_it_is_stale_when_what_it_pins_changes(changes: dict, cause: str) -> None:
    play = effective()
    play.amend(changed(trio(), **changes))
    assert standing(play) == "stale"
    assert play.state.understanding.cause == cause
    assert not play.open_gate("visit")


def test_what_it_does_not_pin_leaves_it_in_effect() -> None:
    play = effective()
    titles = {"conditions__Z1__title": "Other", "documents__D2__title": "Other"}
    play.amend(changed(trio(), conditions__Z1__due="2030-08-01T00:00:00Z", **titles))
    assert standing(play) == "effective"
    play = effective()
    play.amend(trio(title="Another title"))
    assert standing(play) == "effective"
    play.do("aa.verifier", "revoke_verdict", condition="V2")
    assert standing(play) == "effective", "verdicts are not pinned; it is suspended, not stale"


def test_stale_needs_new_concurrence_also_when_everything_is_as_before() -> None:
    play = effective()
    play.agree_text("D2", "en", "other")
    assert standing(play) == "stale"
    assert "text of D2" in (play.state.understanding.cause or "")
    play.agree_text("D2", "en", "D2 in en")
    assert standing(play) == "stale"
    named = play.state.understanding.digest
    assert play.guard("bb.protocol", "concur_in_understanding", digest=named) == "understanding_proposed"
    play.concur()
    assert standing(play) == "effective"


def test_a_new_signatory_makes_it_stale() -> None:
    play = effective()
    play.empower("D1", "BB", "bb.deputy")
    assert standing(play) == "stale"


@pytest.mark.parametrize("after", ["revoked", "evidence", "returned"])
def test_a_fallen_condition_suspends_it_until_the_condition_holds_again(after: str) -> None:
    play = effective()
    play.do("aa.verifier", "revoke_verdict", condition="S1")
    if after != "revoked":
        play.submit("S1")
    if after == "returned":
        play.do("aa.verifier", "return_evidence", condition="S1")
    assert ("understanding_effective", None) in play.unmet("visit"), "S1 itself guards only the signing"
    play.verify("S1")
    assert play.open_gate("visit")


def test_what_never_held_does_not_suspend_it_and_subsequent_conditions_never_do() -> None:
    play = Play(trio()).go("texts")
    play.concur()
    assert ("understanding_effective", None) not in play.unmet("visit")
    play = effective()
    play.verify("Z1")
    play.do("bb.verifier", "revoke_verdict", condition="Z1")
    assert play.open_gate("visit")


def test_a_question_that_closes_suspends_it() -> None:
    play = effective()
    play.do(
        "watch",
        "condition_changed",
        condition="V1",
        report="R",
        source="S",
        observed_at="2030-01-07T08:00:00Z",
    )
    assert ("understanding_effective", None) in play.unmet("visit")
    play.do("bb.verifier", "confirm_verdict", condition="V1")
    assert play.open_gate("visit")


def test_a_waiver_lifts_the_suspension() -> None:
    play = effective()
    play.do("bb.verifier", "revoke_verdict", condition="V1")
    for guest in ("bb", "cc"):
        assert not play.open_gate("visit")
        play.do(f"{guest}.protocol", "waive_condition", condition="V1")
    assert play.open_gate("visit")
