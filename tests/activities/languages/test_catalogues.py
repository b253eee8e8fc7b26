"""The catalogues: whole, with the same fields as the English, and up to date with what is said."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog, Message

from activities.languages.catalogues import (
    NAMES,
    catalogue,
    counted,
    gettext,
    language,
    ngettext,
    offered,
    pgettext,
    spoken,
    translated,
)
from worker.reference.messages import template, updated

TRANSLATED = [one for one in NAMES if one != "en"]
FIELD = re.compile(r"%\(\w+\)s|\{\w+\}")
TAG = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module")
def said() -> Catalog:
    return template()


def keys(messages: Catalog) -> set[tuple[str | None, object]]:
    return {(one.context, one.id) for one in messages if one.id}


def forms(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_a_catalogue_has_every_message_and_no_other(tongue: str, said: Catalog) -> None:
    """Else: say `make messages`, and put the new ones into words."""
    there = keys(catalogue(tongue))
    assert keys(said) - there == set()
    assert there - keys(said) == set()


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_every_message_has_its_words_in_every_plural_form(tongue: str) -> None:
    messages = catalogue(tongue)
    missing = [one.id for one in messages if one.id and not translated(one)]
    assert missing == []
    for one in messages:
        if one.id and isinstance(one.id, tuple):
            assert len(forms(one)) == messages.num_plurals, one.id
    assert tongue in offered()


@pytest.mark.parametrize("tongue", TRANSLATED)
def test_fields_and_markup_are_those_of_the_english(tongue: str) -> None:
    for one in catalogue(tongue):
        if not one.id:
            continue
        english = one.id[-1] if isinstance(one.id, tuple) else one.id
        for form in forms(one):
            assert set(FIELD.findall(form)) == set(FIELD.findall(english)), form
            assert sorted(TAG.findall(form)) == sorted(TAG.findall(english)), form
            # They stand in attributes, too.
            assert '"' not in TAG.sub("", form), form
            assert form == form.strip(), form


def test_a_new_message_leaves_a_catalogue_incomplete(said: Catalog) -> None:
    more = Catalog()
    for one in said:
        more.add(one.id, context=one.context)
    more.add("A sentence that nobody has translated.")
    made = updated("ru", more)
    assert not translated(made["A sentence that nobody has translated."])
    assert sum(not translated(one) for one in made if one.id) == 1


def test_a_doubtful_message_counts_as_missing() -> None:
    assert not translated(Message("Desk", "Стол", flags=("fuzzy",)))
    assert not translated(Message(("{n} day", "{n} days"), ("{n} день", "", "{n} дней")))


def test_what_is_spoken_holds_for_one_task_and_then_ends() -> None:
    assert language() == "en"
    with spoken("ru"):
        assert gettext("Desk") == "Рабочий стол"
        assert ngettext("in {n} day", "in {n} days", 22) == "через {n} дня"
        assert counted("in {n} day", "in {n} days", 5) == "через 5 дней"
        assert pgettext("closing", "Offer") == "Оферта"
        assert gettext("nobody has said this") == "nobody has said this"
        with spoken("ko"):
            assert gettext("Minutes") == "의사록"
        assert gettext("Minutes") == "Протокол"
    assert gettext("Desk") == "Desk"
