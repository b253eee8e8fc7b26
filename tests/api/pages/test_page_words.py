"""Words of the pages that are made of others: what a check says, what others wrote, and fields in any language."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from api.pages.words import field_problem, isolated, not_turning
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, Form
from tests.simulation.small import small


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Field required", "It has to be filled in."),
        ("String should have at least 1 character", "It has to be filled in."),
        ("String should have at most 300 characters", "It has more than 300 characters."),
        ("Tuple should have at least 1 item after validation, not 0", "Choose at least one."),
        ("String should match pattern '^[a-z]\\n$'", "It is not written as it has to be."),
        ("Input should be 'daily' or 'at_once'", "It is one of 'daily' or 'at_once'."),
        ("it holds U+202E, a control", "it holds U+202E, a control"),
    ],
)
def test_what_a_check_says_to_programs_is_said_to_people(text: str, said: str) -> None:
    assert field_problem(text) == said


def test_what_turns_the_direction_is_named_and_isolated() -> None:
    assert not_turning("a\u202eb\u2069") == "a⟨U+202E⟩b⟨U+2069⟩"
    assert not_turning(Markup("\u202e")) == "\u202e"
    assert isolated("<\u2067x") == "<bdi>&lt;⟨U+2067⟩x</bdi>"


@pytest.mark.parametrize("language", ["en", "ru", "ko", "zh"])
async def test_a_window_goes_through_its_preview_in_every_language(
    browser: Browser, filler: Filler, language: str
) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    browser.http.headers["Accept-Language"] = language
    path = "/accords/a/do/propose-dates"
    given = {"window.begins": "2030-05-01T08:00", "window.ends": "2030-05-03T08:00", "window.place": "Oslo"}
    previewed = await browser.preview(path, **given)
    fields = Form(previewed, path).fields
    assert {name.removeprefix("f."): value for name, value in fields if name.startswith("f.window")} == given
