"""The pages in other languages: which one, by whose choice, and that nothing in English is left on them."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from activities.judging.judge import appended_as
from activities.languages.catalogues import catalogue
from tests.activities.languages.plays import WHOLE, Step, steps_of
from tests.api.conftest import Api
from tests.api.filling import Filler
from tests.api.pages.browser import Browser
from tests.simulation.small import small

TONGUES = ("ru", "ko", "zh")
PATHS = ("", "/visit", "/signing", "/people", "/minutes", "/papers", "/record", "/entries/0")
ENGLISH = re.compile(r"\b[a-z]{2,}(?:[ -][a-z]{2,}){2,}\b", re.IGNORECASE)
"""Three English words in a row."""

NOT_OURS = ("bdi", "code", "pre", "script", "style", "textarea")
"""Elements in which ids and the parties' own words stand."""


class Said(HTMLParser):
    """What a page says in its own words: its text and the attributes that are read out, without the parties' words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self._within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.said += [given[one] or "" for one in ("aria-label", "placeholder", "data-label") if one in given]
        if tag in NOT_OURS or ("lang" in given and tag != "html"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and data.strip():
            self.said.append(" ".join(unescape(data).split()))


def left_in_english(page: str, own: set[str]) -> list[str]:
    """What stands on a page in English, but for the parties' ``own`` words."""
    found = []
    for said in Said(page).said:
        for words in sorted(own, key=len, reverse=True):
            said = said.replace(words, "")
        if ENGLISH.search(said):
            found.append(said)
    return found


async def test_the_browser_says_which_language_and_the_page_says_so(browser: Browser) -> None:
    for header, tongue, heading in (
        ("ru-RU,ru;q=0.9", "ru", "Войти"),
        ("fr, ko;q=0.5", "ko", "로그인"),
        ("zh-CN", "zh", "登录"),
        ("fr", "en", "Sign in"),
    ):
        answer = await browser.get("/sign-in", headers={"Accept-Language": header})
        assert answer.headers["content-language"] == tongue
        assert answer.headers["vary"] == "Accept-Language, Cookie"
        assert f'<html lang="{tongue}" dir="ltr">' in answer.text
        assert f"<h1>{heading}</h1>" in answer.text


async def test_a_person_chooses_without_a_script_and_the_choice_is_kept(browser: Browser) -> None:
    page = await browser.page("/sign-in?next=/accords")
    assert '<button class="quiet" name="language" value="ko" lang="ko">한국어</button>' in page
    answer = await browser.post("/language", {"language": "ko", "next": "/sign-in?next=/accords"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/accords")
    assert "Secure" in answer.headers["set-cookie"]
    shown = await browser.get("/sign-in", headers={"Accept-Language": "ru"})
    assert shown.headers["content-language"] == "ko"
    assert 'aria-current="true">한국어' in shown.text
    wrong = await browser.post("/language", {"language": "xx", "next": "/"})
    assert wrong.status_code == 400
    assert "그런 언어는 없습니다" in wrong.text
    elsewhere = await browser.post("/language", {"language": "en", "next": "https://evil.example/"})
    assert elsewhere.headers["location"] == "/"


async def test_another_site_cannot_choose(browser: Browser) -> None:
    answer = await browser.post("/language", {"language": "ru", "next": "/"}, Origin="https://evil.example")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_whoever_is_told_by_mail_is_told_in_the_chosen_language(
    browser: Browser, reading_api: Api
) -> None:
    notices = reading_api.app.state.backend.notices
    await notices.choose("aa.contact", "aa@a.example", "daily", 7, "UTC")
    await browser.sign_in("aa.contact")
    page = await browser.page("/accords")
    fields = await browser.filled(page, "/language")
    await browser.post("/language", [*fields, ("language", "zh")])
    assert (await notices.get("aa.contact")).language == "zh"
    again = Browser(reading_api)
    async with again.http:
        await again.sign_in("aa.contact")
        assert (await again.get("/accords")).headers["content-language"] == "zh"
    await notices.forget("aa.contact")


async def test_a_problem_that_is_told_in_english_alone_says_so(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    answer = await browser.get("/accords/a?as_of=999", headers={"Accept-Language": "ru"})
    assert answer.status_code == 422
    assert "сказано по-английски" in answer.text
    assert '<p class="beside" lang="en">The record has' in answer.text
    missing = await browser.get("/accords/none", headers={"Accept-Language": "ru"})
    assert "Здесь нет ничего доступного вам" in missing.text


def own_words(steps: list[Step]) -> set[str]:
    """What the parties wrote: titles, names, offices, reasons."""
    found: set[str] = set()
    for _, command, decision in steps:
        a = decision.after
        found |= {a.definition.title}
        found |= {one.name for one in a.definition.parties.values()}
        found |= {one.title for one in (*a.definition.conditions.values(), *a.definition.documents.values())}
        found |= {one.office for one in a.delegates.values()}
        found |= {one for one in command.fields.values() if isinstance(one, str) and " " in one}
    return {one for one in found if one}


@pytest.mark.parametrize("scenario", WHOLE)
async def test_no_page_of_a_scenario_has_english_left_on_it(
    scenario: str, browser: Browser, filler: Filler
) -> None:
    steps = await steps_of(scenario)
    accord = steps[0][1].accord
    own = own_words(steps)
    for tongue in TONGUES:
        plain = {str(one.string) for one in catalogue(tongue) if not one.context and isinstance(one.id, str)}
        assert not {one for one in own if one in plain}
    parts = [(steps[:80], TONGUES[:1]), (steps[80:], TONGUES)]
    await browser.sign_in("auditor", "auditor")
    left: list[tuple[str, str, str]] = []
    for part, tongues in parts:
        for before, command, decision in part:
            await filler.ledger.record([appended_as(before, command, decision)])
        a = part[-1][2].after
        about = [f"/conditions/{code}" for code in list(a.definition.conditions)[:2]]
        about += [f"/documents/{code}" for code in list(a.definition.documents)[:1]]
        for tongue in tongues:
            for path in (*PATHS, *about):
                address = f"/accords/{accord}{path}"
                answer = await browser.get(address, headers={"Accept-Language": tongue})
                assert answer.status_code == 200, (address, answer.text[:500])
                left += [(tongue, path, said) for said in left_in_english(answer.text, own)]
    assert left == []


def test_the_check_of_pages_bites() -> None:
    page = "<p>Войти</p><p>Nothing waits on you now.</p><bdi>a title of their own</bdi><p lang='en'>as it is said</p>"
    assert left_in_english(page, set()) == ["Nothing waits on you now."]
