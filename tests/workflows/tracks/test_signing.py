"""Signing: full powers, authorization, order, held signatures, severance, and the release of all or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import changed, condition, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.tracks.documents.state import set_seat
from workflows.tracks.signing.release import release_digest


def arrived(definition: dict[str, Any] | None = None) -> Play:
    return Play(definition or trio()).go("arrived")


def sign(play: Play, code: str, by: str) -> tuple[str, ...]:
    return play.do(by, "sign_document", document=code, digest=play.document(code))


def signing_guard(play: Play, code: str, by: str) -> str:
    return play.guard(by, "sign_document", document=code, digest=play.document(code))


# Signing


def test_a_signature_names_what_it_rests_on_and_is_held() -> None:
    play = arrived()
    assert sign(play, "D2", "aa.head") == ("signature_held",)
    signature = play.state.documents["D2"].seats["AA"].signature
    assert signature is not None
    assert signature.status == "held"
    assert signature.digest == play.document("D2")
    assert signature.understanding == play.state.understanding.digest
    assert signature.authority == "ex officio"
    assert play.state.documents["D2"].released_at is None


@pytest.mark.parametrize("form", ["ad_referendum", "subject_to_ratification"])
def test_a_signature_may_have_a_reserve(form: str) -> None:
    play = arrived()
    play.do("aa.head", "sign_document", document="D2", digest=play.document("D2"), form=form)
    assert play.state.documents["D2"].seats["AA"].signature.form == form  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "by", "guard"),
    [
        ("D2", "aa.deputy", "seat_known"),
        ("D2", "cc.head", "seat_known"),
        ("D2", "aa.protocol", "authority"),
        ("D1", "aa.head", "signing_authorized"),
    ],
)
def test_who_signs_what(code: str, by: str, guard: str) -> None:
    assert signing_guard(arrived(), code, by) == guard


def test_what_is_signed_is_known_open_and_current() -> None:
    play = arrived()
    assert play.guard("aa.head", "sign_document", document="D9", digest=digest("x")) == "document_known"
    assert play.guard("aa.head", "sign_document", document="D2", digest=digest("x")) == "digest_is_current"
    sign(play, "D2", "aa.head")
    assert signing_guard(play, "D2", "aa.head") == "seat_open"


@pytest.mark.parametrize(("place", "unmet"), [("confirmed", "arrived"), ("texts", "understanding_effective")])
def test_nothing_is_signed_before_arrival_and_its_gate(place: str, unmet: str) -> None:
    play = Play(trio()).go(place)
    refusal = play.refused("aa.head", "sign_document", document="D2", digest=play.document("D2"))
    assert unmet in [one.guard for one in refusal.unmet]


def test_signing_needs_the_conditions_of_visit_and_signing_but_not_of_the_ceremony() -> None:
    play = arrived()
    play.do("cc.verifier", "revoke_verdict", condition="V2")
    assert signing_guard(play, "D2", "aa.head") == "condition_satisfied"
    play.verify("V2")
    play.do("aa.verifier", "revoke_verdict", condition="S1")
    assert signing_guard(play, "D2", "aa.head") == "condition_satisfied"
    play.verify("S1")
    sign(play, "D2", "aa.head")
    never = Play(pair(conditions={"X1": condition("BB", "aa.verifier", gate="ceremony")})).go("texts")
    never.concur().confirm().arrive()
    sign(never, "D1", "aa.head")


def test_a_document_that_is_not_ready_is_not_signed() -> None:
    initialled = changed(pair(), documents__D1__initialled=True)
    play = Play(initialled).go("accepted")
    play.agree_text("D1", "en")
    play.verify("C1").concur().confirm().arrive()
    refusal = play.refused("aa.head", "sign_document", document="D1", digest=play.document("D1"))
    assert [one.guard for one in refusal.unmet] == ["document_ready"]
    assert refusal.unmet[0].who == ("aa.treaty", "bb.treaty")
    play.certify("D1")
    sign(play, "D1", "aa.head")


def test_by_agreement_documents_are_signed_at_a_distance() -> None:
    play = Play(pair(signing_at_a_distance=True)).go("understood")
    assert play.stage == "signing"
    play.sign().release()
    assert play.stage == "concluded"


def test_parties_sign_in_the_order_that_the_document_gives() -> None:
    play = arrived()
    play.authorize("D1")
    for by in ("bb.head", "cc.head"):
        assert signing_guard(play, "D1", by) == "order_kept"
    sign(play, "D1", "aa.head")
    refusal = play.refused("cc.head", "sign_document", document="D1", digest=play.document("D1"))
    assert refusal.unmet[0].who == ("bb.head",)
    sign(play, "D1", "bb.head")
    sign(play, "D1", "cc.head")


def test_a_seat_of_two_is_signed_by_both() -> None:
    play = arrived()
    play.authorize().sign("D1", "D2")
    sign(play, "D3", "aa.head")
    sign(play, "D3", "cc.head")
    assert ("seat_held", "D3") in play.unmet("held")
    sign(play, "D3", "cc.deputy")
    assert play.unmet("held") == []


def test_a_delegate_of_one_party_does_not_sign_in_anothers_seat() -> None:
    theirs = changed(pair(), documents__D1__seats={"AA": "aa.head", "BB": "aa.deputy"})
    play = Play(theirs)
    play.adopt()
    signatory = {"delegate": "aa.deputy", "office": "Deputy", "roles": ["signatory"]}
    assert play.guard("aa.contact", "appoint_delegate", **signatory) == "own_delegate"
    # Nor does an amendment seat whom another party has appointed; so only a state that cannot be shows the last guard.
    play = Play(pair()).go("founded")
    assert play.guard("bb.contact", "amend_definition", definition=theirs) == "named_are_free"
    play = Play(pair()).go("arrived")
    play._state = set_seat(play.state, "D1", "BB", holder="aa.deputy")
    assert signing_guard(play, "D1", "aa.deputy") == "own_seat"


# Full powers and authorization


def test_signing_is_authorized_once_by_each_partys_own_authority() -> None:
    play = Play(trio()).go("founded")
    play.do("aa.authority", "authorize_signing", document="D1")
    assert play.guard("aa.authority", "authorize_signing", document="D1") == "not_yet_authorized"
    assert play.guard("aa.authority", "authorize_signing", document="D9") == "document_known"
    assert play.guard("aa.head", "authorize_signing", document="D1") == "authority"


# Withdrawal and severance


def test_an_authorization_is_taken_back_until_the_release_and_closes_it() -> None:
    play = arrived()
    play.authorize().sign()
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    assert play.guard("cc.authority", "withdraw_authorization", document="D9") == "document_known"
    assert play.guard("bb.head", "withdraw_authorization", document="D1") == "authority"
    events = play.do("bb.authority", "withdraw_authorization", document="D1")
    assert events == ("signing_authorization_withdrawn", "consents_fell")
    assert play.guard("bb.authority", "withdraw_authorization", document="D1") == "signing_was_authorized"
    refusal = play.refused("registrar", "release_signatures")
    assert refusal.guard == "signing_authorized"
    assert refusal.unmet[0].who == ("bb.authority",)
    assert play.state.documents["D1"].seats["BB"].signature is not None
    play.do("bb.authority", "authorize_signing", document="D1")
    assert play.guard("registrar", "release_signatures") == "release_agreed"
    play.release()
    assert play.guard("bb.authority", "withdraw_authorization", document="D1") == "document_open"


def test_an_authorization_for_certain_texts_lapses_with_them_and_one_for_the_document_does_not() -> None:
    play = arrived()
    assert (
        play.guard("aa.authority", "authorize_signing", document="D1", digest=digest("other"))
        == "digest_is_current"
    )
    play.do("aa.authority", "authorize_signing", document="D1", digest=play.document("D1"))
    play.do("bb.authority", "authorize_signing", document="D1")
    for treaty in ("aa.treaty", "bb.treaty", "cc.treaty"):
        act = "propose_text" if treaty == "aa.treaty" else "agree_text"
        events = play.do(treaty, act, document="D1", language="en", digest=digest("one comma"))
    assert "signing_authorization_lapsed" in events
    assert dict(play.state.documents["D1"].authorized_by) == {"BB": None}


def test_an_authority_narrows_its_authorization_to_the_texts_that_stand() -> None:
    play = arrived()
    play.do("aa.authority", "authorize_signing", document="D1")
    named = play.document("D1")
    play.do("aa.authority", "authorize_signing", document="D1", digest=named)
    assert (
        play.guard("aa.authority", "authorize_signing", document="D1", digest=named) == "not_yet_authorized"
    )
    assert dict(play.state.documents["D1"].authorized_by) == {"AA": named}


def test_a_held_signature_is_withdrawn_by_its_signatory_before_release() -> None:
    play = Play(trio()).go("signed")
    assert play.guard("aa.deputy", "withdraw_signature", document="D2") == "signature_held"
    assert play.do("aa.head", "withdraw_signature", document="D2") == ("signature_voided",)
    assert play.guard("aa.head", "withdraw_signature", document="D2") == "signature_held"
    assert play.unmet("held") == [("seat_held", "D2")]
    play.sign("D2").release()
    assert play.guard("aa.head", "withdraw_signature", document="D2") == "document_open"
    assert play.guard("aa.head", "withdraw_signature", document="D9") == "document_known"


def test_a_document_that_the_understanding_says_is_severable_is_severed_by_all() -> None:
    play = Play(trio()).go("verified")
    play.concur(["D1"]).confirm().arrive()
    play.sign("D2", "D3")
    assert play.guard("aa.protocol", "sever_document", document="D2") == "severable"
    assert play.guard("aa.protocol", "sever_document", document="D9") == "document_known"
    play.do("aa.protocol", "sever_document", document="D1")
    assert play.guard("aa.protocol", "sever_document", document="D1") == "not_yet_given"
    play.do("bb.protocol", "sever_document", document="D1")
    assert not play.state.documents["D1"].severed
    assert "document_severed" in play.do("cc.authority", "sever_document", document="D1")
    assert play.guard("aa.protocol", "sever_document", document="D1") == "document_open"
    assert play.state.understanding.status == "effective"
    play.release()
    assert play.stage == "concluded"
    assert play.state.documents["D1"].released_at is None


def test_nothing_is_severed_under_a_stale_understanding_nor_the_last_document() -> None:
    play = Play(trio()).go("verified")
    play.concur(["D1", "D2"])
    play.agree_text("D2", "en", "other")
    assert play.guard("aa.protocol", "sever_document", document="D1") == "severable"
    one = Play(pair()).go("verified")
    one.concur(["D1"])
    assert one.guard("aa.protocol", "sever_document", document="D1") == "not_the_last"


# Release


def test_a_severed_document_holds_no_signature() -> None:
    play = Play(trio()).go("verified")
    play.concur(["D1"]).confirm().arrive()
    play.authorize().sign()
    for party in ("aa", "bb"):
        play.do(f"{party}.protocol", "sever_document", document="D1")
    events = play.do("cc.protocol", "sever_document", document="D1")
    assert events == ("consent_given", "document_severed", *["signature_voided"] * 3)
    assert play.held("D1") == []
    assert play.held("D2") == ["AA", "BB"]
