"""What reopens what, before release: each row of the table, with what it leaves alone."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, party, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.tracks.documents.state import document_status
from workflows.tracks.understanding import suspended_by


def standing(play: Play) -> dict[str, str]:
    return {code: document_status(play.state, code) for code in play.state.documents}


# A verdict is revoked or lapses, a dispute is upheld


def falls(play: Play, how: str) -> None:
    """V1, which two verifiers have verified, falls."""
    if how == "revoked":
        play.do("bb.verifier", "revoke_verdict", condition="V1")
    elif how == "lapsed":
        verdict = play.state.conditions["V1"].verdict
        assert verdict is not None
        assert verdict.valid_until is not None
        play.until(verdict.valid_until)
    else:
        play.do("aa.protocol", "dispute_verdict", condition="V1")
        play.do("bb.verifier", "decide_dispute", condition="V1", uphold=True)


@pytest.fixture(params=["revoked", "lapsed", "upheld"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def near() -> Play:
    """Confirmed, so late that V1's verdict ends within the visit."""
    return Play(changed(trio(), conditions__V1__valid_for="P115D"))


def test_a_fallen_verdict_closes_its_gate_suspends_the_understanding_and_holds_the_visit(how: str) -> None:
    play = near().go("confirmed")
    texts = standing(play)
    falls(play, how)
    assert not play.open_gate("visit")
    assert suspended_by(play.state) == ("V1",)
    assert play.state.understanding.status == "effective", "suspended, not stale"
    assert play.state.visit.status == "on_hold"
    assert play.stage == "verification"
    assert standing(play) == texts


def test_after_arrival_signing_and_release_close_and_the_visit_goes_on(how: str) -> None:
    play = near().go("signed")
    held = {code: play.held(code) for code in play.state.documents}
    falls(play, how)
    assert play.state.visit.status == "arrived"
    assert play.stage == "signing", "arrival is a latch"
    assert not play.open_gate("signing")
    assert not play.open_gate("held")
    assert {code: play.held(code) for code in play.state.documents} == held, "signatures stay held"
    play.verify("V1")
    assert play.open_gate("held"), "and nothing has to be signed again"


def test_it_moves_the_stage_back_and_erases_nothing(how: str) -> None:
    play = near().go("understood")
    assert play.stage == "visit"
    log = list(play.log)
    falls(play, how)
    assert play.stage == "verification"
    assert play.log[: len(log)] == log
    play.verify("V1")
    assert play.stage == "visit", "the suspension lifts by itself"


# An agreed text is amended


def test_an_amended_text_reopens_its_document_only() -> None:
    play = Play(trio()).go("signed")
    play.agree_text("D1", "fr", "one comma")
    assert standing(play) == {"D1": "agreed_text", "D2": "execution_version", "D3": "execution_version"}
    assert play.held("D1") == []
    assert play.held("D2") == ["AA", "BB"]
    assert play.held("D3") == ["AA", "CC", "CC-2"]
    assert play.state.understanding.status == "stale"
    assert play.status("X1") == "lapsed", "it holds while the texts of D1 are unchanged"
    assert play.status("V1") == "verified"
    play.certify("D1")
    play.concur().verify("X1")
    play.sign("D1").release()
    assert play.stage == "concluded"


def test_before_arrival_an_amended_text_holds_the_visit() -> None:
    play = Play(trio()).go("confirmed")
    play.agree_text("D2", "en", "other")
    assert play.state.visit.status == "on_hold"
    assert play.stage == "drafting"


# The invitation is withdrawn


def test_a_withdrawn_invitation_terminates_and_leaves_texts_and_verdicts_readable() -> None:
    play = Play(trio()).go("confirmed")
    play.do("aa.protocol", "withdraw_invitation")
    assert play.stage == "terminated"
    assert play.status("V1") == "verified"
    assert play.state.conditions["V1"].verdict is not None
    assert standing(play)["D1"] == "execution_version"


# Full powers are revoked


def test_revoked_full_powers_leave_the_seat_vacant_and_the_signature_waiting() -> None:
    play = Play(trio()).go("signed")
    play.do("cc.authority", "revoke_full_powers", document="D1", seat="CC")
    assert play.unmet("held") == [("authority_valid", "D1")]
    assert play.held("D1") == ["AA", "BB", "CC"]
    assert play.held("D2") == ["AA", "BB"]
    assert play.state.understanding.status == "effective"


# A party or signatory changes


def test_another_signatory_makes_the_understanding_stale() -> None:
    play = Play(trio()).go("confirmed")
    play.do(
        "bb.authority",
        "issue_full_powers",
        document="D1",
        seat="BB",
        holder="bb.deputy",
        digest=digest("powers"),
    )
    assert play.state.understanding.status == "stale"
    assert play.state.visit.status == "on_hold"


def test_another_party_makes_the_understanding_stale() -> None:
    play = Play(trio()).go("confirmed")
    play.amend(changed(trio(), parties__DD=party("DD", required=False)))
    assert play.state.understanding.status == "stale"
    assert play.state.visit.status == "on_hold"


# What is not in the table reopens nothing


@pytest.mark.parametrize(
    ("by", "act", "fields"),
    [
        ("watch", "record_statement", {"digest": digest("speech")}),
        ("aa.protocol", "record_minutes", {"digest": digest("minutes"), "item": "Talks"}),
        ("aa.contact", "revoke_delegate", {"delegate": "aa.verifier"}),
        ("bb.verifier", "revoke_verdict", {"condition": "Z1"}),
        ("watch", "condition_changed", {"condition": "V2"}),
    ],
)
def test_what_reopens_nothing(by: str, act: str, fields: dict) -> None:
    play = Play(trio()).go("confirmed").verify("Z1")
    if act == "condition_changed":
        fields = {**fields, "report": "R", "source": "S", "observed_at": "2030-01-07T08:00:00Z"}
    before = (play.stage, play.state.visit.status, play.state.understanding.status, standing(play))
    play.do(by, act, **fields)
    assert (play.stage, play.state.visit.status, play.state.understanding.status, standing(play)) == before


# The visit is postponed


def test_what_ends_before_the_new_dates_lapses_at_once_and_what_is_fresh_then_survives() -> None:
    play = Play(changed(trio(), conditions__V1__valid_for="P130D")).go("understood")
    play.empower("D1", "BB", valid_until="2030-06-01T00:00:00Z")
    play.empower("D1", "CC", valid_until="2030-09-01T00:00:00Z")
    play.confirm()
    play.pass_time(days=1)
    june = {"begins": "2030-06-10T08:00:00Z", "ends": "2030-06-12T18:00:00Z", "place": "Town"}
    play.do("aa.protocol", "propose_dates", window=june)
    named = play.fact("dates_proposed", "digest")
    play.do("bb.protocol", "agree_dates", digest=named)
    preview = play.preview("cc.protocol", "agree_dates", digest=named)
    events = play.do("cc.protocol", "agree_dates", digest=named)
    assert events == tuple(draft.type for draft in preview.events)
    assert events == ("consent_given", "dates_agreed", "verdict_lapsed", "full_powers_expired")
    assert play.status("V1") == "lapsed"
    assert play.status("S1") == "verified"
    seats = play.state.documents["D1"].seats
    assert [seats[name].powers.status for name in ("BB", "CC")] == ["expired", "issued"]  # type: ignore[union-attr]
    assert play.state.visit.status == "tentative"
    assert play.state.understanding.status == "effective", (
        "suspended by V1, not stale: all agreed to the dates"
    )
    play.verify("V1").confirm()
    assert play.state.visit.status == "confirmed", (
        "a new verdict, of the same instant too, may end before the dates; it lapses when it ends"
    )


def test_an_amended_window_postpones_as_agreed_dates_do() -> None:
    play = Play(trio()).go("confirmed")
    later = {"begins": "2030-05-20T08:00:00Z", "ends": "2030-05-22T18:00:00Z", "place": "Town"}
    play.amend(changed(trio(), window=later))
    assert play.state.visit.status == "tentative"
    assert play.state.visit.window is not None
    assert play.state.visit.window.begins.day == 20
