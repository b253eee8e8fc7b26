"""Papers as whoever hands them over reads them: what ended, what has barely begun, names in every script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pypdfium2
import pytest

from activities.papers.calendar import calendar
from activities.papers.kinds import KINDS
from activities.papers.kinds.record import WIDEST
from activities.papers.making import job
from activities.papers.press import press
from activities.papers.source import LogKeys, OutsideTime, Source
from activities.papers.words import LEFT_TO_RIGHT, words_of
from tests.activities.papers.sources import as_of, scenario
from tests.activities.papers.test_papers import close, text_of

OWN_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9.'-]+")
ALWAYS = {"UTC", "PDF", "QR", "QR-", "ad", "referendum"}
STATUSES = re.compile(
    r"\b(prepared|under way|without dates|on hold|tentative|documented|revoked|(?:in|to) (?:ru|ko|en|pt|no))\b"
)
"""What the model writes of its own, in words that titles of the scenarios have too."""


def said(block: Any) -> Iterator[str]:
    """What stands in a block for people to read, but for what they copy."""
    if isinstance(block, str):
        yield block
    elif isinstance(block, dict):
        for name, one in block.items():
            if name not in ("mono", "svg", "kind", "style", "widths"):
                yield from said(one)
    elif isinstance(block, list | tuple):
        for one in block:
            yield from said(one)


def paper(source: Source, kind: str, language: str) -> str:
    """What stands on a paper, as one text."""
    data = json.loads(job(source, kind, language)[0])["data"]
    return "\n".join(said([data["marks"], *(one["blocks"] for one in data["papers"])]))


@pytest.mark.parametrize("language", ["ru", "ko", "zh"])
async def test_nothing_is_left_in_english_but_what_parties_wrote(language: str) -> None:
    for name in ("state-visit", "jv-closing"):
        source = await scenario(name)
        a, w = source.state, words_of(language, source.state.definition.vocabulary)
        theirs = json.dumps([a.definition.as_facts(), [one.facts for one in source.lines]], default=str)
        known = {*OWN_WORDS.findall(theirs), *a.delegates, *ALWAYS}
        titles = {one.title for one in a.definition.conditions.values()}
        titles |= {one.title for one in a.definition.documents.values()}
        for kind, make in KINDS.items():
            for text in said([list(make(source, w).blocks)]):
                plain = re.sub(r"sha256:[0-9a-f]+|([A-Z2-7]{4}-){4}[A-Z2-7]{4}", "", text)
                assert {one.rstrip(".") for one in OWN_WORDS.findall(plain)} <= known, (kind, text)
                for title in titles:
                    plain = plain.replace(title, "")
                assert not STATUSES.search(plain), (kind, text)


@pytest.mark.parametrize(
    ("language", "vocabulary"), [("ru", "полномочия"), ("ko", "위임장"), ("zh", "全权证书")]
)
async def test_deadlines_in_a_calendar_are_told_in_its_language(language: str, vocabulary: str) -> None:
    for name, position in (("state-visit", 125), ("jv-closing", 26)):
        source = await as_of(name, position)
        w = words_of(language, source.state.definition.vocabulary)
        lines = calendar(source, w).replace(b"\r\n ", b"").decode().splitlines()
        told = "\n".join(one for one in lines if one.startswith("SUMMARY:"))
        for terms in source.state.definition.conditions.values():
            told = told.replace(terms.title, "")
        assert not re.search(r"powers|verdict|offer|accord\b(?!-)", told), told
        assert (vocabulary in told) == (name == "state-visit")


async def test_an_accord_that_ended_without_signing_says_so_on_every_page() -> None:
    source = await scenario("jv-closing/offer-withdrawn")
    w = words_of("ru", "closing")
    pages = text_of(press(job(source, "signature-pages", "ru")[0]))
    assert len(pages) > 3
    assert all(w["terminated"] in page for page in pages)
    assert "Сделка прекращена: оферта отозвана" in pages[0]
    cover = json.loads(job(source, "closing-book", "en")[0])["data"]["book"]["cover"]
    assert "This transaction was terminated: the offer was withdrawn." in "\n".join(said(cover))
    assert w["terminated"] not in paper(await scenario("jv-closing"), "signature-pages", "ru")


async def test_papers_of_what_has_barely_begun_claim_nothing() -> None:
    for name in ("state-visit", "jv-closing"):
        source = await as_of(name, 0)
        w = words_of("en", source.state.definition.vocabulary)
        assert "bind nobody yet" in paper(source, "satisfaction-letter", "en")
        assert w["no_documents"] in paper(source, "full-powers", "en")
        assert w["powers_none"] not in paper(source, "full-powers", "en")
        for kind in ("minutes", "certificate"):
            assert not re.search(r"\b1 (entries|acts)", paper(source, kind, "en"))
    founded = await as_of("jv-closing", 6)
    letter = paper(founded, "satisfaction-letter", "en")
    assert "none is satisfied or waived" in letter
    assert "the following" not in letter


async def test_a_severed_document_and_a_deferred_condition_are_named() -> None:
    severed = await scenario("state-visit/powers-revoked")
    for kind in ("registration", "protocol", "full-powers"):
        assert "Severed, and no longer part of this accord: D2 · Agreement" in paper(severed, kind, "en")
    deferred = await scenario("jv-closing/grid-consent-late")
    letter = paper(deferred, "satisfaction-letter", "en")
    assert "Conditions subsequent, not needed before closing:\nK5 · Grid connection consent" in letter
    assert "waits for Deal Team (rs.deal)" in letter
    assert "ничего до" not in paper(deferred, "checklist", "ru")


OF_A_VISIT = re.compile(
    r"full powers|\bvisit\b|\binvit|\baccord\b(?!-)|\bunderstanding\b|\barrival\b|Vienna", re.I
)


@pytest.mark.parametrize("name", ["jv-closing", "jv-closing/attorney-replaced"])
async def test_a_closing_has_nothing_of_a_visit_in_any_paper(name: str) -> None:
    source = await scenario(name)
    for kind in KINDS:
        told = paper(source, kind, "en")
        assert not OF_A_VISIT.search(told), (kind, OF_A_VISIT.search(told))
    assert "issues powers of attorney to rs.attorney for F1" in paper(source, "minutes", "en")


async def test_minutes_say_what_ids_and_codes_stand_for() -> None:
    source = await scenario("state-visit")
    told = paper(replace(source, persons={"kp.head": "김철수"}), "minutes", "en")
    legend = told[told.index("What ids and codes stand for\n") :]
    assert "kp.head\n김철수, Head of State, Democratic People's Republic of Korea" in legend
    assert "C4\nReport on the earlier treaty's implementation accepted" in legend
    assert "Languages\nen\nEnglish\nko\nKorean\nru\nRussian" in legend


async def test_what_follows_a_name_from_the_right_stays_behind_it() -> None:
    source = await scenario("state-visit")
    definition = source.state.definition.model_copy(update={"title": "زيارة رسمية"})
    told = replace(source, state=source.state.changed(definition=definition))
    page = pypdfium2.PdfDocument(press(job(told, "satisfaction-letter", "ko")[0]))[0].get_textpage()
    words = page.get_text_range()
    boxes = [page.get_charbox(index) for index in range(page.count_chars())]
    year = words.index("2027")
    line = [
        i
        for i, one in enumerate(words)
        if "\u0600" <= one <= "\u06ff" and abs(boxes[i][1] - boxes[year][1]) < 6
    ]
    assert line
    assert max(boxes[index][2] for index in line) < boxes[year][0]
    w = words_of("en", "diplomatic")
    assert w.list(["مصر", "Ελλάδα"]) == f"مصر{LEFT_TO_RIGHT}, Ελλάδα"


async def test_the_certificate_names_the_times_that_authorities_gave() -> None:
    source = await scenario("state-visit")
    at = datetime(2027, 4, 14, 2, 30, 12, tzinfo=UTC)
    time = OutsideTime("CN=Illustrative TSA", 160, at, f"sha256:{'e' * 64}")
    stamped = replace(source, log=replace(source.log, times=(time,)))
    for language in ("en", "ru", "ko", "zh", "pt", "no"):
        w = words_of(language, "diplomatic")
        without, told = paper(source, "certificate", language), paper(stamped, "certificate", language)
        assert w["times_none"] in without
        assert w["times_none"] not in told
        # The minute after it: that entries existed before an earlier time nobody has said.
        assert w.say("time_before", position=159, time=w.time(at.replace(minute=31, second=0))) in told
        assert w["same_bytes_times"] in told
        assert w["same_bytes_times"] not in paper(stamped, "checklist", language)


async def test_what_belongs_together_is_not_parted_by_the_end_of_a_page() -> None:
    source = await scenario("state-visit")
    for page in text_of(press(job(source, "checklist", "pt")[0])):
        listed = page.partition("Provas")[2] if "Provas" in page else page.partition("Em que assenta")[0]
        rows = re.findall(r"C\d · \w+", listed)
        assert len(rows) == len(re.findall(r"sha256:[0-9a-f]{64}", listed.partition("Em que assenta")[0])), (
            page
        )


async def test_keys_of_any_length_stay_on_the_page() -> None:
    source = await scenario("state-visit")
    key = f"{'witness-of-a-ministry.' * 4}example+0badcafe+{'A' * 43}="
    told = replace(source, log=LogKeys((key,), f"witness w1 {key} https://w.example/\nquorum w1\n"))
    data = json.loads(job(told, "certificate", "en")[0])["data"]
    rows = [row for block in data["papers"][0]["blocks"] if block["kind"] == "facts" for row in block["rows"]]
    lines = [one for row in rows if isinstance(row[1], dict) for one in row[1].get("mono", "").split("\n")]
    assert max(map(len, lines)) <= WIDEST
    assert close(key) in close("".join(lines))
