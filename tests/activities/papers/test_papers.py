"""Papers as their readers get them: every kind in every language, marked, bound, and the same bytes each time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader

from activities.papers.coverage import breakable
from activities.papers.kinds import BOOK, CALENDAR, KINDS
from activities.papers.making import job, make_paper
from activities.papers.press import press
from activities.papers.words import words_of
from tests.activities.papers.sources import bytes_of, scenario

BOOKS = [("state-visit", one) for one in ("en", "ru", "ko", "zh")]
BOOKS += [("jv-closing", one) for one in ("en", "pt", "no")]


def text_of(content: bytes) -> list[str]:
    """The text of each page, with the spaces that layout puts in taken for one."""
    document = pypdfium2.PdfDocument(content)
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
    return [" ".join(page.split()) for page in pages]


def bodies_of(content: bytes) -> list[str]:
    """The text of each page between what runs along its top and its bottom."""
    document = pypdfium2.PdfDocument(content)
    try:
        return [page.get_textpage().get_text_bounded(bottom=68, top=770).strip() for page in document]
    finally:
        document.close()


def structure(one: Any) -> Iterator[Any]:
    """An element of a PDF's structure tree, and all below it (ISO 32000-1, 14.7)."""
    one = one.get_object()
    if not isinstance(one, dict):
        return
    yield one
    below = one.get("/K", [])
    for each in below if isinstance(below, list) else [below]:
        yield from structure(each)


def close(text: str) -> str:
    """Without spaces: a line may be broken anywhere in some scripts."""
    return "".join(text.split())


@pytest.mark.parametrize(("name", "language"), BOOKS)
async def test_the_closing_book_holds_every_paper_with_marks_on_every_page(name: str, language: str) -> None:
    source = await scenario(name)
    content = press(job(source, BOOK, language)[0])
    w = words_of(language, source.state.definition.vocabulary)
    pages = text_of(content)
    for page in pages:
        assert close(w["illustrative"]) in close(page)
        assert close(w["simulated"]) in close(page)
        assert f"{source.bound.position}" in page
        assert "\ufffe" not in page
    assert all(bodies_of(content)), "a page holds nothing but its marks"
    whole = close(" ".join(pages))
    for kind in KINDS:
        assert close(w[f"title.{kind}"]) in whole
    assert source.bound.root in whole
    reader = PdfReader(io.BytesIO(content))
    root: Any = reader.trailer["/Root"]
    tables = [one for one in structure(root["/StructTreeRoot"]) if one.get("/S") == "/Table"]
    assert len(tables) > len(KINDS)
    for table in tables:
        assert "/TH" in {one.get("/S") for one in structure(table)}, "nothing heads a table's columns"
    titles = [str(one.title) for one in reader.outline if not isinstance(one, list)]
    assert [w[f"title.{BOOK}"], *(w[f"title.{kind}"] for kind in KINDS), w["rests_on"]] == titles
    links = [
        each
        for each in reader.pages[0].get("/Annots", [])
        if each.get_object()["/Subtype"] == "/Link"  # the contents lead to each paper
    ]
    assert len(links) >= len(KINDS) + 1


async def test_a_paper_says_that_it_is_archival_and_accessible_and_is_built_so() -> None:
    """What PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1) ask for, as far as it can be seen from outside."""
    content = press(job(await scenario("state-visit"), "minutes", "ko")[0])
    reader = PdfReader(io.BytesIO(content))
    root: Any = reader.trailer["/Root"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    for claim in ("<pdfaid:part>2<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert claim in metadata
    assert root["/Lang"] == "ko"
    assert bool(root["/MarkInfo"]["/Marked"])
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/StructTreeRoot"].get_object()["/K"]
    assert root["/OutputIntents"]
    assert "/JavaScript" not in str(root.get("/Names", ""))
    for page in reader.pages:
        assert page["/Tabs"] == "/S"
        for font in page["/Resources"]["/Font"].values():
            inner = font.get_object()
            below = inner["/DescendantFonts"][0].get_object() if "/DescendantFonts" in inner else inner
            descriptor = below["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)
            assert "/ToUnicode" in inner


async def test_the_same_record_gives_the_same_bytes_from_whichever_process() -> None:
    source = await scenario("jv-closing")
    made = await make_paper(source, "checklist", "en")
    assert (made.name, made.media_type) == ("checklist.en.pdf", "application/pdf")
    with made.file as file:
        file.seek(0)
        content = file.read()
    assert content == press(job(source, "checklist", "en")[0])
    later = replace(source, bound=replace(source.bound, root="ef" * 32))
    assert press(job(later, "checklist", "en")[0]) != content


SCRIPTS = {
    "Russian": "Соглашение о сотрудничестве",
    "Korean": "경제협력에 관한 협정 조선말",
    "Chinese": "关于经济合作的协定 關於經濟合作的協定",
    "Japanese": "経済協力に関する協定 カタカナ",
    "Vietnamese": "Hiệp định hợp tác kinh tế được ký kết",
    "Greek": "Συμφωνία οικονομικής συνεργασίας",
    "Norwegian": "Avtale om økonomisk samarbeid på æ ø å",
}


async def test_every_script_is_shown_and_can_be_read_out_again() -> None:
    source = await scenario("state-visit")
    a = source.state
    titles = list(SCRIPTS.values())
    conditions = {
        code: terms.model_copy(update={"title": titles[index % len(titles)]})
        for index, (code, terms) in enumerate(a.definition.conditions.items())
    }
    arabic = "اتفاقية التعاون"
    definition = a.definition.model_copy(update={"conditions": conditions, "title": arabic})
    content, lacking = job(replace(source, state=a.changed(definition=definition)), "checklist", "en")
    assert lacking == ()
    read = close(" ".join(text_of(press(content))))
    for title in titles:
        assert close(title) in read, title
    # A reader of PDF may give the words of a line from right to left in either order.
    assert all(word in read for word in arabic.split())


async def test_a_character_that_no_font_has_is_written_by_its_code_and_told() -> None:
    source = await scenario("state-visit")
    definition = source.state.definition.model_copy(update={"title": "Visit 😀 ཀ"})
    told = replace(source, state=source.state.changed(definition=definition))
    content, lacking = job(told, "full-powers", "en")
    assert lacking == ("ཀ", "😀")
    read = " ".join(text_of(press(content)))
    assert "Visit [U+1F600] [U+0F40]" in read
    assert "written by their Unicode code: U+0F40, U+1F600" in read


async def test_text_of_the_record_is_never_read_as_markup() -> None:
    source = await scenario("state-visit")
    hostile = '#panic("x") *bold* $x$ @ref <label> \\ #include "press.py" {{}} {title}'
    definition = source.state.definition.model_copy(update={"title": hostile})
    told = replace(source, state=source.state.changed(definition=definition))
    read = close(" ".join(text_of(press(job(told, "satisfaction-letter", "en")[0]))))
    assert close(hostile) in read


async def test_the_minutes_hold_every_entry_and_mark_refusals() -> None:
    source = await scenario("state-visit")
    read = " ".join(text_of(press(job(source, "minutes", "en")[0])))
    assert len(re.findall("REFUSED", read)) == sum(line.refused for line in source.lines) == 18
    for line in source.lines:
        assert close(line.says.removeprefix("✗ refused: "))[:60] in close(read)


async def test_the_calendar_is_one_and_names_what_is_open() -> None:
    from icalendar import Calendar

    source = await scenario("state-visit")
    made = await bytes_of(source, CALENDAR, "ru")
    assert made == await bytes_of(source, CALENDAR, "ru")
    read = Calendar.from_ical(made)
    events = {str(one["uid"]): one for one in read.walk("VEVENT")}
    assert len(events) == 1 + len(source.state.definition.programme)
    window = events["window.accord-1@entente"]
    assert "ПРИМЕР" in str(window["summary"])
    assert str(window["location"]) == "Vladivostok"
    assert window["dtstart"].dt == source.state.definition.window.begins  # type: ignore[union-attr]


async def test_an_accord_without_dates_or_conditions_has_its_papers_too() -> None:
    from icalendar import Calendar

    source = await scenario("state-visit")
    nothing = source.state.definition.model_copy(update={"conditions": {}, "documents": {}, "window": None})
    none = replace(
        source,
        state=replace(
            source.state, definition=nothing, conditions={}, visit=replace(source.state.visit, window=None)
        ),
    )
    # RFC 5545, 3.6: a calendar has one component at least.
    [zone] = Calendar.from_ical(await bytes_of(none, CALENDAR, "en")).subcomponents
    assert (zone.name, str(zone["tzid"])) == ("VTIMEZONE", "UTC")
    said = json.loads(job(none, "checklist", "ko")[0])["data"]["papers"][0]["blocks"][0]
    assert "조건이 없다." in json.dumps(said, ensure_ascii=False)


async def test_a_record_whose_last_entry_is_not_of_a_whole_second_is_set_too() -> None:
    source = await scenario("jv-closing")
    at = source.bound.time.replace(microsecond=123456)
    assert press(job(replace(source, bound=replace(source.bound, time=at)), "protocol", "en")[0])


async def test_a_long_title_stays_on_the_page_and_off_the_marks() -> None:
    source = await scenario("state-visit")
    definition = source.state.definition
    titled = definition.model_copy(update={"title": "Treaty" * 30})
    long = replace(source, state=replace(source.state, definition=titled))
    told = json.loads(job(long, "checklist", "en")[0])["data"]
    assert told["running"].replace("\u200b", "") == ("Treaty" * 30)[:130] + "…"
    paper = press(job(long, "checklist", "en")[0])
    page = pypdfium2.PdfDocument(paper)[0]
    text = page.get_textpage()
    boxes = [text.get_charbox(index) for index in range(text.count_chars())]
    words = text.get_text_range()
    marks = words.index("ILLUSTRATIVE")
    title, end = re.search("T\u200b?r\u200b?e", words), words.index("…")
    assert title is not None
    assert title.start() < end
    # Beside one another: no letter of the title reaches into the marks, nor beyond the page.
    assert max(box[2] for box in boxes[title.start() : end]) < boxes[marks][0]
    assert max(box[3] for box in boxes) < page.get_height()
    # What people copy is left as it is.
    kept = {"mono": "a" * 64, "text": f"sha256:{'a' * 64} {'id-' * 30}", "word": "b" * 48}
    assert breakable(kept) == {**kept, "word": "\u200b".join("b" * 48)}
