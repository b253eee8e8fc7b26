"""Consents to release and to severance name what they are to, fall when the gate closes, and do not come back."""

from __future__ import annotations

from tests.simulation.definitions import trio
from tests.simulation.play import Play
from workflows.tracks.signing.release import release_digest


def consented() -> Play:
    """All signed, and every party's consent to the release given; the registrar has yet to act."""
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    return play


def fell(play: Play) -> tuple[str, list[str], str]:
    """Of the last consents that fell: to what, whose, and why."""
    return tuple(play.fact("consents_fell", name) for name in ("subject", "parties", "cause"))  # type: ignore[return-value]


def test_consents_to_release_fall_when_a_verdict_does_and_do_not_come_back_with_another() -> None:
    play = consented()
    evidence = play.state.conditions["X1"].evidence
    assert "consents_fell" in play.do("cc.verifier", "revoke_verdict", condition="X1")
    subject, parties, cause = fell(play)
    assert (subject, sorted(parties)) == ("release", ["AA", "BB", "CC"])
    assert "X1" in cause
    # The same evidence once more, and then weaker evidence: another verdict either way.
    one = evidence[0]
    play.do(
        "bb.obligor", "submit_evidence", condition="X1", digest=one.digest, grade="declared", source="Office"
    )
    play.do("cc.verifier", "verify_condition", condition="X1", evidence=[one.digest])
    assert play.open_gate("held")
    assert play.guard("registrar", "release_signatures") == "release_agreed"


def test_the_dry_run_of_what_closes_the_gate_lists_that_consents_fall() -> None:
    play = consented()
    found = play.preview("cc.verifier", "revoke_verdict", condition="X1")
    assert "consents_fell" in [draft.type for draft in found.events]


def test_a_text_that_is_changed_and_changed_back_brings_no_consent_back() -> None:
    play = consented()
    first = play.state.documents["D2"].texts["en"].digest
    play.agree_text("D2", "en", "another text")
    assert fell(play)[0] == "release"
    play.do("aa.treaty", "propose_text", document="D2", language="en", digest=first)
    for party in ("bb", "cc"):
        play.do(f"{party}.treaty", "agree_text", document="D2", language="en", digest=first)
    assert play.state.documents["D2"].texts["en"].digest == first
    assert play.state.consents["release"] == {}
    assert not play.open_gate("release")


def test_a_signature_that_is_withdrawn_and_given_again_brings_no_consent_back() -> None:
    play = consented()
    assert "consents_fell" in play.do("aa.head", "withdraw_signature", document="D2")
    play.sign()
    assert play.open_gate("held")
    assert play.guard("registrar", "release_signatures") == "release_agreed"


def test_the_digest_of_the_set_names_verdicts_and_the_understanding() -> None:
    play = Play(trio()).go("signed")
    before = release_digest(play.state)
    play.do("cc.verifier", "revoke_verdict", condition="X1")
    play.verify("X1")
    assert play.open_gate("held")
    assert release_digest(play.state) != before
    assert play.guard("aa.protocol", "consent_to_release", digest=before) == "digest_is_current"


def test_consents_to_a_severance_fall_when_the_understanding_is_suspended() -> None:
    play = Play(trio()).go("verified").concur(["D2"])
    play.do("aa.protocol", "sever_document", document="D2")
    play.do("bb.protocol", "sever_document", document="D2")
    assert "consents_fell" in play.do("bb.verifier", "revoke_verdict", condition="V1")
    assert fell(play)[0] == "severance/D2"
    assert play.guard("cc.protocol", "sever_document", document="D2") == "understanding_effective"
    play.verify("V1")
    play.do("cc.protocol", "sever_document", document="D2")
    assert not play.state.documents["D2"].severed, "one consent is not three"
