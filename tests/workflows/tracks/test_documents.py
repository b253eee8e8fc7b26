"""Documents: texts in each language, agreement, concordance, initials, execution version; and what a change voids."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, document, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.tracks.documents.state import document_status


def founded(**terms: object) -> Play:
    """One document with its terms as given."""
    return Play(pair(documents={"D1": document("AA", "BB", **terms)})).go("founded")  # type: ignore[arg-type]


def status(play: Play, code: str = "D1") -> str:
    return document_status(play.state, code)


def text(language: str = "en", content: str = "v1") -> dict[str, str]:
    return {"document": "D1", "language": language, "digest": digest(content)}


def test_a_document_passes_every_step_that_it_asks_for() -> None:
    play = founded(languages=("en", "fr"), initialled=True, execution_version=True)
    assert status(play) == "outline"
    assert play.do("aa.treaty", "propose_text", **text()) == ("text_proposed", "consent_given")
    assert status(play) == "negotiating"
    assert play.do("bb.treaty", "agree_text", **text()) == ("consent_given", "text_agreed")
    assert status(play) == "negotiating", "one language of two"
    play.agree_text("D1", "fr")
    assert status(play) == "agreed_text"
    named = {"document": "D1", "digest": play.document("D1")}
    for act, event, reached in (
        ("certify_concordance", "concordance_certified", "concordance_certified"),
        ("initial_document", "document_initialled", "authenticated"),
        ("approve_execution_version", "execution_version_approved", "execution_version"),
    ):
        assert play.do("aa.treaty", act, **named) == ("consent_given",), "one party is not enough"
        assert play.do("bb.treaty", act, **named) == ("consent_given", event)
        assert status(play) == reached
    assert play.state.consents == {}


def test_steps_that_a_document_does_not_ask_for_are_passed_by_themselves() -> None:
    play = founded()
    play.agree_text("D1", "en")
    assert status(play) == "execution_version"
    named = {"document": "D1", "digest": play.document("D1")}
    assert play.guard("aa.treaty", "certify_concordance", **named) == "texts_agreed"
    assert play.guard("aa.treaty", "initial_document", **named) == "concordance_certified"
    assert play.guard("aa.treaty", "approve_execution_version", **named) == "authenticated"


@pytest.mark.parametrize(
    ("by", "act", "fields", "guard"),
    [
        ("aa.treaty", "propose_text", {**text(), "document": "D9"}, "document_known"),
        ("aa.treaty", "propose_text", text("de"), "language_of_document"),
        ("bb.treaty", "propose_text", text(), "text_differs"),
        ("aa.protocol", "propose_text", text(content="v2"), "authority"),
        ("bb.treaty", "agree_text", {**text(), "document": "D9"}, "document_known"),
        ("bb.treaty", "agree_text", text(content="v2"), "digest_is_current"),
        ("bb.treaty", "agree_text", text("fr"), "digest_is_current"),
        ("aa.treaty", "agree_text", text(), "not_yet_given"),
        ("bb.protocol", "agree_text", text(), "authority"),
        ("bb.treaty", "certify_concordance", {"document": "D1", "digest": digest("x")}, "texts_agreed"),
        ("bb.treaty", "initial_document", {"document": "D1", "digest": digest("x")}, "concordance_certified"),
        (
            "bb.treaty",
            "approve_execution_version",
            {"document": "D1", "digest": digest("x")},
            "authenticated",
        ),
        ("bb.treaty", "certify_concordance", {"document": "D9", "digest": digest("x")}, "document_known"),
    ],
)
def test_steps_come_in_order_from_those_who_may(by: str, act: str, fields: dict, guard: str) -> None:
    play = founded(languages=("en", "fr"), initialled=True, execution_version=True)
    play.do("aa.treaty", "propose_text", **text())
    assert play.guard(by, act, **fields) == guard


def test_concordance_names_the_documents_digest_and_is_given_once() -> None:
    play = founded(languages=("en", "fr"))
    play.agree_text("D1", "en")
    play.agree_text("D1", "fr")
    assert (
        play.guard("aa.treaty", "certify_concordance", document="D1", digest=digest("x"))
        == "digest_is_current"
    )
    named = {"document": "D1", "digest": play.document("D1")}
    play.do("aa.treaty", "certify_concordance", **named)
    assert play.guard("aa.treaty", "certify_concordance", **named) == "not_yet_given"
    play.do("bb.treaty", "certify_concordance", **named)
    assert play.guard("aa.treaty", "certify_concordance", **named) == "not_yet_given"


def test_what_all_agreed_to_is_neither_agreed_again_nor_taken_back() -> None:
    play = founded()
    play.agree_text("D1", "en", "v1")
    assert play.guard("bb.treaty", "agree_text", **text()) == "not_yet_given"
    assert play.guard("bb.treaty", "withdraw_consent", subject="text/D1/en") == "consent_pending"
    waiting = founded()
    waiting.do("aa.treaty", "propose_text", **text())
    waiting.do("aa.treaty", "withdraw_consent", subject="text/D1/en")
    waiting.do("bb.treaty", "agree_text", **text())
    assert status(waiting) == "negotiating", "AA has taken its own consent back"


def test_a_consent_to_a_superseded_text_does_not_come_back_with_it() -> None:
    play = founded()
    play.do("bb.treaty", "propose_text", **text(content="v1"))
    play.do("aa.treaty", "propose_text", **text(content="v2"))
    play.do("aa.treaty", "propose_text", **text(content="v1"))
    assert status(play) == "negotiating"
    play.do("bb.treaty", "agree_text", **text(content="v1"))
    assert status(play) == "execution_version"


def test_a_changed_text_voids_what_rested_on_it_and_nothing_of_another_document() -> None:
    play = Play(trio()).go("texts")
    before = play.state.documents
    play.agree_text("D1", "en", "one comma")
    now = play.state.documents["D1"]
    assert (now.certified, now.initialled, now.execution) == (None, None, None)
    assert now.texts["fr"] == before["D1"].texts["fr"], "the other language is still agreed"
    assert play.state.documents["D2"] == before["D2"]
    assert play.state.documents["D3"] == before["D3"]
    play.agree_text("D1", "en", "D1 in en")
    assert status(play) == "agreed_text", "also with the same bytes as before, what was void stays void"
    play.certify("D1")
    assert status(play) == "execution_version"


def test_the_digest_is_that_of_the_sorted_manifest() -> None:
    play = founded(languages=("fr", "en"))
    play.agree_text("D1", "fr", "f")
    play.agree_text("D1", "en", "e")
    other = founded(languages=("en", "fr"))
    other.agree_text("D1", "en", "e")
    other.agree_text("D1", "fr", "f")
    assert play.document("D1") == other.document("D1")


def test_nothing_is_changed_that_is_released() -> None:
    play = Play(pair()).go("released")
    assert play.guard("aa.treaty", "propose_text", **text()) == "document_open"
    assert play.guard("aa.treaty", "agree_text", **text()) == "document_open"


def test_another_title_leaves_the_texts_and_a_language_that_is_taken_away_takes_its_own() -> None:
    play = Play(pair(documents={"D1": document("AA", "BB", languages=("en", "fr"))})).go("texts")
    play.amend(changed(play.state.definition.as_facts(), documents__D1__title="Another"))
    assert status(play) == "execution_version"
    play.amend(changed(pair(), documents__D1__title="Another"))
    assert play.fact("text_reopened", "language") == "fr"
    assert play.fact("step_reopened", "step") == "concordance"
    assert set(play.state.documents["D1"].texts) == {"en"}
    assert status(play) == "execution_version", "one language needs no concordance"
