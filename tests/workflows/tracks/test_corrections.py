"""A corrigendum: what was signed stays signed, and is corrected by all who signed it."""

from __future__ import annotations

from tests.simulation.definitions import trio
from tests.simulation.play import Play
from tests.simulation.small import digest


def released() -> Play:
    return Play(trio()).go("released")


def test_all_who_signed_correct_it() -> None:
    play = released()
    before = play.state.documents["D2"]
    play.do("aa.treaty", "propose_corrigendum", document="D2", language="en", digest=digest("corrected"))
    happened = play.do("bb.treaty", "agree_corrigendum", document="D2", digest=digest("corrected"))
    assert happened == ("consent_given", "document_corrected")
    assert play.state.corrections["D2"].texts == {"en": digest("corrected")}
    assert play.state.documents["D2"] == before
    again = play.guard(
        "aa.treaty", "propose_corrigendum", document="D2", language="en", digest=digest("corrected")
    )
    assert again == "text_differs"


def test_nobody_else_and_not_before_release() -> None:
    play = released()
    fields = {"document": "D2", "language": "en", "digest": digest("corrected")}
    assert play.guard("cc.treaty", "propose_corrigendum", **fields) == "signing_party"
    assert (
        play.guard("aa.treaty", "propose_corrigendum", **{**fields, "language": "fr"})
        == "language_of_document"
    )
    assert Play(trio()).go("signed").guard("aa.treaty", "propose_corrigendum", **fields) == "released"
    assert (
        play.guard("aa.treaty", "agree_corrigendum", document="D2", digest=digest("x")) == "digest_is_current"
    )


def test_another_proposal_makes_consents_fall_away() -> None:
    play = released()
    play.do("aa.treaty", "propose_corrigendum", document="D1", language="en", digest=digest("one"))
    play.do("bb.treaty", "agree_corrigendum", document="D1", digest=digest("one"))
    play.do("cc.treaty", "propose_corrigendum", document="D1", language="en", digest=digest("two"))
    happened = play.do("aa.treaty", "agree_corrigendum", document="D1", digest=digest("two"))
    assert happened == ("consent_given",)
    assert "document_corrected" in play.do(
        "bb.treaty", "agree_corrigendum", document="D1", digest=digest("two")
    )
    assert play.state.corrections["D1"].texts == {"en": digest("two")}
