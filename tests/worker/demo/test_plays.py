"""Reading plays: what is wrong is said with its line; what ships is whole, and says that it is illustrative."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from worker.demo.catalog import FOLDER, Entry, entries, entry
from worker.demo.lines import ScenarioProblem
from worker.demo.play import MARK, read_definition, read_play

ALL = list(entries())
TEXTS = sorted(FOLDER.glob("*/texts/*.txt"))
DEFINITIONS = sorted(FOLDER.glob("*/definition*.yaml"))


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A small scenario in a folder of its own."""
    folder = tmp_path / "small"
    (folder / "texts").mkdir(parents=True)
    shutil.copy(FOLDER / "state_visit" / "definition.yaml", folder / "definition.yaml")
    (folder / "texts" / "D1.ru.txt").write_text(f"{MARK}\nтекст\n")
    return folder


def _play(folder: Path, *steps: str, head: str = "definition: definition.yaml\nopens: ru.protocol\n") -> Path:
    file = folder / "play.yaml"
    file.write_text(
        f"title: Small\n{head}papers:\n  note: A note.\nsteps:\n"
        + "".join(f"  - {{{one}}}\n" for one in steps)
    )
    return file


ADOPT = "by: ru.protocol, act: adopt_definition, fields: {digest: {definition: current}}"


def _problem(file: Path) -> str:
    with pytest.raises(ScenarioProblem) as caught:
        read_play(file, "small")
    assert caught.value.remedy
    return caught.value.what


def test_a_step_takes_the_time_of_the_one_before(scenario: Path) -> None:
    play = read_play(_play(scenario, f'at: "2027-01-12T00:00:00Z", {ADOPT}', ADOPT), "small")
    assert play.steps[0].at == play.steps[1].at
    assert play.steps[1].where == "play.yaml:8"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("by: ru.protocol, act: adopt_everything", "line 8: step 2: there is no act 'adopt_everything'"),
        ("by: ru.protocol, act: adopt_definition", "play.yaml:8 (act adopt_definition by ru.protocol)"),
        ("by: ru.protocol", "line 8: step 2: a step is one of act, signal, why, wait, open; this is none"),
        ("by: ru.protocol, act: issue_invitation, why: visit", "this is act and why"),
        ("act: issue_invitation", "line 8: step 2: say by whom"),
        (
            "by: ru.protocol, act: issue_invitation, expected: recorded",
            "line 8: step 2: expected: Extra inputs",
        ),
        ("by: ru.protocol, why: paradise", "there is no gate 'paradise'"),
        ("by: ru.protocol, act: issue_invitation, stage: heaven", "there is no stage 'heaven'"),
        ("by: ru.protocol, act: condition_changed", "write signal instead of act"),
        ("by: ru.protocol, act: issue_invitation, expect: {reopens: [C1]}", "expected of a dry run"),
        ("by: ru.nobody, act: issue_invitation", "ru.nobody is nobody's delegate"),
        (
            'at: "2027-01-01T00:00:00Z", by: ru.protocol, act: issue_invitation',
            "is before the step that goes before",
        ),
        ("by: press, act: record_statement, fields: {digest: {paper: lost}}", "there is no paper 'lost'"),
        (
            "by: ru.protocol, act: agree_text, fields: {document: D1, language: ko, digest: {text: D1/ko}}",
            "there is no text 'D1/ko'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(scenario: Path, step: str, said: str) -> None:
    assert said in _problem(_play(scenario, ADOPT, step))


def test_a_text_that_does_not_say_that_it_is_illustrative_is_not_taken(scenario: Path) -> None:
    (scenario / "texts" / "D1.ru.txt").write_text("Treaty\n")
    step = "by: ru.protocol, act: agree_text, fields: {document: D1, language: ru, digest: {text: D1/ru}}"
    assert "does not begin with the line" in _problem(_play(scenario, step))


def test_a_play_begins_somehow(scenario: Path) -> None:
    assert "says its definition" in _problem(_play(scenario, ADOPT, head=""))
    assert "there is no play elsewhere" in _problem(_play(scenario, ADOPT, head="after: {play: elsewhere}\n"))


def test_a_path_follows_a_play_until_a_label(scenario: Path) -> None:
    _play(scenario, f"{ADOPT}, label: adopted", 'at: "2027-02-01T00:00:00Z", wait: true')
    (scenario / "paths").mkdir()
    path = scenario / "paths" / "other.yaml"
    wait = '  - {at: "2027-01-20T00:00:00Z", wait: true}\n'
    path.write_text(f"title: Other\nafter: {{play: play, until: adopted}}\nsteps:\n{wait}")
    play = read_play(path, "small/other")
    assert [placed.where for placed in play.steps] == ["play.yaml:7", "other.yaml:4"]
    assert play.prefix == 1
    path.write_text(path.read_text().replace("adopted", "founded"))
    assert "no label 'founded'; it has adopted" in _problem(path)


def test_broken_yaml_and_a_lost_file_are_said(scenario: Path) -> None:
    file = _play(scenario, ADOPT)
    file.write_text("title: [")
    assert "is not YAML" in _problem(file)
    file.write_text("title: a\ntitle: b\n")
    assert "play.yaml cannot be taken: line 2: 'title' is there twice" in _problem(file)
    assert "cannot be read" in _problem(scenario / "lost.yaml")
    definition = scenario / "definition.yaml"
    definition.write_text(definition.read_text().replace("capacity: guest", "capacity: host"))
    with pytest.raises(ScenarioProblem, match="exactly one is the host"):
        read_definition(definition)


def test_an_unknown_scenario_is_answered_with_those_there_are() -> None:
    with pytest.raises(ScenarioProblem) as caught:
        entry("state-visits")
    assert "jv-closing/clause-changed" in caught.value.remedy


def test_the_default_scenario_comes_first() -> None:
    names = [one.name for one in ALL]
    assert names[0] == "state-visit"
    assert [one.name for one in ALL if one.whole] == ["state-visit", "jv-closing"]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_what_ships_can_be_read(one: Entry) -> None:
    play = one.read()
    assert play.title
    assert play.says
    assert len(play.steps) > play.prefix
    assert all(content.startswith(MARK.encode() + b"\n") for content in play.papers.values())


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_definition_says_that_it_is_illustrative_and_simulated(file: Path) -> None:
    definition = read_definition(file)
    assert definition.illustrative
    assert "illustrative" in definition.title
    assert definition.clock.mode == "simulated"


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: f"{file.parent.parent.name}/{file.name}")
def test_every_text_says_twice_that_it_is_illustrative(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == MARK
    assert lines[1]
    assert lines[2] == ""
    assert len(lines) <= 40


def test_the_variant_of_the_korean_text_differs_by_one_comma() -> None:
    folder = FOLDER / "state_visit" / "texts"
    original = (folder / "D2.ko.txt").read_text(encoding="utf-8")
    amended = (folder / "D2.ko.amended.txt").read_text(encoding="utf-8")
    assert len(original) - len(amended) == 1
    at = next(index for index, (a, b) in enumerate(zip(original, amended, strict=False)) if a != b)
    assert original[at] == ","
    assert original[:at] + original[at + 1 :] == amended
