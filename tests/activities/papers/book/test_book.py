"""The closing book with its files: all of them are in it, linked, and shown as far as they can be; none breaks it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader

from activities.errors import Malformed
from activities.papers.binding import read_receipt, receipt_text
from activities.papers.book import pages as book_pages
from activities.papers.book import rendering
from activities.papers.book.named import places
from activities.papers.book.pages import shown_on_pages
from activities.papers.children import child
from activities.papers.kinds import BOOK, KINDS
from activities.papers.pades.reading import keywords_in
from activities.papers.words import words_of
from tests.activities.papers.book.material import (
    ARABIC,
    CHINESE,
    MARKDOWN,
    deposited,
    locked_pdf,
    pdf,
    png,
)
from tests.activities.papers.sources import bytes_of, scenario
from tests.activities.papers.test_papers import close, text_of

HONEST: list[Any] = [
    (MARKDOWN.encode(), "text/markdown"),
    (CHINESE.encode(), "text/plain"),
    (ARABIC.encode(), "text/plain"),
    (pdf("Agreement, page one", "Agreement, page two"), "application/pdf"),
    (png(60, 40), "image/png"),
    (b"PK\x03\x04 sheet", "application/zip"),
    "absent",
    "erased",
    "left_out",
    "damaged",
]


def outline(reader: PdfReader) -> list[str]:
    def titles(items: Any) -> list[str]:
        return [
            title for one in items for title in (titles(one) if isinstance(one, list) else [str(one.title)])
        ]

    return titles(reader.outline)


@pytest.mark.parametrize(("name", "language"), [("state-visit", "ko"), ("jv-closing", "en")])
async def test_files_are_attached_shown_and_linked_and_what_is_missing_is_named(
    name: str, language: str, tmp_path: Path
) -> None:
    source = await scenario(name)
    made = await bytes_of(source, BOOK, language, deposited(source, tmp_path, HONEST))
    read = [close(page) for page in text_of(made)]
    whole = "".join(read)
    for shown in (
        "Стороны", "следующем", '#panic("x")', '#include"press.py"', "<script>alert(1)</script>", "#setpage(width:1pt)",
        close("关于经济合作的协定"), "javascript:alert(1)",
    ):  # fmt: skip
        assert shown in whole, shown
    assert all(word in whole for word in ("اتفاقية", "الثانية"))
    reader = PdfReader(io.BytesIO(made))
    metadata = reader.trailer["/Root"]["/Metadata"].get_object().get_data().decode()  # type: ignore[index]
    for claim in ("<pdfaid:part>3<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert claim in metadata
    held = {one.name: one for one in reader.attachment_list}
    files = [one for one in HONEST if not isinstance(one, str)]
    assert [held[key].content for key in sorted(held)] == [content for content, _ in files]
    assert [held[key].subtype for key in sorted(held)] == [f"/{kind}" for _, kind in files]
    associated = reader.trailer["/Root"]["/AF"]  # type: ignore[index]
    assert len(associated) == len(files)
    # The pages of the PDF are pictures that say in words what they show.
    told = _alternatives(reader)
    assert [one for one in told if "Agreement, page two" in one and "004-" in one]
    # Each file that is here has its place among the bookmarks, and a link from the contents.
    w = words_of(language, source.state.definition.vocabulary)
    titles = [place.says(source, w) for place in places(source)[: len(files)]]
    assert [one for one in outline(reader) if one in titles] == titles
    links = [
        one.get_object()
        for page in reader.pages[:3]
        for one in page.get("/Annots", [])
        if one.get_object()["/Subtype"] == "/Link"
    ]
    assert len(links) >= len(files) + len(KINDS) + 2
    for stands in ("shown", "here", "absent", "erased", "left_out", "damaged"):
        assert close(w[f"file.{stands}"]) in "".join(read[:3])
    assert close(w.say("files_room", bytes="67,108,864")) in "".join(read[:3])
    assert read_receipt(keywords_in(made)[0]) == read_receipt(receipt_text(source.bound))


def _alternatives(reader: PdfReader) -> list[str]:
    found: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for one in node:
                walk(one)
        elif isinstance(node, dict):
            if "/Alt" in node:
                found.append(str(node["/Alt"]))
            if "/K" in node:
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"])  # type: ignore[index]
    return found


async def test_the_same_files_give_the_same_bytes_and_others_give_others(tmp_path: Path) -> None:
    source = await scenario("jv-closing")
    made = []
    for number, first in enumerate((HONEST[0], HONEST[0], (b"another", "text/plain"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(await bytes_of(source, BOOK, "en", deposited(source, folder, [first, *HONEST[1:]])))
    assert made[0] == made[1]
    assert made[0] != made[2]


ROOM = rendering.Room(100, 10**9)

HOSTILE: list[Any] = [
    (b"%PDF-1.7\nbroken", "application/pdf"),
    (locked_pdf(), "application/pdf"),
    (png(30_000, 30_000, rows=1), "image/png"),
    (png(40, 40, rows=3), "image/png"),
    (pdf("not a picture"), "image/jpeg"),
    (b"\xff\xfe\x00not UTF-8", "text/plain"),
    ("\u202eevil\u202c \x00\x1b[31m \U0001f600 ".encode() + b"x" * 5000, "text/plain"),
    ((">" * 4000 + "[" * 4000 + "a\n" + "* " * 2000).encode(), "text/markdown"),
    (b"entente:receipt?accord=x&size=1&leaf=" + b"0" * 64 + b"&root=" + b"0" * 64, "text/plain"),
    (b"", "text/plain"),
    (b"\x00" * 100, "image/svg+xml"),
]


async def test_no_file_breaks_the_book_or_is_taken_for_more_than_text(tmp_path: Path) -> None:
    source = await scenario("state-visit")
    made = await bytes_of(source, BOOK, "en", deposited(source, tmp_path, HOSTILE))
    whole = close("".join(text_of(made)))
    assert whole.count(close("it could not be read as what its type says")) == 6
    assert "[U+202E]evil[U+202C]" in whole
    assert "[U+0000]" in whole
    held = [one.content for one in PdfReader(io.BytesIO(made)).attachment_list]
    assert sorted(held) == sorted(content for content, _ in HOSTILE)
    # A receipt in a file is not taken for the paper's.
    assert read_receipt("\n".join(keywords_in(made))).root == source.bound.root


async def test_a_file_at_which_the_reader_ends_is_attached_and_the_others_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await scenario("jv-closing")
    # Text that takes longer than a file may.
    slow = ("|a|b|\n|-|-|\n" + "|x|y|\n" * 9000).encode()
    files = [(b"first", "text/plain"), (slow, "text/markdown"), (b"third", "text/plain")]
    deposits = deposited(source, tmp_path, files)
    monkeypatch.setattr(book_pages, "SECONDS", 0.2)
    shown = await shown_on_pages(deposits)
    kinds = [shown[digest] for digest in deposits.contents]
    assert "rich" in kinds[0]
    assert kinds[1] == {"why": "broken"}
    assert "rich" in kinds[2]
    # Where all of them together have taken as long as they may, the rest is not looked into.
    monkeypatch.setattr(book_pages, "TOGETHER", 0.1)
    shown = await shown_on_pages(deposits)
    assert [shown[digest].get("why") for digest in deposits.contents][1:] == ["broken", "room"]


def test_what_is_long_is_shown_in_part_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("дом " * 40_000)
    told = rendering.show(tmp_path / "long", "text/plain", ROOM)
    assert (told["shown"], told["all"]) == (rendering.CHARACTERS, 160_000)
    (tmp_path / "huge").write_bytes("é".encode() * 400_000)
    told = rendering.show(tmp_path / "huge", "text/plain", ROOM)
    assert (told["shown"], told["all"]) == (rendering.CHARACTERS, None)
    (tmp_path / "binary").write_bytes(b"\xff" * 600_000)
    assert rendering.show(tmp_path / "binary", "text/plain", ROOM)["why"] == "broken"
    (tmp_path / "pages").write_bytes(pdf(*map(str, range(5))))
    told = rendering.show(tmp_path / "pages", "application/pdf", rendering.Room(3, 0))
    assert (told["shown"], told["all"], len(told["images"])) == (3, 5, 3)
    assert [one["text"] for one in told["images"]] == ["0", "1", "2"]
    # Where there is no room left, nothing is looked into.
    none = rendering.Room(0, 0)
    for kind in ("application/pdf", "text/plain", "image/png"):
        assert rendering.show(tmp_path / "pages", kind, none) == {"why": "room"}
    (tmp_path / "picture").write_bytes(png(3000, 2000))
    assert rendering.show(tmp_path / "picture", "image/png", rendering.Room(2, 0)) == {"why": "room"}
    assert rendering.show(tmp_path / "picture", "image/png", rendering.Room(3, 0))["pages"] == 3


def test_a_text_that_costs_more_than_it_may_is_shown_as_it_is_written_or_in_part(tmp_path: Path) -> None:
    (tmp_path / "table").write_text("|a|b|\n|-|-|\n" + "|x|y|\n" * 500)
    told = rendering.show(tmp_path / "table", "text/markdown", ROOM)
    assert "table" in told["rich"][0]
    assert "shown" not in told
    told = rendering.show(tmp_path / "table", "text/markdown", rendering.Room(0, 50_000))
    assert "shown" not in told
    assert told["rich"][0]["p"][0] == "|a|b|"
    told = rendering.show(tmp_path / "table", "text/markdown", rendering.Room(0, 5_000))
    assert told["work"] <= 5_000
    assert 0 < told["shown"] < told["all"]
    (tmp_path / "lines").write_text("\n" * 119_000)
    assert rendering.show(tmp_path / "lines", "text/plain", ROOM)["work"] <= rendering.WORK


async def test_a_page_of_a_pdf_stands_in_the_book_as_it_looks(tmp_path: Path) -> None:
    source = await scenario("jv-closing")
    made = await bytes_of(
        source, BOOK, "en", deposited(source, tmp_path, [(pdf("One line"), "application/pdf")])
    )
    document = pypdfium2.PdfDocument(made)
    try:
        pictures = [
            one.get_px_size()
            for page in document
            for one in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
        ]
    finally:
        document.close()
    assert (1191, 1684) in pictures


async def test_what_looks_into_files_knows_no_secret_and_is_missed_where_it_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:password@host/database")
    process = await child("tests.activities.papers.book.environment")
    said, _ = await process.communicate()
    assert b"PATH" in said
    assert b"DATABASE_URL" not in said
    source = await scenario("jv-closing")
    deposits = deposited(source, tmp_path, [(b"text", "text/plain")])
    monkeypatch.setattr(book_pages, "READY", b"never said")
    with pytest.raises(book_pages.NotLookedInto, match="does not begin"):
        await shown_on_pages(deposits)


def test_a_receipt_is_read_from_the_document_alone(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="no receipt"):
        read_receipt("\n".join(keywords_in(pdf("entente:receipt?accord=x&size=1"))))
