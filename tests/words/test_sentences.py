"""Every sentence of the plays of the corpus reads as a person would say it; those of scenarios are judged as they play.

(`tests.simulation` plays the scenarios and their adverse paths, `tests.api.pages` reads the pages.)
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.compatibility.corpus import ALL
from tests.simulation.play import Play
from tests.words.collecting import of_play
from tests.words.rules import EVERYWHERE, IN_A_CLOSING, judged, wrong
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES
from workflows.model.vocabulary import VOCABULARIES, reworded

FALSE = {
    "a broken plural": ("1 entries are missing", "3 entry", "2 condition are open"),
    "a word twice": ("of of it", "the the visit"),
    "illustrative twice": ("A visit (illustrative) (illustrative)", "x (illustrative) · illustrative"),
    "an empty ending": (
        "not agreed by ",
        "not agreed by .",
        "they are: .",
        "consents of ; and",
        "who: –",
        "and,, or",
    ),
    "nothing as a value": ("None verifies it", "is null"),
    "Python": ("Input should be a string", "Value error, no", "it is {condition}", "datetime.datetime(2027)"),
    "a name of the model": ("C1 is evidence_submitted", "the guard seat_known"),
    "the grammar of guards": (
        "C1 is evidence submitted",
        "x may not condition changed",
        "AA, BB consents",
        "Mend it",
    ),
    "a or an": ("a understanding", "an visit", "a offer"),
}


@pytest.mark.parametrize("what", EVERYWHERE)
def test_each_rule_finds_what_it_is_for(what: str) -> None:
    for sentence in FALSE[what]:
        assert any(problem.startswith(what) for problem in wrong(sentence)), sentence


def test_the_words_of_diplomacy_are_found_in_a_closing_alone() -> None:
    for word in ("the visit", "an invitation", "the Understanding", "this accord"):
        assert list(wrong(word, "closing")), word
        assert not list(wrong(word)), word
    assert not list(wrong("who may: confirm-visit, for venue.visit", "closing"))
    assert set(IN_A_CLOSING)


@pytest.mark.parametrize("name", ALL)
def test_every_sentence_of_the_corpus(name: str) -> None:
    make: Callable[[], Play] = ALL[name]
    play = make()
    assert judged(of_play(play), play.state.definition.vocabulary) == []


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_what_acts_events_and_gates_say_of_themselves(vocabulary: str) -> None:
    said = [act.phrase(vocabulary) for act in ACTS.values()]
    said += [reworded(act.text(), vocabulary) for act in ACTS.values()]
    said += [reworded(text, vocabulary) for text in GATES.values()]
    said += [
        event.sentence(dict.fromkeys(event.model_fields, "X"), vocabulary).replace("{", "")
        for event in EVENTS.values()
    ]
    assert judged(said, vocabulary) == []


def test_sentences_name_terms_by_the_vocabulary() -> None:
    """What is written out in a sentence would be said in every vocabulary."""
    for declared in (*ACTS.values(), *EVENTS.values()):
        bare = re.sub(r"\{[^}]*\}", "", declared.says)
        assert not re.search(r"\b(?:accord|condition|document|invitation|understanding|visit)\b", bare), (
            declared
        )
