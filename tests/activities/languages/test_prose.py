"""Sentences of the model in other languages: recognized by their message, whatever stands in their fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import api
from activities.languages.catalogues import spoken
from activities.languages.prose import Prose, prose
from tests.activities.languages.plays import steps_of
from workflows.model.consent import pending
from workflows.model.declare import Check
from workflows.model.rules import GATES, blocking, deadlines, gate
from workflows.model.state import Accord
from workflows.model.waiting.steps import waiting
from workflows.tracks.documents.state import check_ready, live

ENGLISH = re.compile(r"\b[a-z]{2,}(?: [a-z]{2,}){2,}\b")
"""Three English words in a row."""


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("the accord is closed", "договорённость закрыта"),
        (
            "C1 (Venue ready): evidence is in; a.one and b.two have not given a verdict yet; overdue",
            "C1 («Venue ready»): подтверждение представлено; заключения ещё нет: a.one и b.two; просрочено",
        ),
        (
            "no understanding has been proposed; nobody of AA and BB is appointed as protocol or verifier yet: "
            "a.one or b.two appoints somebody (appoint-delegate)",
            "договорённость сторон не предложена; никто от AA и BB ещё не назначен на роль (протокольная служба "
            "или проверяющий): назначить представителя должен контакт: a.one или b.two (appoint-delegate)",
        ),
        (
            "K1 (Merger): the evidence was returned: not legible; overdue",
            "K1 («Merger»): подтверждение возвращено: not legible; просрочено",
        ),
        (
            "aa.x (AA) may not record opening of the meeting; it takes an offeree's protocol",
            "aa.x (AA) не вправе совершить действие «Отметить открытие встречи»; это вправе: "
            "протокольная служба адресата оферты",
        ),
        ("let a.one or b.two do it", "это может сделать: a.one или b.two"),
        (
            "aa.x (contact of AA) may not pause accord; it takes the operator; nobody is operator: "
            "name one by an amendment, with every party (propose-amendment)",
            "aa.x (AA: контактное лицо) не вправе совершить действие «Приостановить договорённость»; это вправе: "
            "оператор; никто не исполняет роль: оператор; назовите лицо изменением определения, с согласия всех сторон "
            "(propose-amendment)",
        ),
        ("D1 is not agreed in en, fr", "D1: не согласован на языках: английский, французский"),
        ("AA has consented to this already", "AA: согласие уже дано"),
        (
            "the appointment of a.b is not in force on 2027-03-05",
            "назначение a.b на 5 мар. 2027 г. не действует",
        ),
        (
            "aa.x (treaty_section of AA) may not release signatures; it takes the registrar",
            "aa.x (AA: договорный отдел) не вправе совершить действие «Передать подписи»; это вправе: регистратор",
        ),
    ],
)
def test_a_sentence_is_said_in_another_language(english: str, russian: str) -> None:
    with spoken("ru"):
        assert " ".join(prose(english).split()) == russian
    assert prose(english) == english


def test_what_a_party_wrote_stays_as_it_is() -> None:
    title = "the accord is closed; let a.b do it (is agreed)"
    with spoken("ru"):
        said = prose(f"Ratify D1 ({title}), and name the instrument")
    assert title in said
    with spoken("ru"):
        assert prose("what nobody foresaw") == "what nobody foresaw"
        assert prose("") == ""


def test_a_huge_hostile_text_takes_no_time_to_speak_of() -> None:
    with spoken("zh"):
        assert prose("is " * 5000) == "is " * 5000
        assert prose("(" * 900 + "D1 is " * 100)
        assert prose("D1 (" + "; " * 300 + ") is agreed, and depends on " + "C1, " * 100)


def sentences(a: Accord) -> Iterator[str]:
    """What the pages show of a state in the model's own words."""
    checks: list[Check] = [*blocking(a)] if not a.ended else []
    if a.founded:
        checks += [one for name in GATES for one in gate(a, name)]
        checks += [check_ready(a, code) for code in live(a)]
    for check in checks:
        if not check.met:
            yield from (check.reason, check.remedy)
    yield from (one.says for one in waiting(a).values())
    yield from (one.summary().partition(" · ")[2] for one in deadlines(a))
    yield from (one.says for one in pending(a))
    yield from (one.reason for one in a.conditions.values() if one.reason)


@pytest.mark.parametrize(
    "scenario",
    [
        "state-visit/postponed",
        "state-visit/one-comma",
        "jv-closing/clause-changed",
        "jv-closing/offer-expired",
    ],
)
async def test_all_that_a_scenario_says_is_said_in_another_language(scenario: str) -> None:
    steps = await steps_of(scenario)
    said: set[str] = set()
    for _, _, decision in steps:
        said.update(one for one in sentences(decision.after) if one)
        if decision.refusal is not None:
            said.update((decision.refusal.reason, decision.refusal.remedy))
    assert len(said) > 60
    titles = {
        one.title
        for _, _, decision in steps
        for one in (
            *decision.after.definition.conditions.values(),
            *decision.after.definition.documents.values(),
        )
    }
    left = []
    with spoken("ru"):
        for english in sorted(said):
            shown = prose(english)
            for title in titles:
                shown = shown.replace(title, "")
            if english and (shown == english or ENGLISH.search(shown)):
                left.append((english, shown))
    assert left == []


def refused(value: Any) -> Iterator[str]:
    """What the refusals say that stand anywhere in a value."""
    if isinstance(value, dict):
        if "guard" in value and "unmet" in value:
            yield from (value["remedy"], *(one["reason"] for one in value["unmet"] if "reason" in one))
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from refused(one)


def test_the_refusal_of_every_act_is_said_in_another_language() -> None:
    document = json.loads((Path(api.__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    said = set(refused(document["paths"]))
    assert len(said) > 100
    with spoken("ru"):
        left = [one for one in sorted(said) if (shown := prose(one)) == one or ENGLISH.search(shown)]
    assert left == []


@pytest.mark.parametrize(
    "text",
    [
        "the closing meeting is " + "a, " * 300,
        "the accord is terminated: " + "a (" * 300,
        "the accord is terminated: " + "nothing is left to do; " * 40,
        "no understanding has been proposed; " * 27,
        "AA and BB and " * 70,
    ],
)
def test_a_text_of_parts_without_end_is_not_worth_the_time(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found: each part was looked up, again for each way to divide the text: half a second of a page's loop."""
    looked_up = 0
    whole = Prose._whole

    def counted(self: Prose, *given: Any) -> str | None:
        nonlocal looked_up
        looked_up += 1
        return whole(self, *given)

    monkeypatch.setattr(Prose, "_whole", counted)
    with spoken("ru"):
        prose(text)
    assert looked_up <= 201
