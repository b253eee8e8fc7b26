"""The words of papers: every language says the same things, and every character of them can be shown."""

from __future__ import annotations

import re
from dataclasses import replace
from string import Formatter
from typing import Any

import pytest
import yaml

from activities.papers.coverage import missing
from activities.papers.kinds import NAMES
from activities.papers.sentences import says, sentences, translated
from activities.papers.words import FOLDER, NoSuchLanguage, languages, words_of
from tests.activities.papers.sources import scenario
from workflows.model.declared import ACTS, EVENTS
from workflows.model.vocabulary import placeholders

TRANSLATED = [one for one in languages() if (FOLDER / "record" / f"{one}.yaml").exists()]
"""Those in which the minutes are told, too."""


def told(language: str) -> Any:
    return yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))


TERMS = placeholders("diplomatic")
"""What sentences name of the vocabulary; those of papers have words of their own for it."""


def fields(words: dict[str, str]) -> dict[str, list[str]]:
    return {
        key: sorted({name for _, name, _, _ in Formatter().parse(text) if name and name not in TERMS})
        for key, text in words.items()
    }


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_words_with_the_same_fields(language: str) -> None:
    english, other = told("en"), told(language)
    for part in ("words", "closing"):
        assert fields(other[part]) == fields(english[part])
        assert all(text.strip() for text in other[part].values())
    assert len(other["months"]) == 12
    assert other["closing"].keys() <= other["words"].keys()


@pytest.mark.parametrize("language", languages())
def test_every_character_of_the_words_can_be_shown(language: str) -> None:
    assert missing((FOLDER / f"{language}.yaml").read_text(encoding="utf-8")) == set()


def test_there_are_the_languages_of_the_table_and_a_title_for_each_kind() -> None:
    assert {"en", "ru", "ko", "zh"} <= set(languages())
    assert set(TRANSLATED) == {"ru", "ko", "zh"}
    for language in languages():
        assert len({words_of(language, "diplomatic")[f"title.{kind}"] for kind in NAMES}) == len(NAMES)


def test_a_vocabulary_changes_words_and_leaves_the_others() -> None:
    diplomatic, closing = words_of("en", "diplomatic"), words_of("en", "closing")
    assert (diplomatic["title.full-powers"], closing["title.full-powers"]) == (
        "Full powers",
        "Powers of attorney",
    )
    assert diplomatic["title.minutes"] == closing["title.minutes"]


def test_a_regional_tag_is_read_as_its_language_and_an_unknown_one_names_those_there_are() -> None:
    assert words_of("zh-Hant", "diplomatic").language == "zh"
    with pytest.raises(NoSuchLanguage, match="en, ko, no, pt, ru, zh"):
        words_of("tlh", "diplomatic")


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_translated_sentence_is_of_an_act_or_event_and_has_its_fields(language: str) -> None:
    whole = sentences(language)
    for vocabulary in ("diplomatic", "closing"):
        there = sentences(language, vocabulary)
        assert there["acts"].keys() == whole["acts"].keys()
        assert there["events"].keys() == whole["events"].keys()
        for kind, declared in (("acts", ACTS), ("events", EVENTS)):
            # Words of the vocabulary, such as {the visit} and {~document}, each language has in its own sentence.
            said = fields({name: declared[name].says for name in there[kind]})
            facts = {name: [one for one in names if one.isidentifier()] for name, names in said.items()}
            assert fields(there[kind]) == facts
    assert missing((FOLDER / "record" / f"{language}.yaml").read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("language", TRANSLATED)
async def test_what_happens_in_the_scenarios_is_told_in_the_language(language: str) -> None:
    for name in ("state-visit", "jv-closing"):
        source = await scenario(name)
        w = words_of(language, source.state.definition.vocabulary)
        lacking = [line.says for line in source.lines if translated(line, w) is None]
        # What was declared since may still stand in English; who adds an act need not know every language.
        assert len(lacking) < 0.05 * len(source.lines), lacking


BEYOND_A_CLOSING = {
    "ru": r"визит|приглаш|договорённост|прибыти|полномочи(?!я и порядок)",
    "ko": r"방문|초청|합의 절차|양해|선발|도착",
    "zh": r"访问|邀请|协议进程|谅解|先遣|抵达|全权证书",
}
"""What a visit of state has and a closing has not: visit, invitation, accord, understanding, arrival, full powers."""


@pytest.mark.parametrize("language", TRANSLATED)
async def test_a_closing_has_no_visit_and_no_invitation_in_any_language(language: str) -> None:
    closing, visit = await scenario("jv-closing"), await scenario("state-visit")
    foreign = re.compile(BEYOND_A_CLOSING[language], re.IGNORECASE)
    w = words_of(language, "closing")
    assert [told for line in closing.lines if foreign.search(told := str(says(line, w)))] == []
    # Nor in a sentence of what did not happen in this one.
    there = sentences(language, "closing")
    told_otherwise = {name: one for part in ("acts", "events") for name, one in there[part].items()}
    assert {name: one for name, one in told_otherwise.items() if foreign.search(one)} == {}
    of_visit = words_of(language, "diplomatic")
    assert any(foreign.search(str(says(line, of_visit))) for line in visit.lines)


@pytest.mark.parametrize("language", TRANSLATED)
async def test_reasons_for_refusals_are_told_in_the_language(language: str) -> None:
    for name in ("state-visit", "jv-closing"):
        source = await scenario(name)
        w = words_of(language, source.state.definition.vocabulary)
        refused = [says(line, w) for line in source.lines if line.refused]
        assert refused
        # What is English is marked as such, for whoever reads the page aloud.
        assert not [one for one in refused if "quoted" in str(one)]


async def test_what_nobody_has_translated_stands_as_the_record_has_it() -> None:
    source = await scenario("state-visit")
    w = words_of("ru", "diplomatic")
    line = replace(source.lines[0], type="something_new", facts={"event": {}})
    assert says(line, w) == {"quoted": line.says}
