"""Vocabularies: every term in each, a further one as a file, and words that change nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from tests.simulation.definitions import trio
from tests.simulation.play import Play
from tests.simulation.small import small
from workflows.model.definition import Definition
from workflows.model.rules import LADDER
from workflows.model.summary import current_details, ladder, summarize
from workflows.model.vocabulary import TERMS, VOCABULARIES, reworded, word, words_in

FURTHER = {term: f"a {term}" for term in TERMS}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A package of vocabularies, still empty."""
    (tmp_path / "further_words").mkdir()
    (tmp_path / "further_words" / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    try:
        yield tmp_path / "further_words"
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name.startswith("further_words")]:
            del sys.modules[name]


def package(folder: Path, name: str, words: dict[str, str]) -> ModuleType:
    (folder / f"{name}.py").write_text(f'"""Further words."""\n\nWORDS = {words!r}\n')
    importlib.invalidate_caches()
    return importlib.import_module(folder.name)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_vocabulary_has_a_word_for_every_term(name: str) -> None:
    assert set(VOCABULARIES[name]) == set(TERMS)
    assert {*LADDER, "terminated"} <= set(TERMS)
    shown = [VOCABULARIES[name][rung] for rung in LADDER]
    assert len(set(shown)) == len(LADDER), "two stages could not be told apart"


def test_a_further_one_is_a_file(folder: Path) -> None:
    found = words_in(package(folder, "treaty_bank", FURTHER))
    assert found == {"treaty_bank": FURTHER}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({**FURTHER, "visit": ""}, "bad has no word for visit"),
        (dict.fromkeys(TERMS[1:], "x"), f"bad has no word for {TERMS[0]}"),
        ({**FURTHER, "visitt": "x"}, "a word for visitt, which is no term"),
    ],
)
def test_an_incomplete_one_is_named(folder: Path, words: dict[str, str], said: str) -> None:
    found = package(folder, "bad", words)
    with pytest.raises(ValueError, match=said):
        words_in(found)


def test_a_definition_names_one_that_there_is() -> None:
    assert Definition.model_validate(small(vocabulary="closing")).vocabulary == "closing"
    with pytest.raises(ValidationError, match="choose one of closing, diplomatic"):
        Definition.model_validate(small(vocabulary="treaty_bank"))


def test_what_nobody_knows_is_called_as_in_diplomatic() -> None:
    assert word("treaty_bank", "visit") == VOCABULARIES["diplomatic"]["visit"]
    assert word("closing", "unheard") == "unheard"


def test_words_change_nothing_else() -> None:
    plays = [Play({**trio(), "vocabulary": name}).go("signed") for name in VOCABULARIES]
    assert len({tuple((one.type, one.time, one.actor) for one in play.log) for play in plays}) == 1
    summaries = [summarize(play.state) for play in plays]
    assert len({one.model_copy(update={"vocabulary": ""}).model_dump_json() for one in summaries}) == 1
    assert len({ladder(play.state) for play in plays}) == len(plays)
    for play, name in zip(plays, VOCABULARIES, strict=True):
        details = current_details(play.state)
        assert f"**{word(name, 'documents').capitalize()}**" in details
        assert word(name, "signing") in details


def test_the_keys_of_a_written_form_stay_as_they_are() -> None:
    assert reworded("a document: {document: D1}", "closing") == "a transaction document: {document: D1}"
