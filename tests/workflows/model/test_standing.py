"""What all agreed stands until all agree to something else; and what new dates outlive falls at once."""

from __future__ import annotations

from tests.simulation.definitions import condition, document, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest


def test_a_proposed_text_stands_beside_the_agreed_one() -> None:
    play = Play(trio()).go("understood")
    before = play.state
    assert play.do("aa.treaty", "propose_text", document="D1", language="en", digest=digest("other")) == (
        "text_proposed",
        "consent_given",
    )
    text = play.state.documents["D1"].texts["en"]
    assert (text.agreed, text.pending, text.digest) == (
        True,
        digest("other"),
        before.documents["D1"].texts["en"].digest,
    )
    assert play.state.understanding == before.understanding
    assert play.open_gate("visit")

    agreed = digest("other")
    play.do("bb.treaty", "agree_text", document="D1", language="en", digest=agreed)
    assert play.open_gate("visit")
    assert "text_agreed" in play.do("cc.treaty", "agree_text", document="D1", language="en", digest=agreed)
    text = play.state.documents["D1"].texts["en"]
    assert (text.agreed, text.pending, text.digest) == (True, None, agreed)
    assert play.state.documents["D1"].certified is None
    assert play.state.understanding.status == "stale"


def test_one_party_alone_voids_no_held_signature() -> None:
    play = Play(trio()).go("signed")
    held = {code: play.held(code) for code in play.state.documents}
    play.do("cc.treaty", "propose_text", document="D1", language="en", digest=digest("other"))
    assert {code: play.held(code) for code in play.state.documents} == held


def test_an_understanding_is_proposed_beside_the_effective_one() -> None:
    play = Play(trio()).go("confirmed")
    old = play.state.understanding
    play.do("aa.protocol", "propose_understanding", severable=["D1"])
    now = play.state.understanding
    assert (now.status, now.digest) == ("effective", old.digest)
    assert play.state.visit.status == "confirmed"
    assert now.pending is not None
    assert play.guard("bb.protocol", "concur_in_understanding", digest=old.digest) == "digest_is_current"
    for by in ("bb.protocol", "cc.protocol"):
        last = play.do(by, "concur_in_understanding", digest=now.pending)
    assert "understanding_effective" in last
    assert play.state.understanding.severable == ("D1",)
    assert play.state.understanding.pending is None
    assert play.state.visit.status == "confirmed"


def test_what_changes_meanwhile_makes_both_stale() -> None:
    play = Play(trio()).go("understood")
    play.do("aa.protocol", "propose_understanding", severable=["D1"])
    pending = play.state.understanding.pending
    for by in ("aa.treaty", "bb.treaty", "cc.treaty"):
        act = "propose_text" if by == "aa.treaty" else "agree_text"
        play.do(by, act, document="D1", language="en", digest=digest("other"))
    assert play.state.understanding.status == "stale"
    assert play.guard("bb.protocol", "concur_in_understanding", digest=pending) == "understanding_proposed"


def test_new_dates_let_fall_what_would_end_before_them() -> None:
    definition = pair()
    definition["conditions"]["C1"]["valid_for"] = "P400D"
    definition["conditions"]["C2"] = condition("BB", "aa.verifier", valid_for="P4Y")
    play = Play(definition).go("confirmed")
    window = {"begins": "2031-12-01T08:00:00Z", "ends": "2031-12-02T08:00:00Z"}
    play.do("aa.protocol", "propose_dates", window=window)
    assert play.status("C1") == "verified"
    happened = play.do("bb.protocol", "agree_dates", digest=play.fact("dates_proposed", "digest"))
    assert happened.count("verdict_lapsed") == 1
    assert (play.status("C1"), play.status("C2")) == ("lapsed", "verified")
    assert play.stage == "verification"


def test_a_severed_document_keeps_no_held_signature() -> None:
    definition = pair(documents={"D1": document("AA", "BB"), "D2": document("AA", "BB")})
    play = Play(definition).go("verified").concur(["D1"]).confirm().arrive().sign("D1")
    assert play.held("D1") == ["AA", "BB"]
    play.do("aa.protocol", "sever_document", document="D1")
    happened = play.do("bb.protocol", "sever_document", document="D1")
    assert happened == ("consent_given", "document_severed", "signature_voided", "signature_voided")
    assert not play.held("D1")
