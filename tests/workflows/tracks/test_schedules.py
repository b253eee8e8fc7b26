"""Many texts as one proposal: one act of each party, not one for each text."""

from __future__ import annotations

from tests.simulation.definitions import document, pair
from tests.simulation.play import Play
from tests.simulation.small import digest

TEXTS = [
    {"document": code, "language": language, "digest": digest(f"{code} {language}")}
    for code in ("D1", "D2", "D3")
    for language in ("en", "fr")
]


def schedule() -> Play:
    documents = {code: document("AA", "BB", languages=("en", "fr")) for code in ("D1", "D2", "D3")}
    return Play(pair(documents=documents)).go("founded")


def test_one_consent_for_each_party_adopts_all_texts() -> None:
    play = schedule()
    play.do("aa.treaty", "propose_texts", texts=TEXTS)
    named = play.fact("schedule_proposed", "digest")
    happened = play.do("bb.treaty", "agree_texts", digest=named)
    assert happened.count("text_agreed") == len(TEXTS)
    assert play.guard("bb.treaty", "agree_texts", digest=named) == "not_yet_given"


def test_the_order_of_the_list_makes_no_other_schedule() -> None:
    one, other = schedule(), schedule()
    one.do("aa.treaty", "propose_texts", texts=TEXTS)
    other.do("aa.treaty", "propose_texts", texts=TEXTS[::-1])
    assert one.fact("schedule_proposed", "digest") == other.fact("schedule_proposed", "digest")


def test_a_schedule_of_which_a_text_changed_is_not_agreed_to_blindly() -> None:
    play = schedule()
    play.do("aa.treaty", "propose_texts", texts=TEXTS)
    named = play.fact("schedule_proposed", "digest")
    play.do("aa.treaty", "propose_text", document="D2", language="fr", digest=digest("another"))
    refusal = play.refused("bb.treaty", "agree_texts", digest=named)
    assert (refusal.guard, "D2 in fr" in refusal.reason) == ("schedule_is_current", True)


def test_what_cannot_be_scheduled() -> None:
    play = schedule()
    wrong = [*TEXTS[:1], {"document": "D9", "language": "en", "digest": digest("x")}]
    assert play.guard("aa.treaty", "propose_texts", texts=wrong) == "document_known"
    assert play.rejected("aa.treaty", "propose_texts", texts=[*TEXTS, TEXTS[0]]) == "malformed"
    assert play.rejected("aa.treaty", "propose_texts", texts=[]) == "malformed"
    assert play.guard("bb.treaty", "agree_texts", digest=digest("unheard of")) == "schedule_known"


def test_a_comment_changes_nothing() -> None:
    play = schedule()
    play.do("aa.treaty", "propose_texts", texts=TEXTS)
    before = play.state
    play.do("bb.treaty", "comment_on_text", **TEXTS[0], comment=digest("clause 9 is unclear"))
    assert play.state.version == before.version
    assert play.state.documents == before.documents
    stale = {**TEXTS[0], "digest": digest("an older one")}
    assert play.guard("bb.treaty", "comment_on_text", **stale, comment=digest("c")) == "version_there"


def test_no_schedule_is_agreed_to_after_release() -> None:
    play = Play(pair(documents={"D1": document("AA", "BB")})).go("confirmed")
    changed = [{"document": "D1", "language": "en", "digest": digest("late")}]
    play.do("aa.treaty", "propose_texts", texts=changed)
    named = play.fact("schedule_proposed", "digest")
    play.arrive().sign().release()
    assert play.guard("bb.treaty", "agree_texts", digest=named) == "schedule_is_current"
